//! Programs that know a host's devices, asked for their opinion.

use std::collections::BTreeSet;
use std::path::Path;

use host_view::{Cut, DevNo, HostView, Roots};
use serde_json::Value;
use vss_lab::guest::{run, settle};

/// The host as it is now.
pub(crate) fn view() -> HostView {
    settle();
    HostView::read(&Roots::default()).unwrap()
}

/// The number of a device path.
pub(crate) fn number(view: &HostView, path: &str) -> DevNo {
    view.resolve(Path::new(path)).unwrap().devices[0]
}

fn json(program: &str, arguments: &[&str]) -> Value {
    serde_json::from_str(&run(program, arguments)).unwrap()
}

fn tree(value: &Value, all: &mut BTreeSet<DevNo>, ends: &mut BTreeSet<DevNo>) {
    let number: DevNo = value["maj:min"].as_str().unwrap().trim().parse().unwrap();
    all.insert(number);
    match value["children"].as_array() {
        Some(children) => children.iter().for_each(|child| tree(child, all, ends)),
        None => {
            ends.insert(number);
        }
    }
}

fn lsblk(arguments: &[&str]) -> (BTreeSet<DevNo>, BTreeSet<DevNo>) {
    let report = json("lsblk", arguments);
    let (mut all, mut ends) = (BTreeSet::new(), BTreeSet::new());
    for device in report["blockdevices"].as_array().unwrap() {
        tree(device, &mut all, &mut ends);
    }
    (all, ends)
}

/// Compares the stack of a device, downwards and upwards, with `lsblk`'s.
pub(crate) fn check_stack(view: &HostView, path: &str) {
    let device = number(view, path);
    let (_, leaves) = lsblk(&["-s", "-J", "-o", "NAME,MAJ:MIN", path]);
    let is_leaf = |device: DevNo| view.device(device).unwrap().below().is_empty();
    let Cut::Covered(reached) = view.cut(&[device], &is_leaf) else {
        unreachable!("every leaf was called a LUN");
    };
    let lowest: BTreeSet<_> = reached.iter().map(|reached| reached.lun).collect();
    assert_eq!(lowest, leaves, "under {path}");
    assert_eq!(lowest.len(), reached.len(), "under {path}");
    for leaf in leaves {
        let node = view.path(leaf).unwrap();
        let (above, tops) = lsblk(&["-J", "-o", "NAME,MAJ:MIN", node.to_str().unwrap()]);
        let ours = view.volumes_on(leaf);
        let found: BTreeSet<_> = ours.iter().map(|above| above.device).collect();
        assert_eq!(found, above, "upon {}", node.display());
        let found: BTreeSet<_> = ours.iter().filter(|a| a.top).map(|a| a.device).collect();
        assert_eq!(found, tops, "tops upon {}", node.display());
    }
}

/// Compares each device's size, sector size and read-only state, and all mounts, with what `lsblk`
/// and `findmnt` say.
pub(crate) fn check_everything(view: &HostView) {
    let report = json(
        "lsblk",
        &[
            "-l",
            "-a",
            "-b",
            "-J",
            "-o",
            "KNAME,MAJ:MIN,SIZE,LOG-SEC,RO,RM,PKNAME,TYPE",
        ],
    );
    let devices = report["blockdevices"].as_array().unwrap();
    for device in devices {
        let number: DevNo = device["maj:min"].as_str().unwrap().trim().parse().unwrap();
        let ours = view.device(number).unwrap();
        assert_eq!(ours.name, device["kname"].as_str().unwrap());
        assert_eq!(
            Some(ours.sectors * 512),
            device["size"].as_u64().or(Some(0)),
            "{}",
            ours.name
        );
        assert_eq!(
            Some(u64::from(ours.sector_size)),
            device["log-sec"].as_u64(),
            "{}",
            ours.name
        );
        assert_eq!(
            Some(ours.read_only),
            device["ro"].as_bool(),
            "{}",
            ours.name
        );
        assert_eq!(
            Some(ours.removable),
            device["rm"].as_bool(),
            "{}",
            ours.name
        );
        let disk = ours
            .partition
            .map(|partition| &view.device(partition.disk).unwrap().name);
        assert_eq!(disk.is_some(), device["type"] == "part", "{}", ours.name);
        if let Some(disk) = disk {
            assert_eq!(
                Some(disk.as_str()),
                device["pkname"].as_str(),
                "{}",
                ours.name
            );
        }
    }
    let named: BTreeSet<_> = devices
        .iter()
        .map(|d| d["kname"].as_str().unwrap())
        .collect();
    let ours: BTreeSet<_> = view.devices().map(|device| device.name.as_str()).collect();
    // An unattached loop device has no size, and lsblk does not list it.
    for name in ours.difference(&named) {
        assert!(
            view.devices().any(|d| d.name == *name && d.sectors == 0),
            "{name}"
        );
    }

    let report = json(
        "findmnt",
        &["-l", "-J", "-o", "ID,TARGET,FSTYPE,MAJ:MIN,FSROOT"],
    );
    let mounts = report["filesystems"].as_array().unwrap();
    assert_eq!(mounts.len(), view.mounts().len());
    for mount in mounts {
        let id = mount["id"].as_u64().unwrap();
        let ours = view.mounts().iter().find(|ours| ours.id == id).unwrap();
        assert_eq!(ours.point.to_str(), mount["target"].as_str());
        assert_eq!(Some(ours.fs_type.as_str()), mount["fstype"].as_str());
        assert_eq!(
            Some(ours.device.to_string().as_str()),
            mount["maj:min"].as_str().map(str::trim)
        );
        assert_eq!(ours.root.to_str(), mount["fsroot"].as_str());
    }
}
