//! Property records: what queries give out (spec: requester §7).

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::enums::{ProviderType, SnapshotState};
use crate::flags::SnapshotAttributes;
use crate::ids::{ClassId, ProviderId, ProviderVersionId, SetId, SnapshotId};

/// A point in time as VSS counts it (`VSS_TIMESTAMP`): units of 100 ns since 1601-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Units of 100 ns in a second.
    const PER_SECOND: i64 = 10_000_000;
    /// Seconds from 1601-01-01 to 1970-01-01.
    const UNIX_EPOCH: i64 = 11_644_473_600;

    /// Converts a system time; times that do not fit saturate.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Self {
        let units = |d: Duration| i64::try_from(d.as_nanos() / 100).unwrap_or(i64::MAX);
        let since_unix = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => units(after),
            Err(before) => units(before.duration()).saturating_neg(),
        };
        Self(since_unix.saturating_add(Self::UNIX_EPOCH * Self::PER_SECOND))
    }

    /// Whole seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(Self::PER_SECOND) - Self::UNIX_EPOCH
    }
}

/// RFC 3339 in UTC, with seconds: `2026-01-31T12:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.unix_seconds();
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Civil date from a day count, counting in 400-year eras from 0000-03-01.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            rest / 3_600,
            rest / 60 % 60,
            rest % 60
        )
    }
}

/// What is known of one shadow copy (`VSS_SNAPSHOT_PROP`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotProperties {
    /// `m_SnapshotId`.
    pub snapshot_id: SnapshotId,
    /// `m_SnapshotSetId`.
    pub snapshot_set_id: SetId,
    /// `m_lSnapshotsCount`: copies in the set when it was made, not now.
    pub snapshots_count: u32,
    /// `m_pwszSnapshotDeviceObject`: where the copy's volume can be opened.
    pub snapshot_device_object: String,
    /// `m_pwszOriginalVolumeName`.
    pub original_volume_name: String,
    /// `m_pwszOriginatingMachine`.
    pub originating_machine: String,
    /// `m_pwszServiceMachine`.
    pub service_machine: String,
    /// `m_pwszExposedName`.
    pub exposed_name: Option<String>,
    /// `m_pwszExposedPath`.
    pub exposed_path: Option<String>,
    /// `m_ProviderId`.
    pub provider_id: ProviderId,
    /// `m_lSnapshotAttributes`.
    pub snapshot_attributes: SnapshotAttributes,
    /// `m_tsCreationTimestamp`.
    pub creation_timestamp: Timestamp,
    /// `m_eStatus`.
    pub status: SnapshotState,
}

/// What is known of a provider (`VSS_PROVIDER_PROP`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderProperties {
    /// `m_ProviderId`.
    pub provider_id: ProviderId,
    /// `m_pwszProviderName`.
    pub provider_name: String,
    /// `m_eProviderType`.
    pub provider_type: ProviderType,
    /// `m_pwszProviderVersion`.
    pub provider_version: String,
    /// `m_ProviderVersionId`.
    pub provider_version_id: ProviderVersionId,
    /// `m_ClassId`.
    pub class_id: ClassId,
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::Timestamp;

    #[test]
    fn filetime_and_text() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            let t = Timestamp::from_system_time(SystemTime::UNIX_EPOCH + Duration::from_secs(unix));
            assert_eq!(t.to_string(), text);
            assert_eq!(t.unix_seconds(), i64::try_from(unix).unwrap());
        }
        assert_eq!(
            Timestamp::from_system_time(SystemTime::UNIX_EPOCH).0,
            116_444_736_000_000_000
        );
    }
}
