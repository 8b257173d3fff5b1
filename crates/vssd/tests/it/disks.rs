//! LUNs with a partition table, sets of them, and breaks that wait for the test.

use std::fs::{self, File};
use std::path::PathBuf;

use vss_api::client::Client;
use vss_model::{Context, ProviderId, SetId};
use vss_service::{Adopt, AdoptLun, BackupComponents, NewLun, Queries, Service, VssAsync};
use vss_sys::Lease;

use crate::daemon::Place;

const SIZE: usize = 4 << 20;

/// `VSS_BREAKEX_FLAG_REVERT_IDENTITY_ALL`.
pub(crate) const REVERT: u32 = 4;

/// An empty LUN.
pub(crate) fn empty(client: &Client, name: &str) {
    client
        .create_lun(&NewLun {
            name: name.to_owned(),
            size_bytes: 1 << 20,
            sector_size: 512,
            present: true,
        })
        .unwrap();
}

/// A LUN with an MBR, made of a file that moves into the array.
pub(crate) fn with_table(place: &Place, client: &Client, name: &str) {
    let file = place.path(&format!("{name}.img"));
    let mut bytes = vec![0; SIZE];
    bytes[440..444].copy_from_slice(&[0x11, 0x22, 0x33, 0x44]);
    let sectors = u32::try_from(SIZE / 512 - 2048).unwrap();
    bytes[450] = 0x83;
    bytes[454..458].copy_from_slice(&2048_u32.to_le_bytes());
    bytes[458..462].copy_from_slice(&sectors.to_le_bytes());
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    fs::write(&file, &bytes).unwrap();
    client
        .adopt_lun(&AdoptLun {
            name: name.to_owned(),
            file,
            how: Adopt::Move,
            sector_size: None,
            present: true,
        })
        .unwrap();
}

/// A set of copies that outlive their session.
pub(crate) fn lasting_set(client: &Client, luns: &[&str]) -> SetId {
    let session = client.create_backup_components().unwrap();
    set_in(session.as_ref(), Context::NAS_ROLLBACK, luns)
}

/// A set in a session's context.
pub(crate) fn set_in(session: &dyn BackupComponents, context: Context, luns: &[&str]) -> SetId {
    session.initialize_for_backup().unwrap();
    session.set_context(context.bits()).unwrap();
    let set = session.start_snapshot_set().unwrap();
    for lun in luns {
        session.add_to_snapshot_set(lun, ProviderId::NULL).unwrap();
    }
    let operation = session.do_snapshot_set(None).unwrap();
    operation.wait(None).unwrap();
    let state = operation.state().unwrap();
    assert!(state.error.is_none(), "{:?}", state.error);
    set
}

/// A break that cannot end while [`Blocked::lease`] is there: the daemon's opening of the image for
/// writing waits for it.
pub(crate) struct Blocked {
    pub(crate) set: SetId,
    pub(crate) operation: Box<dyn VssAsync>,
    pub(crate) lease: Lease,
    /// Lives as long as the operation may need it.
    _session: Box<dyn BackupComponents>,
}

/// A break in the middle of which the daemon waits for the test; `None`, with a word, where the file
/// system has no leases.
pub(crate) fn blocked_break(place: &Place, client: &Client, test: &str) -> Option<Blocked> {
    with_table(place, client, "db");
    let set = lasting_set(client, &["db"]);
    // The identity of the original comes back only when nobody bears it.
    client.mask_luns(&["db".to_owned()]).unwrap();
    let image = image_of_copy(client, set);
    let lease = match Lease::hold_writes(File::open(&image).unwrap()) {
        Ok(lease) => lease,
        Err(error) => {
            println!("skipped: {test} (no lease on {}: {error})", image.display());
            return None;
        }
    };
    let session = client.administration().unwrap();
    let mut slot = None;
    session
        .break_snapshot_set_ex(set, REVERT, None, Some(&mut slot))
        .unwrap();
    let operation = slot.unwrap();
    // The lease is wanted as soon as the daemon waits for it.
    assert!(crate::daemon::eventually(|| lease.is_wanted().unwrap()));
    assert!(operation.state().unwrap().is_pending());
    Some(Blocked {
        set,
        operation,
        lease,
        _session: session,
    })
}

/// The image of the only copy of a set.
pub(crate) fn image_of_copy(client: &Client, set: SetId) -> PathBuf {
    let luns = client.luns().unwrap();
    let lun = luns.iter().find(|lun| lun.set == Some(set)).unwrap();
    lun.image.clone()
}
