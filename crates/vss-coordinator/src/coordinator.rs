//! The service: opens a state folder, recovers it, and hands out requester sessions.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use disk_identity::{Identifier, SectorSize, observe};
use vss_model::{Context, Error, ErrorKind, OperationId, ProviderProperties, SessionId, SetId};
use vss_service::{
    AuditRecord, BreakPlan, CopyProgress, Event, Listener, Refusal, SetRecord, SetState, VssAsync,
};

use crate::break_set;
use crate::catalogue::Catalogue;
use crate::copies;
use crate::cut_off::CutOff;
use crate::engine::{Engine, Stuck};
use crate::host::Host;
use crate::job::Job;
use crate::providers::{AnyProvider, Providers};
use crate::recovery;
use crate::session::{Requester, break_flags};
use crate::state_dir::StateDir;
use crate::undo;
use crate::world;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Has backup privilege.
    Privileged,
    /// Has not: every method answers `E_ACCESSDENIED`.
    Unprivileged,
}

impl Caller {
    /// Lets only those with backup privilege pass.
    ///
    /// # Errors
    /// `E_ACCESSDENIED`.
    pub fn check_privilege(self) -> Result<(), Error> {
        match self {
            Self::Privileged => Ok(()),
            Self::Unprivileged => Err(Error::new(
                ErrorKind::AccessDenied,
                "the caller has no backup privilege",
            )
            .with_hint("run as root or as the owner of the state folder")),
        }
    }
}

/// The shadow copy service on one state folder.
pub struct Coordinator {
    engine: Arc<Engine>,
    recovered: Vec<AuditRecord>,
    restored: Vec<(SetId, Event)>,
}

impl Coordinator {
    /// Opens the service: loads the providers, then finishes or undoes what a crash cut off. What can
    /// neither be finished nor undone now is [`stuck`](Self::stuck).
    ///
    /// # Errors
    /// A provider does not start, or the catalogue cannot be read or written.
    pub fn open(
        state: StateDir,
        host: Arc<dyn Host>,
        providers: Vec<AnyProvider>,
    ) -> Result<Self, Error> {
        let catalogue = Catalogue::open(&state.paths().catalogue())?;
        // Before anything else, even a provider: it could wait for what is frozen.
        let let_go = recovery::let_go(&*host, &catalogue)?;
        let providers = Providers::load(providers)?;
        let engine = Arc::new(Engine::new(host, providers, state, catalogue));
        let recovered = recovery::recover(&engine, let_go)?;
        let restored = copies::restore(&engine);
        Ok(Self {
            engine,
            recovered,
            restored,
        })
    }

    /// Operations of an earlier run that this start finished or undid.
    #[must_use]
    pub fn recovered(&self) -> &[AuditRecord] {
        &self.recovered
    }

    /// What a crash cut off and this start could not end. The next start tries again; until then the sets
    /// and disks of these operations are refused to everybody.
    #[must_use]
    pub fn stuck(&self) -> Vec<Stuck> {
        self.engine.stuck()
    }

    /// What was told when copies were brought back to this host, after a reboot.
    #[must_use]
    pub fn restored(&self) -> &[(SetId, Event)] {
        &self.restored
    }

    /// The registered providers.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderProperties> {
        self.engine
            .providers
            .all()
            .map(AnyProvider::properties)
            .collect()
    }

    /// A new requester session (`CreateVssRequester`).
    #[must_use]
    pub fn create_backup_components(&self, caller: Caller) -> Requester {
        Requester::new(
            Arc::clone(&self.engine),
            SessionId::from_uuid(self.engine.host.new_uuid()),
            caller,
        )
    }

    /// A session ready for administration: initialised, context `VSS_CTX_ALL` (spec: requester §4.3).
    ///
    /// # Errors
    /// `E_ACCESSDENIED`.
    pub fn administration(&self, caller: Caller) -> Result<Requester, Error> {
        let session = self.create_backup_components(caller);
        session.initialize_for_backup()?;
        session.set_context(Context::ALL.bits())?;
        Ok(session)
    }

    /// The plan of a break, without doing anything: exactly what the break would do now.
    ///
    /// # Errors
    /// The error that the break would end with.
    pub fn plan_break(&self, set: SetId, flags: u32) -> Result<BreakPlan, Error> {
        let flags = break_flags(flags)?;
        let record = self.set(set)?;
        for copy in &record.copies {
            self.engine
                .providers
                .get_hardware(copy.properties.provider_id)?;
        }
        break_set::dry_run(&self.engine, &record, flags)
    }

    /// The whole record of a set that requesters see.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    pub fn set(&self, id: SetId) -> Result<SetRecord, Error> {
        self.engine
            .catalogue()
            .set(id)?
            .filter(|set| set.state == SetState::Created)
            .ok_or_else(|| set_not_found(id))
    }

    /// The set whose copies a LUN carries, if it carries any.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn set_of_lun(&self, lun: &str) -> Result<Option<SetId>, Error> {
        self.engine.catalogue().set_of_lun(lun)
    }

    /// Puts back the identities that a finished operation changed.
    ///
    /// # Errors
    /// See the rules in the README; whatever the error, no disk is half changed.
    pub fn undo(
        &self,
        operation: OperationId,
        id: Option<OperationId>,
    ) -> Result<AuditRecord, Error> {
        undo::undo(&self.engine, operation, id)
    }

    /// The operations in work, oldest first.
    #[must_use]
    pub fn operations(&self) -> Vec<Job> {
        self.engine.operations.running()
    }

    /// A handle of an operation, running, over, or cut off, for this caller.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    pub fn operation(&self, id: OperationId, caller: Caller) -> Result<Box<dyn VssAsync>, Error> {
        if let Some(cut_off) = CutOff::find(&self.engine, id, caller) {
            return Ok(Box::new(cut_off));
        }
        match self.engine.find_operation(id)? {
            Some(job) => Ok(Box::new(job)),
            None => Err(Error::new(
                ErrorKind::ObjectNotFound,
                format!("there is no operation {id}"),
            )
            .with_hint("vss history lists them")),
        }
    }

    /// Has every change of every operation told, from now on, on the operation's own thread.
    pub fn listen(&self, listener: Listener) {
        self.engine.operations.listeners.add(listener);
    }

    /// Takes in how far the copying of the creation in work is; false when it shall stop, because a
    /// cancel was asked for.
    pub fn copying(&self, progress: CopyProgress) -> bool {
        let Some(job) = self.engine.operations.creation() else {
            return true;
        };
        job.copying(progress);
        !job.is_cancel_requested()
    }

    /// Writes down calls that were refused; calls with the same caller and method add up.
    ///
    /// # Errors
    /// The catalogue cannot be written.
    pub fn record_refusals(&self, refusals: &[Refusal]) -> Result<(), Error> {
        if refusals.is_empty() {
            return Ok(());
        }
        self.engine.catalogue().record_refusals(refusals)
    }

    /// Begins nothing new, asks what runs to stop, and waits for it until the limit is over. True when
    /// nothing is left; what is left may be killed, and the next start ends it.
    #[must_use]
    pub fn shut_down(&self, limit: Duration) -> bool {
        self.engine.operations.close(limit)
    }

    /// True while an operation works on the set, from its creation on.
    #[must_use]
    pub fn is_in_work(&self, set: SetId) -> bool {
        self.engine.is_in_work(set)
    }

    /// Lets a disk appear on this host, by `present`, unless it bears an identity that a visible disk
    /// bears, or that an operation is about to give. `sector_size` is in bytes, where it is known.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_ALREADY_EXISTS`, naming the bearer; whatever `present` gives.
    pub fn arrive<T>(
        &self,
        name: &str,
        image: &Path,
        sector_size: Option<u32>,
        present: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.engine.with_claims(|claimed| {
            self.check_arrival(name, image, sector_size, claimed)?;
            present()
        })
    }

    /// Refuses an image that would bring an identity onto this host which a visible disk bears.
    /// `sector_size` is in bytes, where it is known.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_ALREADY_EXISTS`, naming the bearer.
    fn check_arrival(
        &self,
        name: &str,
        image: &Path,
        sector_size: Option<u32>,
        claimed: &HashMap<Identifier, OperationId>,
    ) -> Result<(), Error> {
        let read = self
            .engine
            .host
            .open(image)
            .map_err(Box::<dyn std::error::Error + Send + Sync>::from)
            .and_then(|disk| {
                let size = sector_size.and_then(|bytes| SectorSize::try_from(bytes).ok());
                Ok(observe(&*disk, size)?)
            });
        // A table that cannot be read gives no identity that could collide.
        let Ok(observation) = read else { return Ok(()) };
        let arriving = observation.identity();
        if arriving.ids().next().is_none() {
            return Ok(());
        }
        if let Some(operation) = arriving.ids().find_map(|id| claimed.get(&id)) {
            return Err(Error::new(
                ErrorKind::ObjectAlreadyExists,
                format!(
                    "LUN {name} bears an identity that operation {operation} is about to give to another disk"
                ),
            )
            .with_hint("wait for that operation to end: vss watch"));
        }
        let presented = world::presented(&self.engine.providers)?;
        let own = image.canonicalize().ok();
        let others = world::others(&*self.engine.host, &presented, |disk| {
            own.is_some() && disk.lun.device.canonicalize().ok() == own
        })?;
        let bearer = others.iter().find(|other| {
            other
                .identity
                .as_ref()
                .is_some_and(|identity| identity.is_bearer_of_any(arriving))
        });
        match bearer {
            None => Ok(()),
            Some(bearer) => Err(Error::new(
                ErrorKind::ObjectAlreadyExists,
                format!(
                    "LUN {name} bears the identity of {}, which is visible; two visible disks must not share one",
                    bearer.device.display()
                ),
            )
            .with_hint(match bearer.information {
                Some(_) => format!("mask the other one first: vss lun mask {}", bearer.name),
                None => format!("detach {} from this host first", bearer.device.display()),
            })),
        }
    }
}

pub(crate) fn set_not_found(id: SetId) -> Error {
    Error::new(
        ErrorKind::ObjectNotFound,
        format!("there is no shadow copy set {id}"),
    )
    .with_hint("vss list shows the sets; a broken set is no shadow copy set any more (vss history)")
}
