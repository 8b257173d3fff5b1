//! What cannot be copied is refused by name, before anything is touched.

use vss_lab::guest::{Group, LoopDisk, Mount, mkfs, run};

use crate::world::World;

#[test]
fn volumes_that_cannot_be_copied_say_why() {
    let world = World::new();
    let disk = LoopDisk::new(64 << 20, 512);
    mkfs("ext4", disk.device());
    let mount = Mount::new(disk.device(), "/mnt/plain", "rw");
    std::fs::create_dir_all("/mnt/plain/folder").unwrap();
    for (volume, code, why) in [
        ("/tmp", "VSS_E_VOLUME_NOT_SUPPORTED\"", "tmpfs"),
        (
            "/mnt/plain/folder",
            "VSS_E_VOLUME_NOT_SUPPORTED\"",
            "/mnt/plain",
        ),
        ("/nowhere", "VSS_E_OBJECT_NOT_FOUND", "/nowhere"),
        ("nowhere", "VSS_E_OBJECT_NOT_FOUND", "nowhere"),
        // A loop device that is nobody's LUN.
        ("/mnt/plain", "VSS_E_VOLUME_NOT_SUPPORTED\"", disk.device()),
    ] {
        let said = world.fails(&["create", volume]);
        assert!(
            said.contains(code) && said.contains(why),
            "{volume}: {said}"
        );
    }
    let said = world.fails(&["create", "--provider", "lvm-thin", "/mnt/plain"]);
    assert!(
        said.contains("VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER"),
        "{said}"
    );
    let said = world.fails(&["create", "--provider", "nobody", "/mnt/plain"]);
    assert!(
        said.contains("VSS_E_PROVIDER_NOT_REGISTERED") && said.contains("lvm-thin"),
        "{said}"
    );
    drop(mount);
}

#[test]
fn the_service_does_not_freeze_the_ground_it_stands_on() {
    let world = World::new();
    let group = Group::with_pool("vsslabown", 400, 512);
    let volume = group.thin("state", 200);
    mkfs("ext4", &volume);
    let mount = Mount::new(&volume, "/mnt/state", "rw");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_vss"))
        .args(["--state", "/mnt/state/vss", "create", "/mnt/state"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("state folder"),
        "{said}"
    );
    // The control: the same volume, with the state folder elsewhere.
    world.create(&["/mnt/state"]);
    drop(mount);
    run("vgck", &[group.name()]);
}
