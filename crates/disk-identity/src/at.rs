//! Reading and writing a file at a place.

use std::fs::File;
use std::io;

/// Fills `buf`. The file's cursor stays where it is.
#[cfg(unix)]
pub(crate) fn read_exact(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

/// Writes all of `buf`. The file's cursor stays where it is.
#[cfg(unix)]
pub(crate) fn write_all(file: &File, buf: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, buf, offset)
}

/// Fills `buf`. Windows moves the file's cursor.
#[cfg(windows)]
pub(crate) fn read_exact(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    let length = buf.len();
    in_pieces(length, offset, io::ErrorKind::UnexpectedEof, |done, at| {
        let rest = buf.get_mut(done..).unwrap_or_default();
        std::os::windows::fs::FileExt::seek_read(file, rest, at)
    })
}

/// Writes all of `buf`. Windows moves the file's cursor.
#[cfg(windows)]
pub(crate) fn write_all(file: &File, buf: &[u8], offset: u64) -> io::Result<()> {
    in_pieces(buf.len(), offset, io::ErrorKind::WriteZero, |done, at| {
        let rest = buf.get(done..).unwrap_or_default();
        std::os::windows::fs::FileExt::seek_write(file, rest, at)
    })
}

/// Repeats a transfer, told how many bytes are done and where the next one goes, until `length` bytes
/// are done.
#[cfg(any(windows, test))]
fn in_pieces(
    length: usize,
    offset: u64,
    at_end: io::ErrorKind,
    mut transfer: impl FnMut(usize, u64) -> io::Result<usize>,
) -> io::Result<()> {
    let mut done = 0;
    while done < length {
        let place = u64::try_from(done)
            .ok()
            .and_then(|done| offset.checked_add(done))
            .ok_or(at_end)?;
        match transfer(done, place) {
            Ok(0) => return Err(at_end.into()),
            Ok(more) => done += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::in_pieces;

    #[test]
    fn pieces_follow_one_another() {
        let mut seen = Vec::new();
        let mut answers = [Ok(3), Err(ErrorKind::Interrupted.into()), Ok(4)].into_iter();
        in_pieces(7, 100, ErrorKind::UnexpectedEof, |done, at| {
            seen.push((done, at));
            answers.next().unwrap_or(Ok(0))
        })
        .unwrap();
        assert_eq!(seen, [(0, 100), (3, 103), (3, 103)]);
    }

    #[test]
    fn an_end_before_all_is_done_is_told() {
        for (offset, answer) in [(0, Ok(0)), (u64::MAX, Ok(1))] {
            let mut answer = Some(answer);
            let error = in_pieces(2, offset, ErrorKind::UnexpectedEof, |_, _| {
                answer.take().unwrap_or(Ok(0))
            })
            .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        }
    }
}
