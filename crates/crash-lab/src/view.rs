//! What a state folder at rest holds, all of it: catalogue, array, images, links.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use vss_coordinator::CatalogueReader;
use vss_model::{Context, SetId};
use vss_provider_file::{FileArray, Lun};
use vss_service::AuditRecord;

use crate::Outcome;
use crate::service::{self, Service};
use crate::sparse::Sparse;
use crate::tables;

/// An image.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// What is on it.
    pub contents: Sparse,
    /// Its mode.
    pub mode: u32,
}

/// What users and later operations can tell of a state folder.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The images by LUN name.
    pub images: BTreeMap<String, Image>,
    /// The links in the host's folder.
    pub links: BTreeMap<String, String>,
    /// The array's LUNs.
    pub luns: BTreeMap<String, Lun>,
    /// The sets, each with its whole record as text.
    pub sets: BTreeMap<SetId, String>,
    /// The copies that a query gives, as text.
    pub copies: Vec<String>,
}

/// A state folder at rest.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What counts.
    pub world: World,
    /// The audit records, oldest first.
    pub history: Vec<AuditRecord>,
    /// Operations that the journal still holds.
    pub unfinished: usize,
    /// Files of the array that are nothing of the above.
    pub strays: Vec<String>,
}

impl View {
    /// Looks at a state folder. Opens the service for the records of the sets, so it must have been
    /// recovered.
    ///
    /// # Errors
    /// Something cannot be read.
    pub fn read(state: &Path) -> Outcome<Self> {
        let (array, host, catalogue) = service::parts(state);
        let mut images = BTreeMap::new();
        let mut strays = Vec::new();
        for entry in fs::read_dir(&array)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(".img") {
                let file = File::open(entry.path())?;
                let image = Image {
                    contents: Sparse::read(&file)?,
                    mode: file.metadata()?.permissions().mode() & 0o7777,
                };
                images.insert(name.to_owned(), image);
            } else if !name.starts_with("array.db") {
                strays.push(name);
            }
        }
        let mut links = BTreeMap::new();
        for entry in fs::read_dir(&host)? {
            let entry = entry?;
            links.insert(
                entry.file_name().to_string_lossy().into_owned(),
                fs::read_link(entry.path())?.to_string_lossy().into_owned(),
            );
        }
        let luns = FileArray::open_read_only(&array, &host)?
            .list()?
            .into_iter()
            .map(|lun| {
                // Holes are the file system's business.
                (
                    lun.name.clone(),
                    Lun {
                        allocated_bytes: 0,
                        ..lun
                    },
                )
            })
            .collect();
        let reader = CatalogueReader::open(&catalogue)?;
        let summaries = reader.sets()?;
        let copies = reader.copies(Context::ALL)?;
        let mut history = reader.history(usize::MAX)?;
        history.reverse();
        let unfinished = reader.unfinished()?.len();
        drop(reader);
        let mut sets = BTreeMap::new();
        if !summaries.is_empty() {
            let service = Service::open(state)?;
            for summary in summaries {
                sets.insert(summary.set_id, service.set_text(summary.set_id)?);
            }
        }
        Ok(Self {
            world: World {
                images,
                links,
                luns,
                sets,
                copies: copies.iter().map(|copy| format!("{copy:?}")).collect(),
            },
            history,
            unfinished,
            strays,
        })
    }

    /// What must hold of every state folder at rest; every violation in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        let World {
            images,
            links,
            luns,
            ..
        } = &self.world;
        if self.unfinished > 0 {
            found.push(format!(
                "{} intents are left in the journal",
                self.unfinished
            ));
        }
        found.extend(
            self.strays
                .iter()
                .map(|stray| format!("a file is left over: {stray}")),
        );
        let known: BTreeSet<_> = luns.keys().collect();
        let there: BTreeSet<_> = images.keys().collect();
        if known != there {
            found.push(format!("the array has LUNs {known:?} but images {there:?}"));
        }
        let presented: BTreeMap<String, String> = luns
            .values()
            .filter(|lun| lun.presented)
            .map(|lun| (lun.name.clone(), format!("../array/{}.img", lun.name)))
            .collect();
        if presented != *links {
            found.push(format!(
                "the array presents {presented:?} but the links are {links:?}"
            ));
        }
        for lun in luns.values().filter(|lun| lun.set.is_some()) {
            let listed = lun
                .set
                .is_some_and(|set| self.world.sets.contains_key(&set));
            let kept = self
                .history
                .iter()
                .any(|record| Some(record.set) == lun.set);
            if !listed && !kept {
                found.push(format!(
                    "nobody knows of the set that the array has LUN {} for",
                    lun.name
                ));
            }
        }
        let mut bearers: BTreeMap<String, &String> = BTreeMap::new();
        for (name, image) in images {
            let sector = luns.get(name).map_or(512, |lun| lun.sector_size);
            match tables::read(&image.contents, sector).all_valid() {
                Err(failure) => found.push(format!("the table of {name}: {failure}")),
                Ok(reading) if links.contains_key(name) => {
                    for id in reading.ids() {
                        if let Some(other) = bearers.insert(id.clone(), name) {
                            found
                                .push(format!("{other} and {name} are both visible and bear {id}"));
                        }
                    }
                }
                Ok(_) => {}
            }
        }
        found
    }
}

impl World {
    /// How two worlds differ; `None` if they do not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let names: BTreeSet<_> = self.images.keys().chain(other.images.keys()).collect();
        for name in names {
            match (self.images.get(name), other.images.get(name)) {
                (Some(_), None) => return Some(format!("image {name} is there")),
                (None, Some(_)) => return Some(format!("image {name} is missing")),
                (Some(a), Some(b)) if a.contents != b.contents => {
                    let at = a.contents.first_difference(&b.contents);
                    return Some(format!("image {name} differs from byte {at:?} on"));
                }
                (Some(a), Some(b)) if a.mode != b.mode => {
                    return Some(format!(
                        "image {name} has mode {:o}, not {:o}",
                        a.mode, b.mode
                    ));
                }
                _ => {}
            }
        }
        if self.links != other.links {
            return Some(format!("links {:?}, not {:?}", self.links, other.links));
        }
        if self.sets != other.sets || self.copies != other.copies {
            return Some(format!(
                "sets {:?}, not {:?}",
                self.sets.keys(),
                other.sets.keys()
            ));
        }
        (self.luns != other.luns).then(|| format!("LUNs {:?}, not {:?}", self.luns, other.luns))
    }
}
