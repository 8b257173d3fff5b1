//! What is on the partitions of the demonstration: file systems where there are programs to make
//! them, and a record that can be told from a later one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use uuid::Uuid;

/// What every record begins with.
const MARK: &str = "openvss demo record: ";
/// Records are shorter than this.
const RECORD_LIMIT: usize = 256;
/// How much is read at once.
const CHUNK: u64 = 1 << 20;
/// A program that has not made a file system by then has failed.
const MKFS_LIMIT: Duration = Duration::from_secs(20);
/// Where programs are looked for.
const FOLDERS: &[&str] = &["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"];

/// What a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Ext4,
    Xfs,
    Vfat,
    /// No program makes file systems here: the record stands in the first sector.
    Raw,
}

impl Content {
    /// The word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Vfat => "vfat",
            Self::Raw => "raw",
        }
    }

    /// Makes an image of `size` bytes with the record in a file; false where that cannot be done.
    fn make(self, image: &Path, size: u64, uuid: Uuid, folder: &Path, file: &Path) -> bool {
        let program = match self {
            Self::Ext4 => "mkfs.ext4",
            Self::Xfs => "mkfs.xfs",
            Self::Vfat => "mkfs.vfat",
            Self::Raw => return false,
        };
        let Some(program) = find(program) else {
            return false;
        };
        if File::create(image)
            .and_then(|file| file.set_len(size))
            .is_err()
        {
            return false;
        }
        let mut command = Command::new(program);
        match self {
            Self::Ext4 => {
                command.args(["-q", "-F", "-U"]).arg(uuid.to_string());
                command.args(["-E", "root_owner=0:0", "-d"]).arg(folder);
            }
            Self::Xfs => {
                // A prototype says which files the new file system holds.
                let prototype = image.with_extension("prototype");
                let text = format!(
                    "/dev/null\n0 0\nd--755 0 0\nrecord.txt ---644 0 0 {}\n$\n",
                    file.display()
                );
                if fs::write(&prototype, text).is_err() {
                    return false;
                }
                command.args(["-q", "-f", "-m"]).arg(format!("uuid={uuid}"));
                command.arg("-p").arg(prototype);
            }
            Self::Vfat | Self::Raw => {}
        }
        command.arg(image);
        run(&mut command)
    }
}

/// Fills a partition with a file system that holds `record`, the first of `wanted` that can be had,
/// and says which. Only the bytes that differ are written.
pub(super) fn fill(
    disk: &Path,
    partition: &Range<u64>,
    wanted: &[Content],
    uuid: Uuid,
    record: &str,
) -> io::Result<Content> {
    let scratch = tempfile::Builder::new()
        .prefix("fill-")
        .tempdir_in(disk.parent().unwrap_or(Path::new(".")))?;
    let folder = scratch.path().join("files");
    fs::create_dir(&folder)?;
    let file = folder.join("record.txt");
    let text = format!("{MARK}{record}\n");
    fs::write(&file, &text)?;
    let image = scratch.path().join("image");
    let size = partition.end - partition.start;
    let target = OpenOptions::new().read(true).write(true).open(disk)?;
    for content in wanted {
        if content.make(&image, size, uuid, &folder, &file) {
            let holds_it = *content == Content::Vfat || find_in(&image, &(0..size))?.is_some();
            if holds_it {
                transfer(&File::open(&image)?, &target, partition)?;
                target.sync_data()?;
                return Ok(*content);
            }
        }
    }
    let mut sector = text.into_bytes();
    sector.resize(512, 0);
    target.write_all_at(&sector, partition.start)?;
    target.sync_data()?;
    Ok(Content::Raw)
}

/// The record on a partition.
pub(super) fn read_record(disk: &Path, partition: &Range<u64>) -> io::Result<Option<String>> {
    find_in(disk, partition)
}

fn find_in(path: &Path, range: &Range<u64>) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let mut at = range.start;
    while at < range.end {
        let data = next_data(&file, at);
        if data >= range.end {
            break;
        }
        at = data;
        file.seek(SeekFrom::Start(at))?;
        // A record may lie across the end of a chunk.
        let want = (CHUNK + RECORD_LIMIT as u64).min(range.end - at);
        let mut bytes = Vec::new();
        Read::by_ref(&mut file).take(want).read_to_end(&mut bytes)?;
        let mark = MARK.as_bytes();
        let found = bytes.windows(mark.len()).position(|window| window == mark);
        if let Some(rest) = found.and_then(|start| bytes.get(start + mark.len()..)) {
            let line = rest.split(|byte| matches!(byte, b'\n' | 0)).next();
            return Ok(line.map(|line| String::from_utf8_lossy(line).into_owned()));
        }
        at += CHUNK;
    }
    Ok(None)
}

/// Writes what differs, so that holes stay holes.
fn transfer(source: &File, target: &File, partition: &Range<u64>) -> io::Result<()> {
    let size = partition.end - partition.start;
    let (mut new, mut old) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < size {
        let in_target = next_data(target, partition.start + at) - partition.start;
        at = next_data(source, at).min(in_target);
        if at >= size {
            break;
        }
        let len = usize::try_from(CHUNK.min(size - at)).map_err(io::Error::other)?;
        new.resize(len, 0);
        old.resize(len, 0);
        source.read_exact_at(&mut new, at)?;
        target.read_exact_at(&mut old, partition.start + at)?;
        if new != old {
            target.write_all_at(&new, partition.start + at)?;
        }
        at += CHUNK;
    }
    Ok(())
}

/// The first byte from `at` on that is not in a hole, where the file system can tell.
fn next_data(file: &File, at: u64) -> u64 {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        Ok(data) => data.max(at),
        Err(Errno::NXIO) => u64::MAX,
        Err(_) => at,
    }
}

fn find(program: &str) -> Option<PathBuf> {
    FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.is_file())
}

/// Runs a program; true if it ends well, and in time.
fn run(command: &mut Command) -> bool {
    let child = command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if began.elapsed() < MKFS_LIMIT => thread::sleep(Duration::from_millis(2)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, fill, read_record};

    #[test]
    fn a_record_is_found_and_replaced_on_any_content() {
        let dir = tempfile::tempdir().unwrap();
        let uuid = uuid::Uuid::new_v4();
        for wanted in [&[Content::Ext4][..], &[Content::Xfs], &[]] {
            let disk = dir.path().join("disk");
            std::fs::File::create(&disk)
                .and_then(|file| file.set_len(330 << 20))
                .unwrap();
            let partition = 1 << 20..321 << 20;
            assert_eq!(read_record(&disk, &partition).unwrap(), None);
            for record in ["before", "after"] {
                fill(&disk, &partition, wanted, uuid, record).unwrap();
                let found = read_record(&disk, &partition).unwrap();
                assert_eq!(found.as_deref(), Some(record), "{wanted:?}");
            }
            std::fs::remove_file(&disk).unwrap();
        }
    }
}
