//! What callers can ask for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use vss_model::{
    Context, Error, ObjectType, OperationId, ProviderId, SessionId, SetId, SnapshotId,
    SnapshotProperties,
};

use crate::lun::{AdoptLun, Lun, LunChange, LunDetail, NewLun};
use crate::operation::{OperationState, VssAsync};
use crate::plan::BreakPlan;
use crate::records::{CopySummary, SetRecord, SetSummary};
use crate::refusal::Refusal;
use crate::report::AuditRecord;
use crate::status::Status;
use crate::volume::VolumeName;

/// Something with an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// A shadow copy set.
    Set(SetId),
    /// A shadow copy, and its set.
    Copy(SnapshotId, SetId),
    /// An operation that is over.
    Operation(OperationId),
    /// One that is not.
    Unfinished(OperationId),
}

/// What `DeleteSnapshots` deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceObject {
    /// All copies of a set.
    Set(SetId),
    /// One copy.
    Snapshot(SnapshotId),
}

/// How far a deletion came (`DeleteSnapshots`): it stops at the first failure.
#[derive(Debug)]
pub struct DeleteOutcome {
    /// The operation, under which its record can be read.
    pub operation: OperationId,
    /// Copies deleted.
    pub deleted: u32,
    /// The copy that could not be deleted, and why.
    pub failure: Option<(SnapshotId, Error)>,
}

/// What changes nothing. No query waits for a running operation.
pub trait Queries: Send + Sync {
    /// How the service is.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    fn status(&self) -> Result<Status, Error>;

    /// The sets that requesters see, oldest first.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    fn sets(&self) -> Result<Vec<SetSummary>, Error>;

    /// All copies that requesters see, oldest set first, as listings show them.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    fn copies(&self) -> Result<Vec<CopySummary>, Error>;

    /// One set, whole.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    fn set(&self, id: SetId) -> Result<SetRecord, Error>;

    /// One copy.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    fn copy(&self, id: SnapshotId) -> Result<SnapshotProperties, Error>;

    /// Everything whose id begins with these hexadecimal digits (lower case, no dashes), at most
    /// `most` of it: sets, then copies, then operations.
    ///
    /// # Errors
    /// `E_INVALIDARG` for other characters.
    fn find(&self, digits: &str, most: usize) -> Result<Vec<Object>, Error>;

    /// Operations that have begun and are not over, oldest first.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    fn operations(&self) -> Result<Vec<OperationState>, Error>;

    /// A handle of an operation, running or over.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    fn operation(&self, id: OperationId) -> Result<Box<dyn VssAsync>, Error>;

    /// The record of an operation that is over.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    fn record(&self, id: OperationId) -> Result<AuditRecord, Error>;

    /// The record of the creation of a set.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    fn creation(&self, set: SetId) -> Result<AuditRecord, Error>;

    /// Records of operations that are over, newest first.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    fn history(&self, limit: usize) -> Result<Vec<AuditRecord>, Error>;

    /// Calls that were refused, the last ones first.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    fn refusals(&self, limit: usize) -> Result<Vec<Refusal>, Error>;

    /// The volumes that have names for programs written for Windows, by name; an administrator gives
    /// them. None where nobody did.
    ///
    /// # Errors
    /// The service cannot be reached.
    fn volume_names(&self) -> Result<Vec<VolumeName>, Error>;

    /// The names by which sets know these volumes: a folder by its path without links, anything else as
    /// it is. Nothing is said about whether there is such a volume.
    ///
    /// # Errors
    /// The service cannot be reached.
    fn resolve_volumes(&self, names: &[String]) -> Result<Vec<String>, Error>;

    /// The LUNs of the embedded array, by name.
    ///
    /// # Errors
    /// The array's catalogue cannot be read.
    fn luns(&self) -> Result<Vec<Lun>, Error>;

    /// One LUN, and who the disk on it is.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    fn lun(&self, name: &str) -> Result<LunDetail, Error>;
}

/// The shadow copy service for one caller. A caller without backup privilege gets `E_ACCESSDENIED`
/// from every method.
///
/// Where an operation id can be given, a repeat with the same id finds the first call: it runs, or ran,
/// once. The same id for something else is `E_INVALIDARG`.
pub trait Service: Queries {
    /// A new requester session (`CreateVssBackupComponents`).
    ///
    /// # Errors
    /// `E_ACCESSDENIED`; the service cannot be reached, or takes no more sessions.
    fn create_backup_components(&self) -> Result<Box<dyn BackupComponents>, Error>;

    /// A session ready for administration: initialised, context `VSS_CTX_ALL` (spec: requester §4.3).
    ///
    /// # Errors
    /// As [`create_backup_components`](Self::create_backup_components).
    fn administration(&self) -> Result<Box<dyn BackupComponents>, Error> {
        let session = self.create_backup_components()?;
        session.initialize_for_backup()?;
        session.set_context(Context::ALL.bits())?;
        Ok(session)
    }

    /// The plan of a break, without doing anything: exactly what the break would do now.
    ///
    /// # Errors
    /// The error that the break would end with.
    fn plan_break(&self, set: SetId, flags: u32) -> Result<BreakPlan, Error>;

    /// Puts back the identities that a finished operation changed, on every disk or on none.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND` for an unknown operation, `E_INVALIDARG` for one that changed no
    /// identity, `VSS_E_BAD_STATE` for a disk that is a shadow copy, or was changed since, and
    /// `VSS_E_BREAK_REVERT_ID_FAILED` when an identity that would come back is in use.
    fn undo(&self, operation: OperationId, id: Option<OperationId>) -> Result<AuditRecord, Error>;

    /// Makes an empty LUN.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_ALREADY_EXISTS`, `E_INVALIDARG`, `VSS_E_INSUFFICIENT_STORAGE`.
    fn create_lun(&self, lun: &NewLun) -> Result<Lun, Error>;

    /// Makes a LUN of a file.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_ALREADY_EXISTS` for a name in use, and for one that shall be seen and bears the
    /// identity of a visible disk; `E_INVALIDARG`.
    fn adopt_lun(&self, lun: &AdoptLun) -> Result<Lun, Error>;

    /// Withdraws LUNs from this host, all of them checked before the first is touched.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_BAD_STATE` for one that carries copies.
    fn mask_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error>;

    /// Shows LUNs to this host, all of them checked before the first is touched.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_OBJECT_ALREADY_EXISTS` for one that bears the identity of a
    /// visible disk.
    fn unmask_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error>;

    /// Attaches LUNs as loop devices from now on, with their partitions: block devices that can be
    /// mounted. Their copies are attached too.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_BAD_STATE` for one that carries copies;
    /// `VSS_E_PROVIDER_VETO` when there are no loop devices to be had.
    fn attach_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error>;

    /// Takes the loop devices of LUNs away; they stay visible as their images.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_BAD_STATE` for one that carries copies;
    /// `VSS_E_PROVIDER_VETO` for one in use.
    fn detach_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error>;

    /// Deletes LUNs and their images; of adopted files that stayed in their place only the link.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_BAD_STATE` for one that carries copies.
    fn delete_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error>;
}

/// A requester session (`IVssBackupComponents` to `Ex2`, spec: requester §4 and §5). Its drop is its
/// release: a set that was not created is given up, auto-release copies are deleted.
pub trait BackupComponents: Send + Sync {
    /// Tells parallel sessions apart (`GetSessionId`).
    fn session_id(&self) -> SessionId;

    /// `InitializeForBackup` without a document; once.
    ///
    /// # Errors
    /// `E_ACCESSDENIED`; `VSS_E_BAD_STATE` the second time.
    fn initialize_for_backup(&self) -> Result<(), Error>;

    /// `SetContext`; once, before a set is begun. The default is `VSS_CTX_BACKUP`.
    ///
    /// # Errors
    /// `E_INVALIDARG` for an illegal value; `VSS_E_BAD_STATE` out of order.
    fn set_context(&self, context: u32) -> Result<(), Error>;

    /// Lets `DoSnapshotSet` take copies whose writes cannot be held; the set is then called torn.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order.
    fn allow_torn(&self, allow: bool) -> Result<(), Error>;

    /// `StartSnapshotSet`.
    ///
    /// # Errors
    /// `VSS_E_SNAPSHOT_SET_IN_PROGRESS` while another set is being created on this host;
    /// `VSS_E_BAD_STATE` out of order.
    fn start_snapshot_set(&self) -> Result<SetId, Error>;

    /// `AddToSnapshotSet`: `volume` is `LUN` or `LUN/PARTITION`; a null provider lets the service
    /// choose, hardware before software.
    ///
    /// # Errors
    /// The codes of spec requester §5; nothing is changed by a failed call.
    fn add_to_snapshot_set(&self, volume: &str, provider: ProviderId) -> Result<SnapshotId, Error>;

    /// `IsVolumeSupported`: whether a copy of a volume could be begun in the session's context; a null
    /// provider asks whether any provider could.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND` for an unknown volume; `VSS_E_PROVIDER_NOT_REGISTERED`;
    /// `VSS_E_BAD_STATE` before initialisation.
    fn is_volume_supported(&self, volume: &str, provider: ProviderId) -> Result<bool, Error>;

    /// `DoSnapshotSet`: starts the creation and gives its handle.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order. Everything else comes through the handle.
    fn do_snapshot_set(&self, id: Option<OperationId>) -> Result<Box<dyn VssAsync>, Error>;

    /// `AbortBackup`: gives up a set that is not created yet; no effect when there is none.
    ///
    /// # Errors
    /// `E_ACCESSDENIED`, `VSS_E_BAD_STATE` before initialisation.
    fn abort_backup(&self) -> Result<(), Error>;

    /// `Query` for copies: those of the session's context. Never waits for a running operation.
    ///
    /// # Errors
    /// `E_INVALIDARG` unless the arguments are (null, none, snapshot); `VSS_E_BAD_STATE` before
    /// initialisation.
    fn query(
        &self,
        queried: SnapshotId,
        queried_type: ObjectType,
        returned: ObjectType,
    ) -> Result<Vec<SnapshotProperties>, Error>;

    /// `GetSnapshotProperties`.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    fn get_snapshot_properties(&self, id: SnapshotId) -> Result<SnapshotProperties, Error>;

    /// Mounts the file system of a copy, read-only, and gives the folder on the service's host. A copy that
    /// is mounted stays so, until it is deleted or its set is broken.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_BAD_STATE` while the set is in work;
    /// `VSS_E_VOLUME_NOT_SUPPORTED` for a copy that is no block device, or has no file system.
    fn mount_snapshot(&self, id: SnapshotId) -> Result<PathBuf, Error>;

    /// `DeleteSnapshots`: one copy after the other, up to the first failure.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_BAD_STATE` while the set is in work.
    fn delete_snapshots(
        &self,
        object: SourceObject,
        id: Option<OperationId>,
    ) -> Result<DeleteOutcome, Error>;

    /// `BreakSnapshotSet`: the copies become ordinary read-only volumes. Returns when that is done.
    ///
    /// # Errors
    /// As spec break §2.1; never `VSS_E_BREAK_REVERT_ID_FAILED`.
    fn break_snapshot_set(
        &self,
        set: SetId,
        id: Option<OperationId>,
    ) -> Result<Arc<AuditRecord>, Error>;

    /// `BreakSnapshotSetEx`: checks all that arguments and catalogue can tell, in the order of spec
    /// break §2.2, and starts the rest as an operation. `pp_async` of `None` stands for a null pointer;
    /// on failure the slot holds `None`.
    ///
    /// # Errors
    /// As the column "sync" of spec break §2.2.
    fn break_snapshot_set_ex(
        &self,
        set: SetId,
        flags: u32,
        id: Option<OperationId>,
        pp_async: Option<&mut Option<Box<dyn VssAsync>>>,
    ) -> Result<(), Error>;
}

/// Is told of every operation that begins, changes or ends. Called on the operation's own thread: it
/// must not block.
pub type Listener = Arc<dyn Fn(&dyn VssAsync) + Send + Sync>;

/// A service that can be served to others: it has its engine in this process.
pub trait Served: Service {
    /// Has every change of every operation told, from now on.
    fn listen(&self, listener: Listener);

    /// Writes down that calls were refused; calls with the same caller and method add up.
    ///
    /// # Errors
    /// The catalogue cannot be written.
    fn record_refusals(&self, refusals: &[Refusal]) -> Result<(), Error>;

    /// Takes no new sessions and operations from now on, asks running operations to stop, and waits for
    /// them until the limit is over. True when none is left.
    fn shut_down(&self, limit: Duration) -> bool;
}
