//! A lock of a file or folder that ends when it is let go of.

use std::fs::{File, TryLockError};
use std::io;

/// An exclusive lock (`flock`) against all other processes and all other openings of this one.
///
/// It ends with this value, also while a child that another thread is just starting still has a copy of the
/// descriptor: left to the close, the lock would last until that child runs its program, and who takes it
/// anew right away would be refused.
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// Takes the lock at once; `None` when somebody has it.
    ///
    /// # Errors
    /// The file system has no locks, or the kernel no room for one.
    pub fn try_exclusive(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // What cannot be unlocked is unlocked by the close.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::FileLock;

    #[test]
    fn it_ends_although_a_copy_of_the_descriptor_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let take = || FileLock::try_exclusive(File::open(folder.path()).unwrap()).unwrap();
        let lock = take().unwrap();
        assert!(take().is_none());
        let copy = lock.file().try_clone().unwrap();
        drop(lock);
        let again = take();
        assert!(again.is_some());
        drop((again, copy));

        // The control: a close alone does not do.
        let bare = File::open(folder.path()).unwrap();
        bare.try_lock().unwrap();
        let copy = bare.try_clone().unwrap();
        drop(bare);
        assert!(take().is_none());
        drop(copy);
        assert!(take().is_some());
    }
}
