//! Names of copies.

use uuid::Uuid;

/// What stands between the name of the original and the digits of a copy.
const MARK: &str = "-vss-";
/// How many digits of the serial number tell copies of one original apart.
const DIGITS: usize = 8;
/// The kernel takes names of backstores up to 64 bytes.
const LONGEST_BASE: usize = 48;

/// The name of a copy: that of the original, and the first digits of the copy's serial number. A copy of a
/// copy is named after the first original.
pub(crate) fn of_copy(original: &str, serial: Uuid) -> String {
    let digits = serial.simple().to_string();
    let digits = digits.get(..DIGITS).unwrap_or(&digits);
    format!("{}{MARK}{digits}", base(original))
}

fn base(name: &str) -> &str {
    let base = match name.rsplit_once(MARK) {
        Some((base, digits))
            if !base.is_empty()
                && digits.len() == DIGITS
                && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) =>
        {
            base
        }
        _ => name,
    };
    let mut end = base.len().min(LONGEST_BASE);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    base.get(..end).unwrap_or_default()
}

/// The name of a copy's image, with the extension of the original's.
pub(crate) fn of_image(original: &str, serial: Uuid) -> String {
    match original.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 8 => {
            format!("{}.{extension}", of_copy(stem, serial))
        }
        _ => of_copy(original, serial),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{of_copy, of_image};

    #[test]
    fn copies_are_named_after_their_original() {
        let serial = Uuid::from_u128(0x1234_5678 << 96);
        for (original, copy) in [
            ("db", "db-vss-12345678"),
            ("db-vss-0011aaff", "db-vss-12345678"),
            ("db-vss-0011aafx", "db-vss-0011aafx-vss-12345678"),
            ("-vss-0011aaff", "-vss-0011aaff-vss-12345678"),
        ] {
            assert_eq!(of_copy(original, serial), copy);
        }
        assert!(of_copy(&"ü".repeat(60), serial).len() <= 63);
        assert_eq!(of_image("db.img", serial), "db-vss-12345678.img");
        assert_eq!(of_image(".img", serial), ".img-vss-12345678");
        assert_eq!(of_image("db", serial), "db-vss-12345678");
    }
}
