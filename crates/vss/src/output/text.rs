//! Words for people.

use std::borrow::Cow;
use std::fmt::Write as _;

use disk_identity::{Identity, attributes as bits};
use uuid::Uuid;
use vss_service::StepTime;

use super::{Paint, Table};

/// Makes characters visible that could move a cursor or turn the direction of writing.
pub(crate) fn plain(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(harmful) {
        return text.to_owned();
    }
    text.chars().fold(String::new(), |mut shown, c| {
        if harmful(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
        shown
    })
}

/// The first 8 digits of an id, which are enough to type it.
pub(crate) fn short(id: &Uuid) -> String {
    let mut text = id.to_string();
    text.truncate(8);
    text
}

/// A span of time in a unit that fits.
pub(crate) fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// "read-only" or "read-write", if it is known.
pub(crate) fn on_off(read_only: Option<bool>) -> &'static str {
    match read_only {
        Some(true) => "read-only",
        Some(false) => "read-write",
        None => "-",
    }
}

/// The attribute field in words, with the rest of its bits as a number.
fn attributes(field: u64) -> Cow<'static, str> {
    if field == 0 {
        return Cow::Borrowed("-");
    }
    let mut words: Vec<String> = [
        (bits::READ_ONLY, "read-only"),
        (bits::SHADOW_COPY, "shadow-copy"),
        (bits::HIDDEN, "hidden"),
        (bits::NO_DRIVE_LETTER, "no-drive-letter"),
    ]
    .into_iter()
    .filter(|(bit, _)| field & bit != 0)
    .map(|(_, word)| word.to_owned())
    .collect();
    let rest = field & !bits::ALL_FOUR;
    if rest != 0 {
        words.push(format!("{rest:#x}"));
    }
    Cow::Owned(words.join(","))
}

/// An identity: what names the disk, and its partitions below.
pub(crate) fn identity_table(identity: &Identity, paint: Paint, indent: &str) -> String {
    let mut text = String::new();
    let disk_id = identity
        .disk_id
        .map_or_else(|| "none".to_owned(), |id| id.to_string());
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{indent}{}, sectors of {} bytes, disk id {disk_id}",
        identity.table, identity.sector_size
    );
    if let Some(signature) = identity.hybrid_signature {
        let _ = writeln!(text, "{indent}hybrid MBR with signature {signature:08x}");
    }
    if identity.partitions.is_empty() {
        return text;
    }
    let mut table = Table::new(&["PART", "START", "END", "ID", "TYPE", "ATTRIBUTES", "NAME"]);
    for partition in &identity.partitions {
        table.row([
            partition.index.to_string(),
            partition.start_lba.to_string(),
            partition.end_lba.to_string(),
            partition.id.to_string(),
            partition.type_id.to_string(),
            attributes(partition.attributes).into_owned(),
            partition.name.clone(),
        ]);
    }
    text.push_str(&table.render(paint, indent));
    text
}

/// The steps of an operation and their times.
pub(crate) fn steps_table(steps: &[StepTime], paint: Paint, indent: &str) -> String {
    let mut table = Table::new(&["STEP", "TIME"]);
    for step in steps {
        table.row([step.step.clone(), micros(step.micros)]);
    }
    table.render(paint, indent)
}

#[cfg(test)]
mod tests {
    use super::{attributes, micros, plain};

    #[test]
    fn times_and_attributes_in_words() {
        assert_eq!(micros(999), "999 µs");
        assert_eq!(micros(1_500), "1.5 ms");
        assert_eq!(micros(2_340_000), "2.34 s");
        assert_eq!(attributes(0), "-");
        assert_eq!(
            attributes(0xf000_0000_0000_0001),
            "read-only,shadow-copy,hidden,no-drive-letter,0x1"
        );
        assert_eq!(plain("a\u{202e}b\n"), "a\\u{202e}b\\n");
    }
}
