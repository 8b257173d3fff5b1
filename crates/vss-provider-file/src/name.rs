//! Names of LUNs.

use vss_provider::failure::invalid;
use vss_provider::{ProviderError, ProviderResult};

/// The longest name, in bytes.
pub(crate) const MAX_LENGTH: usize = 64;

/// Checks a name: 1 to 64 of `A-Z a-z 0-9 . _ @ -`, not starting with `.` or `-`.
///
/// A name is a file name, part of a device path and a word on command lines: a leading dot would
/// hide it, a leading dash would make it an option.
pub(crate) fn check(name: &str) -> ProviderResult<()> {
    let fault = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.len() > MAX_LENGTH {
        format!("it has {} bytes, {MAX_LENGTH} are allowed", name.len())
    } else if name.starts_with(['.', '-']) {
        "it starts with a dot or a dash".to_owned()
    } else if let Some(bad) = name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !"._@-".contains(*c))
    {
        format!("it holds {bad:?}")
    } else {
        return Ok(());
    };
    Err(
        invalid(format!("{name:?} cannot be the name of a LUN: {fault}")).with_hint(
            "a name is 1 to 64 letters, digits and . _ @ -, starting with neither . nor -",
        ),
    )
}

/// The first free name for a copy: `ORIGINAL@SUFFIX`, then `ORIGINAL@SUFFIX-2` and so on; long
/// originals are cut so that it fits.
pub(crate) fn of_copy(
    original: &str,
    suffix: &str,
    mut taken: impl FnMut(&str) -> ProviderResult<bool>,
) -> ProviderResult<String> {
    for attempt in 1..=u32::MAX {
        let tail = match attempt {
            1 => format!("@{suffix}"),
            n => format!("@{suffix}-{n}"),
        };
        let room = MAX_LENGTH.saturating_sub(tail.len());
        let head = original.get(..room).unwrap_or(original);
        let name = format!("{head}{tail}");
        if !taken(&name)? {
            return Ok(name);
        }
    }
    Err(ProviderError::veto(format!(
        "no name is left for a copy of {original}"
    )))
}

/// Names that a person may have meant, nearest first, at most three.
pub(crate) fn near<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let limit = 1 + wanted.len() / 4;
    let mut near: Vec<(usize, &str)> = known
        .filter_map(|name| {
            let lower = name.to_lowercase();
            if !wanted.is_empty() && lower.starts_with(&wanted) {
                return Some((0, name));
            }
            let distance = distance(&wanted, &lower);
            (distance <= limit).then_some((distance, name))
        })
        .collect();
    near.sort_unstable();
    near.truncate(3);
    near.into_iter().map(|(_, name)| name).collect()
}

/// The hint for a name that is not there.
pub(crate) fn hint<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let near = near(wanted, known);
    (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")))
}

/// How many single letters must be changed, put in or taken out (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut before = i;
        let mut left = i + 1;
        for (cb, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let best = (before + usize::from(ca != *cb))
                .min(left + 1)
                .min(*above + 1);
            before = *above;
            *above = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{check, distance, near, of_copy};

    #[test]
    fn names_are_checked() {
        for good in ["a", "db-1", "A.b_c@d", "0", &"x".repeat(64)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".x",
            "-x",
            "a/b",
            "a b",
            "a\n",
            "a\0",
            "ä",
            "a\u{202e}b",
            "a*",
            &"x".repeat(65),
        ] {
            let error = check(bad).unwrap_err();
            assert!(error.message.contains("cannot be the name"), "{bad:?}");
            assert!(error.hint.is_some());
        }
    }

    #[test]
    fn copies_are_named_after_original_and_set() {
        let free = |_: &str| Ok(false);
        assert_eq!(of_copy("db", "0011aabb", free).unwrap(), "db@0011aabb");
        let long = of_copy(&"x".repeat(64), "0011aabb", free).unwrap();
        assert_eq!(long.len(), 64);
        assert!(long.ends_with("x@0011aabb"));
        let clash = |name: &str| Ok(name == "db@0011aabb" || name == "db@0011aabb-2");
        assert_eq!(of_copy("db", "0011aabb", clash).unwrap(), "db@0011aabb-3");
    }

    #[test]
    fn near_names_are_found() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
        let known = ["data1", "data2", "log", "Production"];
        assert_eq!(near("dat1", known.into_iter()), ["data1", "data2"]);
        assert_eq!(near("prod", known.into_iter()), ["Production"]);
        assert!(near("zzz", known.into_iter()).is_empty());
    }
}
