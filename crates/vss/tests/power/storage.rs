//! Where originals and copies live: what is common to all kinds of storage, seen from inside the machine.

use std::collections::BTreeSet;

use crate::lio::Lio;
use crate::thin::Thin;

/// Disks with a partition table.
pub(crate) const DISKS: [&str; 2] = ["d1", "d2"];
/// File systems, mounted and written to.
pub(crate) const FILE_SYSTEMS: [&str; 2] = ["a", "b"];
/// Size of each original in MiB.
pub(crate) const MIB: u64 = 32;

/// The machine's disk for the storage, and that for the state folder.
pub(crate) const STORAGE_DISK: &str = "/dev/ubda";
pub(crate) const STATE_DISK: &str = "/dev/ubdb";
/// The state folder, once its disk is mounted.
pub(crate) const STATE: &str = "/mnt/state/vss";

/// The kinds of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Thin,
    Lio,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Thin, Self::Lio];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Thin => "thin",
            Self::Lio => "lio",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) const fn storage(self) -> &'static dyn Storage {
        match self {
            Self::Thin => &Thin,
            Self::Lio => &Lio,
        }
    }
}

/// What is to be there, by name.
#[derive(Debug)]
pub(crate) struct Expected {
    /// Originals that this host was shown.
    pub(crate) originals: Vec<&'static str>,
    /// Copies in sets that are listed.
    pub(crate) copies: BTreeSet<String>,
    /// What a break made of copies.
    pub(crate) broken: BTreeSet<String>,
}

/// Storage of one kind.
pub(crate) trait Storage {
    /// Programs that it needs on the host, and their packages.
    fn programs(&self) -> &'static [(&'static str, &'static str)];

    /// What stands before a name in the program's names of LUNs.
    fn prefix(&self) -> &'static str;

    /// Gets the machine ready for storage of this kind.
    fn start(&self);

    /// Makes all originals, empty, and shows them.
    fn make(&self);

    /// Takes everything away from this host, as its orderly end does. The disks stay away from now on.
    fn put_away(&self);

    /// Shows the originals, as an administrator does before the service starts; the disks as well if wanted.
    fn show(&self, disks: bool);

    /// Shows the disks.
    fn show_disks(&self);

    /// The device of an original or of a copy, if this host sees it.
    fn device(&self, name: &str) -> Option<String>;

    /// Says what is missing, what is as it must not be, and what is there of nobody.
    fn look(&self, expected: &Expected, problems: &mut Vec<String>);

    /// Checks all of it at rest; nothing is in use.
    fn whole(&self);

    /// Things that can be left behind, and how the problem begins that is seen of each.
    fn strays(&self) -> &'static [(&'static str, &'static str)];

    /// Leaves one of them behind. `copy` is a copy that is listed.
    fn leave(&self, stray: &str, copy: &str);

    /// Removes it again.
    fn clear(&self, stray: &str, copy: &str);
}
