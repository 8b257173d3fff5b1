//! Names that programs written for Windows have for volumes.

use std::collections::BTreeMap;

use uuid::Uuid;
use vss_service::VolumeName;

const VOLUME: &str = r"\\?\Volume{";

/// The names with their volumes, by name.
///
/// # Errors
/// Says which key is no name, or is there twice, and which value is no volume.
pub(super) fn names(table: &BTreeMap<String, String>) -> Result<Vec<VolumeName>, String> {
    // By what is the same to a program written for Windows.
    let mut names = BTreeMap::new();
    for (key, volume) in table {
        let name = windows_name(key).map_err(|why| format!("volumes: {key:?}: {why}"))?;
        if volume.trim().is_empty() || volume.contains(char::is_control) {
            return Err(format!("volumes: {key:?}: {volume:?} is no volume"));
        }
        let one = VolumeName {
            name,
            volume: volume.clone(),
        };
        if let Some(other) = names.insert(one.name.to_lowercase(), one) {
            return Err(format!("volumes: {:?} is there twice", other.name));
        }
    }
    Ok(names.into_values().collect())
}

/// A name as [`VolumeName::name`] has it.
fn windows_name(key: &str) -> Result<String, &'static str> {
    match key.split_at_checked(VOLUME.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(VOLUME) => of_guid(rest),
        _ => of_drive(key),
    }
}

fn of_guid(rest: &str) -> Result<String, &'static str> {
    let guid = rest.strip_suffix('\\').unwrap_or(rest).strip_suffix('}');
    guid.filter(|text| text.len() == uuid::fmt::Hyphenated::LENGTH)
        .and_then(|text| Uuid::try_parse(text).ok())
        .map(|guid| format!("{VOLUME}{guid}}}\\"))
        .ok_or("no GUID of 36 characters stands between the braces, or something follows them")
}

fn of_drive(key: &str) -> Result<String, &'static str> {
    const FORMS: &str =
        r"a name is a drive (E:), a folder of a drive (E:\mnt) or \\?\Volume{GUID}\";
    let mut letters = key.chars();
    let (Some(drive @ ('a'..='z' | 'A'..='Z')), Some(':')) = (letters.next(), letters.next())
    else {
        return Err(FORMS);
    };
    let drive = drive.to_ascii_uppercase();
    let rest = letters.as_str();
    if rest.is_empty() || rest == "\\" {
        return Ok(format!("{drive}:\\"));
    }
    let folders = rest.strip_prefix('\\').ok_or(FORMS)?;
    let folders = folders.strip_suffix('\\').unwrap_or(folders);
    if folders.split('\\').all(is_file_name) {
        Ok(format!("{drive}:\\{folders}\\"))
    } else {
        Err("a folder has a name that Windows does not allow")
    }
}

/// What Windows takes for the name of a file: nothing reserved, neither space nor dot at the end
/// ("Naming Files, Paths, and Namespaces").
fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && !name.ends_with([' ', '.'])
        && !name.contains(|c: char| c.is_control() || r#"<>:"/\|?*"#.contains(c))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{names, windows_name};

    const GUID: &str = "acfe2b3a-22c9-4ef8-bd03-2f9ca230084e";

    #[test]
    fn names_get_one_form() {
        let volume = format!(r"\\?\Volume{{{GUID}}}\");
        for (key, name) in [
            ("e:", r"E:\"),
            (r"E:\", r"E:\"),
            (r"e:\Mnt", r"E:\Mnt\"),
            (r"E:\a b\c.d\", r"E:\a b\c.d\"),
            (&volume, &volume),
            (&volume.to_uppercase(), &volume),
            (volume.trim_end_matches('\\'), &volume),
        ] {
            assert_eq!(windows_name(key).as_deref(), Ok(name), "{key}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for key in [
            "",
            "E",
            "E:mnt",
            "1:",
            "é:",
            "/srv",
            r"E:\\",
            r"E:\a\\b",
            r"E:\a\..\b",
            r"E:\a/b",
            r"E:\a ",
            r"E:\a:b",
            r"\\server\share",
            r"\\?\E:\",
            r"\\?\Volume{}\",
            &format!(r"\\?\Volume{{{GUID}}}\a"),
            &format!(r"\\?\Volume{{{GUID}"),
            &format!(r"\\?\Volume{{{}}}\", GUID.replace('-', "")),
            &format!(r"\\.\Volume{{{GUID}}}\"),
        ] {
            assert!(windows_name(key).is_err(), "{key}");
        }
    }

    #[test]
    fn a_name_is_there_once_and_has_a_volume() {
        let table = |pairs: &[(&str, &str)]| {
            let owned = pairs.iter().map(|&(a, b)| (a.to_owned(), b.to_owned()));
            names(&owned.collect::<BTreeMap<_, _>>())
        };
        let two = table(&[(r"F:\Ä", "/srv"), ("E:", "db/1")]).unwrap();
        let two: Vec<_> = two.iter().map(|one| (&*one.name, &*one.volume)).collect();
        assert_eq!(two, [(r"E:\", "db/1"), (r"F:\Ä\", "/srv")]);
        for twice in [["E:", r"e:\"], [r"E:\Ä", r"E:\ä\"]] {
            let message = table(&[(twice[0], "a"), (twice[1], "b")]).unwrap_err();
            assert!(message.contains("twice"), "{message}");
        }
        assert!(table(&[("E:", " ")]).unwrap_err().contains("no volume"));
        assert!(table(&[("E:", "a\nb")]).is_err());
    }
}
