//! Values of attributes: booleans, numbers, GUIDs, enumerations (spec: writer §12).

use uuid::Uuid;
use vss_model::{Error, ResultCode};

use super::tree::{Element, invalid};

/// `yes` or `no`.
pub(super) const fn boolean(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// Reads attributes of an element, and says which one is wrong.
pub(super) trait Attributes {
    /// A text that must be there.
    fn needed(&mut self, name: &str) -> Result<String, Error>;
    /// `yes` or `no`; `no` where it is missing.
    fn boolean(&mut self, name: &str) -> Result<bool, Error>;
    /// A decimal number; 0 where it is missing.
    fn number(&mut self, name: &str) -> Result<u64, Error>;
    /// As [`number`](Self::number), of 32 bits.
    fn number32(&mut self, name: &str) -> Result<u32, Error>;
    /// A GUID, with or without braces; null where it is missing.
    fn guid(&mut self, name: &str) -> Result<Uuid, Error>;
    /// One of an enumeration, by its number; number 0 where it is missing.
    fn one_of<T>(&mut self, name: &str, of: impl Fn(i32) -> Option<T>) -> Result<T, Error>;
    /// A result code, as `0x8004230f` or in decimal; `S_OK` where it is missing.
    fn code(&mut self, name: &str) -> Result<ResultCode, Error>;
}

fn wrong(name: &str, value: &str, wanted: &str) -> Error {
    invalid(format!("attribute {name}: {value:?} is no {wanted}"))
}

impl Attributes for Element {
    fn needed(&mut self, name: &str) -> Result<String, Error> {
        self.take(name)
            .ok_or_else(|| invalid(format!("attribute {name} is missing")))
    }

    fn boolean(&mut self, name: &str) -> Result<bool, Error> {
        match self.take(name).as_deref() {
            None | Some("no") => Ok(false),
            Some("yes") => Ok(true),
            Some(other) => Err(wrong(name, other, "yes or no")),
        }
    }

    fn number(&mut self, name: &str) -> Result<u64, Error> {
        self.take(name).map_or(Ok(0), |text| {
            text.parse()
                .map_err(|_| wrong(name, &text, "decimal number"))
        })
    }

    fn number32(&mut self, name: &str) -> Result<u32, Error> {
        let number = self.number(name)?;
        u32::try_from(number).map_err(|_| wrong(name, &number.to_string(), "number of 32 bits"))
    }

    fn guid(&mut self, name: &str) -> Result<Uuid, Error> {
        self.take(name).map_or(Ok(Uuid::nil()), |text| {
            Uuid::try_parse(&text).map_err(|_| wrong(name, &text, "GUID"))
        })
    }

    fn one_of<T>(&mut self, name: &str, of: impl Fn(i32) -> Option<T>) -> Result<T, Error> {
        let number = self.number32(name)?;
        i32::try_from(number)
            .ok()
            .and_then(of)
            .ok_or_else(|| wrong(name, &number.to_string(), "known value"))
    }

    fn code(&mut self, name: &str) -> Result<ResultCode, Error> {
        self.take(name).map_or(Ok(ResultCode::S_OK), |text| {
            let number = match text.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => text.parse(),
            };
            number
                .map(ResultCode)
                .map_err(|_| wrong(name, &text, "result code"))
        })
    }
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hexadecimal digits.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, Error> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return Err(invalid("bytes have two hexadecimal digits each"));
    }
    let value = |pair: &[u8]| {
        std::str::from_utf8(pair)
            .ok()
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .ok_or_else(|| invalid("bytes are written in hexadecimal digits"))
    };
    digits.chunks(2).map(value).collect()
}
