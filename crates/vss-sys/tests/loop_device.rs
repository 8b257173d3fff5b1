//! Loop devices of our own.

use std::fs::File;
use std::path::Path;

use vss_sys::{block, loop_device};

/// Guards against a loop device that could not be written because its number had belonged to a
/// read-only one: the flag outlives the file behind it.
#[test]
fn a_device_is_writable_whoever_had_its_number_before() {
    if !rustix::process::geteuid().is_root() || !Path::new("/dev/loop-control").exists() {
        println!(
            "skipped: a_device_is_writable_whoever_had_its_number_before (not root, or no loop devices)"
        );
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    let device = loop_device::attach(file.path(), 512, false).unwrap();
    let open = File::open(&device).unwrap();
    block::set_read_only(&open, true).unwrap();
    drop(open);
    let found = loop_device::find(file.path(), 512).unwrap();
    assert_eq!(found.as_ref(), Some(&device));
    loop_device::detach(&device).unwrap();
    assert_eq!(loop_device::backing_file(&device).unwrap(), None);
    let flag = block::is_read_only(&File::open(&device).unwrap()).unwrap();
    assert!(!flag, "the flag stays with {}", device.display());
    // One that comes without us having cleaned up before it.
    block::set_read_only(&File::open(&device).unwrap(), true).unwrap();
    let again = loop_device::attach(file.path(), 512, false).unwrap();
    let flag = block::is_read_only(&File::open(&again).unwrap()).unwrap();
    loop_device::detach(&again).unwrap();
    assert!(!flag, "{} is read-only from its last user", again.display());
}
