//! What a power cut leaves on a disk.

use std::fs::File;
use std::os::unix::fs::FileExt;

use vss_lab::{Exit, Setup};

use crate::support::{boot, lab};

/// Writes a block with what was synced, then one that stays in the guest's memory.
const WRITE: &str = "
    printf kept | dd of=/dev/ubda bs=4096 seek=1 conv=notrunc,sync,fsync status=none
    echo 360000 >/proc/sys/vm/dirty_expire_centisecs
    echo 0 >/proc/sys/vm/dirty_writeback_centisecs
    exec 3<>/dev/ubda
    printf lost | dd bs=4096 seek=2 conv=notrunc,sync status=none >&3
    echo written
";

/// The two blocks, as the host sees them.
fn blocks(image: &File) -> [String; 2] {
    [4096, 8192].map(|offset| {
        let mut bytes = [0; 4];
        image.read_exact_at(&mut bytes, offset).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn image() -> tempfile::NamedTempFile {
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(16 << 20).unwrap();
    image
}

#[test]
fn a_power_cut_keeps_what_was_synced_and_loses_the_rest() {
    if !lab("a_power_cut_keeps_what_was_synced_and_loses_the_rest") {
        return;
    }
    let image = image();
    let setup = Setup::default().disk(image.path());
    let mut machine = boot(setup, &format!("{WRITE} sleep 600")).unwrap();
    machine.wait_for("written").unwrap();
    machine.kill();
    assert_eq!(blocks(image.as_file()), ["kept", "\0\0\0\0"]);

    // The disk outlives the machine: the next one finds what is there.
    let setup = Setup::default().disk(image.path());
    let mut machine = boot(setup, "echo found $(head -c 4100 /dev/ubda | tail -c 4)").unwrap();
    assert_eq!(machine.wait_for("found ").unwrap(), "kept");
    assert_eq!(machine.wait(|_| ()).unwrap(), Exit { status: 0 });
}

/// The control: without the cut, the same writes are all there.
#[test]
fn an_orderly_end_keeps_everything() {
    if !lab("an_orderly_end_keeps_everything") {
        return;
    }
    let image = image();
    let mut machine = boot(Setup::default().disk(image.path()), WRITE).unwrap();
    assert_eq!(machine.wait(|_| ()).unwrap(), Exit { status: 0 });
    assert_eq!(blocks(image.as_file()), ["kept", "lost"]);
}
