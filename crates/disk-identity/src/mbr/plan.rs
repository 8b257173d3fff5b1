//! The bytes of an MBR after a change.

use crate::bytes::put_u32;
use crate::mbr::SIGNATURE;

/// The record with another disk signature.
pub(crate) fn changed(record: &[u8], signature: u32) -> Vec<u8> {
    let mut record = record.to_vec();
    put_u32(&mut record, SIGNATURE, signature);
    record
}
