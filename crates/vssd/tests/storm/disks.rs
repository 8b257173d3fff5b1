//! The originals: small images with a partition table.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use disk_identity::Identity;
use vss_api::client::Client;
use vss_service::{Adopt, AdoptLun, Queries, Service};

const SIZE: usize = 4 << 20;
const COUNT: u8 = 6;

pub(crate) struct Original {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) bytes: Vec<u8>,
    /// Who it is, once it is a LUN.
    pub(crate) identity: Option<Identity>,
}

/// Every second one has a GPT, where sgdisk is to be had.
pub(crate) fn make(folder: &Path) -> Vec<Original> {
    (0..COUNT)
        .map(|number| {
            let name = format!("disk{number}");
            let file = folder.join(format!("{name}.img"));
            let mut bytes = vec![0; SIZE];
            for (at, byte) in bytes.iter_mut().enumerate().skip(1 << 20).step_by(4096) {
                *byte = (at >> 12) as u8 ^ number;
            }
            mbr(&mut bytes, number);
            fs::write(&file, &bytes).unwrap();
            if number % 2 == 1 {
                gpt(&file);
            }
            let bytes = fs::read(&file).unwrap();
            Original {
                name,
                file,
                bytes,
                identity: None,
            }
        })
        .collect()
}

fn mbr(bytes: &mut [u8], number: u8) {
    bytes[440..444].copy_from_slice(&[0x10 + number, 0x20, 0x30, 0x40]);
    // One Linux partition from sector 2048 to the end.
    let sectors = u32::try_from(SIZE / 512 - 2048).unwrap();
    bytes[446 + 4] = 0x83;
    bytes[446 + 8..446 + 12].copy_from_slice(&2048_u32.to_le_bytes());
    bytes[446 + 12..446 + 16].copy_from_slice(&sectors.to_le_bytes());
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
}

fn gpt(file: &Path) {
    let made = Command::new("sgdisk")
        .args(["--zap-all", "--new=1:2048:0", "--typecode=1:8300"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: GPT disks in the storm (sgdisk is missing)");
    }
}

pub(crate) fn adopt(client: &Client, originals: &mut [Original]) {
    for original in originals {
        client
            .adopt_lun(&AdoptLun {
                name: original.name.clone(),
                file: original.file.clone(),
                how: Adopt::Link,
                sector_size: None,
                present: true,
            })
            .unwrap();
        original.identity = client.lun(&original.name).unwrap().identity.ok();
        assert!(original.identity.is_some());
    }
}
