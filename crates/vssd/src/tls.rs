//! Certificates of both sides.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use vss_model::{Error, ErrorKind};

/// What other machines are let in with.
pub(crate) struct Files<'a> {
    /// This machine's certificate, and those of its issuers.
    pub(crate) certificate: &'a Path,
    /// The key of it.
    pub(crate) key: &'a Path,
    /// Who issues certificates for clients.
    pub(crate) client_ca: &'a Path,
}

/// What makes TLS 1.3 of TCP, with a certificate of the client or not at all.
///
/// # Errors
/// `E_INVALIDARG`, naming the file, for one that cannot be read or is not what it should be.
pub(crate) fn acceptor(files: &Files<'_>) -> Result<TlsAcceptor, Error> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in certificates(files.client_ca)? {
        roots
            .add(certificate)
            .map_err(|error| unfit(files.client_ca, "holds a certificate of no use", error))?;
    }
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| unfit(files.client_ca, "cannot vouch for clients", error))?;
    let key = PrivateKeyDer::from_pem_file(files.key)
        .map_err(|error| unfit(files.key, "holds no key that can be read", error))?;
    warn_of_readers(files.key);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| {
            Error::new(ErrorKind::Unexpected, "could not set TLS up").with_source(error)
        })?
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates(files.certificate)?, key)
        .map_err(|error| {
            let what = format!("does not fit the key {}", files.key.display());
            unfit(files.certificate, &what, error)
        })?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would be let in without another look at the client's certificate.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = || -> Result<Vec<_>, pem::Error> {
        let file = BufReader::new(File::open(file).map_err(pem::Error::Io)?);
        CertificateDer::pem_reader_iter(file).collect()
    };
    match read() {
        Ok(found) if found.is_empty() => Err(unfit(
            file,
            "holds no certificate",
            io::Error::from(io::ErrorKind::InvalidData),
        )),
        Ok(found) => Ok(found),
        Err(error) => Err(unfit(file, "cannot be read", error)),
    }
}

fn unfit(file: &Path, what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!("{} {what}", file.display()),
    )
    .with_hint("docs/vssd.md shows how certificates are made; files are in PEM form")
    .with_source(error)
}

/// A key that others can read is no secret, but refusing it would keep local callers out as well.
fn warn_of_readers(key: &Path) {
    if let Ok(metadata) = std::fs::metadata(key)
        && metadata.mode() & 0o007 != 0
    {
        tracing::warn!(
            "everybody on this machine can use the key {}: chmod 0600 it",
            key.display()
        );
    }
}
