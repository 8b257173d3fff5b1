//! Changes of the target by configfs: backstores and LUNs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use vss_provider::ProviderError;
use vss_provider::failure::io_failed;

use crate::iscsi::lun_of;
use crate::records::{Record, Storage};
use crate::tree::{Backstore, Mapping, Port, Roots, folders, free_number, numbered, word};

/// The attributes by which a backstore behaves, as far as they can be set on a copy.
const ATTRIBUTES: &[&str] = &[
    "emulate_3pc",
    "emulate_caw",
    "emulate_dpo",
    "emulate_fua_write",
    "emulate_pr",
    "emulate_rest_reord",
    "emulate_tas",
    "emulate_tpu",
    "emulate_tpws",
    "emulate_ua_intlck_ctrl",
    "emulate_write_cache",
    "enforce_pr_isids",
    "is_nonrot",
    "unmap_zeroes_data",
];
/// Names the link in a LUN's folder.
const LINK: &str = "vss";
/// Administrators' tools count from 0.
const FIRST_HBA: u32 = 1_000_000;

fn set(path: &Path, value: &str) -> Result<(), ProviderError> {
    fs::write(path, value).map_err(io_failed("write to", path))
}

/// Sets what is otherwise.
fn adjust(path: &Path, value: &str) -> Result<(), ProviderError> {
    if word(path).as_deref() == Some(value) {
        return Ok(());
    }
    set(path, value)
}

/// Removes a folder of configfs; one that is not there is fine.
fn remove_folder(path: &Path) -> Result<(), ProviderError> {
    match fs::remove_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_failed("remove", path)(error))
        }
        _ => Ok(()),
    }
}

impl Roots {
    /// The attributes of a backstore that a copy is to have too.
    pub(crate) fn attributes(&self, store: &Backstore) -> BTreeMap<String, String> {
        let folder = self.backstore(&store.hba, &store.name).join("attrib");
        ATTRIBUTES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), word(&folder.join(name))?)))
            .collect()
    }

    /// The backstore of a copy, if it is whole.
    pub(crate) fn backstore_of(&self, record: &Record) -> Result<Option<Backstore>, ProviderError> {
        let serial = record.serial_text();
        Ok(self.backstores()?.into_iter().find(|store| {
            store.serial == serial
                && word(&self.backstore(&store.hba, &store.name).join("enable")).as_deref()
                    == Some("1")
        }))
    }

    /// Makes the backstore of a copy that has none, on this file or device.
    pub(crate) fn make_backstore(
        &self,
        record: &Record,
        source: &Path,
    ) -> Result<Backstore, ProviderError> {
        // What a crash left unfinished has no serial number yet, or was not enabled.
        self.remove_backstores(record)?;
        let hba = self.make_hba(record)?;
        let made = self.fill(&hba, record, source);
        if let Err(error) = made {
            // The first failure counts.
            let _ = self.remove_backstore(&hba, &record.name);
            return Err(error);
        }
        self.backstore_of(record)?.ok_or_else(|| {
            ProviderError::veto(format!(
                "the target does not show the backstore {hba}/{} that was made",
                record.name
            ))
        })
    }

    /// Makes the folder for one backstore. Its number comes of the serial number, so that one which a crash
    /// left empty is known again.
    fn make_hba(&self, record: &Record) -> Result<String, ProviderError> {
        let hba = hba_of(record);
        let path = self.target.join("core").join(&hba);
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if folders(&path)?.is_empty() {
                    Ok(hba)
                } else {
                    Err(ProviderError::veto(format!(
                        "{} is another backstore's",
                        path.display()
                    )))
                }
            }
            made => made.map(|()| hba).map_err(|error| {
                io_failed("make the folder", &path)(error)
                    .with_hint("are the modules target_core_file and target_core_iblock loaded?")
            }),
        }
    }

    fn fill(&self, hba: &str, record: &Record, source: &Path) -> Result<(), ProviderError> {
        let folder = self.backstore(hba, &record.name);
        fs::create_dir(&folder).map_err(io_failed("make the backstore", &folder))?;
        let path = source.display();
        let control = match &record.storage {
            Storage::File { buffered, .. } => {
                let length = fs::metadata(source)
                    .map_err(io_failed("look at the image", source))?
                    .len();
                let buffered = if *buffered { ",fd_buffered_io=1" } else { "" };
                format!("fd_dev_name={path},fd_dev_size={length}{buffered}")
            }
            Storage::Volume { .. } => format!("udev_path={path}"),
        };
        set(&folder.join("control"), &control)?;
        set(&folder.join("udev_path"), &path.to_string())?;
        let wwn = folder.join("wwn");
        set(&wwn.join("vpd_unit_serial"), &record.serial_text())?;
        adjust(
            &wwn.join("company_id"),
            &format!("0x{:06x}", record.inquiry.company),
        )?;
        set(&folder.join("enable"), "1")?;
        // Enabling sets the names of the kind.
        adjust(&wwn.join("vendor_id"), &record.inquiry.vendor)?;
        adjust(&wwn.join("product_id"), &record.inquiry.product)?;
        adjust(&wwn.join("revision"), &record.inquiry.revision)?;
        let attributes = folder.join("attrib");
        adjust(
            &attributes.join("block_size"),
            &record.block_size.to_string(),
        )?;
        for (name, value) in &record.attributes {
            adjust(&attributes.join(name), value)?;
        }
        Ok(())
    }

    /// Removes every backstore of a copy, whole or not; its LUNs are gone.
    pub(crate) fn remove_backstores(&self, record: &Record) -> Result<(), ProviderError> {
        let serial = record.serial_text();
        for store in self.backstores()? {
            // The name alone would not do: somebody else may have had the same idea.
            let unfinished = store.name == record.name && store.serial.is_empty();
            if store.serial == serial || unfinished {
                self.remove_backstore(&store.hba, &store.name)?;
            }
        }
        let hba = self.target.join("core").join(hba_of(record));
        if folders(&hba)?.is_empty() {
            remove_folder(&hba)?;
        }
        Ok(())
    }

    fn remove_backstore(&self, hba: &str, name: &str) -> Result<(), ProviderError> {
        remove_folder(&self.backstore(hba, name))?;
        let hba = self.target.join("core").join(hba);
        if folders(&hba)?.is_empty() {
            remove_folder(&hba)?;
        }
        Ok(())
    }

    /// Maps a backstore as a LUN with this number; false when somebody else has the number.
    pub(crate) fn map(
        &self,
        store: &Backstore,
        port: &Port,
        number: u32,
    ) -> Result<bool, ProviderError> {
        let lun = self.lun(port, number);
        match fs::create_dir(&lun) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            made => made.map_err(io_failed("make the LUN", &lun))?,
        }
        let link = lun.join(LINK);
        let mapped = symlink(self.backstore(&store.hba, &store.name), &link)
            .map_err(io_failed("map the backstore by", &link))
            .and_then(|()| self.admit(port, number));
        if let Err(error) = mapped {
            // The first failure counts.
            let _ = self.unmap(port, number);
            return Err(error);
        }
        Ok(true)
    }

    /// Shows a LUN to the initiators that this host is, where the portal group lists who sees what; under the
    /// same number, if that is free there. Repeatable.
    pub(crate) fn admit(&self, port: &Port, number: u32) -> Result<(), ProviderError> {
        for list in self.access_lists(port) {
            let mut taken = Vec::new();
            let mut listed = false;
            for name in folders(&list)? {
                let Some(seen) = numbered::<u32>(&name, "lun_") else {
                    continue;
                };
                // What a crash left without a link is taken again.
                if let Some(lun) = lun_of(&list.join(name)) {
                    taken.push(seen);
                    listed |= lun == number;
                }
            }
            if listed {
                continue;
            }
            let mapped = list.join(format!("lun_{}", free_number(Some(number), &taken)));
            match fs::create_dir(&mapped) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(io_failed("make the LUN", &mapped))?,
            }
            let link = mapped.join(LINK);
            symlink(self.lun(port, number), &link).map_err(io_failed("map the LUN by", &link))?;
        }
        Ok(())
    }

    /// The numbers that nobody else may get: those of the portal group, and those that this host sees in it.
    pub(crate) fn taken_numbers(&self, port: &Port) -> Result<Vec<u32>, ProviderError> {
        let mut taken = self.numbers(port)?;
        for list in self.access_lists(port) {
            for name in folders(&list)? {
                if lun_of(&list.join(&name)).is_some() {
                    taken.extend(numbered::<u32>(&name, "lun_"));
                }
            }
        }
        Ok(taken)
    }

    /// Removes a LUN; the backstore stays. Repeatable.
    pub(crate) fn unmap(&self, port: &Port, number: u32) -> Result<(), ProviderError> {
        let acls = self.port(port).join("acls");
        let lun = self.lun(port, number);
        let same = format!("lun_{number}");
        for initiator in folders(&acls)? {
            for name in folders(&acls.join(&initiator))? {
                if numbered::<u32>(&name, "lun_").is_none() {
                    continue;
                }
                let mapped = acls.join(&initiator).join(&name);
                match lun_of(&mapped) {
                    Some(leads) if leads == number => unlink(&mapped)?,
                    // A crash came before its link.
                    None if name == same => {}
                    _ => continue,
                }
                remove_folder(&mapped)?;
            }
        }
        unlink(&lun)?;
        remove_folder(&lun)
    }

    /// Every LUN by which a backstore can be reached.
    pub(crate) fn mappings_of(&self, store: &Backstore) -> Result<Vec<Mapping>, ProviderError> {
        let mut found = Vec::new();
        for port in self.ports()? {
            found.extend(
                self.mappings(&port)?
                    .into_iter()
                    .filter(|one| one.hba == store.hba && one.name == store.name),
            );
        }
        Ok(found)
    }
}

/// The folder in which the backstore of a copy is alone.
fn hba_of(record: &Record) -> String {
    let kind = match &record.storage {
        Storage::File { .. } => "fileio",
        Storage::Volume { .. } => "iblock",
    };
    let (first, ..) = record.serial.as_fields();
    format!("{kind}_{}", FIRST_HBA + (first >> 4))
}

/// Removes the links in a folder of configfs.
fn unlink(folder: &Path) -> Result<(), ProviderError> {
    let failed = || io_failed("read the folder", folder);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed())?,
    };
    for entry in entries {
        let path = entry.map_err(failed())?.path();
        if path.is_symlink() {
            fs::remove_file(&path).map_err(io_failed("remove the link", &path))?;
        }
    }
    Ok(())
}
