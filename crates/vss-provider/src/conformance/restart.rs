//! Checks of what outlives a crash of the service.

use vss_model::HardwareOptions;

use crate::codes::Method;
use crate::conformance::rig::{Step, done, ensure, pattern};
use crate::conformance::{Harness, Rig, Verdict};
use crate::hardware::HardwareProvider;
use crate::provider::CreateSnapshotSet;

pub(super) fn half_made_sets_go<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let names = ["one", "two"];
    rig.originals(&names)?;
    let stored = rig.stored()?;
    for last in [Step::Begin, Step::EndPrepare, Step::PreCommit] {
        let mut creation = rig.creation(&names)?;
        rig.advance(&mut creation, None, last)?;
        rig.restart()?;
        done(
            Method::AbortSnapshots,
            rig.provider()?.abort_snapshots(creation.set),
        )?;
        let now = rig.stored()?;
        ensure!(
            now == stored,
            "after a crash past {last:?} the array holds {now} LUNs, not {stored}"
        );
        rig.originals_are_whole(&names)?;
    }
    Ok(())
}

pub(super) fn committed_copies_outlive_a_crash<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one"])?;
    for last in [
        Step::Commit,
        Step::PostCommit,
        Step::GetTargets,
        Step::Locate,
        Step::PreFinal,
    ] {
        let before = rig.stored()?;
        let mut creation = rig.creation(&["one"])?;
        rig.advance(&mut creation, None, last)?;
        rig.restart()?;
        ensure!(
            rig.stored()? == before + 1,
            "the copy is gone after a crash past {last:?}"
        );
        if !creation.targets.is_empty() {
            ensure!(
                rig.exists(&creation.targets[0])?,
                "the copy has another identifier after a crash past {last:?}"
            );
            done(
                Method::LocateLuns,
                rig.provider()?.locate_luns(&creation.targets),
            )?;
            ensure!(
                rig.content(&creation.targets[0])? == pattern(1),
                "the copy has other bytes after a crash past {last:?}"
            );
        }
    }
    Ok(())
}

pub(super) fn abort_after_a_crash_frees<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one"])?;
    let stored = rig.stored()?;
    let presented = rig.presented()?;
    for last in [
        Step::Commit,
        Step::PostCommit,
        Step::GetTargets,
        Step::Locate,
        Step::PreFinal,
    ] {
        let mut creation = rig.creation(&["one"])?;
        rig.advance(&mut creation, None, last)?;
        rig.restart()?;
        done(
            Method::AbortSnapshots,
            rig.provider()?.abort_snapshots(creation.set),
        )?;
        let now = rig.stored()?;
        ensure!(
            now == stored,
            "after a crash past {last:?} and an abort the array holds {now} LUNs, not {stored}"
        );
        ensure!(
            rig.presented()? == presented,
            "after a crash past {last:?} and an abort the host sees other LUNs"
        );
    }
    rig.originals_are_whole(&["one"])
}

pub(super) fn finished_copies_outlive_a_crash<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one", "two"])?;
    let presented = rig.presented()?;
    rig.restart()?;
    ensure!(
        rig.presented()? == presented,
        "the host sees other LUNs than before"
    );
    for (target, tag) in creation.targets.iter().zip(1..) {
        ensure!(rig.exists(target)?, "copy {tag} is gone");
        ensure!(
            rig.content(target)? == pattern(tag),
            "copy {tag} has other bytes"
        );
        let seen = rig.sighted(target)?;
        let mut lun = seen.information;
        let known = done(
            Method::FillInLunInfo,
            rig.provider()?.fill_in_lun_info(&seen.device, &mut lun),
        )?;
        ensure!(
            known && lun.matches_record(target),
            "copy {tag} is not what GetTargetLuns described"
        );
    }
    Ok(())
}

pub(super) fn masked_stays_masked<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one", "two"])?;
    let masked = &creation.targets[0];
    if !rig.state_change(
        &creation.targets[..1],
        &creation.originals[..1],
        HardwareOptions::DO_MASK_LUNS,
    )? {
        return Ok(());
    }
    rig.restart()?;
    ensure!(
        rig.sight_of(masked)?.is_none(),
        "a masked LUN is presented after a restart"
    );
    ensure!(
        rig.exists(masked)?,
        "a masked LUN is gone from the array after a restart"
    );
    Ok(())
}

pub(super) fn identifiers_are_not_reused<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let first = rig.finished(&["one"])?;
    let gone = rig.finished_again(&["one"])?;
    let copy = rig.sighted(&gone.targets[0])?;
    done(
        Method::OnLunEmpty,
        rig.provider()?.on_lun_empty(&copy.device, &gone.targets[0]),
    )?;
    rig.restart()?;
    let later = rig.finished_again(&["one"])?;
    for earlier in [&first.targets[0], &gone.targets[0], &first.originals[0]] {
        ensure!(
            !later.targets[0].is_same_lun(earlier),
            "a new copy has the identifier of LUN {:?}",
            earlier.serial_number
        );
    }
    Ok(())
}
