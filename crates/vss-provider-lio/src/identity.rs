//! Who the provider is, and who a LUN of the target is to a bus.

use uuid::Uuid;
use vss_model::{
    BusType, ClassId, IdentifierCodeSet, IdentifierType, LunInformation, ProviderId,
    ProviderProperties, ProviderType, ProviderVersionId, StorageIdentifier,
};

use crate::tree::Inquiry;

/// The id of this provider, the same for all its versions.
pub const PROVIDER_ID: ProviderId =
    ProviderId::from_uuid(Uuid::from_u128(0xd3a9_4c17_5be2_4f80_8c6e_17f0_92ab_3d54));

/// Hex digits of a NAA identifier of type 6 after the company.
const NAA_DIGITS: usize = 25;

/// What the provider says of itself.
#[must_use]
pub fn properties() -> ProviderProperties {
    let version = env!("CARGO_PKG_VERSION");
    ProviderProperties {
        provider_id: PROVIDER_ID,
        provider_name: "lio".to_owned(),
        provider_type: ProviderType::Hardware,
        provider_version: version.to_owned(),
        provider_version_id: ProviderVersionId::from_uuid(version_id(version)),
        class_id: ClassId::NULL,
    }
}

/// An id for each version: the provider's id mixed with the FNV-1a hash of the version, marked as a custom
/// GUID (version 8 of RFC 9562).
fn version_id(version: &str) -> Uuid {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = version.bytes().fold(BASIS, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    });
    let mixed = PROVIDER_ID.as_uuid().as_u128() ^ hash;
    uuid::Builder::from_custom_bytes(mixed.to_be_bytes()).into_uuid()
}

/// What a bus says of the backstore with this inquiry data and serial number; its disk need not be there.
///
/// The kernel names it twice on page 0x83: by NAA type 6, company and the first 25 hex digits of the serial
/// number; and by vendor, product and the whole of it.
pub(crate) fn information(inquiry: &Inquiry, serial: &str) -> LunInformation {
    let vendor = format!("{:<8.8}", inquiry.vendor);
    LunInformation {
        device_type: 0,
        device_type_modifier: 0,
        command_queueing: true,
        bus_type: BusType::Scsi,
        vendor_id: inquiry.vendor.clone(),
        product_id: inquiry.product.clone(),
        product_revision: inquiry.revision.clone(),
        serial_number: serial.to_owned(),
        disk_signature: Uuid::nil(),
        identifiers: vec![
            StorageIdentifier {
                code_set: IdentifierCodeSet::Binary,
                identifier_type: IdentifierType::FcphName,
                bytes: naa(inquiry.company, serial),
            },
            StorageIdentifier {
                code_set: IdentifierCodeSet::Ascii,
                identifier_type: IdentifierType::VendorId,
                bytes: format!("{vendor}{}:{serial}", inquiry.product).into_bytes(),
            },
        ],
        interconnects: Vec::new(),
    }
}

/// The NAA identifier which the kernel makes of a serial number: what is no hex digit is passed over.
pub(crate) fn naa(company: u32, serial: &str) -> Vec<u8> {
    let digits = std::iter::once(6)
        .chain((0..6).rev().map(|at| company >> (4 * at) & 0xf))
        .chain(
            serial
                .chars()
                .filter_map(|digit| digit.to_digit(16))
                .chain(std::iter::repeat(0))
                .take(NAA_DIGITS),
        )
        .map(|digit| digit.to_le_bytes()[0])
        .collect::<Vec<u8>>();
    digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use host_view::vpd::identifiers;

    use super::{information, naa, properties};
    use crate::tree::Inquiry;

    /// Page 0x83 as Linux 6.1 gave it for this serial number.
    const PAGE: &str = "0083004c010300106001405111122223333444455556666702010034\
                        4c494f2d4f52472046494c45494f3a31313131323232322d333333332d343434342d35353535\
                        2d363636363737373738383838006194000400000001";

    #[test]
    fn the_kernel_names_luns_so() {
        let serial = "11112222-3333-4444-5555-666677778888";
        let page: Vec<u8> = PAGE
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let inquiry = Inquiry {
            vendor: "LIO-ORG".into(),
            product: "FILEIO".into(),
            revision: "4.0".into(),
            company: 0x1405,
        };
        let lun = information(&inquiry, serial);
        assert_eq!(lun.identifiers, identifiers(&page).unwrap());
        assert_eq!(
            lun.lun_id().unwrap().to_string(),
            "naa.60014051111222233334444555566667"
        );
    }

    #[test]
    fn short_serial_numbers_are_filled_up() {
        assert_eq!(naa(0x1405, "a-z1")[..6], [0x60, 0x01, 0x40, 0x5a, 0x10, 0]);
        assert_eq!(naa(0x1405, "").len(), 16);
        assert!(!properties().provider_version_id.is_null());
    }
}
