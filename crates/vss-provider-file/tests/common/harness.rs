//! The array as the suite of all providers sees it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use uuid::Uuid;
use vss_model::{BusType, IdentifierCodeSet, IdentifierType, LunInformation, StorageIdentifier};
use vss_provider::conformance::Harness;
use vss_provider_file::FileArray;

use super::loops::LoopGuard;

/// Whether the originals are attached, and what happens to their devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loops {
    /// They are images only.
    None,
    /// They are attached; a restart is one of the service.
    Stay,
    /// They are attached; a restart is one of the host and takes the devices away.
    GoWithRestart,
}

/// An array in a folder that goes away with the harness.
pub(crate) struct FileHarness {
    provider: FileArray,
    loops: Loops,
    // Before the folder: fields are dropped in this order.
    guard: Option<LoopGuard>,
    top: TempDir,
}

impl FileHarness {
    /// An array whose LUNs are images.
    pub(crate) fn new() -> Self {
        Self::with(Loops::None)
    }

    /// An array whose originals are attached.
    pub(crate) fn attached() -> Self {
        Self::with(Loops::Stay)
    }

    /// The same; each restart finds no loop device.
    pub(crate) fn attached_on_a_restarted_host() -> Self {
        Self::with(Loops::GoWithRestart)
    }

    fn with(loops: Loops) -> Self {
        let top = tempfile::Builder::new()
            .prefix("openvss-conformance-")
            .tempdir()
            .unwrap();
        Self {
            provider: open(top.path()),
            loops,
            guard: (loops != Loops::None).then(|| LoopGuard::new(top.path())),
            top,
        }
    }

    fn array(&self) -> PathBuf {
        self.top.path().join("array")
    }

    /// The images that the catalogue speaks of, whatever state their LUNs are in.
    fn images_of_rows(&self, condition: &str) -> Vec<String> {
        let catalogue = Connection::open_with_flags(
            self.array().join("array.db"),
            OpenFlags::SQLITE_OPEN_READ_ONLY,
        )
        .unwrap();
        let mut rows = catalogue
            .prepare(&format!("SELECT name || '.img' FROM lun WHERE {condition}"))
            .unwrap();
        rows.query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }
}

fn open(top: &Path) -> FileArray {
    FileArray::open(&top.join("array"), &top.join("host")).unwrap()
}

impl Harness for FileHarness {
    type Provider = FileArray;

    fn provider(&self) -> &FileArray {
        &self.provider
    }

    fn create_original(&mut self, name: &str, content: &[u8], sector_size: u32) {
        let size = u64::try_from(content.len()).unwrap();
        self.provider.create(name, size, sector_size, true).unwrap();
        if self.loops != Loops::None {
            self.provider.attach(name).unwrap();
        }
        self.write_original(name, 0, content);
    }

    fn write_original(&mut self, name: &str, offset: u64, bytes: &[u8]) {
        let lun = self.provider.get(name).unwrap();
        // Not synced: seeing that the copy holds it is the provider's concern.
        super::write(lun.device.as_ref().unwrap_or(&lun.image), offset, bytes);
    }

    fn mask_original(&mut self, name: &str) {
        self.provider.mask(name).unwrap();
    }

    fn present_original(&mut self, name: &str) {
        self.provider.present(name).unwrap();
    }

    fn read_device(&self, path: &Path, offset: u64, len: usize) -> Vec<u8> {
        let start = usize::try_from(offset).unwrap();
        let bytes = fs::read(path).unwrap();
        bytes.into_iter().skip(start).take(len).collect()
    }

    fn lun_exists_in_array(&self, info: &LunInformation) -> bool {
        let guid = Uuid::try_parse(&info.serial_number).unwrap();
        self.images_of_rows(&format!("guid = '{guid}' AND state = 'ready'"))
            .iter()
            .any(|image| self.array().join(image).exists())
    }

    /// Every file but the catalogue's own, and every row without a file.
    fn stored_luns(&self) -> usize {
        let mut stored: BTreeSet<String> = fs::read_dir(self.array())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with("array.db"))
            .collect();
        stored.extend(self.images_of_rows("TRUE"));
        stored.len()
    }

    fn restart(self) -> Self {
        let Self {
            provider,
            loops,
            guard,
            top,
        } = self;
        drop(provider);
        if let (Loops::GoWithRestart, Some(guard)) = (loops, &guard) {
            guard.detach_all();
        }
        Self {
            provider: open(top.path()),
            loops,
            guard,
            top,
        }
    }

    fn foreign_lun(&self) -> LunInformation {
        LunInformation {
            device_type: 0,
            device_type_modifier: 0,
            command_queueing: true,
            bus_type: BusType::Fibre,
            vendor_id: "ELSEONE".into(),
            product_id: "DISK".into(),
            product_revision: "7".into(),
            serial_number: "0815".into(),
            disk_signature: Uuid::nil(),
            identifiers: vec![StorageIdentifier {
                code_set: IdentifierCodeSet::Binary,
                identifier_type: IdentifierType::FcphName,
                bytes: vec![0x60, 1, 2, 3, 4, 5, 6, 7],
            }],
            interconnects: Vec::new(),
        }
    }
}
