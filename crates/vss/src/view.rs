//! The catalogue for commands that only look: they take no lock and wait for nobody.

use serde::Serialize;
use vss_coordinator::{CatalogueReader, StateDir};
use vss_model::{ErrorKind, OperationId, SetId};

use crate::app::App;
use crate::embedded::Service;
use crate::failure::{self, Failure};

/// An operation that has begun and is not finished.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Unfinished {
    /// Its id.
    pub(crate) operation: OperationId,
    /// The set it works on; null for an undo.
    pub(crate) set_id: SetId,
    /// Its kind.
    pub(crate) kind: String,
}

/// The catalogue as it can be shown now.
#[derive(Debug)]
pub(crate) struct View {
    /// The catalogue.
    pub(crate) reader: CatalogueReader,
    /// What runs in another process, or could not be recovered.
    pub(crate) unfinished: Vec<Unfinished>,
    /// True when another process is at it.
    pub(crate) in_work: bool,
}

impl View {
    /// Opens the catalogue; a folder that is not there reads as empty and is not made.
    ///
    /// Nothing that a crash left half done is shown: if something is unfinished and nobody is at it,
    /// it is recovered first.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub(crate) fn open(app: &App) -> Result<Self, Failure> {
        let mut view = Self::read(app)?;
        if view.unfinished.is_empty() {
            return Ok(view);
        }
        match StateDir::acquire(app.paths.clone()) {
            Ok(state) => {
                // One thread's reader must not keep the recovery from its database.
                drop(view);
                match Service::on(state) {
                    Ok(service) => service.announce(app),
                    // Looking must still be possible on the worst of days.
                    Err(error) => failure::tell(app.json, &error),
                }
                Self::read(app)
            }
            Err(error) if error.kind() == ErrorKind::BadState => {
                view.in_work = true;
                Ok(view)
            }
            // Not ours to recover.
            Err(_) => Ok(view),
        }
    }

    fn read(app: &App) -> Result<Self, Failure> {
        let reader = CatalogueReader::open(&app.paths.catalogue()).map_err(|error| {
            if error.kind() == ErrorKind::AccessDenied && error.hint().is_none() {
                error.with_hint("be root or the owner of the state folder, or name one of your own with --state DIR")
            } else {
                error
            }
        })?;
        let unfinished = reader
            .unfinished()?
            .into_iter()
            .map(|(operation, set_id, kind)| Unfinished {
                operation,
                set_id,
                kind,
            })
            .collect();
        Ok(Self {
            reader,
            unfinished,
            in_work: false,
        })
    }

    /// A line for each wanted operation that is not finished.
    pub(crate) fn unfinished_lines(&self, wanted: impl Fn(&Unfinished) -> bool) -> Vec<String> {
        let state = if self.in_work { "in work" } else { "cut off" };
        self.unfinished
            .iter()
            .filter(|one| wanted(one))
            .map(|one| {
                let of = if one.set_id.is_null() {
                    String::new()
                } else {
                    format!(" of set {}", one.set_id)
                };
                format!("{state}: {}{of} (operation {})", one.kind, one.operation)
            })
            .collect()
    }
}
