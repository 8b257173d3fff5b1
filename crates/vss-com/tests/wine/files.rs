//! Files of a copy, read through its device object: a file system on a loop device, mounted here, and a
//! drive of Wine that leads to it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place::Place;
use crate::program::setting;

/// A drive letter that no other test uses.
const DRIVE: &str = "x:";

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
}

/// Takes away what a test has made outside of its folder, also when it fails.
struct Undo {
    folder: PathBuf,
    links: Vec<PathBuf>,
}

impl Drop for Undo {
    fn drop(&mut self) {
        for link in &self.links {
            let _ = fs::remove_file(link);
        }
        // What lies on images of the folder: mounts first, then the loop devices.
        let list = Command::new("losetup")
            .args(["--list", "--noheadings", "--output", "NAME,BACK-FILE"])
            .output();
        let list = list.map_or_else(
            |_| String::new(),
            |it| String::from_utf8_lossy(&it.stdout).into(),
        );
        let folder = self.folder.to_str().unwrap_or_default();
        for line in list.lines().filter(|line| line.contains(folder)) {
            let device = line.split_whitespace().next().unwrap_or_default();
            let _ = Command::new("umount")
                .args(["--quiet", "--all-targets", device])
                .status();
            let _ = Command::new("losetup").args(["--detach", device]).status();
        }
    }
}

/// A LUN with an ext4 that holds two files, attached and mounted.
fn mounted(place: &Place) -> Undo {
    let (image, live, files) = (place.path("x.img"), place.path("live"), place.path("files"));
    fs::create_dir_all(files.join("folder")).unwrap();
    fs::create_dir(&live).unwrap();
    fs::write(files.join("a.txt"), "before").unwrap();
    fs::write(files.join("folder/b.txt"), "b").unwrap();
    let undo = Undo {
        folder: place.path(""),
        links: Vec::new(),
    };
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    run(
        "mkfs.ext4",
        &["-q", "-d", &text(&files), &text(&image), "16M"],
    );
    place.vss(&["lun", "adopt", "x", &text(&image)]);
    place.vss(&["lun", "attach", "x"]);
    run("mount", &[&text(&place.device("x")), &text(&live)]);
    undo
}

/// Both forms of the device object, one after the other: they share the prefix.
#[test]
fn are_those_of_the_instant() {
    let place = Place::new();
    let mut undo = mounted(&place);
    let dos = setting("VSS_COM_PREFIX").join("dosdevices");
    let link = |undo: &mut Undo, to: &Path, name: &str| {
        symlink(to, dos.join(name)).unwrap();
        undo.links.push(dos.join(name));
    };
    let live = place.path("live");
    link(&mut undo, &live, DRIVE);
    for form in [r"\\?\unix\run\vss\", r"\\?\GLOBALROOT\Device\"] {
        if form.contains("GLOBALROOT") {
            link(&mut undo, Path::new("/run/vss/globalroot"), "globalroot");
        }
        fs::write(live.join("a.txt"), "before").unwrap();
        let program = place.program("files").env("VSS_LOG", "stderr").arg(r"X:\");
        let report = program.run_with(|_, _| {
            // Set and copies know the volume by its mount point, not by the link of the prefix.
            let list = place.json(&["list"]).to_string();
            assert!(list.contains(live.to_str().unwrap()), "{list}");
            assert!(!list.contains("dosdevices"), "{list}");
            fs::write(live.join("a.txt"), "after").unwrap();
            String::new()
        });
        let device = report.facts.get("device").map(|all| all[0].clone());
        let device = device.unwrap_or_else(|| panic!("{}", report.said));
        assert!(device.starts_with(form), "{device}");
        let name = device.rsplit('\\').next().unwrap();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(name), "{name} in {mounts}");
        // Whoever has the right to a file can get to it, whatever the daemon's umask is.
        for folder in ["/run/vss/globalroot", "/run/vss/globalroot/Device"] {
            let mode = fs::metadata(folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{folder}");
        }
        assert!(place.copies().is_empty());
        report.good(14);
    }
}
