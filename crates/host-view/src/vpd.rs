//! Vital product data of SCSI devices (SPC-5 §7.7).
//!
//! ```text
//! page 0x80   0 device type   1 0x80   2..4 length   4.. serial number
//! page 0x83   0 device type   1 0x83   2..4 length   4.. descriptors:
//!             0 protocol|code set   1 PIV|association|type   2 -   3 length   4.. identifier
//! ```

use vss_model::{IdentifierCodeSet, IdentifierType, StorageIdentifier};

const HEADER: usize = 4;
const CODE_SET: u8 = 0x0F;
const ASSOCIATION: u8 = 0x30;
const TYPE: u8 = 0x0F;

/// A page that does not have its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VpdError {
    /// Shorter than a header.
    #[error("a page of {0} bytes has no header")]
    NoHeader(usize),
    /// Another page than was asked for.
    #[error("this is page {found:#04x}, not {expected:#04x}")]
    WrongPage {
        /// The page asked for.
        expected: u8,
        /// What the page says that it is.
        found: u8,
    },
    /// The page says that it is longer than it is.
    #[error("the page says {said} bytes and has {has}")]
    Truncated {
        /// Bytes after the header, as it says.
        said: usize,
        /// Bytes after the header.
        has: usize,
    },
    /// A descriptor reaches over the end of the page.
    #[error("the descriptor at byte {at} reaches over the end of the page")]
    Descriptor {
        /// Where it begins, counted from the page's first byte.
        at: usize,
    },
}

fn body(page: &[u8], code: u8) -> Result<&[u8], VpdError> {
    let Some((header, rest)) = page.split_first_chunk::<HEADER>() else {
        return Err(VpdError::NoHeader(page.len()));
    };
    if header[1] != code {
        return Err(VpdError::WrongPage {
            expected: code,
            found: header[1],
        });
    }
    let said = usize::from(u16::from_be_bytes([header[2], header[3]]));
    rest.get(..said).ok_or(VpdError::Truncated {
        said,
        has: rest.len(),
    })
}

/// The unit serial number of page 0x80, without blanks and zero bytes around it.
///
/// # Errors
///
/// When the page does not have its form.
pub fn serial_number(page: &[u8]) -> Result<String, VpdError> {
    Ok(plain(body(page, 0x80)?))
}

/// The identifiers of page 0x83 that belong to the LUN itself (association 0), in their order.
///
/// Code sets and types that VDS does not know are left out. Zero bytes at the end of ASCII and UTF-8
/// identifiers are padding and left out too.
///
/// # Errors
///
/// When the page does not have its form: no identifier of such a page is to be trusted.
pub fn identifiers(page: &[u8]) -> Result<Vec<StorageIdentifier>, VpdError> {
    let body = body(page, 0x83)?;
    let mut found = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let over = VpdError::Descriptor { at: at + HEADER };
        let Some((header, rest)) = body[at..].split_first_chunk::<HEADER>() else {
            return Err(over);
        };
        let length = usize::from(header[3]);
        let Some(bytes) = rest.get(..length) else {
            return Err(over);
        };
        at += HEADER + length;
        if header[1] & ASSOCIATION != 0 {
            continue;
        }
        let code_set = IdentifierCodeSet::from_value(i32::from(header[0] & CODE_SET));
        let kind = IdentifierType::from_value(i32::from(header[1] & TYPE));
        let (Some(code_set), Some(identifier_type)) = (code_set, kind) else {
            continue;
        };
        let bytes = match code_set {
            IdentifierCodeSet::Ascii | IdentifierCodeSet::Utf8 => without_padding(bytes),
            _ => bytes,
        };
        found.push(StorageIdentifier {
            code_set,
            identifier_type,
            bytes: bytes.to_vec(),
        });
    }
    Ok(found)
}

fn without_padding(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|b| *b != 0)
        .map_or(0, |last| last + 1);
    &bytes[..end]
}

/// Printable text without blanks and zero bytes around it.
pub(crate) fn plain(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_matches(|c: char| c.is_whitespace() || c.is_control())
        .to_owned()
}

/// The identifier that the kernel writes as text in `wwid`: `naa.…`, `eui.…`, `t10.…` as SCSI
/// devices have it, `nvme.…` for NVMe namespaces without an identifier of their own.
#[must_use]
pub fn identifier_of_wwid(wwid: &str) -> Option<StorageIdentifier> {
    let (code_set, identifier_type, bytes) = if let Some(digits) = wwid.strip_prefix("naa.") {
        (
            IdentifierCodeSet::Binary,
            IdentifierType::FcphName,
            hex(digits)?,
        )
    } else if let Some(digits) = wwid.strip_prefix("eui.") {
        (
            IdentifierCodeSet::Binary,
            IdentifierType::Eui64,
            hex(digits)?,
        )
    } else if let Some(text) = wwid.strip_prefix("t10.") {
        (
            IdentifierCodeSet::Ascii,
            IdentifierType::VendorId,
            text.as_bytes().to_vec(),
        )
    } else if wwid.starts_with("nvme.") || wwid.starts_with("uuid.") {
        (
            IdentifierCodeSet::Utf8,
            IdentifierType::ScsiNameString,
            wwid.as_bytes().to_vec(),
        )
    } else {
        return None;
    };
    (!bytes.is_empty()).then_some(StorageIdentifier {
        code_set,
        identifier_type,
        bytes,
    })
}

/// Bytes of hexadecimal digits, of which `-` and blanks between them do not count.
pub(crate) fn hex(digits: &str) -> Option<Vec<u8>> {
    let nibbles: Vec<u8> = digits
        .chars()
        .filter(|c| !matches!(c, '-' | ' '))
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, []) = nibbles.as_chunks::<2>() else {
        return None;
    };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
