//! The bytes of copies, of whichever kind of storage.

use std::path::{Path, PathBuf};

use uuid::Uuid;
use vss_model::SetId;
use vss_provider::ProviderError;

use crate::files;
use crate::name;
use crate::records::{Record, Storage};
use crate::state::LioProvider;
use crate::tree::{Backing, Backstore};
use crate::volumes::lower_set;

impl LioProvider {
    /// Says why a backstore cannot be copied, if so.
    ///
    /// # Errors
    /// The reason.
    pub(crate) fn must_be_copyable(&self, store: &Backstore) -> Result<(), ProviderError> {
        match &store.backing {
            Backing::File { path, .. } => files::must_share_extents(path),
            Backing::Block { path } => self.volume_at(&store.name, path).map(drop),
            Backing::Other(kind) => Err(other_kind(&store.name, kind)),
        }
    }

    /// Where the bytes of the copy of a backstore will be.
    pub(crate) fn plan_storage(
        &self,
        set: SetId,
        store: &Backstore,
        serial: Uuid,
    ) -> Result<Storage, ProviderError> {
        match &store.backing {
            Backing::File { path, buffered } => {
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or(&store.name);
                Ok(Storage::File {
                    image: path.with_file_name(name::of_image(name, serial)),
                    original: path.clone(),
                    buffered: *buffered,
                })
            }
            Backing::Block { path } => Ok(Storage::Volume {
                original: Box::new(self.volume_at(&store.name, path)?.information),
                copy: None,
                set: lower_set(set),
            }),
            Backing::Other(kind) => Err(other_kind(&store.name, kind)),
        }
    }

    /// Sets room aside for the copies of a set, whose records are written.
    pub(crate) fn prepare_storage(&self, records: &[Record]) -> Result<(), ProviderError> {
        for (original, image) in images(records) {
            files::set_aside(original, image)?;
        }
        self.prepare_volumes(records)
    }

    /// The instant: all copies of a set, or none.
    pub(crate) fn copy_storage(&self, records: &[Record]) -> Result<(), ProviderError> {
        let copied = images(records)
            .try_for_each(|(original, image)| files::copy(original, image))
            // These are all or none by themselves.
            .and_then(|()| self.commit_volumes(records));
        if copied.is_err() {
            images(records).for_each(|(_, image)| files::undo(image));
        }
        copied
    }

    /// Makes the copies of a set durable; gives the records with what is known of them now.
    pub(crate) fn settle_storage(
        &self,
        mut records: Vec<Record>,
    ) -> Result<Vec<Record>, ProviderError> {
        for (_, image) in images(&records) {
            files::settle(image)?;
        }
        self.settle_volumes(&mut records)?;
        Ok(records)
    }

    /// Frees a copy that no backstore lies on any more. Repeatable.
    pub(crate) fn destroy_storage(&self, record: &Record) -> Result<(), ProviderError> {
        match &record.storage {
            Storage::File { image, .. } => files::destroy(image),
            Storage::Volume { .. } => self.destroy_volume(record),
        }
    }

    /// The backstore of a copy, which is made if need be.
    pub(crate) fn backstore(&self, record: &Record) -> Result<Backstore, ProviderError> {
        if let Some(store) = self.roots.backstore_of(record)? {
            return Ok(store);
        }
        let source: PathBuf = match &record.storage {
            Storage::File { image, .. } => image.clone(),
            Storage::Volume { .. } => self.volume_of(record)?,
        };
        if !source.exists() {
            return Err(ProviderError::veto(format!(
                "{} is gone, which held the copy {:?}",
                source.display(),
                record.name
            )));
        }
        self.roots.make_backstore(record, &source)
    }
}

/// The images of originals and of their copies.
fn images(records: &[Record]) -> impl Iterator<Item = (&Path, &Path)> {
    records.iter().filter_map(|record| match &record.storage {
        Storage::File {
            original, image, ..
        } => Some((original.as_path(), image.as_path())),
        Storage::Volume { .. } => None,
    })
}

fn other_kind(name: &str, kind: &str) -> ProviderError {
    ProviderError::veto(format!(
        "the backstore {name:?} is of kind {kind}, which cannot be copied"
    ))
    .with_hint("fileio backstores on XFS or Btrfs, and iblock backstores on thin volumes can")
}
