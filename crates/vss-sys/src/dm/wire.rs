//! What goes to and comes from the control device: `struct dm_ioctl` and what follows it.
//!
//! ```text
//!   0  version    3 x u32     24  open_count  i32      48  name   128 bytes
//!  12  data_size  u32         28  flags       u32     176  uuid   129 bytes
//!  16  data_start u32         32  event_nr    u32     305  (padding)
//!  20  targets    u32         40  dev         u64     312  payload, at data_start
//! ```
//!
//! Numbers are in the byte order of the host. Strings end with a zero byte.

use super::{DmError, Target};

const DATA_SIZE: usize = 12;
const DATA_START: usize = 16;
const TARGET_COUNT: usize = 20;
const OPEN_COUNT: usize = 24;
const FLAGS: usize = 28;
const EVENT_NR: usize = 32;
const DEV: usize = 40;
pub(super) const NAME: usize = 48;
/// Length of the name's field, the zero byte included.
pub(super) const NAME_LEN: usize = 128;
pub(super) const UUID: usize = NAME + NAME_LEN;
/// Length of the uuid's field, the zero byte included.
pub(super) const UUID_LEN: usize = 129;
/// Size of the header, seven bytes of padding included.
pub(super) const HEADER: usize = 312;

/// `struct dm_target_spec`: start, length, status, next, type; its parameters follow.
const SPEC: usize = 40;
const SPEC_TYPE: usize = 24;
const SPEC_TYPE_LEN: usize = 16;

pub(super) const READ_ONLY: u32 = 1 << 0;
pub(super) const SUSPEND: u32 = 1 << 1;
pub(super) const STATUS_TABLE: u32 = 1 << 4;
pub(super) const ACTIVE_PRESENT: u32 = 1 << 5;
pub(super) const INACTIVE_PRESENT: u32 = 1 << 6;
pub(super) const BUFFER_FULL: u32 = 1 << 8;
pub(super) const SKIP_LOCKFS: u32 = 1 << 10;
pub(super) const NO_FLUSH: u32 = 1 << 11;
pub(super) const DATA_OUT: u32 = 1 << 16;
pub(super) const INTERNAL_SUSPEND: u32 = 1 << 18;

/// A request without its payload.
#[derive(Debug, Default)]
pub(super) struct Request<'a> {
    pub(super) name: &'a str,
    pub(super) uuid: &'a str,
    pub(super) dev: u64,
    pub(super) flags: u32,
    pub(super) target_count: u32,
}

/// The reply's header, as far as anybody asks for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: [u32; 3],
    pub(super) data_start: usize,
    pub(super) target_count: u32,
    pub(super) open_count: i32,
    pub(super) flags: u32,
    pub(super) event_nr: u32,
    pub(super) dev: u64,
    pub(super) name: String,
    pub(super) uuid: String,
}

/// The bytes of a request in a buffer of `size` bytes, which must have room for the payload.
pub(super) fn request(
    request: &Request<'_>,
    payload: &[u8],
    size: u32,
) -> Result<Vec<u8>, DmError> {
    let length = usize::try_from(size).map_err(|_| DmError::TooLarge)?;
    let mut bytes = vec![0; length];
    // 4.0.0: the kernel takes every minor version up to its own.
    put(&mut bytes, 0, &native32(4))?;
    put(&mut bytes, DATA_SIZE, &native32(size))?;
    put(&mut bytes, DATA_START, &native32(312))?;
    put(&mut bytes, TARGET_COUNT, &native32(request.target_count))?;
    put(&mut bytes, FLAGS, &native32(request.flags))?;
    put(&mut bytes, DEV, &native64(request.dev))?;
    put(&mut bytes, NAME, field(request.name, NAME_LEN)?)?;
    put(&mut bytes, UUID, field(request.uuid, UUID_LEN)?)?;
    put(&mut bytes, HEADER, payload)?;
    Ok(bytes)
}

/// The header of a reply.
pub(super) fn header(bytes: &[u8]) -> Result<Header, DmError> {
    Ok(Header {
        version: [u32_at(bytes, 0)?, u32_at(bytes, 4)?, u32_at(bytes, 8)?],
        data_start: size(u32_at(bytes, DATA_START)?)?,
        target_count: u32_at(bytes, TARGET_COUNT)?,
        open_count: u32_at(bytes, OPEN_COUNT)?.cast_signed(),
        flags: u32_at(bytes, FLAGS)?,
        event_nr: u32_at(bytes, EVENT_NR)?,
        dev: u64_at(bytes, DEV)?,
        name: string(slice(bytes, NAME, NAME_LEN)?)?,
        uuid: string(slice(bytes, UUID, UUID_LEN)?)?,
    })
}

/// Number and name of each device of a list reply.
pub(super) fn names(bytes: &[u8]) -> Result<Vec<(u64, String)>, DmError> {
    let mut at = header(bytes)?.data_start;
    let mut devices = Vec::new();
    loop {
        let dev = u64_at(bytes, at)?;
        // An empty list is one entry without a device.
        if dev == 0 {
            return Ok(devices);
        }
        let next = size(u32_at(bytes, offset(at, 8)?)?)?;
        let end = if next == 0 {
            bytes.len()
        } else {
            offset(at, next)?
        };
        let name = bytes.get(offset(at, 12)?..end).ok_or(SHORT)?;
        devices.push((dev, string(name)?));
        if next == 0 {
            return Ok(devices);
        }
        // `next` is not zero, so this moves on and ends at the latest with the bytes.
        at = end;
    }
}

/// The targets of a table or status reply.
pub(super) fn targets(bytes: &[u8]) -> Result<Vec<Target>, DmError> {
    let header = header(bytes)?;
    let first = header.data_start;
    let mut at = first;
    let mut targets = Vec::new();
    for _ in 0..header.target_count {
        let spec = slice(bytes, at, SPEC)?;
        // In replies counted from the first specification, not from this one.
        let end = offset(first, size(u32_at(spec, 20)?)?)?;
        let parameters = bytes.get(offset(at, SPEC)?..end).ok_or(SHORT)?;
        targets.push(Target {
            start_sector: u64_at(spec, 0)?,
            sectors: u64_at(spec, 8)?,
            kind: string(slice(spec, SPEC_TYPE, SPEC_TYPE_LEN)?)?,
            parameters: string(parameters)?,
        });
        at = end;
    }
    Ok(targets)
}

/// What a target answered to a message.
pub(super) fn answer(bytes: &[u8]) -> Result<Option<String>, DmError> {
    let header = header(bytes)?;
    if header.flags & DATA_OUT == 0 {
        return Ok(None);
    }
    let text = bytes.get(header.data_start..).ok_or(SHORT)?;
    Ok(Some(string(text)?))
}

/// The payload of a table load.
pub(super) fn table(targets: &[Target]) -> Result<Vec<u8>, DmError> {
    let mut bytes = Vec::new();
    for target in targets {
        let start = bytes.len();
        bytes.resize(start + SPEC, 0);
        bytes.extend_from_slice(text(&target.parameters)?);
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let next = u32::try_from(bytes.len() - start).map_err(|_| DmError::TooLarge)?;
        put(&mut bytes, start, &native64(target.start_sector))?;
        put(&mut bytes, start + 8, &native64(target.sectors))?;
        put(&mut bytes, start + 20, &native32(next))?;
        put(
            &mut bytes,
            start + SPEC_TYPE,
            field(&target.kind, SPEC_TYPE_LEN)?,
        )?;
    }
    Ok(bytes)
}

/// The payload of a target message: the sector that finds the target, then the text.
pub(super) fn message(sector: u64, message: &str) -> Result<Vec<u8>, DmError> {
    let mut bytes = native64(sector).to_vec();
    bytes.extend_from_slice(text(message)?);
    bytes.push(0);
    Ok(bytes)
}

const SHORT: DmError = DmError::Malformed {
    what: "the reply points outside itself",
};

/// A string for a field of `length` bytes, the zero byte included.
fn field(value: &str, length: usize) -> Result<&[u8], DmError> {
    if value.len() < length {
        text(value)
    } else {
        Err(DmError::BadText {
            text: value.to_owned(),
        })
    }
}

fn text(value: &str) -> Result<&[u8], DmError> {
    if value.contains('\0') {
        return Err(DmError::BadText {
            text: value.to_owned(),
        });
    }
    Ok(value.as_bytes())
}

/// The string up to the zero byte, which must be there. Bytes that are no UTF-8 are replaced.
fn string(bytes: &[u8]) -> Result<String, DmError> {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .ok_or(DmError::Malformed {
            what: "a string has no end",
        })?;
    Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

fn offset(at: usize, by: usize) -> Result<usize, DmError> {
    at.checked_add(by).ok_or(SHORT)
}

fn size(value: u32) -> Result<usize, DmError> {
    usize::try_from(value).map_err(|_| SHORT)
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], DmError> {
    bytes.get(at..offset(at, length)?).ok_or(SHORT)
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) -> Result<(), DmError> {
    bytes
        .get_mut(at..offset(at, value.len())?)
        .ok_or(DmError::TooLarge)?
        .copy_from_slice(value);
    Ok(())
}

#[expect(
    clippy::host_endian_bytes,
    reason = "the kernel's structure is in host order"
)]
const fn native32(value: u32) -> [u8; 4] {
    value.to_ne_bytes()
}

#[expect(
    clippy::host_endian_bytes,
    reason = "the kernel's structure is in host order"
)]
const fn native64(value: u64) -> [u8; 8] {
    value.to_ne_bytes()
}

#[expect(
    clippy::host_endian_bytes,
    reason = "the kernel's structure is in host order"
)]
fn u32_at(bytes: &[u8], at: usize) -> Result<u32, DmError> {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(SHORT)?;
    Ok(u32::from_ne_bytes(*four))
}

#[expect(
    clippy::host_endian_bytes,
    reason = "the kernel's structure is in host order"
)]
fn u64_at(bytes: &[u8], at: usize) -> Result<u64, DmError> {
    let eight = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(SHORT)?;
    Ok(u64::from_ne_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(target_count: u32, flags: u32, payload: &[u8]) -> Vec<u8> {
        let head = Request {
            name: "vg-db",
            uuid: "LVM-abc",
            dev: 0xfd03,
            flags,
            target_count,
        };
        let size = u32::try_from(HEADER + payload.len()).unwrap();
        request(&head, payload, size).unwrap()
    }

    /// The payload of a list reply: offsets counted from each entry.
    fn list(devices: &[(u64, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, (dev, name)) in devices.iter().enumerate() {
            let mut entry = native64(*dev).to_vec();
            let length = (12 + name.len() + 1).next_multiple_of(8) + 8;
            let last = index + 1 == devices.len();
            let next = if last {
                0
            } else {
                u32::try_from(length).unwrap()
            };
            entry.extend_from_slice(&native32(next));
            entry.extend_from_slice(name.as_bytes());
            entry.resize(length, 0);
            bytes.extend_from_slice(&entry);
        }
        bytes
    }

    fn linear() -> Vec<Target> {
        vec![
            Target {
                start_sector: 0,
                sectors: 2048,
                kind: "linear".to_owned(),
                parameters: "7:0 0".to_owned(),
            },
            Target {
                start_sector: 2048,
                sectors: 8,
                kind: "zero".to_owned(),
                parameters: String::new(),
            },
        ]
    }

    /// A load counts from each specification, a reply from the first.
    fn as_reply(mut payload: Vec<u8>) -> Vec<u8> {
        let mut at = 0;
        while at < payload.len() {
            let end = at + size(u32_at(&payload, at + 20).unwrap()).unwrap();
            put(
                &mut payload,
                at + 20,
                &native32(u32::try_from(end).unwrap()),
            )
            .unwrap();
            at = end;
        }
        payload
    }

    #[test]
    fn header_is_read_as_written() {
        let bytes = reply(2, SUSPEND | READ_ONLY, &[]);
        let header = header(&bytes).unwrap();
        assert_eq!(header.version, [4, 0, 0]);
        assert_eq!(
            (header.name.as_str(), header.uuid.as_str()),
            ("vg-db", "LVM-abc")
        );
        assert_eq!((header.dev, header.target_count), (0xfd03, 2));
        assert_eq!(header.flags, SUSPEND | READ_ONLY);
        assert_eq!(header.data_start, HEADER);
    }

    #[test]
    fn a_list_is_read() {
        assert_eq!(names(&reply(0, 0, &[0; 16])).unwrap(), vec![]);
        let devices = [(0xfd00, "vg-pool_tmeta"), (0xfd01, "a")];
        let expected: Vec<_> = devices
            .iter()
            .map(|&(dev, name)| (dev, name.to_owned()))
            .collect();
        assert_eq!(names(&reply(0, 0, &list(&devices))).unwrap(), expected);
    }

    #[test]
    fn a_table_is_read_as_loaded() {
        let payload = as_reply(table(&linear()).unwrap());
        assert_eq!(targets(&reply(2, 0, &payload)).unwrap(), linear());
        assert_eq!(targets(&reply(0, 0, &[])).unwrap(), vec![]);
    }

    #[test]
    fn an_answer_is_told_from_none() {
        assert_eq!(answer(&reply(0, 0, b"old message\0")).unwrap(), None);
        let answered = reply(0, DATA_OUT, b"17\0\xff\xff");
        assert_eq!(answer(&answered).unwrap().as_deref(), Some("17"));
        assert!(answer(&reply(0, DATA_OUT, b"17")).is_err());
    }

    #[test]
    fn text_that_does_not_fit_is_refused() {
        let long = "x".repeat(NAME_LEN);
        for name in [long.as_str(), "a\0b"] {
            let head = Request {
                name,
                ..Request::default()
            };
            assert!(matches!(
                request(&head, &[], 512),
                Err(DmError::BadText { .. })
            ));
        }
        assert!(matches!(
            message(0, "delete 3\0"),
            Err(DmError::BadText { .. })
        ));
        let fits = "x".repeat(NAME_LEN - 1);
        let head = Request {
            name: &fits,
            ..Request::default()
        };
        assert_eq!(
            header(&request(&head, &[], 512).unwrap()).unwrap().name,
            fits
        );
        assert!(matches!(
            request(&head, &[0; 201], 512),
            Err(DmError::TooLarge)
        ));
    }

    /// Whatever the reply says, parsing ends, with a value or an error.
    #[test]
    fn hostile_replies_are_survived() {
        let whole = [
            reply(0, 0, &list(&[(0xfd00, "one"), (0xfd01, "two")])),
            reply(2, DATA_OUT, &as_reply(table(&linear()).unwrap())),
        ];
        let parse = |bytes: &[u8]| {
            let _ = header(bytes);
            let _ = names(bytes);
            let _ = targets(bytes);
            let _ = answer(bytes);
        };
        for bytes in &whole {
            for length in 0..bytes.len() {
                parse(&bytes[..length]);
            }
            for at in 0..bytes.len() {
                for value in [0, 1, 0x7f, 0xff] {
                    let mut damaged = bytes.clone();
                    damaged[at] = value;
                    parse(&damaged);
                    let end = (at + 4).min(damaged.len());
                    damaged[at..end].fill(value);
                    parse(&damaged);
                }
            }
        }
    }
}
