//! Devices watched as udev watches them.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use tempfile::NamedTempFile;

/// Hears each time that the last descriptor of an opening that could write is closed.
pub(crate) struct Watch {
    inotify: OwnedFd,
    end: NamedTempFile,
    end_watch: i32,
}

impl Watch {
    pub(crate) fn new(devices: &[PathBuf]) -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC).unwrap();
        for device in devices {
            inotify::add_watch(&inotify, device, WatchFlags::CLOSE_WRITE).unwrap();
        }
        let end = NamedTempFile::new().unwrap();
        let end_watch = inotify::add_watch(&inotify, end.path(), WatchFlags::CLOSE_WRITE).unwrap();
        Self {
            inotify,
            end,
            end_watch,
        }
    }

    /// What `look` sees at each of these moments while `work` is done.
    pub(crate) fn during<R: Send>(
        self,
        look: impl Fn() -> R + Sync,
        work: impl FnOnce(),
    ) -> Vec<R> {
        thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut buffer = [MaybeUninit::uninit(); 4096];
                let mut events = Reader::new(&self.inotify, &mut buffer);
                let mut seen = Vec::new();
                loop {
                    let event = events.next().unwrap();
                    if event.wd() == self.end_watch {
                        return seen;
                    }
                    seen.push(look());
                }
            });
            work();
            drop(File::options().write(true).open(self.end.path()).unwrap());
            watcher.join().unwrap()
        })
    }
}
