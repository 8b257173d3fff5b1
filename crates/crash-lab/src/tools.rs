//! The judgement of programs that we did not write.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::PoisonError;

use crate::service::OPEN;
use crate::tables;
use crate::view::View;
use crate::{Outcome, fail};

/// The programs that are asked.
const PROGRAMS: [&str; 4] = ["sgdisk", "sfdisk", "partx", "blkid"];

/// The programs that this machine has; the names of the others are printed.
#[must_use]
pub fn present() -> Vec<&'static str> {
    PROGRAMS
        .into_iter()
        .filter(|program| {
            let there = run(program, &["--version"]).is_ok();
            if !there {
                println!("skipped, not on this machine: {program}");
            }
            there
        })
        .collect()
}

fn run(program: &str, arguments: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = {
        let _alone = OPEN.write().unwrap_or_else(PoisonError::into_inner);
        command.spawn()?
    };
    child.wait_with_output()
}

/// Asks every program about every disk of a state folder; gives the number of answers.
///
/// # Errors
/// One finds fault, or reads other identifiers than we do.
pub fn agree(programs: &[&str], state: &Path, view: &View) -> Outcome<usize> {
    let mut answers = 0;
    for (name, image) in &view.world.images {
        let sector = view.world.luns.get(name).map_or(512, |lun| lun.sector_size);
        let reading = tables::read(&image.contents, sector).all_valid()?;
        let path = state.join(format!("array/{name}.img"));
        let path = path.to_string_lossy();
        for program in programs {
            let size = sector.to_string();
            let arguments: &[&str] = match *program {
                // These three take the sectors of a file to be of 512 bytes.
                "sgdisk" if sector == 512 && !reading.partitions.is_empty() => &["-v", &path],
                "sfdisk" if sector == 512 => &["--verify", &path],
                "blkid" if sector == 512 => &["-p", "-o", "value", "-s", "PTUUID", &path],
                "partx" => &["-g", "-r", "-o", "UUID", "-S", &size, &path],
                _ => continue,
            };
            let output = run(program, arguments)?;
            let text = String::from_utf8_lossy(&output.stdout).to_lowercase();
            let wrong = match *program {
                "sgdisk" => !text.contains("no problems found"),
                "sfdisk" => !text.contains("no errors detected"),
                "blkid" => text.trim() != reading.disk,
                _ => {
                    let told: BTreeSet<&str> = text.split_whitespace().collect();
                    reading
                        .partitions
                        .iter()
                        .any(|(id, _)| !told.contains(id.as_str()))
                }
            };
            if wrong || !output.status.success() {
                let more = String::from_utf8_lossy(&output.stderr);
                return fail(format!(
                    "{program} on {name}: {}; {text}{more}",
                    output.status
                ));
            }
            answers += 1;
        }
    }
    Ok(answers)
}
