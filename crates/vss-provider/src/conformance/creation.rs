//! Checks of the phases of a creation.

use std::slice;

use vss_model::{HardwareOptions, ResultCode, SnapshotAttributes};

use crate::codes::Method;
use crate::conformance::rig::{LEN, Step, done, ensure, of_the_list, pattern, refused};
use crate::conformance::{Harness, Rig, Verdict, Violation};
use crate::hardware::HardwareProvider;
use crate::provider::CreateSnapshotSet;

/// Writes a mark of its own after each step and looks which of them the copy holds.
pub(super) fn copy_holds_the_instant<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one"])?;
    let mut creation = rig.creation(&["one"])?;
    let mut expected = pattern(1);
    for (step, at) in Step::ALL.iter().zip(0_usize..) {
        rig.step(&mut creation, *step)?;
        let mark = [0xA0 + at.to_le_bytes()[0]; 512];
        let offset = at * 1024;
        rig.harness_mut()?
            .write_original("one", u64::try_from(offset).unwrap_or(0), &mark);
        if *step < Step::Commit {
            expected[offset..offset + 512].copy_from_slice(&mark);
        }
    }
    let content = rig.content(&creation.targets[0])?;
    for (step, at) in Step::ALL.iter().zip(0_usize..) {
        let sector = at * 1024..at * 1024 + 512;
        ensure!(
            content.get(sector.clone()) == expected.get(sector),
            "the copy is wrong about what was written after {step:?}"
        );
    }
    ensure!(content == expected, "the copy has other bytes");
    Ok(())
}

pub(super) fn originals_stay_untouched<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let names = ["one", "two"];
    rig.originals(&names)?;
    let mut creation = rig.creation(&names)?;
    for step in Step::ALL {
        rig.step(&mut creation, *step)?;
        rig.originals_are_whole(&names)?;
    }
    Ok(())
}

pub(super) fn several_luns_in_one_set<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let names = ["one", "two", "three"];
    rig.originals(&names)?;
    let mut creation = rig.creation(&names)?;
    // A volume over two LUNs, and one on a third.
    rig.begin(&mut creation, &[0, 1])?;
    rig.begin(&mut creation, &[2])?;
    rig.advance(&mut creation, Some(Step::Begin), Step::PostFinal)?;
    for (target, tag) in creation.targets.iter().zip(1..) {
        ensure!(
            rig.content(target)? == pattern(tag),
            "copy {tag} of 3 does not hold its original's bytes"
        );
    }
    Ok(())
}

pub(super) fn lun_of_two_volumes_is_copied_once<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one"])?;
    let before = rig.stored()?;
    let mut creation = rig.creation(&["one"])?;
    rig.begin(&mut creation, &[0])?;
    rig.begin(&mut creation, &[0])?;
    rig.advance(&mut creation, Some(Step::Begin), Step::PostFinal)?;
    let stored = rig.stored()?;
    ensure!(
        stored == before + 1,
        "the array holds {stored} LUNs, it held {before} before the copy"
    );
    Ok(())
}

pub(super) fn copy_keeps_the_sector_size<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    for (name, sector_size) in [("small", 512), ("large", 4096)] {
        rig.harness_mut()?
            .create_original(name, &pattern(1), sector_size);
        let creation = rig.finished_again(&[name])?;
        let copy = rig.sighted(&creation.targets[0])?;
        ensure!(
            rig.named(name)?.sector_size == sector_size && copy.sector_size == sector_size,
            "a LUN of {sector_size} byte sectors has a copy of {}",
            copy.sector_size
        );
        ensure!(
            rig.harness()?.read_device(&copy.device, 0, LEN).len() == LEN,
            "the copy is shorter than its original"
        );
    }
    Ok(())
}

pub(super) fn new_set_drops_abandoned_preparation<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let names = ["one", "two"];
    rig.originals(&names)?;
    let before = rig.stored()?;
    let mut abandoned = rig.creation(&names)?;
    rig.step(&mut abandoned, Step::Begin)?;
    let creation = rig.finished_again(&["one"])?;
    let code = refused(
        Method::EndPrepareSnapshots,
        rig.provider()?.end_prepare_snapshots(abandoned.set),
    )?;
    ensure!(
        code == ResultCode::VSS_E_OBJECT_NOT_FOUND,
        "EndPrepareSnapshots of the abandoned set gave {code}"
    );
    let stored = rig.stored()?;
    ensure!(
        stored == before + creation.targets.len(),
        "the array holds {stored} LUNs, it held {before} before the one copy"
    );
    rig.originals_are_whole(&names)
}

pub(super) fn unknown_set_is_not_found<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one"])?;
    let set = rig.new_set();
    let provider = rig.provider()?;
    let results = [
        (
            Method::EndPrepareSnapshots,
            provider.end_prepare_snapshots(set),
        ),
        (
            Method::PreCommitSnapshots,
            provider.pre_commit_snapshots(set),
        ),
        (Method::CommitSnapshots, provider.commit_snapshots(set)),
        (
            Method::PostCommitSnapshots,
            provider.post_commit_snapshots(set, 1),
        ),
        (
            Method::PreFinalCommitSnapshots,
            provider.pre_final_commit_snapshots(set),
        ),
        (
            Method::PostFinalCommitSnapshots,
            provider.post_final_commit_snapshots(set),
        ),
    ];
    for (method, result) in results {
        let code = refused(method, result)?;
        ensure!(
            code == ResultCode::VSS_E_OBJECT_NOT_FOUND,
            "{method} of an unknown set gave {code}"
        );
    }
    Ok(())
}

pub(super) fn unknown_luns_are_errors<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one"])?;
    rig.harness_mut()?.create_original("two", &pattern(2), 512);
    let two = rig.named("two")?;
    let foreign = rig.harness()?.foreign_lun();
    let provider = rig.provider()?;
    // "two" is of this array, but of no set.
    refused(
        Method::GetTargetLuns,
        provider.get_target_luns(&[two.device], &[two.information]),
    )?;
    refused(
        Method::GetTargetLuns,
        provider.get_target_luns(&creation.devices, slice::from_ref(&foreign)),
    )?;
    refused(Method::LocateLuns, provider.locate_luns(&[foreign]))?;
    Ok(())
}

/// Calls that may fail or not; if they fail, then with a code of their list.
pub(super) fn codes_are_of_the_list<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one"])?;
    let copy = rig.sighted(&creation.targets[0])?;
    let foreign = [rig.harness()?.foreign_lun()];
    let set = rig.new_set();
    let snapshot = rig.new_snapshot();
    let provider = rig.provider()?;
    let devices = &creation.devices;
    let none = SnapshotAttributes::empty();
    of_the_list(
        Method::AreLunsSupported,
        &provider.are_luns_supported(none, &[], &mut foreign.clone()),
    )?;
    of_the_list(
        Method::BeginPrepareSnapshot,
        &provider.begin_prepare_snapshot(set, snapshot, none, devices, &mut foreign.clone()),
    )?;
    of_the_list(
        Method::GetTargetLuns,
        &provider.get_target_luns(devices, &foreign),
    )?;
    of_the_list(
        Method::GetTargetLuns,
        &provider.get_target_luns(&[], &foreign),
    )?;
    of_the_list(Method::LocateLuns, &provider.locate_luns(&foreign))?;
    of_the_list(
        Method::OnLunEmpty,
        &provider.on_lun_empty(&devices[0], &creation.originals[0]),
    )?;
    of_the_list(
        Method::OnLunEmpty,
        &provider.on_lun_empty(&copy.device, &foreign[0]),
    )?;
    if let Some(ex) = provider.ex() {
        for flags in [
            HardwareOptions::DO_MASK_LUNS,
            HardwareOptions::NOTIFY_READ_WRITE,
            HardwareOptions::NOTIFY_LUN_PRE_RECOVERY,
        ] {
            of_the_list(
                Method::OnLunStateChange,
                &ex.on_lun_state_change(&foreign, &creation.originals, flags),
            )?;
            of_the_list(
                Method::OnLunStateChange,
                &ex.on_lun_state_change(&foreign, &[], flags),
            )?;
        }
    }
    Ok(())
}

pub(super) fn sets_are_independent<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let first = rig.finished(&["one"])?;
    rig.harness_mut()?.write_original("one", 0, &[0xEE; 4096]);
    let second = rig.finished_again(&["one"])?;
    let (old, new) = (&first.targets[0], &second.targets[0]);
    ensure!(
        !old.is_same_lun(new) && old.serial_number != new.serial_number,
        "both sets have the same LUN"
    );
    let mut later = pattern(1);
    later[..4096].fill(0xEE);
    ensure!(
        rig.content(old)? == pattern(1) && rig.content(new)? == later,
        "a copy does not hold the bytes of its own instant"
    );
    let copy = rig.sighted(new)?;
    rig.harness()?
        .write_device(&copy.device, 8192, &[0xDD; 512])
        .map_err(|error| Violation(format!("a copy is read-only: {error}")))?;
    ensure!(
        rig.content(old)? == pattern(1),
        "a write to one copy shows in the other"
    );
    let original = rig.named("one")?;
    ensure!(
        rig.content(&original.information)? == later,
        "a write to a copy shows in the original"
    );
    done(
        Method::OnLunEmpty,
        rig.provider()?.on_lun_empty(&copy.device, new),
    )?;
    ensure!(
        rig.content(old)? == pattern(1),
        "the older copy changed when the newer one went"
    );
    Ok(())
}
