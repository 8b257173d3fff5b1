//! Disks for the experiments: small, sparse, with tables that the standard tools call valid.

use std::fs::File;
use std::path::Path;

use uuid::Uuid;

use crate::Outcome;
use crate::sparse::Sparse;

/// Linux file system data.
const LINUX: &str = "0fc63daf-8483-4772-8e79-3d69d8477de4";

/// Microsoft basic data.
const BASIC: &str = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7";

/// EFI system.
const EFI: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

/// Bytes of the partition entry array.
const ARRAY: u64 = 128 * 128;

/// A disk of an experiment.
pub(crate) struct Blueprint {
    pub(crate) name: &'static str,
    pub(crate) size: u64,
    pub(crate) sector: u32,
    gpt: bool,
}

/// The three originals.
pub(crate) const ORIGINALS: [Blueprint; 3] = [
    Blueprint {
        name: "alpha",
        size: 4 << 20,
        sector: 512,
        gpt: true,
    },
    Blueprint {
        name: "beta",
        size: 8 << 20,
        sector: 4096,
        gpt: true,
    },
    Blueprint {
        name: "gamma",
        size: 4 << 20,
        sector: 512,
        gpt: false,
    },
];

impl Blueprint {
    /// Writes the image.
    pub(crate) fn build(&self, path: &Path) -> Outcome {
        let mut disk = Sparse::default();
        disk.truncate(self.size);
        if self.gpt {
            self.gpt(&mut disk);
        } else {
            mbr(&mut disk);
        }
        // Something to lose: beside the tables, at both ends of the partitions, in the middle.
        let sector = u64::from(self.sector);
        let beside = if self.gpt {
            ARRAY + 2 * sector
        } else {
            2 * sector
        };
        let mark = |n: u64| {
            format!("{} keeps this, block {n}. ", self.name)
                .repeat(40)
                .into_bytes()
        };
        for (n, at) in [
            beside,
            self.size / 4,
            self.size / 2 - 512,
            self.size - ARRAY - 2 * sector - 1400,
        ]
        .into_iter()
        .enumerate()
        {
            disk.write(at, &mark(n as u64));
        }
        disk.store(&File::create_new(path)?)?;
        Ok(())
    }

    fn gpt(&self, disk: &mut Sparse) {
        let sector = u64::from(self.sector);
        let last = self.size / sector - 1;
        let array_sectors = ARRAY.div_ceil(sector);
        let (first_usable, last_usable) = (2 + array_sectors, last - array_sectors - 1);
        let middle = self.size / 2 / sector;
        let id = |n: u128| {
            Uuid::from_u128(
                0x1000_2000_3000_4000_8000_0000_0000_0000 + (u128::from(self.sector) << 64) + n,
            )
        };
        let mut array = Vec::with_capacity(128 * 128);
        // The third one is no data volume, so its attributes stay out of every change.
        for (n, kind, first, end, attributes) in [
            (1, LINUX, first_usable, middle - 1, 0_u64),
            (2, BASIC, middle, last_usable - 16, 1 << 63),
            (3, EFI, last_usable - 15, last_usable, 1),
        ] {
            array.extend(Uuid::parse_str(kind).unwrap_or_default().to_bytes_le());
            array.extend(id(n).to_bytes_le());
            array.extend(first.to_le_bytes());
            array.extend(end.to_le_bytes());
            array.extend(attributes.to_le_bytes());
            let name: Vec<u8> = format!("{} {n}", self.name)
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect();
            array.extend(&name);
            array.resize(array.len() + 72 - name.len(), 0);
        }
        array.resize(128 * 128, 0);
        let header = |own: u64, other: u64, entries: u64| {
            let mut header = Vec::with_capacity(92);
            header.extend(b"EFI PART\0\0\x01\0");
            header.extend(92_u32.to_le_bytes());
            header.extend([0; 8]);
            for lba in [own, other, first_usable, last_usable] {
                header.extend(lba.to_le_bytes());
            }
            header.extend(id(0xd15c).to_bytes_le());
            header.extend(entries.to_le_bytes());
            header.extend(128_u32.to_le_bytes());
            header.extend(128_u32.to_le_bytes());
            header.extend(crc32fast::hash(&array).to_le_bytes());
            let crc = crc32fast::hash(&header);
            header.splice(16..20, crc.to_le_bytes());
            header
        };
        let rest = u32::try_from(last).unwrap_or(u32::MAX);
        disk.write(446, &entry(0xee, 1, rest));
        disk.write(510, &[0x55, 0xaa]);
        disk.write(sector, &header(1, last, 2));
        disk.write(2 * sector, &array);
        disk.write((last - array_sectors) * sector, &array);
        disk.write(last * sector, &header(last, 1, last - array_sectors));
    }
}

fn mbr(disk: &mut Sparse) {
    disk.write(0, b"boot code that must stay");
    disk.write(440, &0x0bad_cafe_u32.to_le_bytes());
    disk.write(446, &entry(0x83, 64, 3000));
    disk.write(462, &entry(0x07, 4000, 3000));
    disk.write(510, &[0x55, 0xaa]);
}

/// A partition entry of an MBR, without cylinders.
fn entry(kind: u8, first: u32, sectors: u32) -> Vec<u8> {
    let mut entry = vec![0, 0, 2, 0, kind, 0xff, 0xff, 0xff];
    entry.extend(first.to_le_bytes());
    entry.extend(sectors.to_le_bytes());
    entry
}
