//! Any bytes as the kernel's table of mounts: what is understood can be written and is understood again.

#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use host_view::Mount;
use host_view::mounts::{parse_mounts, parse_swaps, unescape};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|table: &[u8]| {
    assert_eq!(unescape(&escape(table)), table);
    let lines = table.split(|byte| *byte == b'\n').count();
    assert!(parse_swaps(table).len() < lines);
    match parse_mounts(table) {
        Err((line, _)) => assert!((1..=lines).contains(&line)),
        Ok(mounts) => {
            assert!(mounts.len() <= lines);
            let written: Vec<u8> = mounts.iter().flat_map(line).collect();
            assert_eq!(parse_mounts(&written).unwrap(), mounts);
        }
    }
});

/// A mount as the kernel writes it.
fn line(mount: &Mount) -> Vec<u8> {
    let flag = if mount.read_only { "ro" } else { "rw" };
    let options = mount.options.iter().map(|option| escape(option.as_bytes()));
    let mut line = format!("{} {} {} ", mount.id, mount.parent, mount.device).into_bytes();
    for field in [
        escape(mount.root.as_os_str().as_bytes()),
        escape(mount.point.as_os_str().as_bytes()),
        flag.as_bytes().to_vec(),
        b"shared:1 -".to_vec(),
        escape(OsStr::new(&mount.fs_type).as_bytes()),
        escape(mount.source.as_os_str().as_bytes()),
    ] {
        line.extend(field);
        line.push(b' ');
    }
    line.extend(options.collect::<Vec<_>>().join(&b','));
    line.push(b'\n');
    line
}

fn escape(text: &[u8]) -> Vec<u8> {
    text.iter()
        .flat_map(|byte| match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b',' => format!("\\{byte:03o}").into_bytes(),
            other => vec![*other],
        })
        .collect()
}
