//! Bit sets: attributes and contexts of shadow copies, break flags and provider notifications.

use std::fmt;

use serde::{Deserialize, Serialize};

bitflags::bitflags! {
    /// Attributes of a shadow copy (`VSS_VOLUME_SNAPSHOT_ATTRIBUTES`, spec: requester §6.1).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct SnapshotAttributes: u32 {
        /// Survives reboot and release.
        const PERSISTENT = 0x0000_0001;
        /// No auto-recovery: read-only at once.
        const NO_AUTORECOVERY = 0x0000_0002;
        /// Offered to users as a previous version; system provider only.
        const CLIENT_ACCESSIBLE = 0x0000_0004;
        /// Not deleted with the requester object.
        const NO_AUTO_RELEASE = 0x0000_0008;
        /// No writer takes part.
        const NO_WRITERS = 0x0000_0010;
        /// May be imported on another host; not surfaced here.
        const TRANSPORTABLE = 0x0000_0020;
        /// Not known to the mount manager (status).
        const NOT_SURFACED = 0x0000_0040;
        /// Not in a transaction with TxF.
        const NOT_TRANSACTED = 0x0000_0080;
        /// Made by a hardware provider (status).
        const HARDWARE_ASSISTED = 0x0001_0000;
        /// Copy-on-write; excludes PLEX.
        const DIFFERENTIAL = 0x0002_0000;
        /// Full mirror split; excludes DIFFERENTIAL.
        const PLEX = 0x0004_0000;
        /// Imported on this host (status).
        const IMPORTED = 0x0008_0000;
        /// Has a letter or folder (status).
        const EXPOSED_LOCALLY = 0x0010_0000;
        /// Is shared (status).
        const EXPOSED_REMOTELY = 0x0020_0000;
        /// Auto-recovery will happen or happened (status).
        const AUTORECOVER = 0x0040_0000;
        /// The requester asks for auto-recovery.
        const ROLLBACK_RECOVERY = 0x0080_0000;
        /// Reserved.
        const DELAYED_POSTSNAPSHOT = 0x0100_0000;
        /// Enforces TxF recovery at creation.
        const TXF_RECOVERY = 0x0200_0000;
        /// Copy of a file share (status).
        const FILE_SHARE = 0x0400_0000;
    }
}

bitflags::bitflags! {
    /// What a break or a change of a LUN's state is to do (`VSS_HARDWARE_OPTIONS`, spec: break §3.1).
    ///
    /// Two families that never mix: `VSS_BREAKEX_*` (0x000000FF) come from requesters,
    /// `VSS_ONLUNSTATECHANGE_*` (0x0000FF00) go to providers.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct HardwareOptions: u32 {
        /// `VSS_BREAKEX_FLAG_MASK_LUNS`: withdraw the LUNs from this host.
        const BREAKEX_MASK_LUNS = 0x0000_0001;
        /// `VSS_BREAKEX_FLAG_MAKE_READ_WRITE`: leave read-write volumes behind.
        const BREAKEX_MAKE_READ_WRITE = 0x0000_0002;
        /// `VSS_BREAKEX_FLAG_REVERT_IDENTITY_ALL`: give all disks their originals' identity, or none.
        const BREAKEX_REVERT_IDENTITY_ALL = 0x0000_0004;
        /// `VSS_BREAKEX_FLAG_REVERT_IDENTITY_NONE`: leave every identity as it is.
        const BREAKEX_REVERT_IDENTITY_NONE = 0x0000_0008;
        /// `VSS_ONLUNSTATECHANGE_NOTIFY_READ_WRITE`: the LUNs will become read-write for good.
        const NOTIFY_READ_WRITE = 0x0000_0100;
        /// `VSS_ONLUNSTATECHANGE_NOTIFY_LUN_PRE_RECOVERY`: the LUNs are about to be recovered.
        const NOTIFY_LUN_PRE_RECOVERY = 0x0000_0200;
        /// `VSS_ONLUNSTATECHANGE_NOTIFY_LUN_POST_RECOVERY`: the LUNs were recovered.
        const NOTIFY_LUN_POST_RECOVERY = 0x0000_0400;
        /// `VSS_ONLUNSTATECHANGE_DO_MASK_LUNS`: mask the LUNs now; do not delete them.
        const DO_MASK_LUNS = 0x0000_0800;
    }
}

bitflags::bitflags! {
    /// Options of a LUN resynchronisation (`VSS_RECOVERY_OPTIONS`, spec: break §9.1).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct RecoveryOptions: u32 {
        /// The target gets the identity of the original that was copied.
        const REVERT_IDENTITY_ALL = 0x0000_0100;
        /// Other volumes on the target are overwritten unasked.
        const NO_VOLUME_CHECK = 0x0000_0200;
    }
}

bitflags::bitflags! {
    /// What a provider can do (`VSS_PROVIDER_CAPABILITIES`, reserved; spec: requester §8).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct ProviderCapabilities: u64 {
        /// Predates the extended interface.
        const LEGACY = 0x1;
        /// Has it.
        const COMPLIANT = 0x2;
        /// Can point a LUN elsewhere.
        const LUN_REPOINT = 0x4;
        /// Can resynchronise LUNs.
        const LUN_RESYNC = 0x8;
        /// Can create while the originals are offline.
        const OFFLINE_CREATION = 0x10;
        /// A set may be imported more than once.
        const MULTIPLE_IMPORT = 0x20;
        /// Can reuse LUNs.
        const RECYCLING = 0x40;
        /// Makes split mirrors.
        const PLEX = 0x80;
        /// Makes copy-on-write copies.
        const DIFFERENTIAL = 0x100;
        /// Works in clusters.
        const CLUSTERED = 0x200;
    }
}

bitflags::bitflags! {
    /// What must rest while a volume has copies (`VSS_SNAPSHOT_COMPATIBILITY`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct SnapshotCompatibility: u32 {
        /// `VSS_SC_DISABLE_DEFRAG`.
        const DISABLE_DEFRAG = 0x1;
        /// `VSS_SC_DISABLE_CONTENTINDEX`.
        const DISABLE_CONTENT_INDEX = 0x2;
    }
}

bitflags::bitflags! {
    /// Flags of a volume that a copy carries (`VDS_VF_*`, spec: break §5).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct VolumeFlags: u32 {
        /// `VDS_VF_READONLY`, GPT attribute bit 60.
        const READ_ONLY = 0x0000_0008;
        /// `VDS_VF_HIDDEN`, GPT attribute bit 62.
        const HIDDEN = 0x0000_0010;
        /// `VDS_VF_NO_DEFAULT_DRIVE_LETTER`, GPT attribute bit 63.
        const NO_DEFAULT_DRIVE_LETTER = 0x0002_0000;
        /// `VDS_VF_SHADOW_COPY`, GPT attribute bit 61.
        const SHADOW_COPY = 0x0010_0000;
    }
}

impl VolumeFlags {
    /// The flags that the attributes of a GPT partition entry stand for.
    #[must_use]
    pub fn from_gpt_attributes(attributes: u64) -> Self {
        [
            (60, Self::READ_ONLY),
            (61, Self::SHADOW_COPY),
            (62, Self::HIDDEN),
            (63, Self::NO_DEFAULT_DRIVE_LETTER),
        ]
        .into_iter()
        .filter(|(bit, _)| attributes >> bit & 1 == 1)
        .fold(Self::empty(), |flags, (_, flag)| flags | flag)
    }
}

/// The seven legal flag sets of `BreakSnapshotSetEx` (spec: break §3.2).
///
/// An unchecked `u32` becomes one of these by [`BreakFlags::from_bits`] and in no other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct BreakFlags {
    disposition: Disposition,
    identity: IdentityRevert,
}

/// What becomes of the disks: they leave the host, or stay read-only or read-write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Withdrawn from this host.
    Mask,
    /// Ordinary read-only volumes.
    ReadOnly,
    /// Ordinary read-write volumes.
    ReadWrite,
}

/// What becomes of the disks' identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdentityRevert {
    /// Per disk: the original's identity if nothing visible bears it, else as it is (spec: break §4.4).
    Auto,
    /// Every disk gets its original's identity, or the break fails and none does (§4.3).
    All,
    /// Every disk keeps what it has (§4.5).
    None,
}

/// The flags are no legal set: a mixture that break §3.2 forbids, or an unknown bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IllegalBreakFlags(pub u32);

impl fmt::Display for IllegalBreakFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0;
        if bits & !0xF != 0 {
            write!(f, "break flags 0x{bits:x} have bits outside 0xf")
        } else if bits & 1 != 0 {
            write!(f, "break flags 0x{bits:x} mix MASK_LUNS with other flags")
        } else {
            write!(
                f,
                "break flags 0x{bits:x} hold both REVERT_IDENTITY_ALL and REVERT_IDENTITY_NONE"
            )
        }
    }
}

impl std::error::Error for IllegalBreakFlags {}

impl BreakFlags {
    /// Flags 0x0: read-only, identity as far as it goes; what plain `BreakSnapshotSet` does.
    pub const PLAIN: Self = Self {
        disposition: Disposition::ReadOnly,
        identity: IdentityRevert::Auto,
    };

    /// Checks raw flags.
    ///
    /// # Errors
    /// [`IllegalBreakFlags`] for every value but 0x0, 0x1, 0x2, 0x4, 0x6, 0x8 and 0xA.
    pub const fn from_bits(bits: u32) -> Result<Self, IllegalBreakFlags> {
        let (disposition, identity) = match bits {
            0x0 => (Disposition::ReadOnly, IdentityRevert::Auto),
            0x1 => (Disposition::Mask, IdentityRevert::None),
            0x2 => (Disposition::ReadWrite, IdentityRevert::Auto),
            0x4 => (Disposition::ReadOnly, IdentityRevert::All),
            0x6 => (Disposition::ReadWrite, IdentityRevert::All),
            0x8 => (Disposition::ReadOnly, IdentityRevert::None),
            0xA => (Disposition::ReadWrite, IdentityRevert::None),
            _ => return Err(IllegalBreakFlags(bits)),
        };
        Ok(Self {
            disposition,
            identity,
        })
    }

    /// The value as in `dwBreakFlags`.
    #[must_use]
    pub const fn bits(self) -> u32 {
        let disposition = match self.disposition {
            Disposition::Mask => return 0x1,
            Disposition::ReadOnly => 0x0,
            Disposition::ReadWrite => 0x2,
        };
        let identity = match self.identity {
            IdentityRevert::Auto => 0x0,
            IdentityRevert::All => 0x4,
            IdentityRevert::None => 0x8,
        };
        disposition | identity
    }

    /// What becomes of the disks.
    #[must_use]
    pub const fn disposition(self) -> Disposition {
        self.disposition
    }

    /// What becomes of their identities.
    #[must_use]
    pub const fn identity(self) -> IdentityRevert {
        self.identity
    }
}

impl TryFrom<u32> for BreakFlags {
    type Error = IllegalBreakFlags;

    fn try_from(bits: u32) -> Result<Self, IllegalBreakFlags> {
        Self::from_bits(bits)
    }
}

impl From<BreakFlags> for u32 {
    fn from(flags: BreakFlags) -> Self {
        flags.bits()
    }
}

impl fmt::Display for BreakFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x}", self.bits())?;
        let mut names = Vec::new();
        match self.disposition {
            Disposition::Mask => names.push("MASK_LUNS"),
            Disposition::ReadOnly => {}
            Disposition::ReadWrite => names.push("MAKE_READ_WRITE"),
        }
        match (self.disposition, self.identity) {
            (Disposition::Mask, _) | (_, IdentityRevert::Auto) => {}
            (_, IdentityRevert::All) => names.push("REVERT_IDENTITY_ALL"),
            (_, IdentityRevert::None) => names.push("REVERT_IDENTITY_NONE"),
        }
        if names.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", names.join(" | "))
        }
    }
}

/// The kind of copy a requester works with (`VSS_SNAPSHOT_CONTEXT`, spec: requester §6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Context(u32);

/// The value is no legal context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IllegalContext(pub u32);

impl fmt::Display for IllegalContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x} is no legal context", self.0)
    }
}

impl std::error::Error for IllegalContext {}

impl Context {
    /// `VSS_CTX_BACKUP`: with writers, until release.
    pub const BACKUP: Self = Self(0x00);
    /// `VSS_CTX_FILE_SHARE_BACKUP`: without writers, until release.
    pub const FILE_SHARE_BACKUP: Self = Self(0x10);
    /// `VSS_CTX_NAS_ROLLBACK`: persistent, without writers.
    pub const NAS_ROLLBACK: Self = Self(0x19);
    /// `VSS_CTX_APP_ROLLBACK`: persistent, with writers.
    pub const APP_ROLLBACK: Self = Self(0x09);
    /// `VSS_CTX_CLIENT_ACCESSIBLE`: persistent, system provider only.
    pub const CLIENT_ACCESSIBLE: Self = Self(0x1D);
    /// `VSS_CTX_CLIENT_ACCESSIBLE_WRITERS`.
    pub const CLIENT_ACCESSIBLE_WRITERS: Self = Self(0x0D);
    /// `VSS_CTX_ALL`: query, delete, break and expose only.
    pub const ALL: Self = Self(0xFFFF_FFFF);

    /// Checks a raw context by the rules of requester §6.2.
    ///
    /// # Errors
    /// [`IllegalContext`] for contradictory bits, status bits and unknown bits.
    pub fn from_bits(bits: u32) -> Result<Self, IllegalContext> {
        use SnapshotAttributes as A;
        if bits == Self::ALL.0 {
            return Ok(Self::ALL);
        }
        let illegal = Err(IllegalContext(bits));
        let Some(set) = A::from_bits(bits) else {
            return illegal;
        };
        let status = A::IMPORTED
            | A::EXPOSED_LOCALLY
            | A::EXPOSED_REMOTELY
            | A::HARDWARE_ASSISTED
            | A::AUTORECOVER
            | A::NOT_SURFACED
            | A::FILE_SHARE;
        let recovery = A::ROLLBACK_RECOVERY | A::TXF_RECOVERY;
        let both = |a: A, b: A| set.intersects(a) && set.intersects(b);
        if set.intersects(status)
            || both(A::DIFFERENTIAL, A::PLEX)
            || both(A::TRANSPORTABLE, A::CLIENT_ACCESSIBLE)
            || both(A::NO_AUTORECOVERY, recovery)
            || (set.contains(A::PERSISTENT) && !set.contains(A::NO_AUTO_RELEASE))
        {
            return illegal;
        }
        Ok(Self(bits))
    }

    /// The raw value.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The attribute bits that a copy made in this context starts with; none for [`Context::ALL`].
    #[must_use]
    pub fn attributes(self) -> SnapshotAttributes {
        if self == Self::ALL {
            SnapshotAttributes::empty()
        } else {
            SnapshotAttributes::from_bits_truncate(self.0)
        }
    }

    /// True when copies die with the requester object.
    #[must_use]
    pub fn is_auto_release(self) -> bool {
        self != Self::ALL
            && !self
                .attributes()
                .contains(SnapshotAttributes::NO_AUTO_RELEASE)
    }

    /// True when a copy with these attributes belongs to this context.
    ///
    /// `Query` shows only copies of the current context; all of them with [`Context::ALL`].
    #[must_use]
    pub fn covers(self, attributes: SnapshotAttributes) -> bool {
        let kind = SnapshotAttributes::PERSISTENT
            | SnapshotAttributes::CLIENT_ACCESSIBLE
            | SnapshotAttributes::NO_AUTO_RELEASE
            | SnapshotAttributes::NO_WRITERS;
        self == Self::ALL || (self.attributes() & kind) == (attributes & kind)
    }
}

impl TryFrom<u32> for Context {
    type Error = IllegalContext;

    fn try_from(bits: u32) -> Result<Self, IllegalContext> {
        Self::from_bits(bits)
    }
}

impl From<Context> for u32 {
    fn from(context: Context) -> Self {
        context.bits()
    }
}

#[cfg(test)]
mod tests {
    use super::{BreakFlags, Context, Disposition, HardwareOptions, IdentityRevert, VolumeFlags};

    #[test]
    fn seven_of_256_break_flags_are_legal() {
        let legal: Vec<u32> = (0..=255)
            .filter(|bits| BreakFlags::from_bits(*bits).is_ok())
            .collect();
        assert_eq!(legal, [0x0, 0x1, 0x2, 0x4, 0x6, 0x8, 0xA]);
        for bits in legal {
            assert_eq!(BreakFlags::from_bits(bits).unwrap().bits(), bits);
        }
        for bits in [0x100, 0x800, 0xFFFF_FFFF, 0x8000_0000] {
            assert!(BreakFlags::from_bits(bits).is_err());
        }
    }

    #[test]
    fn fast_recovery_is_read_write_and_all() {
        let flags = BreakFlags::from_bits(
            (HardwareOptions::BREAKEX_MAKE_READ_WRITE
                | HardwareOptions::BREAKEX_REVERT_IDENTITY_ALL)
                .bits(),
        )
        .unwrap();
        assert_eq!(flags.disposition(), Disposition::ReadWrite);
        assert_eq!(flags.identity(), IdentityRevert::All);
        assert_eq!(
            flags.to_string(),
            "0x6 (MAKE_READ_WRITE | REVERT_IDENTITY_ALL)"
        );
    }

    #[test]
    fn volume_flags_follow_the_attribute_bits() {
        let all = VolumeFlags::from_gpt_attributes(0xF000_0000_0000_0001);
        assert_eq!(all, VolumeFlags::all());
        assert_eq!(
            VolumeFlags::from_gpt_attributes(1 << 63),
            VolumeFlags::NO_DEFAULT_DRIVE_LETTER
        );
        assert!(VolumeFlags::from_gpt_attributes(1).is_empty());
    }

    #[test]
    fn contexts_are_checked() {
        for bits in [
            0x00,
            0x10,
            0x19,
            0x09,
            0x1D,
            0x0D,
            0xFFFF_FFFF,
            0x39,
            0x2_0019,
        ] {
            assert!(Context::from_bits(bits).is_ok(), "{bits:x}");
        }
        for bits in [
            0x6_0000,
            0x24 | 0x19,
            0x80_0002,
            0x200_0002,
            0x8_0000,
            0x1,
            0x1000,
            0x0800_0000,
        ] {
            assert!(Context::from_bits(bits).is_err(), "{bits:x}");
        }
        assert!(Context::BACKUP.is_auto_release());
        assert!(!Context::NAS_ROLLBACK.is_auto_release());
        assert!(!Context::ALL.is_auto_release());
    }
}
