//! Programs that we did not write, as judges.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Says by name that a check did not run, and why.
pub(crate) fn skip(check: &str, why: &str) {
    eprintln!("skipped: {check} ({why})");
}

fn find(program: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
        .iter()
        .map(|dir| Path::new(dir).join(program))
        .find(|path| path.exists())
}

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(find(program)?)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a judge says of a disk with 512-byte sectors.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) disk: Option<String>,
    /// By number: id and attribute bits, where the judge tells them.
    pub(crate) partitions: BTreeMap<u32, (String, Option<u64>)>,
}

/// `sgdisk`: verification and every partition of a GPT.
pub(crate) fn sgdisk(image: &Path, partitions: u32) -> Option<Verdict> {
    let path = image.to_str().unwrap();
    let check = run("sgdisk", &["-v", path])?;
    assert!(
        check.contains("No problems found"),
        "sgdisk -v {path}: {check}"
    );
    let print = run("sgdisk", &["-p", path])?;
    let mut verdict = Verdict::default();
    let field = |text: &str, key: &str| {
        text.lines().find_map(|line| {
            line.strip_prefix(key)
                .map(|rest| rest.trim_start_matches(':').trim().to_lowercase())
        })
    };
    verdict.disk = field(&print, "Disk identifier (GUID)");
    for number in 1..=partitions {
        let info = run("sgdisk", &["-i", &number.to_string(), path])?;
        let id = field(&info, "Partition unique GUID").unwrap();
        let flags = field(&info, "Attribute flags").unwrap();
        let flags = u64::from_str_radix(&flags, 16).unwrap();
        verdict.partitions.insert(number, (id, Some(flags)));
    }
    Some(verdict)
}

/// `sfdisk`: verification and the ids.
pub(crate) fn sfdisk(image: &Path) -> Option<Verdict> {
    let path = image.to_str().unwrap();
    let check = run("sfdisk", &["--verify", path])?;
    assert!(
        check.contains("No errors detected"),
        "sfdisk --verify {path}: {check}"
    );
    let dump = run("sfdisk", &["--dump", path])?;
    let mut verdict = Verdict::default();
    let mut number = 0;
    for line in dump.lines() {
        if let Some(id) = line.strip_prefix("label-id:") {
            verdict.disk = Some(id.trim().trim_start_matches("0x").to_lowercase());
        }
        // Stale bytes in an unused entry are shown as a partition without a type.
        if line.contains("start=") && !line.contains("type=00000000-") {
            number += 1;
            if let Some((_, rest)) = line.split_once("uuid=") {
                let id = rest.split(',').next().unwrap().trim().to_lowercase();
                verdict.partitions.insert(number, (id, None));
            }
        }
    }
    Some(verdict)
}

/// `blkid`: the id of the table.
pub(crate) fn blkid(image: &Path) -> Option<String> {
    run(
        "blkid",
        &["-p", "-o", "value", "-s", "PTUUID", image.to_str().unwrap()],
    )
    .map(|text| text.trim().to_lowercase())
}

/// A loop device with 4096-byte sectors, detached on drop.
pub(crate) struct Loop(PathBuf);

impl Loop {
    pub(crate) fn attach(image: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let out = Command::new(find("losetup")?)
            .args(["--show", "-f", "-r", "-b", "4096", image.to_str()?])
            .output()
            .ok()?;
        let name = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        (out.status.success() && !name.is_empty()).then(|| Self(PathBuf::from(name)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        if let Some(program) = find("losetup") {
            let _ = Command::new(program).arg("-d").arg(&self.0).status();
        }
    }
}
