//! Reading of sysfs, which may change or lie at any moment: what cannot be read is as if it were not there.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

/// An attribute is at most a page; vital product data at most this.
const LONGEST: u64 = 65_536 + 4;

/// The bytes of an attribute.
pub(crate) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut content)?;
    Ok(content)
}

/// The text of an attribute without blanks around it; none if there is none or it is empty.
pub(crate) fn text(path: &Path) -> Option<String> {
    let content = bytes(path).ok()?;
    let text = String::from_utf8_lossy(&content);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// The attribute as a value.
pub(crate) fn value<T: FromStr>(path: &Path) -> Option<T> {
    text(path)?.parse().ok()
}

/// True when the attribute is 1.
pub(crate) fn flag(path: &Path) -> bool {
    text(path).as_deref() == Some("1")
}

/// The names in a folder, sorted; none if it cannot be read. Stops at the first failure.
pub(crate) fn names(path: &Path) -> Vec<String> {
    let Ok(entries) = path.read_dir() else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map_while(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}
