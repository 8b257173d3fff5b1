//! The instant of a set, and what makes its copies last: copying, marking, syncing, naming.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use vss_model::SetId;
use vss_provider::failure::io_failed;
use vss_provider::{ProviderError, ProviderResult};

use crate::array::FileArray;
use crate::copy;
use crate::folders::{exists, remove, rename, sync};
use crate::rows::{self, LunRow, State};
use crate::sets::{CopyProgress, Phase, given_up};

/// How many copies are synced side by side.
const SYNCERS: usize = 4;

impl FileArray {
    /// Copies the images of a set. Nothing is synced and no lock is held: the instant is short, and
    /// others may look at the array meanwhile.
    pub(crate) fn split(&self, set: SetId) -> ProviderResult<()> {
        self.catalogue.must_own()?;
        if !self.is_due(set, Phase::PreCommitted, Phase::Committed)? {
            return Ok(());
        }
        let copies = self.snapshot_of(set)?.copies;
        for copy in copies.iter().filter(|copy| copy.attached) {
            if let Some(origin) = &copy.origin {
                self.flush_device(&self.row(&origin.name)?)?;
            }
        }
        let mut result = copies.iter().enumerate().try_for_each(|(index, copy)| {
            // An abort from another thread must not be outrun.
            if !self.sets().contains_key(&set) {
                return Err(given_up(set));
            }
            self.copy_one(copy, index + 1, copies.len())
        });
        if result.is_ok() {
            result = self.mark_split(set);
        }
        if result.is_ok() {
            match self.sets().get_mut(&set) {
                Some(entry) => entry.phase = Phase::Committed,
                None => result = Err(given_up(set)),
            }
        }
        if result.is_err() {
            for copy in &copies {
                // What this leaves is removed by the abort that follows, or at the next load.
                let _ = remove(&self.folders.partial(copy.guid));
            }
            let _ = remove(&self.folders.split_mark(set));
        }
        result
    }

    /// Notes, without a sync, that all images of a set are complete in the page cache: a file that
    /// holds the id of this start of the host. A half-written mark is none.
    fn mark_split(&self, set: SetId) -> ProviderResult<()> {
        let mark = self.folders.split_mark(set);
        match boot_id() {
            Some(boot) => fs::write(&mark, boot).map_err(io_failed("write", &mark)),
            None => Ok(()),
        }
    }

    /// Whether all images of a set were complete when an earlier run of this start of the host left
    /// them.
    fn was_split(&self, set: SetId) -> bool {
        boot_id().is_some_and(|boot| {
            fs::read_to_string(self.folders.split_mark(set)).is_ok_and(|found| found == boot)
        })
    }

    /// Settles a set that an earlier run committed; false when it did not, or nothing good can come
    /// of it any more. The caller keeps other changes out.
    pub(crate) fn settle_leftover(&self, set: SetId, copies: &[LunRow]) -> bool {
        self.was_split(set) && self.finish_all(copies).is_ok() && self.name_all(set, copies).is_ok()
    }

    fn copy_one(&self, copy: &LunRow, index: usize, count: usize) -> ProviderResult<()> {
        let original = copy
            .origin
            .as_ref()
            .map_or("", |origin| origin.name.as_str());
        let image = self.folders.image(original);
        let source = File::open(&image).map_err(io_failed("open the image", &image))?;
        // What an earlier attempt left.
        remove(&self.folders.partial(copy.guid))?;
        let target = self.folders.create_partial(copy.guid)?;
        copy::copy(&source, &target, &mut |done_bytes, total_bytes| {
            self.tell(CopyProgress {
                lun: original.to_owned(),
                done_bytes,
                total_bytes,
                index,
                count,
            })
        })
        .map_err(io_failed("copy the image", &image))
    }

    /// Makes the copies durable, gives them their names and enters them as ready.
    pub(crate) fn settle(&self, set: SetId) -> ProviderResult<()> {
        self.catalogue.must_own()?;
        if !self.is_due(set, Phase::Committed, Phase::PostCommitted)? {
            return Ok(());
        }
        let copies = self.snapshot_of(set)?.copies;
        self.finish_all(&copies)?;
        let _change = self.begin_change()?;
        if !self.sets().contains_key(&set) {
            return Err(given_up(set));
        }
        self.name_all(set, &copies)?;
        if let Some(entry) = self.sets().get_mut(&set) {
            entry.phase = Phase::PostCommitted;
        }
        Ok(())
    }

    /// Names synced copies and enters them as ready.
    fn name_all(&self, set: SetId, copies: &[LunRow]) -> ProviderResult<()> {
        for copy in copies {
            let (partial, image) = (
                self.folders.partial(copy.guid),
                self.folders.image(&copy.name),
            );
            // An earlier attempt may have got as far as this.
            if exists(&partial)? || !exists(&image)? {
                rename(&partial, &image).map_err(io_failed("name the copy", &image))?;
            }
        }
        sync(&self.folders.array)?;
        self.catalogue.write("enter the copies of a set", |rows| {
            for copy in copies {
                rows::set_state(rows, copy.guid, State::Ready)?;
            }
            rows::set_last_set(rows, set)
        })?;
        // A mark that stays means nothing without rows that are splitting.
        let _ = remove(&self.folders.split_mark(set));
        Ok(())
    }

    /// Syncs copies, a few side by side.
    fn finish_all(&self, copies: &[LunRow]) -> ProviderResult<()> {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(copy) = copies.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.finish_one(copy)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..SYNCERS.min(copies.len()))
                .map(|_| scope.spawn(work))
                .collect();
            workers.into_iter().try_for_each(|worker| {
                worker.join().unwrap_or_else(|_| {
                    Err(ProviderError::veto("a thread that synced copies panicked"))
                })
            })
        })
    }

    /// Gives a copy its original's mode, though always writable by its owner, and syncs it.
    fn finish_one(&self, copy: &LunRow) -> ProviderResult<()> {
        let partial = self.folders.partial(copy.guid);
        let file = match File::open(&partial) {
            Ok(file) => file,
            // Named by an earlier attempt, after it was synced.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && exists(&self.folders.image(&copy.name))? =>
            {
                return Ok(());
            }
            Err(error) => return Err(io_failed("open the copy", &partial)(error)),
        };
        let original = copy
            .origin
            .as_ref()
            .and_then(|origin| fs::metadata(self.folders.image(&origin.name)).ok());
        let mode = original.map_or(0o600, |meta| meta.permissions().mode() & 0o777 | 0o600);
        file.set_permissions(fs::Permissions::from_mode(mode))
            .map_err(io_failed("set the permissions of", &partial))?;
        file.sync_all()
            .map_err(io_failed("sync the copy", &partial))
    }
}

/// The id that the kernel gives to each start of the host.
fn boot_id() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}
