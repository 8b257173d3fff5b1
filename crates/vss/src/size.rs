//! Sizes as people write them, in binary units.

/// Units by their first letter, each 1024 times the one before.
const UNITS: &str = "KMGTPE";

/// Reads `1G`, `512M`, `10GiB` or a plain number of bytes.
///
/// # Errors
/// The text is none of these, or the size is zero or too large.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err("a size begins with a number, as in 1G or 512M".to_owned());
    }
    let unit = unit.trim_start();
    let upper = unit.to_ascii_uppercase();
    let power = match upper.as_str() {
        "" | "B" => 0,
        _ => upper
            .strip_suffix("IB")
            .or_else(|| (upper.len() == 1).then_some(&upper))
            .and_then(|letter| UNITS.find(letter).filter(|_| letter.len() == 1))
            .and_then(|at| u32::try_from(at).ok())
            .map(|at| at + 1)
            .ok_or_else(|| {
                format!("{unit:?} is no unit; there are K, M, G, T and P (binary: 1K is 1024), also as KiB, MiB, …")
            })?,
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1024_u64.checked_pow(power)?))
        .ok_or("that is more bytes than can be counted")?;
    if bytes == 0 {
        return Err("a size of 0 makes no disk".to_owned());
    }
    Ok(bytes)
}

/// A size in the largest unit in which it is at least one.
pub(crate) fn show(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = None;
    for letter in UNITS.chars() {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = Some(letter);
    }
    match unit {
        None => format!("{bytes} B"),
        Some(letter) => format!("{value:.1} {letter}iB"),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, show};

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("512", 512),
            ("4096B", 4096),
            ("1K", 1024),
            ("512M", 512 << 20),
            ("1g", 1 << 30),
            ("10GiB", 10 << 30),
            ("2 TiB", 2 << 40),
            ("1P", 1 << 50),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for bad in [
            "",
            "G",
            "-1G",
            "1.5G",
            "1GB",
            "1x",
            "0",
            "99999999E",
            "1iB",
            "1KMiB",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_shown() {
        assert_eq!(show(511), "511 B");
        assert_eq!(show(1536), "1.5 KiB");
        assert_eq!(show(1 << 30), "1.0 GiB");
    }
}
