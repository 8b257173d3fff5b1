//! How LVM names its devices.

use std::fmt;

use uuid::Uuid;
use vss_model::{BusType, IdentifierCodeSet, IdentifierType, LunInformation, StorageIdentifier};

/// Characters of one UUID without dashes.
const UUID_LEN: usize = 32;
/// What begins the UUID of a device that LVM made.
const PREFIX: &str = "LVM-";
/// Where LVM puts dashes into a UUID.
const GROUPS: [usize; 7] = [6, 4, 4, 4, 4, 4, 6];
/// Vendor and product in the inquiry data.
const VENDOR: &str = "OPENVSS";
const PRODUCT: &str = "LVM-THIN";
/// Longest name of a logical volume that LVM takes, less room for what it appends itself.
const MOST_NAME: usize = 100;

/// A logical volume among all others: the UUIDs of its group and its own, 32 characters each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LvId {
    group: String,
    volume: String,
}

impl LvId {
    /// From the UUID of a device-mapper device; `None` for devices of others, and for those that LVM
    /// made for its own use (they have a suffix).
    pub(crate) fn of_device(uuid: &str) -> Option<Self> {
        let rest = uuid.strip_prefix(PREFIX)?;
        if rest.len() != 2 * UUID_LEN || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (group, volume) = rest.split_at(UUID_LEN);
        Some(Self {
            group: group.to_owned(),
            volume: volume.to_owned(),
        })
    }

    /// From the UUIDs that reports give, with dashes.
    pub(crate) fn of_report(group: &str, volume: &str) -> Option<Self> {
        Self::of_device(
            &format!("{PREFIX}{group}{volume}")
                .replace('-', "")
                .replacen("LVM", PREFIX, 1),
        )
    }

    /// The UUID of its device.
    pub(crate) fn device_uuid(&self) -> String {
        format!("{PREFIX}{}{}", self.group, self.volume)
    }

    /// The volume's UUID as LVM shows it.
    fn shown(&self) -> String {
        let mut rest = self.volume.as_str();
        let mut groups = Vec::with_capacity(GROUPS.len());
        for length in GROUPS {
            let (group, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            groups.push(group);
            rest = after;
        }
        groups.join("-")
    }

    /// What inquiry would say of it, were it a SCSI disk. The one identifier is a name string: the
    /// UUID of its device, which is also how udev names it.
    pub(crate) fn information(&self) -> LunInformation {
        LunInformation {
            device_type: 0,
            device_type_modifier: 0,
            command_queueing: true,
            bus_type: BusType::Virtual,
            vendor_id: VENDOR.to_owned(),
            product_id: PRODUCT.to_owned(),
            product_revision: "1".to_owned(),
            serial_number: self.shown(),
            disk_signature: Uuid::nil(),
            identifiers: vec![StorageIdentifier {
                code_set: IdentifierCodeSet::Utf8,
                identifier_type: IdentifierType::ScsiNameString,
                bytes: self.device_uuid().into_bytes(),
            }],
            interconnects: Vec::new(),
        }
    }

    /// The volume that this information describes; `None` for LUNs of others.
    pub(crate) fn of_lun(lun: &LunInformation) -> Option<Self> {
        lun.identifiers
            .iter()
            .filter(|id| id.identifier_type == IdentifierType::ScsiNameString)
            .find_map(|id| Self::of_device(std::str::from_utf8(&id.bytes).ok()?))
    }
}

/// The UUID of its device.
impl fmt::Display for LvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.device_uuid())
    }
}

/// `GROUP/VOLUME` from the name of a device, in which a dash of a name is doubled and a single one
/// parts the names. `None` for a name that LVM did not make.
pub(crate) fn unescape(device: &str) -> Option<String> {
    let mut names = vec![String::new()];
    let mut rest = device;
    while let Some(at) = rest.find('-') {
        let (before, after) = rest.split_at(at);
        names.last_mut()?.push_str(before);
        if let Some(after) = after.strip_prefix("--") {
            names.last_mut()?.push('-');
            rest = after;
        } else {
            names.push(String::new());
            rest = after.strip_prefix('-')?;
        }
    }
    names.last_mut()?.push_str(rest);
    match &names[..] {
        [group, volume] if !group.is_empty() && !volume.is_empty() => {
            Some(format!("{group}/{volume}"))
        }
        _ => None,
    }
}

/// A name for a copy: that of its original, cut if it is long, and eight digits.
pub(crate) fn copy_name(original: &str, fresh: Uuid) -> String {
    let mut end = original.len().min(MOST_NAME);
    while !original.is_char_boundary(end) {
        end -= 1;
    }
    let digits = fresh.simple().to_string();
    format!(
        "{}-vss-{}",
        original.get(..end).unwrap_or_default(),
        digits.get(..8).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::{LvId, copy_name, unescape};

    const UUID: &str = "LVM-5h9nxKXqhezc5Gd3s5lqVJNv4n17VDNVTV5GyF2IV85KL2XLu5Vj7CaVPb8jSBS0";

    #[test]
    fn a_volume_is_told_by_its_uuid() {
        let id = LvId::of_device(UUID).unwrap();
        assert_eq!(id.device_uuid(), UUID);
        let lun = id.information();
        assert_eq!(lun.serial_number, "TV5GyF-2IV8-5KL2-XLu5-Vj7C-aVPb-8jSBS0");
        assert_eq!(LvId::of_lun(&lun).unwrap(), id);
        assert!(lun.lun_id().is_some());
        let reported = LvId::of_report(
            "5h9nxK-Xqhe-zc5G-d3s5-lqVJ-Nv4n-17VDNV",
            "TV5GyF-2IV8-5KL2-XLu5-Vj7C-aVPb-8jSBS0",
        );
        assert_eq!(reported.unwrap(), id);
        for other in [
            "",
            "LVM-",
            "mpath-x",
            &format!("{UUID}-tpool"),
            &UUID[..60],
            &UUID.replace('5', "é"),
        ] {
            assert!(LvId::of_device(other).is_none(), "{other}");
        }
    }

    #[test]
    fn dashes_are_doubled() {
        for (device, name) in [
            ("vg-lv", Some("vg/lv")),
            ("my--vg-a--b--c", Some("my-vg/a-b-c")),
            ("vg----x-lv", Some("vg--x/lv")),
            ("vg-lv_tmeta", Some("vg/lv_tmeta")),
            ("vg-pool-tpool", None),
            ("vg", None),
            ("-lv", None),
            ("", None),
        ] {
            assert_eq!(unescape(device).as_deref(), name, "{device}");
        }
    }

    #[test]
    fn names_of_copies_are_short_enough() {
        let fresh = Uuid::from_u128(0x1234_5678 << 96);
        assert_eq!(copy_name("db", fresh), "db-vss-12345678");
        assert!(copy_name(&"x".repeat(300), fresh).len() < 127);
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(name in ".{0,90}") {
            let _ = unescape(&name);
            let _ = LvId::of_device(&name);
            let _ = copy_name(&name, Uuid::nil());
        }

        #[test]
        fn escaped_names_come_back(group in "[a-z+_.][a-z0-9+_.-]{0,9}[a-z]", volume in "[a-z][a-z0-9+_.-]{0,9}[a-z]") {
            let device = format!("{}-{}", group.replace('-', "--"), volume.replace('-', "--"));
            prop_assert_eq!(unescape(&device), Some(format!("{group}/{volume}")));
        }
    }
}
