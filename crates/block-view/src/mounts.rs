//! The mounts of this process's namespace (`/proc/self/mountinfo`, see proc(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::number::DevNo;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The number of its file system; for one on a single block device, that of the device.
    pub device: DevNo,
    /// What of the file system is mounted: `/`, or a folder, for a bind mount or a subvolume.
    pub root: PathBuf,
    /// Where.
    pub mount_point: PathBuf,
    /// Kind of file system.
    pub fs_type: String,
    /// What was named when it was mounted.
    pub source: PathBuf,
    /// Whether this mount, or the file system, refuses writes.
    pub read_only: bool,
    /// Whether the file system itself refuses writes, through whichever mount.
    pub file_system_read_only: bool,
}

/// Reads the list; lines that make no sense are passed over.
pub(crate) fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n')
        .filter_map(parse_line)
        .collect()
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let mut word = || words.next();
    let (_id, _parent) = (word()?, word()?);
    let device = std::str::from_utf8(word()?).ok()?.parse().ok()?;
    let root = path(word()?);
    let mount_point = path(word()?);
    let options = word()?;
    // Optional fields end with a lone dash.
    while word()? != b"-" {}
    let fs_type = String::from_utf8_lossy(word()?).into_owned();
    let source = path(word()?);
    let own_options = word().unwrap_or_default();
    let file_system_read_only = has(own_options, b"ro");
    Some(Mount {
        device,
        root,
        mount_point,
        fs_type,
        source,
        read_only: file_system_read_only || has(options, b"ro"),
        file_system_read_only,
    })
}

fn has(options: &[u8], wanted: &[u8]) -> bool {
    options
        .split(|byte| *byte == b',')
        .any(|option| option == wanted)
}

/// Undoes the kernel's escapes: a backslash and three octal digits for a byte.
fn path(word: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let escaped = after
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::parse;

    #[test]
    fn lines_of_a_real_host() {
        let text = b"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
            40 22 0:35 /sub /srv/a\\040b rw,noatime shared:2 master:3 - btrfs /dev/sdb ro,space_cache\n\
            41 22 8:1 / /mnt ro - xfs /dev/sda1 rw\n\
            nonsense\n\
            42 22 8:x / /mnt ro - xfs /dev/sda1 rw\n";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 3);
        assert_eq!(mounts[1].mount_point, Path::new("/srv/a b"));
        assert_eq!(mounts[1].root, Path::new("/sub"));
        assert_eq!(mounts[1].device.to_string(), "0:35");
        assert!(mounts[1].read_only && mounts[1].file_system_read_only);
        assert!(mounts[2].read_only && !mounts[2].file_system_read_only);
        assert!(!mounts[0].read_only);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            parse(&bytes);
        }

        #[test]
        fn no_line_makes_it_panic(words in proptest::collection::vec("[a-z0-9:\\\\/ -]{0,8}", 0..14)) {
            parse(words.join(" ").as_bytes());
        }
    }
}
