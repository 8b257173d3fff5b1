//! Changing LUNs of the embedded array, within the rules of the sets on them.

use std::collections::HashSet;
use std::path::PathBuf;

use vss_coordinator::Coordinator;
use vss_model::{Error, ErrorKind, SetId};
use vss_provider::ProviderResult;
use vss_provider_file::{Change, FileArray};
use vss_service::{Adopt, AdoptLun, Lun, LunChange, NewLun};

use crate::records::{lun_error, provider_error, shown};

/// The array and the service that has a say over it.
pub(crate) struct Luns<'a> {
    pub(crate) array: &'a FileArray,
    pub(crate) coordinator: &'a Coordinator,
}

impl Luns<'_> {
    pub(crate) fn create(&self, lun: &NewLun) -> Result<Lun, Error> {
        let made = self
            .array
            .create(&lun.name, lun.size_bytes, lun.sector_size, lun.present)
            .map_err(provider_error)?;
        Ok(shown(made, &HashSet::new()))
    }

    pub(crate) fn adopt(&self, lun: &AdoptLun) -> Result<Lun, Error> {
        if !lun.file.is_absolute() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{} is no absolute path", lun.file.display()),
            )
            .with_hint("the service has a working folder of its own; name the whole path"));
        }
        let how = match lun.how {
            Adopt::Move => vss_provider_file::Adopt::Move,
            Adopt::Link => vss_provider_file::Adopt::Link,
        };
        let adopt = || {
            self.array
                .adopt(&lun.name, &lun.file, how, lun.sector_size, lun.present)
                .map_err(provider_error)
        };
        let adopted = if lun.present && lun.file.is_file() {
            self.coordinator
                .arrive(&lun.name, &lun.file, lun.sector_size, adopt)
                .map_err(|error| match error.hint() {
                    Some(hint) if error.kind() == ErrorKind::ObjectAlreadyExists => {
                        let hint = format!("{hint}; or adopt this one with --masked");
                        error.with_hint(hint)
                    }
                    _ => error,
                })?
        } else {
            adopt()?
        };
        Ok(shown(adopted, &HashSet::new()))
    }

    pub(crate) fn mask(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        let luns = self.find(names)?;
        for lun in &luns {
            self.refuse_copies(lun)?;
        }
        luns.iter()
            .map(|lun| {
                let change = self.array.mask(&lun.name).map_err(lun_error)?;
                Ok(changed(&lun.name, change, None))
            })
            .collect()
    }

    pub(crate) fn unmask(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        let luns = self.find(names)?;
        for lun in &luns {
            self.refuse_work(lun)?;
            // A copy that went out of sight may come back: its set cannot be broken without it.
            if lun.presented {
                self.refuse_copies(lun)?;
            } else {
                self.arrive(lun, || Ok(()))?;
            }
        }
        let mut changes = Vec::new();
        for lun in &luns {
            let present = || self.array.present(&lun.name).map_err(lun_error);
            // Two of them may be twins of each other: the first is visible by now.
            let change = if lun.presented {
                present()?
            } else {
                self.arrive(lun, present)?
            };
            let device = self.array.get(&lun.name).map_err(lun_error)?.device;
            changes.push(changed(&lun.name, change, device));
        }
        Ok(changes)
    }

    pub(crate) fn attach(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.reattach(names, FileArray::attach)
    }

    pub(crate) fn detach(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.reattach(names, FileArray::detach)
    }

    fn reattach(
        &self,
        names: &[String],
        change: fn(&FileArray, &str) -> ProviderResult<Change>,
    ) -> Result<Vec<LunChange>, Error> {
        let luns = self.find(names)?;
        for lun in &luns {
            self.refuse_copies(lun)?;
        }
        luns.iter()
            .map(|lun| {
                let change = change(self.array, &lun.name).map_err(lun_error)?;
                let device = self.array.get(&lun.name).map_err(lun_error)?.device;
                Ok(changed(&lun.name, change, device))
            })
            .collect()
    }

    pub(crate) fn delete(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        let luns = self.find(names)?;
        for lun in &luns {
            self.refuse_copies(lun)?;
        }
        luns.iter()
            .map(|lun| {
                self.array.delete(&lun.name).map_err(lun_error)?;
                Ok(changed(&lun.name, Change::Changed, None))
            })
            .collect()
    }

    /// Looks up LUNs by name, each once. All are looked up before anything is done to one.
    fn find(&self, names: &[String]) -> Result<Vec<vss_provider_file::Lun>, Error> {
        let mut luns: Vec<vss_provider_file::Lun> = Vec::with_capacity(names.len());
        for name in names {
            if !luns.iter().any(|known| known.name == *name) {
                luns.push(self.array.get(name).map_err(lun_error)?);
            }
        }
        Ok(luns)
    }

    /// Refuses a LUN of a set that an operation works on; a set that is being made is in no catalogue.
    fn refuse_work(&self, lun: &vss_provider_file::Lun) -> Result<(), Error> {
        match lun.set.filter(|set| self.coordinator.is_in_work(*set)) {
            None => Ok(()),
            Some(set) => Err(Error::new(
                ErrorKind::BadState,
                format!(
                    "LUN {} belongs to shadow copy set {set}, which an operation works on",
                    lun.name
                ),
            )
            .with_hint("wait for it to end: vss watch")),
        }
    }

    /// Refuses a LUN that carries copies of a set.
    fn refuse_copies(&self, lun: &vss_provider_file::Lun) -> Result<(), Error> {
        self.refuse_work(lun)?;
        match self.coordinator.set_of_lun(&lun.name)? {
            None => Ok(()),
            Some(set) => Err(carries_copies(&lun.name, set)),
        }
    }

    /// Refuses to show a LUN whose identity a visible disk bears.
    fn arrive<T>(
        &self,
        lun: &vss_provider_file::Lun,
        present: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.coordinator
            .arrive(&lun.name, &lun.image, Some(lun.sector_size), present)
    }
}

fn carries_copies(name: &str, set: SetId) -> Error {
    Error::new(
        ErrorKind::BadState,
        format!("LUN {name} carries copies of shadow copy set {set}, which has the say over it"),
    )
    .with_hint(format!(
        "make an ordinary disk of it (vss break {set}) or delete it with its set (vss delete {set})"
    ))
}

fn changed(name: &str, change: Change, device: Option<PathBuf>) -> LunChange {
    LunChange {
        name: name.to_owned(),
        changed: change == Change::Changed,
        device,
    }
}
