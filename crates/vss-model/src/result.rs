//! Result codes (HRESULT) under their public names, from `vss.h`, `vsserror.h` and `winerror.h`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A result code of the VSS interfaces: severity 1 bit, facility 4 (`FACILITY_ITF`) for VSS's own.
///
/// Prints as `VSS_E_BREAK_REVERT_ID_FAILED (0x800423F6)`; a code without a public name prints as
/// its number alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResultCode(pub u32);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        impl ResultCode {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// Every named code, in the order of the reference.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name)),)*];
        }
    };
}

codes! {
    /// Done (for asynchronous methods: started).
    S_OK = 0x0000_0000;
    /// Fewer/none.
    S_FALSE = 0x0000_0001;
    /// Still running.
    VSS_S_ASYNC_PENDING = 0x0004_2309;
    /// Completed.
    VSS_S_ASYNC_FINISHED = 0x0004_230A;
    /// Cancelled.
    VSS_S_ASYNC_CANCELLED = 0x0004_230B;
    /// Partial import.
    VSS_S_SOME_SNAPSHOTS_NOT_IMPORTED = 0x0004_2321;
    /// Object in the wrong state / call out of order / not initialised.
    VSS_E_BAD_STATE = 0x8004_2301;
    /// Unexpected internal error, see event log (E_UNEXPECTED before Win7/2008 R2).
    VSS_E_UNEXPECTED = 0x8004_2302;
    /// VSS_E_PROVIDER_ALREADY_REGISTERED.
    VSS_E_PROVIDER_ALREADY_REGISTERED = 0x8004_2303;
    /// Unknown provider id.
    VSS_E_PROVIDER_NOT_REGISTERED = 0x8004_2304;
    /// Provider reports an error; for break: copy is of a software provider.
    VSS_E_PROVIDER_VETO = 0x8004_2306;
    /// VSS_E_PROVIDER_IN_USE.
    VSS_E_PROVIDER_IN_USE = 0x8004_2307;
    /// Snapshot, set, volume, component, index unknown.
    VSS_E_OBJECT_NOT_FOUND = 0x8004_2308;
    /// No provider can shadow-copy / revert / resync this volume.
    VSS_E_VOLUME_NOT_SUPPORTED = 0x8004_230C;
    /// Duplicate component, association.
    VSS_E_OBJECT_ALREADY_EXISTS = 0x8004_230D;
    /// Named provider can't.
    VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER = 0x8004_230E;
    /// Provider returned a code outside its list.
    VSS_E_UNEXPECTED_PROVIDER_ERROR = 0x8004_230F;
    /// Deprecated.
    VSS_E_CORRUPT_XML_DOCUMENT = 0x8004_2310;
    /// XML malformed or wrong schema.
    VSS_E_INVALID_XML_DOCUMENT = 0x8004_2311;
    /// 64 per set.
    VSS_E_MAXIMUM_NUMBER_OF_VOLUMES_REACHED = 0x8004_2312;
    /// Flush took too long.
    VSS_E_FLUSH_WRITES_TIMEOUT = 0x8004_2313;
    /// Hold window exceeded.
    VSS_E_HOLD_WRITES_TIMEOUT = 0x8004_2314;
    /// Trouble sending events.
    VSS_E_UNEXPECTED_WRITER_ERROR = 0x8004_2315;
    /// Another creation runs.
    VSS_E_SNAPSHOT_SET_IN_PROGRESS = 0x8004_2316;
    /// Per-volume limit.
    VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED = 0x8004_2317;
    /// Event system / VSS not working.
    VSS_E_WRITER_INFRASTRUCTURE = 0x8004_2318;
    /// Writer gave no answer.
    VSS_E_WRITER_NOT_RESPONDING = 0x8004_2319;
    /// VSS_E_WRITER_ALREADY_SUBSCRIBED.
    VSS_E_WRITER_ALREADY_SUBSCRIBED = 0x8004_231A;
    /// Provider cannot do this type.
    VSS_E_UNSUPPORTED_CONTEXT = 0x8004_231B;
    /// Storage association in use; volume cannot be locked.
    VSS_E_VOLUME_IN_USE = 0x8004_231D;
    /// VSS_E_MAXIMUM_DIFFAREA_ASSOCIATIONS_REACHED.
    VSS_E_MAXIMUM_DIFFAREA_ASSOCIATIONS_REACHED = 0x8004_231E;
    /// No room.
    VSS_E_INSUFFICIENT_STORAGE = 0x8004_231F;
    /// Import of none.
    VSS_E_NO_SNAPSHOTS_IMPORTED = 0x8004_2320;
    /// Error twin of the S_ code.
    VSS_E_SOME_SNAPSHOTS_NOT_IMPORTED = 0x8004_2321;
    /// Remote shares.
    VSS_E_MAXIMUM_NUMBER_OF_REMOTE_MACHINES_REACHED = 0x8004_2322;
    /// VSS_E_REMOTE_SERVER_UNAVAILABLE.
    VSS_E_REMOTE_SERVER_UNAVAILABLE = 0x8004_2323;
    /// VSS_E_REMOTE_SERVER_UNSUPPORTED.
    VSS_E_REMOTE_SERVER_UNSUPPORTED = 0x8004_2324;
    /// VSS_E_REVERT_IN_PROGRESS.
    VSS_E_REVERT_IN_PROGRESS = 0x8004_2325;
    /// Volume went away during revert.
    VSS_E_REVERT_VOLUME_LOST = 0x8004_2326;
    /// VSS_E_REBOOT_REQUIRED.
    VSS_E_REBOOT_REQUIRED = 0x8004_2327;
    /// Transaction managers not frozen in time.
    VSS_E_TRANSACTION_FREEZE_TIMEOUT = 0x8004_2328;
    /// Too long between freeze and thaw.
    VSS_E_TRANSACTION_THAW_TIMEOUT = 0x8004_2329;
    /// Would overwrite a volume not chosen.
    VSS_E_UNSELECTED_VOLUME = 0x8004_232A;
    /// Id not in the BCD.
    VSS_E_SNAPSHOT_NOT_IN_SET = 0x8004_232B;
    /// Volume inside a volume (VHD) too deep.
    VSS_E_NESTED_VOLUME_LIMIT = 0x8004_232C;
    /// Not mounted on this host (cluster).
    VSS_E_VOLUME_NOT_LOCAL = 0x8004_232D;
    /// CSV preparation.
    VSS_E_CLUSTER_TIMEOUT = 0x8004_232E;
    /// VSS_E_NOT_SUPPORTED.
    VSS_E_NOT_SUPPORTED = 0x8004_232F;
    /// Some components failed.
    VSS_E_WRITERERROR_PARTIAL_FAILURE = 0x8004_2336;
    /// Set lacks needed volumes.
    VSS_E_WRITERERROR_INCONSISTENTSNAPSHOT = 0x8004_23F0;
    /// VSS_E_WRITERERROR_OUTOFRESOURCES.
    VSS_E_WRITERERROR_OUTOFRESOURCES = 0x8004_23F1;
    /// Freeze–Thaw window.
    VSS_E_WRITERERROR_TIMEOUT = 0x8004_23F2;
    /// Transient.
    VSS_E_WRITERERROR_RETRYABLE = 0x8004_23F3;
    /// Not transient.
    VSS_E_WRITERERROR_NONRETRYABLE = 0x8004_23F4;
    /// Recovery of the copy failed.
    VSS_E_WRITERERROR_RECOVERY_FAILED = 0x8004_23F5;
    /// Identities could not be reverted; target identity already on machine/cluster.
    VSS_E_BREAK_REVERT_ID_FAILED = 0x8004_23F6;
    /// Hardware provider version lacks the operation.
    VSS_E_LEGACY_PROVIDER = 0x8004_23F7;
    /// Expected disk did not arrive.
    VSS_E_MISSING_DISK = 0x8004_23F8;
    /// Expected hidden volume did not arrive.
    VSS_E_MISSING_HIDDEN_VOLUME = 0x8004_23F9;
    /// Expected volume did not arrive.
    VSS_E_MISSING_VOLUME = 0x8004_23FA;
    /// VSS_E_AUTORECOVERY_FAILED.
    VSS_E_AUTORECOVERY_FAILED = 0x8004_23FB;
    /// VSS_E_DYNAMIC_DISK_ERROR.
    VSS_E_DYNAMIC_DISK_ERROR = 0x8004_23FC;
    /// BCD is of a non-transportable set.
    VSS_E_NONTRANSPORTABLE_BCD = 0x8004_23FD;
    /// Signature/GUID not set as intended.
    VSS_E_CANNOT_REVERT_DISKID = 0x8004_23FE;
    /// VSS_E_RESYNC_IN_PROGRESS.
    VSS_E_RESYNC_IN_PROGRESS = 0x8004_23FF;
    /// Cluster disks/maintenance mode.
    VSS_E_CLUSTER_ERROR = 0x8004_2400;
    /// Too few / too small disks.
    VSS_E_ASRERROR_DISK_ASSIGNMENT_FAILED = 0x8004_2401;
    /// Disk cannot be recreated.
    VSS_E_ASRERROR_DISK_RECREATION_FAILED = 0x8004_2402;
    /// Reboot needed first.
    VSS_E_ASRERROR_NO_ARCPATH = 0x8004_2403;
    /// Disk of a dynamic volume missing.
    VSS_E_ASRERROR_MISSING_DYNDISK = 0x8004_2404;
    /// Critical volume on cluster shared disk.
    VSS_E_ASRERROR_SHARED_CRIDISK = 0x8004_2405;
    /// Data disk is the active BIOS disk.
    VSS_E_ASRERROR_DATADISK_RDISK0 = 0x8004_2406;
    /// Active disk too small.
    VSS_E_ASRERROR_RDISK0_TOOSMALL = 0x8004_2407;
    /// Not enough suitable disks.
    VSS_E_ASRERROR_CRITICAL_DISKS_TOO_SMALL = 0x8004_2408;
    /// Session limit.
    VSS_E_WRITER_STATUS_NOT_AVAILABLE = 0x8004_2409;
    /// Critical dynamic disk is a VHD.
    VSS_E_ASRERROR_DYNAMIC_VHD_NOT_SUPPORTED = 0x8004_240A;
    /// Critical volume on unsuited disk.
    VSS_E_CRITICAL_VOLUME_ON_INVALID_DISK = 0x8004_2411;
    /// No disk for the system disk.
    VSS_E_ASRERROR_RDISK_FOR_SYSTEM_DISK_NOT_FOUND = 0x8004_2412;
    /// No fixed disk.
    VSS_E_ASRERROR_NO_PHYSICAL_DISK_AVAILABLE = 0x8004_2413;
    /// None left after exclusion.
    VSS_E_ASRERROR_FIXED_PHYSICAL_DISK_AVAILABLE_AFTER_DISK_EXCLUSION = 0x8004_2414;
    /// VSS_E_ASRERROR_CRITICAL_DISK_CANNOT_BE_EXCLUDED.
    VSS_E_ASRERROR_CRITICAL_DISK_CANNOT_BE_EXCLUDED = 0x8004_2415;
    /// Active partition hidden / unknown file system.
    VSS_E_ASRERROR_SYSTEM_PARTITION_HIDDEN = 0x8004_2416;
    /// File-share copy timed out.
    VSS_E_FSS_TIMEOUT = 0x8004_2417;
    /// Reserved, or not supported by the provider.
    E_NOTIMPL = 0x8000_4001;
    /// The object has no such interface.
    E_NOINTERFACE = 0x8000_4002;
    /// A pointer is not valid.
    E_POINTER = 0x8000_4003;
    /// Unspecified failure.
    E_FAIL = 0x8000_4005;
    /// The DLL has no such class.
    CLASS_E_CLASSNOTAVAILABLE = 0x8004_0111;
    /// Old form of VSS_E_UNEXPECTED.
    E_UNEXPECTED = 0x8000_FFFF;
    /// The caller lacks the rights.
    E_ACCESSDENIED = 0x8007_0005;
    /// Not enough memory or other resources.
    E_OUTOFMEMORY = 0x8007_000E;
    /// A parameter is not valid.
    E_INVALIDARG = 0x8007_0057;
}

impl ResultCode {
    /// True for success codes (severity bit clear).
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 & 0x8000_0000 == 0
    }

    /// The public name, if the code has one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::ALL
            .iter()
            .find(|(code, _)| *code == self)
            .map(|(_, name)| *name)
    }

    /// The name, or the number where there is no name.
    #[must_use]
    pub fn name_or_hex(self) -> String {
        self.name().map_or_else(|| self.hex(), str::to_owned)
    }

    /// The value as scripts read it: `0x` and eight lower-case digits.
    #[must_use]
    pub fn hex(self) -> String {
        format!("0x{:08x}", self.0)
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (0x{:08X})", self.0),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

impl fmt::Debug for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ResultCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for ResultCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::ResultCode;

    #[test]
    fn prints_name_and_value() {
        assert_eq!(
            ResultCode::VSS_E_BREAK_REVERT_ID_FAILED.to_string(),
            "VSS_E_BREAK_REVERT_ID_FAILED (0x800423F6)"
        );
        assert_eq!(ResultCode(0x8004_FFFF).to_string(), "0x8004FFFF");
        assert_eq!(ResultCode::VSS_S_ASYNC_FINISHED.hex(), "0x0004230a");
    }

    #[test]
    fn names_and_values_are_unique() {
        let mut values: Vec<u32> = ResultCode::ALL.iter().map(|(code, _)| code.0).collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), ResultCode::ALL.len());
    }

    #[test]
    fn severity_follows_the_name() {
        for (code, name) in ResultCode::ALL {
            let success = name.starts_with("S_") || name.starts_with("VSS_S_");
            assert_eq!(code.is_success(), success, "{name}");
        }
    }
}
