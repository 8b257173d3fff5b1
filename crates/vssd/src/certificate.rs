//! The names that a client certificate bears.

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The DNS names of a certificate; the common name of one that has none; nothing for one that cannot
/// be read, or names nobody.
///
/// A common name does not count beside DNS names: who issues a certificate for one name must not
/// thereby issue it for another.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let certificate = certificate.tbs_certificate();
    let alternatives = match certificate.get_extension::<SubjectAltName>() {
        Ok(Some((_, SubjectAltName(names)))) => names,
        Ok(None) => Vec::new(),
        // A list that cannot be read may name somebody else than the subject does.
        Err(_) => return Vec::new(),
    };
    let dns: Vec<String> = alternatives
        .iter()
        .filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
            _ => None,
        })
        .collect();
    if !dns.is_empty() {
        return dns;
    }
    match certificate.subject().common_name() {
        Ok(Some(name)) => vec![name.value().into_owned()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::names;

    fn named(dns: &[&str], common: Option<&str>) -> Vec<String> {
        let dns: Vec<String> = dns.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(dns).unwrap();
        params.distinguished_name = DistinguishedName::new();
        if let Some(common) = common {
            params.distinguished_name.push(DnType::CommonName, common);
        }
        let key = KeyPair::generate().unwrap();
        names(params.self_signed(&key).unwrap().der())
    }

    #[test]
    fn dns_names_come_before_the_common_name() {
        assert_eq!(
            named(&["one.example", "two.example"], Some("common")),
            ["one.example", "two.example"]
        );
        assert_eq!(named(&[], Some("common")), ["common"]);
        assert_eq!(named(&["127.0.0.1"], Some("common")), ["common"]);
        assert!(named(&[], None).is_empty());
    }

    #[test]
    fn garbage_names_nobody() {
        assert!(names(&Vec::from(*b"garbage").into()).is_empty());
        assert!(names(&Vec::new().into()).is_empty());
    }
}
