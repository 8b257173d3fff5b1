//! The table of what may come when.

use vss_model::{Context, ErrorKind};

use super::{Call, Mode, Order, SetStep};

const ALL: &[Call] = &[
    Call::Initialize,
    Call::SetContext,
    Call::SetBackupState,
    Call::SetRestoreState,
    Call::GatherWriterMetadata,
    Call::UseWriterMetadata,
    Call::EditForBackup,
    Call::SetBackupSucceeded,
    Call::EditForRestore,
    Call::PrepareForBackup,
    Call::Any,
    Call::UseWriterStatus,
    Call::StartSnapshotSet,
    Call::AddToSnapshotSet,
    Call::DoSnapshotSet,
    Call::BackupComplete,
    Call::AnyForBackup,
    Call::ImportSnapshots,
    Call::PreRestore,
    Call::PostRestore,
    Call::AnyForRestore,
];

fn allowed(order: &Order) -> Vec<Call> {
    let may = |call: &&Call| match order.allow(**call) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::BadState);
            false
        }
    };
    ALL.iter().filter(may).copied().collect()
}

fn backup() -> Order {
    Order {
        mode: Mode::Backup,
        ..Order::new()
    }
}

#[test]
fn a_new_object_can_only_be_initialised() {
    assert_eq!(allowed(&Order::new()), [Call::Initialize]);
}

#[test]
fn a_backup_with_writers_goes_step_by_step() {
    use Call as C;
    let mut order = backup();
    assert_eq!(
        allowed(&order),
        [
            C::SetContext,
            C::SetBackupState,
            C::GatherWriterMetadata,
            C::Any,
            C::StartSnapshotSet,
            C::AnyForBackup,
        ]
    );
    order.context = Some(Context::BACKUP);
    order.has_backup_state = true;
    order.gathered = true;
    assert_eq!(
        allowed(&order),
        [
            C::SetBackupState,
            C::UseWriterMetadata,
            C::EditForBackup,
            C::PrepareForBackup,
            C::Any,
            C::StartSnapshotSet,
            C::AnyForBackup,
        ]
    );
    order.set = SetStep::Open;
    order.prepared = true;
    assert_eq!(
        allowed(&order),
        [
            C::UseWriterMetadata,
            C::SetBackupSucceeded,
            C::Any,
            C::AddToSnapshotSet,
            C::DoSnapshotSet,
            C::BackupComplete,
            C::AnyForBackup,
        ]
    );
    order.set = SetStep::Done;
    order.creating = true;
    assert_eq!(
        allowed(&order),
        [
            C::UseWriterMetadata,
            C::SetBackupSucceeded,
            C::Any,
            C::AnyForBackup
        ]
    );
    order.creating = false;
    order.has_status = true;
    order.freed = true;
    assert_eq!(
        allowed(&order),
        [
            C::SetBackupSucceeded,
            C::Any,
            C::UseWriterStatus,
            C::BackupComplete,
            C::AnyForBackup,
        ]
    );
    order.completed = true;
    assert_eq!(
        allowed(&order),
        [C::Any, C::UseWriterStatus, C::AnyForBackup]
    );
}

/// Confirmed in the field for `PrepareForBackup` with `VSS_CTX_NAS_ROLLBACK` (spec: requester §4.1).
#[test]
fn without_writers_there_is_nothing_to_prepare() {
    use Call as C;
    for context in [Context::NAS_ROLLBACK, Context::FILE_SHARE_BACKUP] {
        let mut order = backup();
        order.context = Some(context);
        order.has_backup_state = true;
        order.gathered = true;
        order.set = SetStep::Open;
        for call in [C::EditForBackup, C::PrepareForBackup, C::BackupComplete] {
            assert!(order.allow(call).is_err(), "{call:?}");
        }
        order.gathered = false;
        assert!(order.allow(C::DoSnapshotSet).is_ok());
    }
}

#[test]
fn writers_must_be_asked_before_a_creation() {
    let mut order = backup();
    order.set = SetStep::Open;
    order.has_backup_state = true;
    assert!(order.allow(Call::DoSnapshotSet).is_err());
    order.gathered = true;
    assert!(order.allow(Call::DoSnapshotSet).is_err());
    order.prepared = true;
    assert!(order.allow(Call::DoSnapshotSet).is_ok());
}

#[test]
fn a_restore_has_calls_of_its_own() {
    use Call as C;
    let mut order = Order {
        mode: Mode::Restore,
        has_document: true,
        ..Order::new()
    };
    assert_eq!(
        allowed(&order),
        [
            C::SetRestoreState,
            C::GatherWriterMetadata,
            C::EditForRestore,
            C::Any,
            C::PreRestore,
            C::AnyForRestore,
        ]
    );
    order.pre_restored = true;
    assert_eq!(
        allowed(&order),
        [
            C::GatherWriterMetadata,
            C::EditForRestore,
            C::Any,
            C::PostRestore,
            C::AnyForRestore,
        ]
    );
    order.post_restored = true;
    assert!(order.allow(C::PostRestore).is_err());
}

#[test]
fn an_import_needs_a_document() {
    let mut order = backup();
    assert!(order.allow(Call::ImportSnapshots).is_err());
    order.has_document = true;
    assert!(order.allow(Call::ImportSnapshots).is_ok());
}

#[test]
fn an_aborted_backup_does_not_go_on() {
    let mut order = backup();
    order.gathered = true;
    order.prepared = true;
    order.set = SetStep::Aborted;
    for call in [
        Call::StartSnapshotSet,
        Call::AddToSnapshotSet,
        Call::DoSnapshotSet,
        Call::BackupComplete,
    ] {
        assert!(order.allow(call).is_err(), "{call:?}");
    }
}
