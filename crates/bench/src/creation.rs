//! What creating a set costs against cp, where extents can be shared.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::Result;
use crate::args::Args;
use crate::measure::{Times, ratio, timed, words};
use crate::mounted::Mounted;
use crate::report::{Report, table};
use crate::rig::Rig;

const DISKS: usize = 64;
const ROUNDS: usize = 11;
const SIZE: u64 = 256 << 20;
const MIB: u64 = 1 << 20;
/// Where each disk has a MiB of data.
const DATA: [u64; 4] = [8 * MIB, 64 * MIB, 128 * MIB, 200 * MIB];

/// What takes turns.
#[derive(Clone, Copy)]
enum Way {
    Create,
    Cp,
    CpAndSync,
}

const WAYS: [Way; 3] = [Way::Create, Way::Cp, Way::CpAndSync];

pub(crate) fn run(args: &Args, place: &Path, report: &mut Report) -> Result<()> {
    let mounted = match Mounted::xfs(place)? {
        Ok(mounted) => mounted,
        Err(why) => {
            report.skip("creation", &why);
            return Ok(());
        }
    };
    eprintln!("creation of sets on XFS ...");
    let rig = Rig::open(&mounted.point.join("state"))?;
    let luns = rig.originals("c", DISKS, SIZE)?;
    let images = luns
        .iter()
        .map(|lun| Ok(rig.array.get(lun)?.image))
        .collect::<Result<Vec<_>>>()?;
    for image in &images {
        let file = File::options().write(true).open(image)?;
        for at in DATA {
            file.write_all_at(&vec![0xA5; usize::try_from(MIB)?], at)?;
        }
        file.sync_all()?;
    }
    let copies = mounted.point.join("copies");
    let mut times: [Times; WAYS.len()] = Default::default();
    for round in 0..args.rounds(ROUNDS) {
        for turn in 0..WAYS.len() {
            let number = (round + turn) % WAYS.len();
            let (Some(way), Some(times)) = (WAYS.get(number), times.get_mut(number)) else {
                continue;
            };
            times.add(match way {
                Way::Create => {
                    let (time, set) = rig.create(&luns)?;
                    rig.delete(set)?;
                    time
                }
                Way::Cp | Way::CpAndSync => {
                    fs::create_dir(&copies)?;
                    let sync = matches!(way, Way::CpAndSync);
                    let (time, ()) = timed(&mounted.point, || cp(&images, &copies, sync))?;
                    fs::remove_dir_all(&copies)?;
                    time
                }
            });
        }
    }
    let [create, cp, cp_and_sync] = times;
    report.case(
        "creation",
        json!({
            "disks": DISKS,
            "file_system": crate::machine::file_system(&mounted.point),
            "create": create.to_json(),
            "cp_reflink": cp.to_json(),
            "cp_reflink_and_sync": cp_and_sync.to_json(),
        }),
    );
    let against = |other: &Times| {
        let other = other.median();
        format!("{} ({:.2}×)", words(other), ratio(create.median(), other))
    };
    table(
        "Creating a set of 64 disks, on XFS with shared extents",
        &[
            "create, import included",
            "64 × cp --reflink (create is)",
            "the same, each synced",
        ],
        [vec![
            words(create.median()),
            against(&cp),
            against(&cp_and_sync),
        ]],
    );
    Ok(())
}

fn cp(images: &[PathBuf], copies: &Path, sync: bool) -> Result<()> {
    for image in images {
        let copy = copies.join(image.file_name().unwrap_or_default());
        let status = Command::new("cp")
            .arg("--reflink=always")
            .arg(image)
            .arg(&copy)
            .status()?;
        if !status.success() {
            return Err(format!("cp of {} ended with {status}", image.display()).into());
        }
        if sync {
            File::open(&copy)?.sync_all()?;
        }
    }
    Ok(())
}
