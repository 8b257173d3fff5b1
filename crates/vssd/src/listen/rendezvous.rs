//! Loopback TCP: the listener, and the file by which callers find it and prove who they are.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::rand::{GetRandomFlags, getrandom};
use vss_api::loopback::{RENDEZVOUS_BYTES, Rendezvous, Token};
use vss_model::{Error, ErrorKind};

use super::made::Made;
use super::sockets::{bind_tcp, kind_of, unblocking};

/// For root alone.
const ALONE: u32 = 0o600;
/// For root and the group.
const WITH_GROUP: u32 = 0o640;

/// A loopback listener whose rendezvous file is written. The file goes on drop.
#[derive(Debug)]
pub(crate) struct Loopback {
    pub(crate) listener: TcpListener,
    pub(crate) rendezvous: Arc<Rendezvous>,
    file: PathBuf,
    _made: Made,
}

impl Loopback {
    /// Listens on a loopback address, and writes a file with the port and new tokens, which members of
    /// the group may read.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_ALREADY_EXISTS` where the file is something else; what the system says otherwise.
    pub(crate) fn open(
        address: SocketAddr,
        file: &Path,
        group: Option<u32>,
    ) -> Result<Self, Error> {
        let failed = |error: io::Error| {
            Error::new(
                kind_of(&error),
                format!("could not write {} (loopback.file)", file.display()),
            )
            .with_source(error)
        };
        let listener = bind_tcp(address, "loopback.listen")?;
        unblocking(listener.set_nonblocking(true))?;
        let address = listener.local_addr().map_err(failed)?;
        let token = || new_token().map_err(failed);
        let rendezvous = Rendezvous::new(address, token()?, token()?)?;
        only_an_old_one(file)?;
        let made = write(file, &rendezvous, group).map_err(failed)?;
        Ok(Self {
            listener,
            rendezvous: Arc::new(rendezvous),
            file: file.to_owned(),
            _made: made,
        })
    }

    /// Where the rendezvous file is.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }
}

fn new_token() -> io::Result<Token> {
    let mut random = [0; 32];
    // So few bytes come whole.
    if getrandom(&mut random, GetRandomFlags::empty())? != random.len() {
        return Err(io::Error::other("the system gave too few random bytes"));
    }
    Ok(Token::new(random))
}

/// Refuses to replace anything but the rendezvous file of an earlier run.
fn only_an_old_one(path: &Path) -> Result<(), Error> {
    let is_old = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(metadata) => metadata.is_file() && is_rendezvous(path),
        Err(_) => false,
    };
    if is_old {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ObjectAlreadyExists,
        format!(
            "{} is there, and is no rendezvous file of vssd",
            path.display()
        ),
    )
    .with_hint("move it away, or name another place with loopback.file in the settings"))
}

fn is_rendezvous(path: &Path) -> bool {
    let mut content = Vec::new();
    let most = u64::try_from(RENDEZVOUS_BYTES).unwrap_or(u64::MAX);
    File::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut content))
        .is_ok_and(|_| Rendezvous::parse(&content).is_ok())
}

/// Writes the file beside its place, and moves it there when nobody else can read it any more who may
/// not, and all of it is written.
fn write(path: &Path, rendezvous: &Rendezvous, group: Option<u32>) -> io::Result<Made> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    vss_sys::make_open_folder(folder)?;
    let mut name = OsString::from(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(".new");
    let beside = folder.join(name);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(ALONE)
        .open(&beside)?;
    let written = let_group_read(&file, path, group)
        .and_then(|()| file.write_all(rendezvous.to_file().as_bytes()))
        .and_then(|()| fs::rename(&beside, path));
    if let Err(error) = written {
        // The first error tells more.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    Made::open(path, file)
}

/// The mode does not depend on the umask of this process.
fn let_group_read(file: &File, path: &Path, group: Option<u32>) -> io::Result<()> {
    let Some(group) = group else {
        return file.set_permissions(Permissions::from_mode(ALONE));
    };
    match fchown(file, None, Some(group)) {
        Ok(()) => file.set_permissions(Permissions::from_mode(WITH_GROUP)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(
                "{} is for this user alone: it could not be given to group {group}: {error}",
                path.display()
            );
            file.set_permissions(Permissions::from_mode(ALONE))
        }
        Err(error) => Err(error),
    }
}
