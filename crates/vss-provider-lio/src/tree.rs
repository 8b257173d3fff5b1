//! What the target's configfs and the host's sysfs say: backstores, LUNs, and the SCSI disks they became.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vss_provider::ProviderError;
use vss_provider::failure::io_failed;

/// Where the kernel's trees are.
#[derive(Debug, Clone)]
pub struct Roots {
    /// `/sys/kernel/config/target`.
    pub target: PathBuf,
    /// `/sys`.
    pub sys: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            target: "/sys/kernel/config/target".into(),
            sys: "/sys".into(),
            dev: "/dev".into(),
        }
    }
}

/// What a backstore says of itself in inquiry data and page 0x83, besides its serial number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inquiry {
    pub(crate) vendor: String,
    pub(crate) product: String,
    pub(crate) revision: String,
    /// The IEEE company id of its NAA identifier: 24 bits.
    pub(crate) company: u32,
}

/// What a backstore lies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Backing {
    /// `fileio`; `buffered` means that writes may stay in the page cache.
    File { path: PathBuf, buffered: bool },
    /// `iblock`.
    Block { path: PathBuf },
    /// Any other kind, by its name.
    Other(String),
}

/// A backstore: a folder `core/HBA/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backstore {
    pub(crate) hba: String,
    pub(crate) name: String,
    /// Empty when none was set.
    pub(crate) serial: String,
    pub(crate) backing: Backing,
    pub(crate) inquiry: Inquiry,
    pub(crate) block_size: u32,
}

/// The fabrics by which this host can reach its own target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fabric {
    Loopback,
    Iscsi,
}

impl Fabric {
    pub(crate) const ALL: [Self; 2] = [Self::Loopback, Self::Iscsi];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Iscsi => "iscsi",
        }
    }
}

/// A target portal group: a folder `FABRIC/TARGET/tpgt_TAG`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Port {
    pub(crate) fabric: Fabric,
    pub(crate) target: String,
    pub(crate) tag: u16,
}

/// A LUN of a portal group, and the backstore it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) port: Port,
    pub(crate) number: u32,
    pub(crate) hba: String,
    pub(crate) name: String,
}

/// Where the SCSI layer of this host finds the LUNs of a portal group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nexus {
    pub(crate) host: u32,
    pub(crate) channel: u32,
    pub(crate) id: u32,
}

impl Nexus {
    /// `H:C:I`, as in sysfs and in the `address` of a loopback portal group.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split(':').map(str::parse);
        let mut next = || parts.next()?.ok();
        let found = Self {
            host: next()?,
            channel: next()?,
            id: next()?,
        };
        parts.next().is_none().then_some(found)
    }
}

impl Roots {
    pub(crate) fn port(&self, port: &Port) -> PathBuf {
        self.target
            .join(port.fabric.name())
            .join(&port.target)
            .join(format!("tpgt_{}", port.tag))
    }

    pub(crate) fn lun(&self, port: &Port, number: u32) -> PathBuf {
        self.port(port).join("lun").join(format!("lun_{number}"))
    }

    pub(crate) fn backstore(&self, hba: &str, name: &str) -> PathBuf {
        self.target.join("core").join(hba).join(name)
    }

    /// The SCSI device at a place, whether it is there or not.
    pub(crate) fn scsi_device(&self, nexus: Nexus, number: u32) -> PathBuf {
        let Nexus { host, channel, id } = nexus;
        self.sys
            .join("class/scsi_device")
            .join(format!("{host}:{channel}:{id}:{number}"))
            .join("device")
    }

    /// The numbers of the SCSI devices at a place, disks or not.
    pub(crate) fn scsi_devices(&self, nexus: Nexus) -> Result<Vec<u32>, ProviderError> {
        let Nexus { host, channel, id } = nexus;
        let prefix = format!("{host}:{channel}:{id}:");
        Ok(folders(&self.sys.join("class/scsi_device"))?
            .iter()
            .filter_map(|name| numbered(name, &prefix))
            .collect())
    }

    /// All backstores. None where the target's modules are not loaded.
    pub(crate) fn backstores(&self) -> Result<Vec<Backstore>, ProviderError> {
        let core = self.target.join("core");
        let mut found = Vec::new();
        for hba in folders(&core)? {
            // `alua` holds no backstores.
            let Some((kind, index)) = hba.rsplit_once('_') else {
                continue;
            };
            if index.parse::<u32>().is_err() {
                continue;
            }
            for name in folders(&core.join(&hba))? {
                let folder = self.backstore(&hba, &name);
                if folder.join("enable").exists() {
                    found.push(backstore(&folder, kind, hba.clone(), name));
                }
            }
        }
        Ok(found)
    }

    /// All portal groups of the fabrics that lead back to this host.
    pub(crate) fn ports(&self) -> Result<Vec<Port>, ProviderError> {
        let mut found = Vec::new();
        for fabric in Fabric::ALL {
            let root = self.target.join(fabric.name());
            for target in folders(&root)? {
                for group in folders(&root.join(&target))? {
                    if let Some(tag) = numbered(&group, "tpgt_") {
                        found.push(Port {
                            fabric,
                            target: target.clone(),
                            tag,
                        });
                    }
                }
            }
        }
        Ok(found)
    }

    /// The LUNs of a portal group. One without a backstore is only a number that is taken.
    pub(crate) fn mappings(&self, port: &Port) -> Result<Vec<Mapping>, ProviderError> {
        let mut found = Vec::new();
        for number in self.numbers(port)? {
            if let Some((hba, name)) = linked(&self.lun(port, number))? {
                found.push(Mapping {
                    port: port.clone(),
                    number,
                    hba,
                    name,
                });
            }
        }
        Ok(found)
    }

    /// The LUN numbers of a portal group that are taken.
    pub(crate) fn numbers(&self, port: &Port) -> Result<Vec<u32>, ProviderError> {
        Ok(folders(&self.port(port).join("lun"))?
            .iter()
            .filter_map(|name| numbered(name, "lun_"))
            .collect())
    }

    /// The places at which this host sees the LUNs of a portal group: none when it is not enabled or this
    /// host is not logged in.
    pub(crate) fn nexuses(&self, port: &Port) -> Vec<Nexus> {
        let folder = self.port(port);
        match port.fabric {
            Fabric::Loopback => {
                if word(&folder.join("nexus")).is_none_or(|name| name.is_empty()) {
                    return Vec::new();
                }
                word(&folder.join("address"))
                    .and_then(|address| Nexus::parse(&address))
                    .into_iter()
                    .collect()
            }
            Fabric::Iscsi => {
                if !self.is_enabled(port) {
                    return Vec::new();
                }
                self.sessions(port)
                    .iter()
                    .filter_map(|session| self.place(session))
                    .collect()
            }
        }
    }
}

fn backstore(folder: &Path, kind: &str, hba: String, name: String) -> Backstore {
    let info = fs::read_to_string(folder.join("info")).unwrap_or_default();
    let wwn = folder.join("wwn");
    let text = |name: &str| word(&wwn.join(name)).unwrap_or_default();
    Backstore {
        serial: serial(&fs::read_to_string(wwn.join("vpd_unit_serial")).unwrap_or_default()),
        backing: backing(
            kind,
            &info,
            &word(&folder.join("udev_path")).unwrap_or_default(),
        ),
        inquiry: Inquiry {
            vendor: text("vendor_id"),
            product: text("product_id"),
            revision: text("revision"),
            company: u32::from_str_radix(text("company_id").trim_start_matches("0x"), 16)
                .unwrap_or(0x1405),
        },
        block_size: word(&folder.join("attrib/block_size"))
            .and_then(|size| size.parse().ok())
            .unwrap_or(512),
        hba,
        name,
    }
}

/// `T10 VPD Unit Serial Number: SERIAL`.
pub(crate) fn serial(line: &str) -> String {
    line.split_once(": ")
        .map_or("", |(_, serial)| serial.trim())
        .to_owned()
}

/// What a backstore lies on, by its `info`, which is what the kernel has open.
fn backing(kind: &str, info: &str, udev_path: &str) -> Backing {
    match kind {
        "fileio" => {
            let path = info
                .split_once(" File: ")
                .and_then(|(_, rest)| rest.rsplit_once("  Size: "))
                .map_or(udev_path, |(path, _)| path);
            Backing::File {
                path: path.into(),
                buffered: info.contains("Mode: Buffered"),
            }
        }
        "iblock" => {
            let device = info
                .split_once("iBlock device: ")
                .and_then(|(_, rest)| rest.split_whitespace().next());
            Backing::Block {
                path: match device {
                    _ if !udev_path.is_empty() => udev_path.into(),
                    Some(device) => Path::new("/dev").join(device),
                    None => PathBuf::new(),
                },
            }
        }
        other => Backing::Other(other.to_owned()),
    }
}

/// The backstore to which the link in a LUN's folder leads.
fn linked(folder: &Path) -> Result<Option<(String, String)>, ProviderError> {
    let failed = || io_failed("read the folder", folder);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(failed())?,
    };
    for entry in entries {
        let entry = entry.map_err(failed())?;
        let Ok(leads) = fs::read_link(entry.path()) else {
            continue;
        };
        let mut parts = leads.iter().rev().filter_map(|part| part.to_str());
        if let (Some(name), Some(hba), Some("core")) = (parts.next(), parts.next(), parts.next()) {
            return Ok(Some((hba.to_owned(), name.to_owned())));
        }
    }
    Ok(None)
}

/// The names of the folders in a folder, in order; none when it is not there.
pub(crate) fn folders(folder: &Path) -> Result<Vec<String>, ProviderError> {
    let failed = || io_failed("read the folder", folder);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed())?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed())?;
        if entry.path().is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The number in a name of this form.
pub(crate) fn numbered<T: std::str::FromStr>(name: &str, prefix: &str) -> Option<T> {
    name.strip_prefix(prefix)?.parse().ok()
}

/// The content of a small file without blanks around it.
pub(crate) fn word(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// The lowest number that nobody has, `wanted` first.
pub(crate) fn free_number(wanted: Option<u32>, taken: &[u32]) -> u32 {
    wanted
        .into_iter()
        .chain(0..=u32::MAX)
        .find(|number| !taken.contains(number))
        .unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
