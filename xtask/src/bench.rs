//! `cargo xtask bench`: builds for release and measures.

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::com::{self, Profile, Stage};
use crate::run::{cargo, nothing_left, status, take_flag, take_option, target_dir};

/// Builds the release programs and has `vss-bench` measure them.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let quick = take_flag(&mut arguments, "--quick");
    let only = take_option(&mut arguments, "--only")?;
    let disks = take_option(&mut arguments, "--disks")?;
    // The caller's folder, not the repository's, is what a relative path refers to.
    let dir = take_option(&mut arguments, "--dir")?
        .map_or_else(|| target_dir().join("bench"), PathBuf::from);
    let out = take_option(&mut arguments, "--out")?.unwrap_or_else(|| "bench-result.json".into());
    nothing_left(&arguments)?;
    status(&mut cargo([
        "build",
        "--release",
        "--package",
        "vss",
        "--package",
        "vssd",
        "--package",
        "vss-keeper",
        "--package",
        "vss-bench",
        "--bins",
    ]))?;
    let lab = only.as_deref().is_none_or(|only| only == "storage");
    if lab {
        status(&mut cargo(["build", "--package", "vss-lab", "--bins"]))?;
    }
    let com = only.as_deref().is_none_or(|only| only == "com");
    // Until the end: programs run in its Windows.
    let stage = match com::unavailable() {
        None if com => Some(Stage::build(Profile::Dll)?),
        _ => None,
    };
    let programs = target_dir().join("release");
    let mut bench = Command::new(programs.join("vss-bench"));
    bench.arg("--vss").arg(programs.join("vss"));
    bench.arg("--dir").arg(dir).arg("--out").arg(out);
    if lab {
        bench.arg("--lab-init");
        bench.arg(target_dir().join("debug/vss-lab-init"));
    }
    if let Some(stage) = &stage {
        bench.arg("--com-programs").arg(stage.programs());
        bench.arg("--wine-prefix").arg(stage.prefix());
    }
    if quick {
        bench.arg("--quick");
    }
    if let Some(disks) = disks {
        bench.arg("--disks").arg(disks);
    }
    if let Some(only) = only {
        bench.arg("--only").arg(only);
    }
    status(&mut bench)
}
