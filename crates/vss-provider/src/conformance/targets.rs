//! Checks of the copies as LUNs: their description and their arrival.

use vss_model::LunInformation;

use crate::codes::Method;
use crate::conformance::rig::{Step, done, ensure, pattern};
use crate::conformance::{Harness, Rig, Verdict, Violation};
use crate::hardware::HardwareProvider;

pub(super) fn targets_are_one_to_one<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let names = ["one", "two"];
    rig.originals(&names)?;
    let mut creation = rig.creation(&names)?;
    rig.advance(&mut creation, None, Step::GetTargets)?;
    let forwards = creation.targets.clone();
    creation.devices.reverse();
    creation.originals.reverse();
    let mut backwards = rig.targets(&creation)?;
    backwards.reverse();
    ensure!(
        forwards == backwards,
        "the answers do not follow the order of the originals"
    );
    rig.step(&mut creation, Step::Locate)?;
    for (target, tag) in forwards.iter().zip(1..) {
        ensure!(
            rig.content(target)? == pattern(tag),
            "the copy of original {tag} holds other bytes"
        );
    }
    Ok(())
}

pub(super) fn target_signature_is_nil<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = described(rig)?.0;
    for target in &creation {
        ensure!(
            target.disk_signature.is_nil(),
            "the signature is {}",
            target.disk_signature
        );
    }
    Ok(())
}

pub(super) fn target_has_an_identifier_of_its_own<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let (targets, originals) = described(rig)?;
    let all: Vec<&LunInformation> = targets.iter().chain(&originals).collect();
    for (at, lun) in all.iter().enumerate() {
        ensure!(
            lun.lun_id().is_some(),
            "LUN {:?} has no identifier of type 1, 2, 3 or 8",
            lun.serial_number
        );
        for other in &all[at + 1..] {
            let shared = lun
                .identifiers
                .iter()
                .any(|id| id.is_unique_kind() && other.identifiers.contains(id));
            ensure!(
                !shared,
                "LUNs {:?} and {:?} share an identifier",
                lun.serial_number,
                other.serial_number
            );
        }
    }
    Ok(())
}

pub(super) fn targets_are_stable<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let names = ["one", "two"];
    rig.originals(&names)?;
    let mut creation = rig.creation(&names)?;
    rig.advance(&mut creation, None, Step::GetTargets)?;
    for step in [None, Some(Step::Locate), Some(Step::PreFinal)] {
        if let Some(step) = step {
            rig.step(&mut creation, step)?;
        }
        ensure!(
            rig.targets(&creation)? == creation.targets,
            "a later answer differs from the first"
        );
    }
    Ok(())
}

pub(super) fn copies_are_hidden_before_locate<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let names = ["one", "two"];
    rig.originals(&names)?;
    let before = rig.presented()?;
    let mut creation = rig.creation(&names)?;
    for step in Step::ALL {
        if *step == Step::Locate {
            break;
        }
        rig.step(&mut creation, *step)?;
        ensure!(
            rig.presented()?.len() == before.len(),
            "the host sees other LUNs after {step:?}"
        );
    }
    Ok(())
}

pub(super) fn located_copies_bear_the_recorded_information<H: Harness>(
    rig: &mut Rig<H>,
) -> Verdict {
    let creation = rig.finished(&["one", "two"])?;
    for target in &creation.targets {
        let seen = rig.sighted(target)?;
        ensure!(
            seen.information.matches_record(target),
            "the host sees {:?} where GetTargetLuns gave {target:?}",
            seen.information
        );
    }
    Ok(())
}

pub(super) fn locate_is_repeatable<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let names = ["one", "two"];
    rig.originals(&names)?;
    let mut creation = rig.creation(&names)?;
    rig.advance(&mut creation, None, Step::GetTargets)?;
    let mut list = creation.targets.clone();
    list.extend(creation.targets.clone());
    for _ in 0..2 {
        done(Method::LocateLuns, rig.provider()?.locate_luns(&list))?;
        let presented = rig.presented()?;
        for target in &creation.targets {
            let sights = presented
                .iter()
                .filter(|lun| lun.information.is_same_lun(target))
                .count();
            ensure!(sights == 1, "the host sees a copy {sights} times");
        }
    }
    Ok(())
}

pub(super) fn located_copy_is_read_write<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one"])?;
    let copy = rig.sighted(&creation.targets[0])?;
    rig.harness()?
        .write_device(&copy.device, 4096, &[0x5A; 512])
        .map_err(|error| Violation(format!("the copy cannot be written: {error}")))?;
    let mut expected = pattern(1);
    expected[4096..4608].fill(0x5A);
    ensure!(
        rig.content(&creation.targets[0])? == expected,
        "the copy does not hold what was written to it"
    );
    rig.originals_are_whole(&["one"])
}

/// The copies and the originals of a set that was described but not located.
fn described<H: Harness>(
    rig: &mut Rig<H>,
) -> Result<(Vec<LunInformation>, Vec<LunInformation>), Violation> {
    let names = ["one", "two", "three"];
    rig.originals(&names)?;
    let mut creation = rig.creation(&names)?;
    rig.advance(&mut creation, None, Step::GetTargets)?;
    Ok((creation.targets, creation.originals))
}
