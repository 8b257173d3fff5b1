//! Providers for tests: they record their calls and fail on demand.
//!
//! [`RecordingProvider`] does both for any provider. [`FakeProvider`] puts it around a tiny array of
//! its own, [`FakeSoftwareProvider`] around a software provider.

mod array;
mod array_provider;
mod record;
mod recorder;
mod recording;
mod software;

use std::io;
use std::path::{Path, PathBuf};

use vss_model::LunInformation;

pub use array::{FakeLun, SimpleArray};
pub use recorder::{Action, Call, Fault, Gate, ProviderDied, Recorder};
pub use recording::RecordingProvider;
pub use software::SimpleSoftware;

/// A recording hardware provider over plain files; see [`SimpleArray`].
///
/// ```
/// use vss_provider::fake::{Action, FakeProvider, Fault};
/// use vss_provider::{CreateSnapshotSet, Method};
/// use vss_model::SetId;
///
/// let dir = tempfile::tempdir()?;
/// let provider = FakeProvider::new(dir.path())?;
/// provider.create_lun("db", &[0; 4096], 512)?;
/// provider.inject(Fault::next(Method::EndPrepareSnapshots, Action::Veto));
/// assert!(provider.end_prepare_snapshots(SetId::NULL).is_err());
/// assert_eq!(provider.calls()[0].method.name(), "EndPrepareSnapshots");
/// # Ok::<(), std::io::Error>(())
/// ```
pub type FakeProvider = RecordingProvider<SimpleArray>;

/// A recording software provider; see [`SimpleSoftware`].
pub type FakeSoftwareProvider = RecordingProvider<SimpleSoftware>;

impl FakeProvider {
    /// A provider on the array in this folder, which is made if it is not there. The recording
    /// starts empty, the LUNs are those of before.
    ///
    /// # Errors
    /// As [`SimpleArray::open`].
    pub fn new(dir: &Path) -> io::Result<Self> {
        Self::with_seed(dir, 1)
    }

    /// As [`Self::new`], with provider and LUN ids of its own: for tests with several arrays.
    ///
    /// # Errors
    /// As [`SimpleArray::open`].
    pub fn with_seed(dir: &Path, seed: u32) -> io::Result<Self> {
        SimpleArray::open(dir, seed).map(Self::wrap)
    }

    /// Without the `Ex` interface, as providers from before 2008.
    #[must_use]
    pub fn legacy(self) -> Self {
        Self::wrap(self.into_inner().without_ex())
    }

    /// See [`SimpleArray::create_lun`].
    ///
    /// # Errors
    /// As there.
    pub fn create_lun(
        &self,
        name: &str,
        content: &[u8],
        sector_size: u32,
    ) -> io::Result<LunInformation> {
        self.inner().create_lun(name, content, sector_size)
    }

    /// See [`SimpleArray::create_blank_lun`].
    ///
    /// # Errors
    /// As there.
    pub fn create_blank_lun(
        &self,
        name: &str,
        size: u64,
        sector_size: u32,
    ) -> io::Result<LunInformation> {
        self.inner().create_blank_lun(name, size, sector_size)
    }

    /// See [`SimpleArray::remove_lun`].
    ///
    /// # Errors
    /// As there.
    pub fn remove_lun(&self, name: &str) -> io::Result<()> {
        self.inner().remove_lun(name)
    }

    /// See [`SimpleArray::present`].
    ///
    /// # Errors
    /// As there.
    pub fn present(&self, name: &str) -> io::Result<()> {
        self.inner().present(name)
    }

    /// See [`SimpleArray::mask`].
    ///
    /// # Errors
    /// As there.
    pub fn mask(&self, name: &str) -> io::Result<()> {
        self.inner().mask(name)
    }

    /// See [`SimpleArray::is_presented`].
    #[must_use]
    pub fn is_presented(&self, name: &str) -> bool {
        self.inner().is_presented(name)
    }

    /// See [`SimpleArray::image_path`].
    ///
    /// # Errors
    /// As there.
    pub fn image_path(&self, name: &str) -> io::Result<PathBuf> {
        self.inner().image_path(name)
    }

    /// See [`SimpleArray::device_path`].
    #[must_use]
    pub fn device_path(&self, name: &str) -> PathBuf {
        self.inner().device_path(name)
    }

    /// See [`SimpleArray::luns`].
    #[must_use]
    pub fn luns(&self) -> Vec<FakeLun> {
        self.inner().luns()
    }
}

impl FakeSoftwareProvider {
    /// A provider for these volumes.
    #[must_use]
    pub fn new<V: Into<String>>(volumes: impl IntoIterator<Item = V>) -> Self {
        Self::wrap(SimpleSoftware::new(volumes))
    }
}
