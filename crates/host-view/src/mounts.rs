//! The kernel's tables of mounts and swap areas.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::dev_no::DevNo;

/// One mount, a line of `mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The mount's number.
    pub id: u64,
    /// The mount that it is mounted on.
    pub parent: u64,
    /// The number of the file system, the same for all of its mounts. For btrfs it is made up.
    pub device: DevNo,
    /// `st_dev` at the mount point: `device`, but for btrfs, where each subvolume has its own; filled in
    /// when the view is read, as far as the mount can be seen.
    pub st_dev: DevNo,
    /// The folder of the file system that is shown; `/` but for bind mounts and subvolumes.
    pub root: PathBuf,
    /// Where it is mounted.
    pub point: PathBuf,
    /// This mount refuses writes.
    pub read_only: bool,
    /// Type of the file system.
    pub fs_type: String,
    /// What was mounted: most often a device path.
    pub source: PathBuf,
    /// The file system itself is read-only.
    pub file_system_read_only: bool,
    /// Options of the file system, escapes of the mount table taken out.
    pub options: Vec<OsString>,
    /// The block device that `source` names, filled in when the view is read.
    pub source_devices: Vec<DevNo>,
    /// Further block devices that the options name (XFS log and real-time device).
    pub further_devices: Vec<DevNo>,
}

/// One swap area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// Device or file.
    pub path: PathBuf,
    /// It is a device, with this number, as far as that is known.
    pub device: Option<DevNo>,
}

/// Takes the octal escapes of the kernel's tables out (`\040` is a blank).
#[must_use]
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'\\'
            && let Some(digits) = tail.get(..3)
            && let Some(value) = octal(digits)
        {
            out.push(value);
            rest = &tail[3..];
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    out
}

fn octal(digits: &[u8]) -> Option<u8> {
    let value = digits.iter().try_fold(0_u32, |value, digit| match digit {
        b'0'..=b'7' => Some(value * 8 + u32::from(digit - b'0')),
        _ => None,
    })?;
    u8::try_from(value).ok()
}

fn path(field: &[u8]) -> PathBuf {
    OsString::from_vec(unescape(field)).into()
}

fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok()
}

/// One line of `/proc/PID/mountinfo`, without its end; none if it does not have the form.
#[must_use]
pub fn parse_mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = text(fields.next()?)?.parse().ok()?;
    let parent = text(fields.next()?)?.parse().ok()?;
    let device = text(fields.next()?)?.parse().ok()?;
    let root = path(fields.next()?);
    let point = path(fields.next()?);
    let read_only = fields.next()?.split(|b| *b == b',').any(|o| o == b"ro");
    // Any number of optional fields up to a lone dash.
    fields.find(|field| *field == b"-")?;
    let fs_type = String::from_utf8_lossy(&unescape(fields.next()?)).into_owned();
    let source = path(fields.next()?);
    let super_options = fields.next().unwrap_or_default();
    let options: Vec<OsString> = super_options
        .split(|b| *b == b',')
        .map(|option| OsString::from_vec(unescape(option)))
        .collect();
    Some(Mount {
        id,
        parent,
        device,
        st_dev: device,
        root,
        point,
        read_only,
        fs_type,
        source,
        file_system_read_only: options.iter().any(|option| option == "ro"),
        options,
        source_devices: Vec::new(),
        further_devices: Vec::new(),
    })
}

/// All of `/proc/PID/mountinfo`.
///
/// # Errors
///
/// Number (from 1) and text of the first line that does not have the form: a mount that is not
/// understood might be one that must be frozen.
pub fn parse_mounts(table: &[u8]) -> Result<Vec<Mount>, (usize, String)> {
    table
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| {
            parse_mount(line).ok_or_else(|| (index + 1, String::from_utf8_lossy(line).into_owned()))
        })
        .collect()
}

/// The paths in `/proc/swaps`.
#[must_use]
pub fn parse_swaps(table: &[u8]) -> Vec<PathBuf> {
    table
        .split(|byte| *byte == b'\n')
        .skip(1)
        .filter_map(|line| line.split(|b| *b == b' ' || *b == b'\t').next())
        .filter(|field| !field.is_empty())
        .map(path)
        .collect()
}

impl Mount {
    /// The value of an option `name=value`.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<OsString> {
        use std::os::unix::ffi::OsStrExt;
        self.options.iter().find_map(|option| {
            let value = option.as_bytes().strip_prefix(name.as_bytes())?;
            Some(OsString::from_vec(value.strip_prefix(b"=")?.to_vec()))
        })
    }
}
