//! The defects in what a provider says and does about LUNs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use uuid::Uuid;
use vss_model::{
    HardwareOptions, LunInformation, ResultCode, SetId, SnapshotAttributes, SnapshotId,
};
use vss_provider::fake::FakeLun;
use vss_provider::{
    CreateSnapshotSet, HardwareProvider, HardwareProviderEx, PresentedLun, ProviderResult,
};

use super::{Begun, Broken, Defect, veto};

impl HardwareProvider for Broken {
    fn are_luns_supported(
        &self,
        context: SnapshotAttributes,
        devices: &[PathBuf],
        luns: &mut [LunInformation],
    ) -> ProviderResult<bool> {
        let known: Vec<Option<FakeLun>> = luns.iter().map(|lun| self.array.find(lun)).collect();
        if self.is(Defect::TouchesInterconnects) {
            luns.iter_mut().for_each(|lun| lun.interconnects.clear());
        }
        match self.defect {
            Defect::RefusesTwoLuns if luns.len() > 1 => Ok(false),
            Defect::AcceptsForeign if known.iter().all(Option::is_none) => Ok(true),
            Defect::AcceptsMixed if known.iter().any(Option::is_some) && known.contains(&None) => {
                Ok(true)
            }
            Defect::RefusesOwnCopies if known.iter().flatten().any(|lun| lun.set.is_some()) => {
                Ok(false)
            }
            Defect::AgreesToDifferential => {
                let context = context - SnapshotAttributes::DIFFERENTIAL;
                self.array.are_luns_supported(context, devices, luns)
            }
            _ => self.array.are_luns_supported(context, devices, luns),
        }
    }

    fn fill_in_lun_info(&self, device: &Path, lun: &mut LunInformation) -> ProviderResult<bool> {
        let given = lun.clone();
        let known = self.array.fill_in_lun_info(device, lun)?;
        if self.is(Defect::FillInLeavesPadding) {
            *lun = given;
        } else if known {
            *lun = self.dress(lun.clone());
        }
        Ok(known || self.is(Defect::FillInClaimsForeign))
    }

    fn begin_prepare_snapshot(
        &self,
        set: SetId,
        snapshot: SnapshotId,
        context: SnapshotAttributes,
        devices: &[PathBuf],
        luns: &mut [LunInformation],
    ) -> ProviderResult<()> {
        if self.is(Defect::KeepsAbandonedSet) {
            for earlier in self.begun.lock().unwrap().iter() {
                if earlier.set != set {
                    // Past preparation, so that the array does not drop it.
                    let _ = self.array.end_prepare_snapshots(earlier.set);
                }
            }
        }
        let before = self.array.luns().len();
        let count = if self.is(Defect::CopiesFirstLunOnly) {
            1
        } else {
            luns.len()
        };
        self.array.begin_prepare_snapshot(
            set,
            snapshot,
            context,
            &devices[..count],
            &mut luns[..count],
        )?;
        if self.is(Defect::CopiesTwice) && self.array.luns().len() == before {
            let name = format!("twice {}", self.tick());
            self.array.create_lun(&name, &[], 512).unwrap();
        }
        if self.is(Defect::LosesCommitted) {
            let sets = fs::read_to_string(self.dir.join("sets")).unwrap_or_default();
            fs::write(self.dir.join("sets"), format!("{sets}{set}\n")).unwrap();
        }
        self.begun.lock().unwrap().push(Begun {
            set,
            devices: devices.to_vec(),
            luns: luns.to_vec(),
        });
        Ok(())
    }

    fn get_target_luns(
        &self,
        devices: &[PathBuf],
        sources: &[LunInformation],
    ) -> ProviderResult<Vec<LunInformation>> {
        let mut targets = self.array.get_target_luns(devices, sources)?;
        match self.defect {
            Defect::SharesCopies => {
                for (target, source) in targets.iter_mut().zip(sources) {
                    let original = self.array.find(source).unwrap().name;
                    let prefix = format!("{original}.");
                    let oldest = self
                        .copies()
                        .into_iter()
                        .find(|c| c.name.starts_with(&prefix));
                    *target = oldest.unwrap().information;
                }
            }
            Defect::TargetsInArrayOrder => {
                targets.sort_by(|a, b| a.serial_number.cmp(&b.serial_number));
            }
            Defect::GivesSignature => {
                for target in &mut targets {
                    target.disk_signature = Uuid::from_u128(5);
                }
            }
            Defect::NewIdentifierEachTime => {
                for target in &mut targets {
                    let mut another = target.identifiers[0].clone();
                    another.bytes = self.tick().to_be_bytes().to_vec();
                    target.identifiers.push(another);
                }
            }
            _ => {}
        }
        Ok(targets.into_iter().map(|lun| self.dress(lun)).collect())
    }

    fn locate_luns(&self, luns: &[LunInformation]) -> ProviderResult<()> {
        match self.defect {
            Defect::LocatesAnything => {
                let mut own = luns.to_vec();
                own.retain(|lun| self.array.find(lun).is_some());
                self.array.locate_luns(&own)
            }
            Defect::InventsCodes => self.array.locate_luns(luns).map_err(|mut error| {
                error.code = ResultCode::E_FAIL;
                error
            }),
            Defect::LocatesOnce => luns.iter().try_for_each(|lun| {
                if self.array.find(lun).is_some_and(|lun| lun.presented) {
                    return Err(veto());
                }
                self.array.locate_luns(std::slice::from_ref(lun))
            }),
            _ => self.array.locate_luns(luns),
        }
    }

    fn on_lun_empty(&self, device: &Path, lun: &LunInformation) -> ProviderResult<()> {
        let known = self.array.find(lun);
        match (self.defect, &known) {
            (Defect::EmptyDoesNothing, _) => return Ok(()),
            (Defect::EmptiesOnce, None) => return Err(veto()),
            (Defect::EmptiesSet, Some(known)) => {
                for copy in self.copies() {
                    if copy.set == known.set {
                        self.array.remove_lun(&copy.name).unwrap();
                    }
                }
            }
            (Defect::EmptiesOriginals, Some(known)) => {
                self.array.remove_lun(&known.name).unwrap();
            }
            _ => {}
        }
        self.array.on_lun_empty(device, lun)
    }

    fn presented_luns(&self) -> ProviderResult<Vec<PresentedLun>> {
        let mut presented = self.array.presented_luns()?;
        if self.is(Defect::ListsMaskedOriginals) {
            for lun in self.array.luns() {
                if lun.set.is_none() && !lun.presented {
                    presented.push(PresentedLun {
                        backing: None,
                        device: self.array.device_path(&lun.name),
                        name: lun.name,
                        information: lun.information,
                        sector_size: lun.sector_size,
                    });
                }
            }
        }
        for lun in &mut presented {
            let known = self.array.find(&lun.information).unwrap();
            let is_copy = known.set.is_some();
            lun.information = self.dress(lun.information.clone());
            match self.defect {
                Defect::ForgetsSectorSize if is_copy => lun.sector_size = 512,
                Defect::RevisionDiffers if is_copy => lun.information.product_revision.push('x'),
                Defect::MaskingRenames if is_copy => {
                    let masked = self.counter.load(Ordering::Relaxed);
                    for _ in 0..masked {
                        lun.information.product_revision.push('x');
                    }
                }
                Defect::LosesWrites if is_copy => {
                    let scratch = self.dir.join(format!("scratch {}", lun.name));
                    fs::copy(&lun.device, &scratch).unwrap();
                    lun.device = scratch;
                }
                _ => {}
            }
        }
        Ok(presented)
    }

    fn ex(&self) -> Option<&dyn HardwareProviderEx> {
        Some(self)
    }
}

impl HardwareProviderEx for Broken {
    fn on_lun_state_change(
        &self,
        snapshot_luns: &[LunInformation],
        original_luns: &[LunInformation],
        flags: HardwareOptions,
    ) -> ProviderResult<()> {
        let known: Vec<FakeLun> = snapshot_luns
            .iter()
            .filter_map(|lun| self.array.find(lun))
            .collect();
        let masks = flags == HardwareOptions::DO_MASK_LUNS;
        match self.defect {
            Defect::MaskDoesNothing if masks => return Ok(()),
            Defect::MaskDeletes if masks => {
                for lun in known {
                    self.array.remove_lun(&lun.name).unwrap();
                }
                return Ok(());
            }
            Defect::MasksOnce if masks && known.iter().any(|lun| !lun.presented) => {
                return Err(veto());
            }
            Defect::MasksAll if masks => {
                for copy in self.copies() {
                    self.array.mask(&copy.name).unwrap();
                }
            }
            Defect::NotifyMasks => {
                for lun in known {
                    self.array.mask(&lun.name).unwrap();
                }
            }
            Defect::ReadWriteIsSwept if flags == HardwareOptions::NOTIFY_READ_WRITE => {
                let names: Vec<String> = known.into_iter().map(|lun| lun.name).collect();
                fs::write(self.dir.join("left"), names.join("\n")).unwrap();
            }
            Defect::MaskingRenames if masks => {
                self.tick();
            }
            _ => {}
        }
        self.array
            .on_lun_state_change(snapshot_luns, original_luns, flags)
    }
}
