//! A ledger over two places: every entry is on the first before it is on the second.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// A writer that appends numbered entries: to the first file, synced, then to the second, synced.
///
/// At any instant the first file has as many entries as the second, or one more. Two copies of
/// different instants break that as soon as an entry falls between them.
#[derive(Debug)]
pub struct Ledger {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    writer: Option<JoinHandle<()>>,
}

/// The file of a place.
fn file(place: &Path) -> PathBuf {
    place.join("ledger")
}

impl Ledger {
    /// Starts to write.
    ///
    /// # Panics
    /// The files cannot be made.
    #[must_use]
    pub fn start(first: &Path, second: &Path) -> Self {
        let open = |place: &Path| {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(file(place))
                .unwrap_or_else(|error| panic!("no ledger in {}: {error}", place.display()))
        };
        let mut files = [open(first), open(second)];
        let stop = Arc::new(AtomicBool::new(false));
        let written = Arc::new(AtomicU64::new(0));
        let (told, count) = (Arc::clone(&stop), Arc::clone(&written));
        let writer = std::thread::spawn(move || {
            let mut number: u64 = 0;
            while !told.load(Ordering::SeqCst) {
                for file in &mut files {
                    append(file, number);
                }
                number += 1;
                count.store(number, Ordering::SeqCst);
            }
        });
        Self {
            stop,
            written,
            writer: Some(writer),
        }
    }

    /// How many entries are complete.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// Stops writing; gives how many entries were written.
    pub fn stop(mut self) -> u64 {
        self.end();
        self.written()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.end();
    }
}

fn append(file: &mut File, number: u64) {
    let written = writeln!(file, "{number:012}").and_then(|()| file.sync_data());
    written.unwrap_or_else(|error| panic!("the ledger cannot be written: {error}"));
}

/// How many entries each of the two places has.
///
/// # Errors
/// They are not of one instant; says how.
pub fn check_ledger(first: &Path, second: &Path) -> Result<(u64, u64), String> {
    let count = |place: &Path| -> Result<u64, String> {
        let text = std::fs::read_to_string(file(place))
            .map_err(|error| format!("no ledger in {}: {error}", place.display()))?;
        let mut entries = 0;
        for line in text.lines() {
            // The last one may be cut off.
            if line.parse() == Ok(entries) {
                entries += 1;
            }
        }
        Ok(entries)
    };
    let (first, second) = (count(first)?, count(second)?);
    if first == second || first == second + 1 {
        Ok((first, second))
    } else {
        Err(format!(
            "torn: {first} entries in the first place and {second} in the second"
        ))
    }
}
