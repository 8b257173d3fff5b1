//! What programs written for Windows call volumes.

use serde::{Deserialize, Serialize};

/// A volume of the service's machine with a name that a program written for Windows has for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeName {
    /// `E:\`, `E:\mnt\` or `\\?\Volume{GUID}\`: with the backslash at its end, the drive in upper case,
    /// the GUID in lower case. Names that differ in case alone are the same.
    pub name: String,
    /// The volume, as a set takes it: mount point, block device, `LUN` or `LUN/PARTITION`.
    pub volume: String,
}
