//! A harness over the fake's array, for the array itself and for providers around it.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::TempDir;
use vss_model::LunInformation;
use vss_provider::HardwareProvider;
use vss_provider::conformance::Harness;
use vss_provider::fake::SimpleArray;

/// A provider that keeps its LUNs in a [`SimpleArray`].
pub(crate) trait OverArray: HardwareProvider {
    /// The array inside.
    fn array(&self) -> &SimpleArray;
}

/// Storage in a folder that goes away with the harness.
pub(crate) struct ArrayHarness<P> {
    dir: TempDir,
    provider: P,
    open: Box<dyn Fn(&Path) -> P>,
}

impl<P> ArrayHarness<P> {
    pub(crate) fn new(open: impl Fn(&Path) -> P + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            provider: open(dir.path()),
            dir,
            open: Box::new(open),
        }
    }
}

impl<P: OverArray> Harness for ArrayHarness<P> {
    type Provider = P;

    fn provider(&self) -> &P {
        &self.provider
    }

    fn create_original(&mut self, name: &str, content: &[u8], sector_size: u32) {
        self.provider
            .array()
            .create_lun(name, content, sector_size)
            .unwrap();
    }

    fn write_original(&mut self, name: &str, offset: u64, bytes: &[u8]) {
        let image = self.provider.array().image_path(name).unwrap();
        let file = OpenOptions::new().write(true).open(image).unwrap();
        file.write_all_at(bytes, offset).unwrap();
    }

    fn mask_original(&mut self, name: &str) {
        self.provider.array().mask(name).unwrap();
    }

    fn present_original(&mut self, name: &str) {
        self.provider.array().present(name).unwrap();
    }

    fn read_device(&self, path: &Path, offset: u64, len: usize) -> Vec<u8> {
        let start = usize::try_from(offset).unwrap();
        let bytes = fs::read(path).unwrap();
        bytes.into_iter().skip(start).take(len).collect()
    }

    fn lun_exists_in_array(&self, info: &LunInformation) -> bool {
        self.provider.array().find(info).is_some()
    }

    fn stored_luns(&self) -> usize {
        self.provider.array().luns().len()
    }

    fn restart(self) -> Self {
        let Self {
            dir,
            provider,
            open,
        } = self;
        drop(provider);
        Self {
            provider: open(dir.path()),
            dir,
            open,
        }
    }

    fn foreign_lun(&self) -> LunInformation {
        let dir = tempfile::tempdir().unwrap();
        let other = SimpleArray::open(dir.path(), 77).unwrap();
        other.create_lun("foreign", &[0; 4096], 512).unwrap()
    }
}
