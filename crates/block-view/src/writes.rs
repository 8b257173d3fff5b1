//! How many writes a device has completed: the proof that nobody wrote meanwhile.

use std::fs;
use std::io;

use crate::number::DevNo;
use crate::view::Roots;

/// What a device has been written, since it appeared (`/sys/dev/block/*/stat` and `inflight`, see the
/// kernel's `Documentation/block/stat.rst`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteCount {
    /// Writes that were completed.
    pub writes: u64,
    /// Sectors of 512 bytes that they wrote.
    pub sectors: u64,
    /// Discards that were completed.
    pub discards: u64,
    /// Writes that are under way.
    pub in_flight: u64,
}

impl WriteCount {
    /// Asks a device.
    ///
    /// # Errors
    /// It is gone, or the kernel says something that is not understood.
    pub fn read(roots: &Roots, device: DevNo) -> io::Result<Self> {
        let folder = roots.sys.join(format!("dev/block/{device}"));
        let numbers = |file: &str| -> io::Result<Vec<u64>> {
            fs::read_to_string(folder.join(file))?
                .split_whitespace()
                .map(|word| word.parse().map_err(io::Error::other))
                .collect()
        };
        let stat = numbers("stat")?;
        let in_flight = numbers("inflight")?;
        let at = |list: &[u64], index: usize| {
            list.get(index)
                .copied()
                .ok_or_else(|| io::Error::other("the kernel counts no writes of this device"))
        };
        Ok(Self {
            writes: at(&stat, 4)?,
            sectors: at(&stat, 6)?,
            // Kernels before 4.18 do not count them.
            discards: stat.get(11).copied().unwrap_or(0),
            in_flight: at(&in_flight, 1)?,
        })
    }

    /// True when nothing was written from this count to a later one: nothing was under way at either
    /// time, and nothing was completed between.
    #[must_use]
    pub fn is_quiet_until(&self, later: &Self) -> bool {
        self == later && self.in_flight == 0
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::WriteCount;
    use crate::number::DevNo;
    use crate::view::Roots;

    #[test]
    fn a_write_is_seen_and_a_read_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("dev/block/8:0");
        fs::create_dir_all(&device).unwrap();
        let roots = Roots {
            sys: folder.path().to_owned(),
            ..Roots::default()
        };
        let number = DevNo { major: 8, minor: 0 };
        let count = |stat: &str, inflight: &str| {
            fs::write(device.join("stat"), stat).unwrap();
            fs::write(device.join("inflight"), inflight).unwrap();
            WriteCount::read(&roots, number)
        };
        let first = count("9 0 72 1 5 0 40 2 0 3 3 0 0 0 0 1 1\n", "0 0\n").unwrap();
        let read = count("10 0 80 1 5 0 40 2 1 3 3 0 0 0 0 1 1\n", "1 0\n").unwrap();
        assert!(first.is_quiet_until(&read));
        for (stat, inflight) in [
            ("9 0 72 1 6 0 48 2 0 3 3 0 0 0 0 1 1", "0 0"),
            ("9 0 72 1 5 0 40 2 0 3 3 0 0 0 0 1 1", "0 1"),
            ("9 0 72 1 5 0 40 2 0 3 3 1 0 8 0 1 1", "0 0"),
        ] {
            assert!(!first.is_quiet_until(&count(stat, inflight).unwrap()));
        }
        assert!(count("9 0 x", "0 0").is_err());
        assert!(count("", "").is_err());
    }
}
