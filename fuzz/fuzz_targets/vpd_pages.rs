//! Any bytes as pages by which a SCSI disk says who it is: what is understood can be written as a page and is
//! understood again.

#![no_main]

use host_view::vpd::{identifier_of_wwid, identifiers, serial_number};
use libfuzzer_sys::fuzz_target;
use vss_model::{IdentifierCodeSet, StorageIdentifier};

fuzz_target!(|page: &[u8]| {
    if let Ok(serial) = serial_number(page) {
        assert_eq!(serial.trim(), serial);
    }
    if let Ok(found) = identifiers(page) {
        let written = written(&found);
        assert!(written.len() <= page.len());
        assert_eq!(identifiers(&written).unwrap(), found);
    }
    if let Ok(wwid) = std::str::from_utf8(page)
        && let Some(identifier) = identifier_of_wwid(wwid)
    {
        assert!((1..=wwid.len()).contains(&identifier.bytes.len()));
    }
});

/// Page 0x83 with these identifiers.
fn written(identifiers: &[StorageIdentifier]) -> Vec<u8> {
    let mut body = Vec::new();
    for identifier in identifiers {
        if matches!(
            identifier.code_set,
            IdentifierCodeSet::Ascii | IdentifierCodeSet::Utf8
        ) {
            assert_ne!(identifier.bytes.last(), Some(&0), "padding is left out");
        }
        body.push(u8::try_from(identifier.code_set.value()).unwrap());
        body.push(u8::try_from(identifier.identifier_type.value()).unwrap());
        body.push(0);
        body.push(u8::try_from(identifier.bytes.len()).unwrap());
        body.extend(&identifier.bytes);
    }
    let length = u16::try_from(body.len()).unwrap();
    let mut page = vec![0, 0x83];
    page.extend(length.to_be_bytes());
    page.extend(body);
    page
}
