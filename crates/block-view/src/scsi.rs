//! Who a LUN is: SCSI inquiry data and vital product data, and the like of NVMe (spec: provider §10).

use std::fs;
use std::path::Path;

use uuid::Uuid;
use vss_model::{BusType, IdentifierCodeSet, IdentifierType, LunInformation, StorageIdentifier};

use crate::device::word;
use crate::number::DevNo;
use crate::view::HostView;

/// Length of the header of a VPD page, and of a designator, in bytes.
const HEADER: usize = 4;

/// The designators of page 0x83 that name the LUN itself (association 0), in their order. What is cut off
/// or makes no sense is left out.
#[must_use]
pub fn designators(page: &[u8]) -> Vec<StorageIdentifier> {
    let Some(mut rest) = body(page, 0x83) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    while let Some(([sets, kind, _, length], after)) = rest.split_first_chunk::<HEADER>() {
        let length = usize::from(*length);
        let Some(bytes) = after.get(..length) else {
            break;
        };
        rest = after.get(length..).unwrap_or_default();
        let association = kind >> 4 & 0b11;
        let (Some(code_set), Some(identifier_type)) = (
            IdentifierCodeSet::from_value(i32::from(sets & 0x0f)),
            IdentifierType::from_value(i32::from(kind & 0x0f)),
        ) else {
            continue;
        };
        if association == 0 && !bytes.is_empty() {
            found.push(StorageIdentifier {
                code_set,
                identifier_type,
                bytes: trimmed(bytes, code_set).to_vec(),
            });
        }
    }
    found
}

/// Text is filled up with zeroes or blanks, which say nothing.
fn trimmed(bytes: &[u8], code_set: IdentifierCodeSet) -> &[u8] {
    if code_set == IdentifierCodeSet::Binary {
        return bytes;
    }
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0 && *byte != b' ')
        .map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}

/// The unit serial number of page 0x80, without what it is filled up with.
#[must_use]
pub fn serial_number(page: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body(page, 0x80)?);
    let text = text.trim_matches(['\0', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// What a page holds, as far as it is there.
fn body(page: &[u8], number: u8) -> Option<&[u8]> {
    let ([_, code, high, low], rest) = page.split_first_chunk::<HEADER>()?;
    if *code != number {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    Some(rest.get(..length.min(rest.len())).unwrap_or_default())
}

impl HostView {
    /// Who a LUN is, for a SCSI or NVMe disk; that of its first path for a multipath device. `None` for
    /// the rest, and for one that does not say.
    ///
    /// For NVMe the NGUID, else the EUI-64, is the identifier, as type 2 (EUI-64 based).
    #[must_use]
    pub fn lun_information(&self, number: DevNo) -> Option<LunInformation> {
        if self.is_multipath(number) {
            return self
                .below(number)
                .into_iter()
                .find_map(|path| self.lun_information(path));
        }
        let device = self.device(number)?;
        if device.partition.is_some() || device.mapped.is_some() {
            return None;
        }
        let block = self.roots.sys.join("class/block").join(&device.name);
        if device.name.starts_with("nvme") {
            return nvme(&block);
        }
        scsi(&block.join("device"))
    }
}

fn scsi(folder: &Path) -> Option<LunInformation> {
    let page = fs::read(folder.join("vpd_pg83")).ok()?;
    let text = |name: &str| word(&folder.join(name)).unwrap_or_default();
    Some(LunInformation {
        device_type: text("type").parse().unwrap_or(0),
        device_type_modifier: 0,
        command_queueing: true,
        bus_type: BusType::Scsi,
        vendor_id: text("vendor"),
        product_id: text("model"),
        product_revision: text("rev"),
        serial_number: fs::read(folder.join("vpd_pg80"))
            .ok()
            .and_then(|page| serial_number(&page))
            .unwrap_or_default(),
        disk_signature: Uuid::nil(),
        identifiers: designators(&page),
        interconnects: Vec::new(),
    })
}

fn nvme(block: &Path) -> Option<LunInformation> {
    let device = block.join("device");
    let id = [("nguid", 16), ("eui", 8)]
        .iter()
        .find_map(|(name, length)| {
            let text = word(&block.join(name))?;
            let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
            let bytes = (0..digits.len() / 2)
                .map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok())
                .collect::<Option<Vec<u8>>>()?;
            (bytes.len() == *length && bytes.iter().any(|byte| *byte != 0)).then_some(bytes)
        })?;
    let text = |name: &str| word(&device.join(name)).unwrap_or_default();
    Some(LunInformation {
        device_type: 0,
        device_type_modifier: 0,
        command_queueing: true,
        bus_type: BusType::NVMe,
        vendor_id: "NVMe".to_owned(),
        product_id: text("model"),
        product_revision: text("firmware_rev"),
        serial_number: text("serial"),
        disk_signature: Uuid::nil(),
        identifiers: vec![StorageIdentifier {
            code_set: IdentifierCodeSet::Binary,
            identifier_type: IdentifierType::Eui64,
            bytes: id,
        }],
        interconnects: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vss_model::{IdentifierCodeSet, IdentifierType};

    use super::{designators, serial_number};

    /// Page 0x83 of a LUN of the kernel's target: NAA, T10 vendor id, then relative port and target
    /// port group with association 1.
    fn page() -> Vec<u8> {
        let mut body = vec![0x01, 0x03, 0, 16];
        body.extend([
            0x60, 0x01, 0x40, 0x5a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
        ]);
        body.extend([0x02, 0x01, 0, 12]);
        body.extend(b"LIO-ORG db\0\0");
        body.extend([0x51, 0x94, 0, 4, 0, 0, 0, 1]);
        body.extend([0x51, 0x95, 0, 4, 0, 0, 0, 0]);
        let mut page = vec![0, 0x83, 0, u8::try_from(body.len()).unwrap()];
        page.extend(body);
        page
    }

    #[test]
    fn only_names_of_the_lun_count() {
        let found = designators(&page());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].identifier_type, IdentifierType::FcphName);
        assert_eq!(found[0].bytes.len(), 16);
        assert_eq!(found[1].code_set, IdentifierCodeSet::Ascii);
        assert_eq!(found[1].bytes, b"LIO-ORG db");
    }

    #[test]
    fn what_is_cut_off_is_left_out() {
        let page = page();
        for end in 0..page.len() {
            let found = designators(&page[..end]);
            assert_eq!(
                found.len(),
                usize::from(end >= 24) + usize::from(end >= 40),
                "{end}"
            );
        }
        assert!(designators(&[0, 0x80, 0, 1, 7]).is_empty());
    }

    #[test]
    fn serial_numbers_are_filled_up() {
        assert_eq!(serial_number(b"\0\x80\0\x06 ab1 \0").unwrap(), "ab1");
        assert_eq!(serial_number(b"\0\x80\0\x02  "), None);
        assert_eq!(serial_number(b"\0\x83\0\x02ab"), None);
        assert_eq!(serial_number(b"\0\x80"), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = designators(&bytes);
            let _ = serial_number(&bytes);
            let page = [&[0, 0x83, 0xff, 0xff], &bytes[..]].concat();
            let _ = designators(&page);
        }
    }
}
