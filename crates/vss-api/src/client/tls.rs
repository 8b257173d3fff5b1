//! Reads the files of a TLS connection, and says which one is wrong.

use std::fs;
use std::path::Path;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};
use vss_model::{Error, ErrorKind};

use crate::client::TlsFiles;

fn bad(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!("TLS file {}: {what}", path.display()),
    )
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| bad(path, "cannot be read").with_source(error))
}

fn certificates(path: &Path) -> Result<Vec<u8>, Error> {
    let pem = read(path)?;
    let mut count = 0_usize;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        certificate.map_err(|error| bad(path, &format!("is no PEM file: {error}")))?;
        count += 1;
    }
    if count == 0 {
        return Err(bad(path, "holds no certificate"));
    }
    Ok(pem)
}

fn private_key(path: &Path) -> Result<Vec<u8>, Error> {
    let pem = read(path)?;
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| bad(path, &format!("holds no private key: {error}")))?;
    Ok(pem)
}

/// The TLS side of a connection.
///
/// # Errors
/// `E_INVALIDARG` for a file that is missing or cannot be used.
pub(super) fn config(files: &TlsFiles) -> Result<ClientTlsConfig, Error> {
    let missing = |what: &str| {
        Error::new(ErrorKind::InvalidArgument, format!("no {what} is given"))
            .with_hint("a connection over https needs CA, certificate and key, as PEM files")
    };
    let ca = files.ca.as_deref().ok_or_else(|| missing("CA file"))?;
    let config = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(certificates(ca)?))
        .assume_http2(true);
    match (files.certificate.as_deref(), files.key.as_deref()) {
        (Some(certificate), Some(key)) => Ok(config.identity(Identity::from_pem(
            certificates(certificate)?,
            private_key(key)?,
        ))),
        (None, None) => Ok(config),
        (Some(_), None) => Err(missing("key for the certificate")),
        (None, Some(_)) => Err(missing("certificate for the key")),
    }
}
