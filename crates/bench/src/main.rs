//! Measures openvss against its goals: `cargo xtask bench`.
//!
//! Everything is measured in one run on one file system, so that ratios mean something on any
//! machine. What is compared takes turns within each round, so that drift cancels; medians count.
//!
//! - `breaks`: what a break costs against the writes it cannot do without, and against sgdisk;
//! - `sizes`: whether the size of the disks matters to a break;
//! - `creation`: what creating a set costs against cp with shared extents;
//! - `query`: time and memory of `vss list` with many copies;
//! - `socket`: what the daemon adds to a call, and how many breaks it does in a second;
//! - `com`: what a call through `vssapi.dll` under Wine costs, and which layer takes how much of it;
//! - `storage`: what copies and breaks of LVM thin volumes cost against typed commands, in the laboratory.

mod args;
mod breaks;
mod child;
mod cli;
mod com;
mod creation;
mod echo;
mod floor;
mod gpt;
mod machine;
mod measure;
mod mounted;
mod query;
mod report;
mod rig;
mod sgdisk;
mod sizes;
mod socket;
mod storage;

use std::process::ExitCode;

/// Anything that goes wrong ends the run.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a part of the run gives.
type Result<T> = std::result::Result<T, Error>;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let result = match words.split_first() {
        Some((first, rest)) if first == child::COMMAND => child::run(rest),
        Some((first, rest)) if first == storage::COMMAND => storage::inside(rest),
        Some((first, rest)) if first == storage::WRITER => storage::write(rest),
        _ => run(words),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vss-bench: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(words: Vec<std::ffi::OsString>) -> Result<()> {
    let args = args::Args::parse(words)?;
    std::fs::create_dir_all(&args.dir)?;
    let place = tempfile::Builder::new()
        .prefix("openvss-bench-")
        .tempdir_in(&args.dir)?;
    let mut report = report::Report::new(machine::look(place.path())?, args.quick);
    report.show_machine();
    if args.wants("breaks") {
        breaks::run(&args, place.path(), &mut report)?;
    }
    if args.wants("sizes") {
        sizes::run(&args, place.path(), &mut report)?;
    }
    if args.wants("creation") {
        creation::run(&args, place.path(), &mut report)?;
    }
    if args.wants("query") {
        query::run(&args, place.path(), &mut report)?;
    }
    if args.wants("socket") {
        socket::run(&args, place.path(), &mut report)?;
    }
    if args.wants("com") {
        com::run(&args, place.path(), &mut report)?;
    }
    if args.wants("storage") {
        storage::run(&args, &mut report)?;
    }
    report.show_goals();
    report.save(&args.out)?;
    println!("\nwritten to {}", args.out.display());
    Ok(())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
