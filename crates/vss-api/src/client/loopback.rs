//! Finds a daemon by its rendezvous file. Each proves to the other that it may read the file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vss_model::{Error, ErrorKind};
use vss_service::ConnectionLost;

use crate::loopback::{ANSWER_BYTES, RENDEZVOUS_BYTES, Rendezvous, denial};

const HINT: &str = "is vssd running, with [loopback] in its settings? systemctl status vssd";

fn lost(path: &Path, what: &str, cause: &io::Error) -> Error {
    Error::new(
        ErrorKind::Unexpected,
        format!(
            "no connection to the service at loopback:{}",
            path.display()
        ),
    )
    .with_hint(HINT)
    .with_source(ConnectionLost::new(format!("{what}: {cause}")))
}

fn malformed(path: &Path) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!("{} is no rendezvous file of vssd", path.display()),
    )
    .with_hint("name the file that [loopback] in vssd.toml names, usually /run/vss/loopback")
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => lost(path, "the rendezvous file is not there", &error),
        io::ErrorKind::PermissionDenied => Error::new(
            ErrorKind::AccessDenied,
            format!("the rendezvous file {} cannot be read", path.display()),
        )
        .with_hint("it is for root and the group of vssd.toml; are you in it?")
        .with_source(error),
        _ => Error::new(
            ErrorKind::Unexpected,
            format!("the rendezvous file {} cannot be read", path.display()),
        )
        .with_hint(HINT)
        .with_source(error),
    }
}

/// Reads a rendezvous file.
///
/// # Errors
/// The connection counts as lost where there is none: a daemon removes it at its end. `E_ACCESSDENIED`
/// where it may not be read, `E_INVALIDARG` where it is something else.
fn read(path: &Path) -> Result<Rendezvous, Error> {
    let unreadable = |error| unreadable(path, error);
    // What is no file (a pipe, say) might never answer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(malformed(path));
    }
    let mut content = Vec::with_capacity(RENDEZVOUS_BYTES);
    let most = u64::try_from(RENDEZVOUS_BYTES).unwrap_or(u64::MAX);
    File::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut content))
        .map_err(unreadable)?;
    Rendezvous::parse(&content).map_err(|error| malformed(path).with_source(error))
}

/// The error for another line than the answer that the file tells.
fn no_answer(path: &Path, address: SocketAddr, line: &[u8; ANSWER_BYTES]) -> Error {
    let what = if line == denial().as_bytes() {
        "does not take the token"
    } else {
        "does not know the answer"
    };
    Error::new(
        ErrorKind::AccessDenied,
        format!("who listens on {address} {what} in {}", path.display()),
    )
    .with_hint(
        "the file may be of a vssd that has ended: compare its first line with what vssd logs at its start",
    )
}

/// Connects, sends the preamble, and takes the answer. The file is read anew each time: a daemon that was
/// started again has another port and other tokens.
///
/// # Errors
/// As [`read`]; the connection is lost where nobody listens; `E_ACCESSDENIED` by who does not take the
/// token, or does not know the answer.
pub(super) async fn connect(path: PathBuf) -> Result<TokioIo<TcpStream>, Error> {
    let file = path.clone();
    let rendezvous = tokio::task::spawn_blocking(move || read(&file))
        .await
        .map_err(|error| {
            Error::new(ErrorKind::Unexpected, "the client is stopping").with_source(error)
        })??;
    let address = rendezvous.address();
    let connected = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let preamble = rendezvous.token().preamble();
        stream.write_all(preamble.as_bytes()).await?;
        let mut answer = [0; ANSWER_BYTES];
        stream.read_exact(&mut answer).await?;
        io::Result::Ok((stream, answer))
    };
    let (stream, answer) = connected
        .await
        .map_err(|error| lost(&path, &format!("{address} does not answer"), &error))?;
    if !rendezvous.is_answer(&answer) {
        return Err(no_answer(&path, address, &answer));
    }
    Ok(TokioIo::new(stream))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use vss_model::ErrorKind;
    use vss_service::is_connection_lost;

    use super::read;

    #[test]
    fn what_is_no_rendezvous_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let missing = read(&folder.path().join("loopback")).unwrap_err();
        assert!(is_connection_lost(&missing), "{}", missing.chain());
        assert!(missing.hint().unwrap().contains("[loopback]"));

        let of_kind = |path: &std::path::Path| {
            let error = read(path).unwrap_err();
            assert!(!is_connection_lost(&error));
            assert!(error.hint().is_some());
            (error.kind(), error.chain())
        };
        assert_eq!(of_kind(folder.path()).0, ErrorKind::InvalidArgument);
        let file = folder.path().join("file");
        fs::write(&file, format!("192.0.2.1:1\n{0}\n{0}\n", "0".repeat(64))).unwrap();
        let (kind, text) = of_kind(&file);
        assert_eq!(kind, ErrorKind::InvalidArgument);
        assert!(
            text.contains("192.0.2.1:1 is no loopback address"),
            "{text}"
        );
        fs::write(&file, vec![b' '; 1 << 20]).unwrap();
        assert!(of_kind(&file).1.contains("too long"));
    }
}
