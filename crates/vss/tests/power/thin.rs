//! Thin volumes of LVM.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::Value;
use vss_lab::guest::{check_thin_pool, make_thin, make_thin_pool, run};

use crate::guest::text;
use crate::storage::{DISKS, Expected, FILE_SYSTEMS, MIB, STORAGE_DISK, Storage};

const GROUP: &str = "vsspower";

/// A group with one pool.
pub(crate) struct Thin;

impl Storage for Thin {
    fn programs(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("/usr/sbin/lvm", "lvm2"),
            ("/usr/sbin/thin_check", "thin-provisioning-tools"),
        ]
    }

    fn prefix(&self) -> &'static str {
        "vsspower/"
    }

    fn start(&self) {
        fs::OpenOptions::new()
            .append(true)
            .open("/etc/lvm/lvm.conf")
            .and_then(|mut settings| settings.write_all(b"devices/types=[ \"ubd\", 16 ]\n"))
            .unwrap();
    }

    fn make(&self) {
        run("pvcreate", &["-qq", "--yes", STORAGE_DISK]);
        run("vgcreate", &["-qq", "--yes", GROUP, STORAGE_DISK]);
        make_thin_pool(GROUP);
        for name in DISKS.iter().chain(&FILE_SYSTEMS) {
            make_thin(GROUP, name, MIB);
        }
    }

    fn put_away(&self) {
        run("vgchange", &["-qq", "-an", GROUP]);
        for disk in DISKS {
            // Their copies take their places.
            run(
                "lvchange",
                &["-qq", "--setactivationskip", "y", &volume(disk)],
            );
        }
    }

    fn show(&self, disks: bool) {
        run("vgchange", &["-qq", "-ay", GROUP]);
        if disks {
            self.show_disks();
        }
    }

    fn show_disks(&self) {
        for disk in DISKS {
            run(
                "lvchange",
                &["-qq", "-ay", "--ignoreactivationskip", &volume(disk)],
            );
        }
    }

    fn device(&self, name: &str) -> Option<String> {
        let path = format!("/dev/{GROUP}/{name}");
        Path::new(&path).exists().then_some(path)
    }

    fn look(&self, expected: &Expected, problems: &mut Vec<String>) {
        let volumes = volumes();
        let tagged: BTreeSet<String> = volumes
            .iter()
            .filter(|volume| volume.tags.contains("openvss.copy"))
            .map(|volume| volume.name.clone())
            .collect();
        if tagged != expected.copies {
            problems.push(format!(
                "copies in LVM are {tagged:?}, listed are {:?}",
                expected.copies
            ));
        }
        for name in &expected.broken {
            match volumes.iter().find(|volume| volume.name == *name) {
                None => problems.push(format!("the disk {name} of a broken set is gone")),
                Some(volume)
                    if volume.attributes.ends_with('k') || !volume.attributes.starts_with("Vw") =>
                {
                    problems.push(format!(
                        "{name} is no ordinary volume: {}",
                        volume.attributes
                    ));
                }
                Some(_) => {}
            }
        }
    }

    fn whole(&self) {
        check_thin_pool(GROUP);
    }

    fn strays(&self) -> &'static [(&'static str, &'static str)] {
        &[("volume", "copies in LVM are")]
    }

    fn leave(&self, stray: &str, _copy: &str) {
        let tag = "openvss.copy";
        run(
            "lvcreate",
            &[
                "-qq",
                "--yes",
                "-s",
                "--addtag",
                tag,
                "-n",
                stray,
                &volume("a"),
            ],
        );
    }

    fn clear(&self, stray: &str, _copy: &str) {
        run("lvremove", &["-qq", "--yes", &volume(stray)]);
    }
}

fn volume(name: &str) -> String {
    format!("{GROUP}/{name}")
}

/// A volume of the group.
struct Volume {
    name: String,
    tags: String,
    attributes: String,
}

fn volumes() -> Vec<Volume> {
    let report = run(
        "lvs",
        &[
            "--reportformat",
            "json",
            "-o",
            "lv_name,lv_tags,lv_attr",
            GROUP,
        ],
    );
    let report: Value = serde_json::from_str(&report).unwrap();
    let listed = report["report"][0]["lv"].as_array();
    listed
        .into_iter()
        .flatten()
        .map(|volume| Volume {
            name: text(&volume["lv_name"]),
            tags: text(&volume["lv_tags"]),
            attributes: text(&volume["lv_attr"]),
        })
        .collect()
}
