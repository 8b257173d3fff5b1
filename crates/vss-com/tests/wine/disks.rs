//! Images with partition tables, made and read by programs that we did not write.

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

const SECTOR: usize = 512;
const SIZE: u64 = 8 << 20;

/// Where the data of the first partition lies.
const DATA: Range<usize> = 2048 * SECTOR..2064 * SECTOR;

/// Who a disk is, and the attribute bits of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Disk GUID or MBR signature.
    pub(crate) disk: String,
    /// Unique GUIDs of the partitions; none on an MBR.
    pub(crate) partitions: Vec<String>,
    /// Attribute bits of the partitions.
    pub(crate) attributes: Vec<u64>,
}

fn run(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}{errors}");
    said
}

/// A disk with a GPT and two partitions.
pub(crate) fn gpt(file: &Path) {
    filled(file);
    run(Command::new("sgdisk")
        .args(["--clear", "--new=1:2048:+2M", "--typecode=1:0700"])
        .args(["--new=2:8192:+1M", "--typecode=2:8300"])
        .arg(file));
}

/// A disk with an MBR and one partition.
pub(crate) fn mbr(file: &Path) {
    filled(file);
    let mut sfdisk = Command::new("sfdisk")
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let table = b"label: dos\nlabel-id: 0x1badcafe\nstart=2048, size=4096, type=7\n";
    sfdisk.stdin.take().unwrap().write_all(table).unwrap();
    assert!(sfdisk.wait().unwrap().success());
}

/// Data that no other place of the disk has.
fn filled(file: &Path) {
    let mut bytes = vec![0; DATA.end];
    for (at, byte) in bytes.iter_mut().enumerate().skip(DATA.start) {
        *byte = u8::try_from((at ^ (at >> 8)) & 0xFF).unwrap();
    }
    fs::write(file, bytes).unwrap();
    File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(SIZE)
        .unwrap();
}

/// Whether two disks hold the same between their tables.
pub(crate) fn same_data(one: &Path, other: &Path) -> bool {
    let between = |file: &Path| {
        let bytes = fs::read(file).unwrap();
        let end = bytes.len() - 34 * SECTOR;
        bytes.get(34 * SECTOR..end).unwrap().to_vec()
    };
    between(one) == between(other)
}

/// The identity of a disk, as sgdisk and sfdisk read it; a damaged table fails the test.
pub(crate) fn identity(file: &Path) -> Identity {
    let table = run(Command::new("sfdisk").arg("--dump").arg(file));
    let field = |line: &str, name: &str| {
        line.split(',')
            .find_map(|part| part.trim().strip_prefix(name).map(str::to_owned))
    };
    let disk = table
        .lines()
        .find_map(|line| line.strip_prefix("label-id: "))
        .unwrap()
        .to_owned();
    let partitions: Vec<String> = table
        .lines()
        .filter_map(|line| field(line, "uuid="))
        .collect();
    if !partitions.is_empty() {
        let verdict = run(Command::new("sgdisk").arg("--verify").arg(file));
        assert!(verdict.contains("No problems found"), "{verdict}");
    }
    let attributes = (1..=partitions.len())
        .map(|number| {
            let text = run(Command::new("sgdisk")
                .arg(format!("--info={number}"))
                .arg(file));
            let hex = text
                .lines()
                .find_map(|line| line.strip_prefix("Attribute flags: "))
                .unwrap();
            u64::from_str_radix(hex.trim(), 16).unwrap()
        })
        .collect();
    Identity {
        disk,
        partitions,
        attributes,
    }
}

/// The four bits of a copy's partitions (spec: break §5): read-only 60, shadow copy 61, hidden 62, no
/// drive letter 63.
pub(crate) fn bits(attributes: u64) -> [bool; 4] {
    [60, 61, 62, 63].map(|bit| attributes >> bit & 1 == 1)
}

/// Whether the permissions of a disk's image let nobody write.
pub(crate) fn is_read_only(file: &Path) -> bool {
    fs::metadata(file).unwrap().permissions().readonly()
}
