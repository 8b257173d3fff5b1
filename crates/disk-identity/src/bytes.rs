//! Little-endian fields of byte slices. A field outside the slice reads as zero and is not written,
//! so that no offset found on a disk can bring the program down; callers check lengths first.

use uuid::Uuid;

fn array<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    offset
        .checked_add(N)
        .and_then(|end| bytes.get(offset..end))
        .and_then(|slice| slice.try_into().ok())
        .unwrap_or([0; N])
}

pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(array(bytes, offset))
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(array(bytes, offset))
}

pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(array(bytes, offset))
}

/// A GUID in its mixed-endian form: the first three fields little-endian.
pub(crate) fn guid_at(bytes: &[u8], offset: usize) -> Uuid {
    Uuid::from_bytes_le(array(bytes, offset))
}

pub(crate) fn put(bytes: &mut [u8], offset: usize, field: &[u8]) {
    if let Some(slot) = offset
        .checked_add(field.len())
        .and_then(|end| bytes.get_mut(offset..end))
    {
        slot.copy_from_slice(field);
    }
}

pub(crate) fn put_u32(bytes: &mut [u8], offset: usize, value: u32) {
    put(bytes, offset, &value.to_le_bytes());
}

pub(crate) fn put_u64(bytes: &mut [u8], offset: usize, value: u64) {
    put(bytes, offset, &value.to_le_bytes());
}

pub(crate) fn put_guid(bytes: &mut [u8], offset: usize, value: Uuid) {
    put(bytes, offset, &value.to_bytes_le());
}
