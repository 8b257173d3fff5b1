//! Bytes as lower-case hexadecimal text, for journals.

use std::fmt::Write as _;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().fold(
        String::with_capacity(bytes.len().saturating_mul(2)),
        |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        },
    )
}

pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(bytes))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| D::Error::custom("not pairs of hexadecimal digits"))
}

fn parse(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16)?.try_into().ok();
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| {
            let (high, low): (u8, u8) = (digit(*high)?, digit(*low)?);
            Some(high << 4 | low)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{parse, text};

    #[test]
    fn pairs_of_digits_only() {
        assert_eq!(parse("00fF7a"), Some(vec![0, 0xff, 0x7a]));
        assert_eq!(parse(""), Some(Vec::new()));
        for bad in ["0", "0g", "+1", "é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(text(&[0, 0xff, 0x7a]), "00ff7a");
    }
}
