//! The programs that tests use as judges, and their installation where we may install.

use std::fs;
use std::process::Command;

use crate::run::{find, output, status};

/// A program that tests ask for its opinion.
struct Oracle {
    program: &'static str,
    /// The package that has it in Debian and Ubuntu.
    package: &'static str,
    /// What cannot be checked without it.
    checks: &'static str,
}

const ORACLES: &[Oracle] = &[
    Oracle {
        program: "sgdisk",
        package: "gdisk",
        checks: "GPT tables against sgdisk",
    },
    Oracle {
        program: "sfdisk",
        package: "fdisk",
        checks: "MBR and GPT tables against sfdisk",
    },
    Oracle {
        program: "blkid",
        package: "util-linux",
        checks: "identities against blkid",
    },
    Oracle {
        program: "partx",
        package: "util-linux",
        checks: "partitions against partx",
    },
    Oracle {
        program: "losetup",
        package: "mount",
        checks: "block devices (loop)",
    },
    Oracle {
        program: "mkfs.ext4",
        package: "e2fsprogs",
        checks: "ext4 file systems",
    },
    Oracle {
        program: "mkfs.xfs",
        package: "xfsprogs",
        checks: "XFS file systems, copies by shared extents",
    },
    Oracle {
        program: "mkfs.btrfs",
        package: "btrfs-progs",
        checks: "Btrfs file systems",
    },
    Oracle {
        program: "mkfs.fat",
        package: "dosfstools",
        checks: "FAT file systems",
    },
];

/// What the lab is made of, and the programs that its tests use.
const LAB: &[Oracle] = &[
    Oracle {
        program: "linux.uml",
        package: "user-mode-linux",
        checks: "everything in the lab",
    },
    Oracle {
        program: "modprobe",
        package: "kmod",
        checks: "everything in the lab",
    },
    Oracle {
        program: "ip",
        package: "iproute2",
        checks: "everything in the lab",
    },
    Oracle {
        program: "udevadm",
        package: "udev",
        checks: "everything in the lab",
    },
    Oracle {
        program: "lvm",
        package: "lvm2",
        checks: "LVM in the lab",
    },
    Oracle {
        program: "dmsetup",
        package: "dmsetup",
        checks: "the device mapper in the lab",
    },
    Oracle {
        program: "thin_check",
        package: "thin-provisioning-tools",
        checks: "LVM thin pools in the lab",
    },
    Oracle {
        program: "strace",
        package: "strace",
        checks: "power cuts of a whole host",
    },
    Oracle {
        program: "cryptsetup",
        package: "cryptsetup-bin",
        checks: "encrypted volumes in the lab",
    },
    Oracle {
        program: "mdadm",
        package: "mdadm",
        checks: "md in the lab",
    },
    Oracle {
        program: "partprobe",
        package: "parted",
        checks: "speed against partprobe",
    },
    Oracle {
        program: "sg_vpd",
        package: "sg3-utils",
        checks: "SCSI pages in the lab",
    },
    Oracle {
        program: "iscsiadm",
        package: "open-iscsi",
        checks: "iSCSI in the lab",
    },
];

/// What `vssapi.dll` and the programs that call it are built with, and run in.
const COM: &[Oracle] = &[
    Oracle {
        program: "x86_64-w64-mingw32-g++",
        package: "g++-mingw-w64-x86-64",
        checks: "everything of vssapi.dll",
    },
    Oracle {
        program: "wine",
        package: "wine",
        checks: "everything of vssapi.dll",
    },
    // By path: that of rustup, which comes first, is another one.
    Oracle {
        program: "/usr/bin/rustc",
        package: "rustc-web",
        checks: "everything of vssapi.dll",
    },
    Oracle {
        program: "/usr/bin/cargo",
        package: "cargo-web",
        checks: "everything of vssapi.dll",
    },
    Oracle {
        program: "/usr/lib/rustlib/src/rust/library/Cargo.toml",
        package: "rust-web-src",
        checks: "everything of vssapi.dll",
    },
];

/// What a machine of the lab mounts its modules on. It has the root of this host, read-only, where the folder is
/// missing as long as no kernel was installed.
pub(crate) const MODULES: &str = "/lib/modules";

fn missing(oracles: &'static [Oracle]) -> Vec<&'static Oracle> {
    oracles
        .iter()
        .filter(|oracle| find(oracle.program).is_none())
        .collect()
}

/// Installs what the lab needs.
pub(crate) fn prepare_lab() {
    prepare_these(LAB, true);
    place_for_modules();
}

fn place_for_modules() {
    if find("linux.uml").is_none() || !is_root() {
        return;
    }
    if let Err(error) = fs::create_dir_all(MODULES) {
        println!(
            "set-up: could not make {MODULES}, without it is skipped: everything in the lab: {error}"
        );
    }
}

/// Installs what the tests of `vssapi.dll` need.
pub(crate) fn prepare_com() {
    prepare_these(COM, true);
}

/// Installs missing programs if this is Debian or Ubuntu and we are root; says what stays missing.
/// Never fatal: checks without their program are skipped by name.
pub(crate) fn prepare(install: bool) {
    prepare_these(ORACLES, install);
    prepare_these(LAB, install);
    if install {
        place_for_modules();
    }
    prepare_these(COM, install);
}

fn prepare_these(oracles: &'static [Oracle], install: bool) {
    let mut absent = missing(oracles);
    if install && !absent.is_empty() && is_root() && find("apt-get").is_some() {
        let mut packages: Vec<&str> = absent.iter().map(|oracle| oracle.package).collect();
        packages.sort_unstable();
        packages.dedup();
        println!("set-up: installing {}", packages.join(" "));
        apt_get(&["update", "-q"]);
        if !apt_get(
            &[
                &["install", "-q", "-y", "--no-install-recommends"],
                &*packages,
            ]
            .concat(),
        ) {
            // One that is not to be had must not keep the others away.
            for package in packages {
                apt_get(&["install", "-q", "-y", "--no-install-recommends", package]);
            }
        }
        absent = missing(oracles);
    }
    if absent.is_empty() {
        println!("set-up: all {} programs are here", oracles.len());
    }
    for oracle in absent {
        println!(
            "set-up: {} is missing (package {}); without it are skipped: {}",
            oracle.program, oracle.package, oracle.checks
        );
    }
}

/// Whether block devices and mounts are ours to make.
pub(crate) fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

fn apt_get(arguments: &[&str]) -> bool {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C");
    match status(&mut command) {
        Ok(()) => true,
        Err(failure) => {
            println!("set-up: {failure}");
            false
        }
    }
}
