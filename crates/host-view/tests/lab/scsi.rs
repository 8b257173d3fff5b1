//! One LUN of the in-kernel target under two loopback ports.

use std::fs;
use std::path::Path;

use host_view::HostView;
use vss_lab::guest::{Image, in_lab, run, wait_until};
use vss_model::BusType;

use crate::judges::{check_everything, view};

const TARGET: &str = "/sys/kernel/config/target";

fn port(number: u8) {
    let port = format!("{TARGET}/loopback/naa.500140500000000{number}/tpgt_1");
    fs::create_dir_all(format!("{port}/lun/lun_0")).unwrap();
    fs::write(
        format!("{port}/nexus"),
        format!("naa.500140500000010{number}"),
    )
    .unwrap();
    let store = format!("{TARGET}/core/fileio_0/hv");
    std::os::unix::fs::symlink(store, format!("{port}/lun/lun_0/hv")).unwrap();
}

fn remove_port(number: u8) {
    let target = format!("{TARGET}/loopback/naa.500140500000000{number}");
    fs::remove_file(format!("{target}/tpgt_1/lun/lun_0/hv")).unwrap();
    fs::remove_dir(format!("{target}/tpgt_1/lun/lun_0")).unwrap();
    fs::remove_dir(format!("{target}/tpgt_1")).unwrap();
    fs::remove_dir(target).unwrap();
}

fn scsi_disks(view: &HostView) -> Vec<host_view::DevNo> {
    view.devices()
        .filter(|d| d.name.starts_with("sd") && d.partition.is_none() && d.sectors > 0)
        .map(|d| d.number)
        .collect()
}

#[test]
fn two_paths_are_one_disk_and_it_says_who_it_is() {
    in_lab();
    for module in ["tcm_loop", "target_core_file", "sd_mod"] {
        let _ = vss_lab::guest::succeeds("modprobe", &[module]);
    }
    if !Path::new(TARGET).is_dir() {
        println!(
            "skipped: two_paths_are_one_disk_and_it_says_who_it_is (no SCSI target in this kernel)"
        );
        return;
    }
    let image = Image::new(32 << 20);
    let store = format!("{TARGET}/core/fileio_0/hv");
    fs::create_dir_all(&store).unwrap();
    let control = format!(
        "fd_dev_name={},fd_dev_size={}",
        image.path().display(),
        32 << 20
    );
    fs::write(format!("{store}/control"), control).unwrap();
    let serial = "abbccdde-f001-4223-9344-556677889900";
    fs::write(format!("{store}/wwn/vpd_unit_serial"), serial).unwrap();
    fs::write(format!("{store}/enable"), "1").unwrap();
    fs::create_dir_all(format!("{TARGET}/loopback")).unwrap();
    port(1);
    port(2);
    wait_until("both paths", || scsi_disks(&view()).len() == 2);

    let view = view();
    check_everything(&view);
    let paths = scsi_disks(&view);
    let ours: Vec<_> = view
        .disks()
        .into_iter()
        .filter(|disk| paths.contains(&disk.node))
        .collect();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours[0].nodes, paths);

    let node = view.path(paths[1]).unwrap();
    let node = node.to_str().unwrap();
    let found = view.lun_information(paths[1]).unwrap();
    assert_eq!(found.bus_type, BusType::Scsi);
    let serial = run("sg_inq", &["--page=sn", "--raw", node]);
    assert!(serial.contains(&found.serial_number) && !found.serial_number.is_empty());
    let name = found.lun_id().unwrap().to_string();
    let theirs = run("sg_vpd", &["--page=di_lu", "--quiet", node]);
    let digits = name.strip_prefix("naa.").unwrap();
    assert!(theirs.contains(digits), "{theirs} has no {name}");
    let standard = run("sg_inq", &[node]);
    assert!(standard.contains(&format!("Vendor identification: {}", found.vendor_id)));
    assert!(standard.contains(&format!("Product identification: {}", found.product_id)));
    assert_eq!(standard.contains("CmdQue=1"), found.command_queueing);

    remove_port(1);
    remove_port(2);
    wait_until("both paths' end", || scsi_disks(&self::view()).is_empty());
    fs::remove_dir(store).unwrap();
}
