//! The record that the shim writes, read back. The layout stands in `shim/shim.c`.

use std::path::Path;

use crate::{Failure, Outcome, fail};

/// What a call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Made a file.
    Create,
    /// Set the length of a file.
    Truncate,
    /// Wrote bytes.
    Write,
    /// Made a file or folder durable; `extra` is 1 for `fsync`, 0 for `fdatasync`.
    Sync,
    /// Made everything durable.
    SyncAll,
    /// Renamed; `dir` and `name` to `dir2` and `name2`.
    Rename,
    /// Gave a file a second name.
    Link,
    /// Made a symbolic link to `data`.
    Symlink,
    /// Removed a name.
    Unlink,
    /// Made a folder.
    MakeDir,
    /// Removed a folder.
    RemoveDir,
    /// Changed the mode.
    Chmod,
    /// Wrote to standard output.
    Marker,
    /// Allocated space; `extra` is 1 if the length stays.
    Allocate,
    /// Something that is not modelled; `extra` is the number of the system call.
    Unknown,
}

/// One recorded call, or a part of one. Calls that failed are not recorded.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it did.
    pub kind: Kind,
    /// The number of the call; several entries may share one.
    pub seq: u32,
    /// The file.
    pub ino: u64,
    /// The folder of `name`.
    pub dir: u64,
    /// The folder of `name2`.
    pub dir2: u64,
    /// Where it was written, or the new length.
    pub offset: u64,
    /// See [`Kind`].
    pub extra: u64,
    /// The name that was made or removed.
    pub name: String,
    /// The new name of a rename or link.
    pub name2: String,
    /// The path below the state folder, for people.
    pub path: String,
    /// What was written, or where a link leads.
    pub data: Vec<u8>,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Outcome<&'a [u8]> {
        let (part, rest) = self
            .0
            .split_at_checked(len)
            .ok_or_else(|| Failure("the record ends within an entry".to_owned()))?;
        self.0 = rest;
        Ok(part)
    }

    fn u32(&mut self) -> Outcome<u32> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> Outcome<u64> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(bytes))
    }

    fn text(&mut self, len: u32) -> Outcome<String> {
        let bytes = self.take(usize::try_from(len).unwrap_or(usize::MAX))?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn entry(&mut self) -> Outcome<Entry> {
        let kind = match self.u32()? {
            1 => Kind::Create,
            2 => Kind::Truncate,
            3 => Kind::Write,
            4 => Kind::Sync,
            5 => Kind::SyncAll,
            6 => Kind::Rename,
            7 => Kind::Link,
            8 => Kind::Symlink,
            9 => Kind::Unlink,
            10 => Kind::MakeDir,
            11 => Kind::RemoveDir,
            12 => Kind::Chmod,
            13 => Kind::Marker,
            14 => Kind::Allocate,
            15 => Kind::Unknown,
            other => return fail(format!("the record has an entry of kind {other}")),
        };
        let seq = self.u32()?;
        let (ino, dir, dir2) = (self.u64()?, self.u64()?, self.u64()?);
        let (offset, extra) = (self.u64()?, self.u64()?);
        let lens = [self.u32()?, self.u32()?, self.u32()?, self.u32()?];
        let [name, name2, path, data] = lens;
        Ok(Entry {
            kind,
            seq,
            ino,
            dir,
            dir2,
            offset,
            extra,
            name: self.text(name)?,
            name2: self.text(name2)?,
            path: self.text(path)?,
            data: self
                .take(usize::try_from(data).unwrap_or(usize::MAX))?
                .to_vec(),
        })
    }
}

/// Reads a record; refuses one with calls that cannot be modelled.
///
/// # Errors
/// The file cannot be read, is cut short, or holds [`Kind::Unknown`].
pub fn read(path: &Path) -> Outcome<Vec<Entry>> {
    let bytes = std::fs::read(path)?;
    let mut reader = Reader(&bytes);
    let mut entries = Vec::new();
    while !reader.0.is_empty() {
        let entry = reader.entry()?;
        if entry.kind == Kind::Unknown {
            return fail(format!(
                "system call {} on {:?} changes files in a way that is not modelled",
                entry.extra, entry.path
            ));
        }
        entries.push(entry);
    }
    Ok(entries)
}
