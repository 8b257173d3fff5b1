//! Checks of identity and of the questions that change nothing.

use vss_model::{Interconnect, InterconnectAddressType, ProviderType, SnapshotAttributes};

use crate::codes::Method;
use crate::conformance::rig::{Step, done, ensure};
use crate::conformance::{Harness, Rig, Verdict};
use crate::hardware::HardwareProvider;
use crate::provider::Provider;

pub(super) fn properties_are_stable<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let properties = rig.provider()?.properties();
    ensure!(
        properties.provider_type == ProviderType::Hardware,
        "the kind is {}",
        properties.provider_type
    );
    ensure!(!properties.provider_id.is_null(), "the id is nil");
    ensure!(!properties.provider_name.is_empty(), "the name is empty");
    ensure!(
        rig.provider()?.properties() == properties,
        "a second question gives other properties"
    );
    rig.restart()?;
    ensure!(
        rig.provider()?.properties() == properties,
        "a restart gives other properties"
    );
    Ok(())
}

pub(super) fn own_luns_are_supported<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one", "two"])?;
    let creation = rig.creation(&["one", "two"])?;
    let mut luns = creation.originals.clone();
    let supported = done(
        Method::AreLunsSupported,
        rig.provider()?
            .are_luns_supported(creation.context, &creation.devices, &mut luns),
    )?;
    ensure!(supported, "false for two LUNs of this array");
    Ok(())
}

pub(super) fn foreign_luns_are_not_supported<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one"])?;
    let device = rig.named("one")?.device.with_file_name("foreign");
    let mut luns = [rig.harness()?.foreign_lun()];
    let supported = done(
        Method::AreLunsSupported,
        rig.provider()?
            .are_luns_supported(SnapshotAttributes::empty(), &[device], &mut luns),
    )?;
    ensure!(!supported, "true for a LUN of another array");
    Ok(())
}

pub(super) fn mixed_luns_are_not_supported<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one"])?;
    let own = rig.named("one")?;
    let foreign = rig.harness()?.foreign_lun();
    let stranger = own.device.with_file_name("foreign");
    for own_first in [true, false] {
        let mut devices = vec![own.device.clone(), stranger.clone()];
        let mut luns = vec![own.information.clone(), foreign.clone()];
        if !own_first {
            devices.reverse();
            luns.reverse();
        }
        let supported = done(
            Method::AreLunsSupported,
            rig.provider()?
                .are_luns_supported(SnapshotAttributes::empty(), &devices, &mut luns),
        )?;
        ensure!(
            !supported,
            "true for a volume that is half on another array"
        );
    }
    Ok(())
}

pub(super) fn support_leaves_interconnects_alone<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one"])?;
    let own = rig.named("one")?;
    let mut luns = [own.information];
    let interconnects = vec![Interconnect {
        address_type: InterconnectAddressType::Fcph,
        port: vec![1, 2, 3],
        address: vec![4, 5, 6],
    }];
    luns[0].interconnects.clone_from(&interconnects);
    done(
        Method::AreLunsSupported,
        rig.provider()?
            .are_luns_supported(SnapshotAttributes::empty(), &[own.device], &mut luns),
    )?;
    ensure!(
        luns[0].interconnects == interconnects,
        "the interconnects were changed"
    );
    Ok(())
}

pub(super) fn own_copies_are_supported<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one"])?;
    let copy = rig.sighted(&creation.targets[0])?;
    let mut luns = [copy.information];
    let supported = done(
        Method::AreLunsSupported,
        rig.provider()?
            .are_luns_supported(SnapshotAttributes::empty(), &[copy.device], &mut luns),
    )?;
    ensure!(supported, "false for a copy of its own");
    Ok(())
}

pub(super) fn agreed_contexts_can_be_made<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one"])?;
    let kept = SnapshotAttributes::PERSISTENT | SnapshotAttributes::NO_AUTO_RELEASE;
    for context in [
        kept,
        SnapshotAttributes::PLEX,
        SnapshotAttributes::DIFFERENTIAL,
        SnapshotAttributes::TRANSPORTABLE,
        SnapshotAttributes::TRANSPORTABLE | kept,
    ] {
        let mut creation = rig.creation(&["one"])?;
        creation.context = context;
        let mut luns = creation.originals.clone();
        let agreed = done(
            Method::AreLunsSupported,
            rig.provider()?
                .are_luns_supported(context, &creation.devices, &mut luns),
        )?;
        if agreed {
            rig.advance(&mut creation, None, Step::PostFinal)?;
        }
    }
    Ok(())
}

pub(super) fn fill_in_gives_the_recorded_information<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let creation = rig.finished(&["one", "two"])?;
    for target in &creation.targets {
        let seen = rig.sighted(target)?;
        let mut lun = Rig::<H>::as_inquired(&seen.information);
        let known = done(
            Method::FillInLunInfo,
            rig.provider()?.fill_in_lun_info(&seen.device, &mut lun),
        )?;
        ensure!(known, "false for a copy of its own");
        ensure!(
            lun.matches_record(target),
            "gives {lun:?} where GetTargetLuns gave {target:?}"
        );
    }
    Ok(())
}

pub(super) fn fill_in_does_not_know_foreign_luns<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one"])?;
    let device = rig.named("one")?.device.with_file_name("foreign");
    let mut lun = rig.harness()?.foreign_lun();
    let known = done(
        Method::FillInLunInfo,
        rig.provider()?.fill_in_lun_info(&device, &mut lun),
    )?;
    ensure!(!known, "true for a LUN of another array");
    Ok(())
}

pub(super) fn masked_original_is_not_presented<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one", "two"])?;
    let before = rig.presented()?;
    let one = rig.named("one")?;
    rig.harness_mut()?.mask_original("one");
    ensure!(
        rig.sight_of(&one.information)?.is_none(),
        "a masked LUN is presented"
    );
    ensure!(
        rig.presented()?.len() + 1 == before.len(),
        "masking one LUN changed the others"
    );
    rig.harness_mut()?.present_original("one");
    ensure!(
        rig.named("one")?.information == one.information,
        "a LUN presented again is another one"
    );
    Ok(())
}
