//! Names of users and groups, from the files of this machine.
//!
//! Directory services are not asked: an answer may take for ever, and connections must not wait for
//! it. A group that is only there can be given as a number.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// Longest file that is looked through, in bytes.
const LONGEST: u64 = 16 << 20;

/// The name of a user, if this machine's file has one.
pub(crate) fn user(uid: u32) -> Option<String> {
    let wanted = uid.to_string();
    let line = find(Path::new(USERS), |fields| {
        fields.get(2) == Some(&wanted.as_str())
    });
    let name = line.ok()??;
    (!name.is_empty() && !name.contains(char::is_control)).then_some(name)
}

/// The number of a group that is given by name or by number; `None` for a name that is not there.
pub(crate) fn group(name: &str) -> io::Result<Option<u32>> {
    group_in(Path::new(GROUPS), name)
}

fn group_in(file: &Path, name: &str) -> io::Result<Option<u32>> {
    if let Ok(gid) = name.parse() {
        return Ok(Some(gid));
    }
    let mut gid = None;
    find(file, |fields| {
        if fields.first() == Some(&name) {
            gid = fields.get(2).and_then(|gid| gid.parse().ok());
        }
        gid.is_some()
    })?;
    Ok(gid)
}

/// The first field of the first line that is wanted.
fn find(file: &Path, mut wanted: impl FnMut(&[&str]) -> bool) -> io::Result<Option<String>> {
    let mut lines = BufReader::new(File::open(file)?.take(LONGEST));
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        // A line that is not UTF-8 is nobody whom we could name.
        let Ok(text) = std::str::from_utf8(&line) else {
            continue;
        };
        let fields: Vec<&str> = text.trim_end().split(':').collect();
        if wanted(&fields) {
            return Ok(fields.first().map(|&name| name.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{group_in, user};

    #[test]
    fn root_has_a_name_and_nobody_else_has_it() {
        assert_eq!(user(0).as_deref(), Some("root"));
        assert_eq!(user(u32::MAX - 2), None);
    }

    #[test]
    fn groups_are_found_by_name_or_number() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"root:x:0:\nbroken\n\xff\xff:x:1:\nhalf:x\nvss:x:977:alice,bob\nlast:x:5")
            .unwrap();
        let group = |name| group_in(file.path(), name).unwrap();
        assert_eq!(group("vss"), Some(977));
        assert_eq!(group("last"), Some(5));
        assert_eq!(group("1234"), Some(1234));
        for missing in ["vs", "half", "broken", "alice", "-1", ""] {
            assert_eq!(group(missing), None, "{missing}");
        }
    }
}
