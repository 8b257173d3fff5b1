//! Leases against the kernel: one file, one would-be writer.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use vss_sys::{Lease, LeaseError, break_time};

/// `O_NONBLOCK`: an opener that is turned away instead of waiting.
const NONBLOCK: i32 = 0o4000;

fn image() -> tempfile::TempPath {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&[7; 4096]).unwrap();
    file.into_temp_path()
}

/// The lease, or `None` with a word where the file system of the temporary folder has none.
fn lease(path: &std::path::Path, test: &str) -> Option<Lease> {
    match Lease::hold_writes(File::open(path).unwrap()) {
        Err(LeaseError::NotSupported | LeaseError::NotPermitted) => {
            println!("skipped: {test} (no leases here)");
            None
        }
        result => Some(result.unwrap()),
    }
}

#[test]
fn nobody_writes_while_a_lease_stands() {
    let path = image();
    let Some(lease) = lease(&path, "nobody_writes_while_a_lease_stands") else {
        return;
    };
    assert!(!lease.is_wanted().unwrap());
    assert_eq!(lease.file().metadata().unwrap().len(), 4096);
    let refused = OpenOptions::new()
        .write(true)
        .custom_flags(NONBLOCK)
        .open(&path)
        .unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    // The attempt left a wish behind, and the signal that came with it did not end this process.
    assert!(lease.is_wanted().unwrap());
    drop(lease);
    OpenOptions::new()
        .write(true)
        .custom_flags(NONBLOCK)
        .open(&path)
        .unwrap();
}

#[test]
fn a_writer_waits_until_the_lease_is_given_back() {
    let path = image();
    let Some(lease) = lease(&path, "a_writer_waits_until_the_lease_is_given_back") else {
        return;
    };
    let (done, opened) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            OpenOptions::new().write(true).open(&path).unwrap();
            done.send(()).unwrap();
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        while !lease.is_wanted().unwrap() {
            assert!(Instant::now() < deadline, "the writer never knocked");
            std::thread::yield_now();
        }
        assert!(opened.try_recv().is_err(), "the writer did not wait");
        drop(lease);
        opened.recv_timeout(Duration::from_secs(20)).unwrap();
    });
}

#[test]
fn a_writer_who_was_there_first_is_seen() {
    let path = image();
    if lease(&path, "a_writer_who_was_there_first_is_seen").is_none() {
        return;
    }
    let writer = OpenOptions::new().append(true).open(&path).unwrap();
    let error = Lease::hold_writes(File::open(&path).unwrap()).unwrap_err();
    assert!(matches!(error, LeaseError::OpenForWriting), "{error:?}");
    drop(writer);
    Lease::hold_writes(File::open(&path).unwrap()).unwrap();
}

#[test]
fn two_leases_stand_side_by_side() {
    let path = image();
    let Some(first) = lease(&path, "two_leases_stand_side_by_side") else {
        return;
    };
    let second = Lease::hold_writes(File::open(&path).unwrap()).unwrap();
    drop(first);
    assert!(!second.is_wanted().unwrap());
}

#[test]
fn a_writable_descriptor_and_a_folder_are_refused() {
    let path = image();
    let writable = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    assert!(matches!(
        Lease::hold_writes(writable),
        Err(LeaseError::Io(_))
    ));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        Lease::hold_writes(File::open(folder.path()).unwrap()),
        Err(LeaseError::NotSupported)
    ));
}

#[test]
fn the_kernel_says_how_long_it_waits() {
    assert!(break_time() > Duration::ZERO);
}
