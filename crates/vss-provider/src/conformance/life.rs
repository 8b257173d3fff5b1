//! Checks of what happens to finished copies: notifications, masking, reclaiming.

use vss_model::HardwareOptions;

use crate::codes::Method;
use crate::conformance::rig::{done, ensure, pattern};
use crate::conformance::{Harness, Rig, Verdict};
use crate::hardware::HardwareProvider;

const MASK: HardwareOptions = HardwareOptions::DO_MASK_LUNS;

pub(super) fn mask_withdraws_and_keeps<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one", "two"])?;
    let stored = rig.stored()?;
    if !rig.state_change(&creation.targets, &creation.originals, MASK)? {
        return Ok(());
    }
    for target in &creation.targets {
        ensure!(
            rig.sight_of(target)?.is_none(),
            "a masked LUN is still presented"
        );
        ensure!(rig.exists(target)?, "a masked LUN is gone from the array");
    }
    ensure!(rig.stored()? == stored, "masking changed what is stored");
    Ok(())
}

pub(super) fn mask_is_repeatable<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one", "two"])?;
    // One volume on both LUNs, another one on the second: announced twice.
    rig.state_change(&creation.targets, &creation.originals, MASK)?;
    rig.state_change(&creation.targets[1..], &creation.originals[1..], MASK)?;
    rig.state_change(&creation.targets, &creation.originals, MASK)?;
    Ok(())
}

pub(super) fn mask_leaves_others_alone<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let names = ["one", "two"];
    let creation = rig.finished(&names)?;
    let other = rig.finished_again(&["one"])?;
    rig.state_change(&creation.targets[..1], &creation.originals[..1], MASK)?;
    rig.originals_are_whole(&names)?;
    for kept in [&creation.targets[1], &other.targets[0]] {
        ensure!(
            rig.sight_of(kept)?.is_some(),
            "a copy that was not listed is masked"
        );
    }
    Ok(())
}

pub(super) fn notifications_change_nothing<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let names = ["one", "two"];
    let creation = rig.finished(&names)?;
    let (stored, presented) = (rig.stored()?, rig.presented()?);
    for flags in [
        HardwareOptions::NOTIFY_LUN_PRE_RECOVERY,
        HardwareOptions::NOTIFY_LUN_POST_RECOVERY,
        HardwareOptions::NOTIFY_READ_WRITE,
    ] {
        rig.state_change(&creation.targets, &creation.originals, flags)?;
        ensure!(rig.stored()? == stored, "{flags:?} changed what is stored");
        ensure!(
            rig.presented()? == presented,
            "{flags:?} changed what the host sees"
        );
        for (target, tag) in creation.targets.iter().zip(1..) {
            ensure!(
                rig.content(target)? == pattern(tag),
                "{flags:?} changed bytes of a copy"
            );
        }
    }
    rig.originals_are_whole(&names)
}

pub(super) fn read_write_lun_stays<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one"])?;
    let left = &creation.targets[0];
    rig.state_change(
        &creation.targets,
        &creation.originals,
        HardwareOptions::NOTIFY_READ_WRITE,
    )?;
    // Neither a restart nor further sets may sweep it away.
    rig.restart()?;
    rig.finished_again(&["one"])?;
    ensure!(rig.exists(left)?, "the LUN is gone from the array");
    ensure!(
        rig.content(left)? == pattern(1),
        "the LUN has other bytes than before"
    );
    Ok(())
}

pub(super) fn empty_reclaims<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one"])?;
    let stored = rig.stored()?;
    let copy = rig.sighted(&creation.targets[0])?;
    done(
        Method::OnLunEmpty,
        rig.provider()?
            .on_lun_empty(&copy.device, &creation.targets[0]),
    )?;
    ensure!(
        !rig.exists(&creation.targets[0])?,
        "the LUN is still stored"
    );
    ensure!(rig.stored()? + 1 == stored, "nothing was freed");
    ensure!(
        rig.sight_of(&creation.targets[0])?.is_none(),
        "a freed LUN is presented"
    );
    Ok(())
}

pub(super) fn empty_is_repeatable<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one"])?;
    let copy = rig.sighted(&creation.targets[0])?;
    for _ in 0..2 {
        done(
            Method::OnLunEmpty,
            rig.provider()?
                .on_lun_empty(&copy.device, &creation.targets[0]),
        )?;
    }
    rig.restart()?;
    done(
        Method::OnLunEmpty,
        rig.provider()?
            .on_lun_empty(&copy.device, &creation.targets[0]),
    )
}

pub(super) fn empty_frees_nothing_else<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let names = ["one", "two"];
    let creation = rig.finished(&names)?;
    let other = rig.finished_again(&["one"])?;
    let copy = rig.sighted(&creation.targets[0])?;
    let foreign = rig.harness()?.foreign_lun();
    let provider = rig.provider()?;
    done(
        Method::OnLunEmpty,
        provider.on_lun_empty(&copy.device, &creation.targets[0]),
    )?;
    let kept = [
        &creation.targets[1],
        &other.targets[0],
        &creation.originals[0],
        &creation.originals[1],
    ];
    for lun in kept {
        ensure!(rig.exists(lun)?, "another LUN went too");
    }
    // What is not the provider's, and what never was a copy: refused or ignored, but not freed.
    let _ = provider.on_lun_empty(&creation.devices[0], &foreign);
    let _ = provider.on_lun_empty(&creation.devices[0], &creation.originals[0]);
    for lun in kept {
        ensure!(
            rig.exists(lun)?,
            "a LUN went that is not this provider's copy"
        );
    }
    rig.originals_are_whole(&names)
}

pub(super) fn identifiers_survive_masking<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one"])?;
    let before = rig.sighted(&creation.targets[0])?;
    rig.state_change(&creation.targets, &creation.originals, MASK)?;
    done(
        Method::LocateLuns,
        rig.provider()?.locate_luns(&creation.targets),
    )?;
    let after = rig.sighted(&creation.targets[0])?;
    ensure!(
        after.information == before.information,
        "the LUN came back as {:?} and was {:?}",
        after.information,
        before.information
    );
    ensure!(
        rig.content(&creation.targets[0])? == pattern(1),
        "the LUN came back with other bytes"
    );
    Ok(())
}
