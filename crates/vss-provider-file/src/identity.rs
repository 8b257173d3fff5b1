//! Who the array is, and who its LUNs are to a bus.

use uuid::Uuid;
use vss_model::{
    BusType, ClassId, IdentifierCodeSet, IdentifierType, LunId, LunInformation, ProviderId,
    ProviderProperties, ProviderType, ProviderVersionId, StorageIdentifier,
};

/// The id of this provider, the same for all its versions.
pub const PROVIDER_ID: ProviderId =
    ProviderId::from_uuid(Uuid::from_u128(0x6b1f_3c52_0d9e_4e47_9a35_c8d2_71f4_b06e));

/// Vendor in the inquiry data and, padded to 8 bytes, in page 0x83.
const VENDOR: &str = "OPENVSS";

/// Product in the inquiry data.
const PRODUCT: &str = "FILE-LUN";

/// What the provider says of itself.
pub(crate) fn properties() -> ProviderProperties {
    let version = env!("CARGO_PKG_VERSION");
    ProviderProperties {
        provider_id: PROVIDER_ID,
        provider_name: "openvss embedded array".to_owned(),
        provider_type: ProviderType::Hardware,
        provider_version: version.to_owned(),
        provider_version_id: ProviderVersionId::from_uuid(version_id(version)),
        class_id: ClassId::NULL,
    }
}

/// An id for each version, so that none has to be thought of at a release: the provider's id mixed
/// with the FNV-1a hash of the version, marked as a custom GUID (version 8 of RFC 9562).
fn version_id(version: &str) -> Uuid {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = version.bytes().fold(BASIS, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    });
    let mixed = PROVIDER_ID.as_uuid().as_u128() ^ hash;
    uuid::Builder::from_custom_bytes(mixed.to_be_bytes()).into_uuid()
}

/// What inquiry says of the LUN with this GUID; the same for all its life.
///
/// The one identifier of page 0x83 is of type 1: the vendor in 8 bytes, then the GUID in 32 lower
/// case hex digits.
pub(crate) fn information(guid: Uuid) -> LunInformation {
    let serial = guid.simple().to_string();
    LunInformation {
        device_type: 0,
        device_type_modifier: 0,
        command_queueing: true,
        bus_type: BusType::FileBackedVirtual,
        vendor_id: VENDOR.to_owned(),
        product_id: PRODUCT.to_owned(),
        product_revision: "1".to_owned(),
        identifiers: vec![StorageIdentifier {
            code_set: IdentifierCodeSet::Ascii,
            identifier_type: IdentifierType::VendorId,
            bytes: format!("{VENDOR:<8}{serial}").into_bytes(),
        }],
        serial_number: serial,
        disk_signature: Uuid::nil(),
        interconnects: Vec::new(),
    }
}

/// The name of the LUN with this GUID among all LUNs.
pub(crate) fn lun_id(guid: Uuid) -> LunId {
    information(guid)
        .lun_id()
        .expect("every LUN of the array has an identifier of type 1")
}

/// The GUID of a LUN of ours, from page 0x83; `None` for LUNs of others.
///
/// Whether the array has such a LUN is another question.
pub(crate) fn guid_of(lun: &LunInformation) -> Option<Uuid> {
    lun.identifiers
        .iter()
        .filter(|identifier| identifier.identifier_type == IdentifierType::VendorId)
        .find_map(|identifier| {
            let text = std::str::from_utf8(&identifier.bytes).ok()?;
            let digits = text.strip_prefix(VENDOR)?.strip_prefix(' ')?;
            // Exactly as `information` writes it: other spellings are other names.
            let guid = Uuid::try_parse(digits).ok()?;
            (guid.simple().to_string() == digits).then_some(guid)
        })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use vss_model::IdentifierType;

    use super::{guid_of, information, lun_id, properties, version_id};

    #[test]
    fn a_lun_is_known_by_page_0x83() {
        let guid = Uuid::from_u128(0x0123_4567_89ab_cdef);
        let lun = information(guid);
        assert_eq!(lun.serial_number, "00000000000000000123456789abcdef");
        assert_eq!(
            lun_id(guid).to_string(),
            "t10.OPENVSS 00000000000000000123456789abcdef"
        );
        assert_eq!(guid_of(&lun), Some(guid));
        let mut other = lun.clone();
        other.identifiers[0].identifier_type = IdentifierType::VendorSpecific;
        assert_eq!(guid_of(&other), None);
        for bytes in [
            "OPENVSS",
            "OPENVSS ",
            "OTHER   0123",
            "OPENVSS {}",
            "OPENVSS \u{ff}",
        ] {
            let mut other = lun.clone();
            other.identifiers[0].bytes = bytes.as_bytes().to_vec();
            assert_eq!(guid_of(&other), None, "{bytes}");
        }
    }

    #[test]
    fn versions_have_ids_of_their_own() {
        assert_ne!(version_id("0.1.0"), version_id("0.1.1"));
        assert_eq!(version_id("0.1.0"), version_id("0.1.0"));
        assert!(!properties().provider_version_id.is_null());
    }
}
