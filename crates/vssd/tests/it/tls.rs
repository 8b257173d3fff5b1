//! Other machines: certificates on both sides.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use vss_api::client::{Client, Endpoint, TlsFiles};
use vss_model::{Error, ErrorKind};
use vss_service::{Queries, is_connection_lost};

use crate::daemon::{Daemon, LONG, Place, eventually, has, run};

/// An authority of the test's own.
struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    fn new(place: &Place, file: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named(file);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(place.path(file), certificate.pem()).unwrap();
        Self(Issuer::new(params, key))
    }

    /// Writes `NAME.crt` and `NAME.key`.
    fn issue(&self, place: &Place, name: &str, dns: &[&str], usage: ExtendedKeyUsagePurpose) {
        let dns: Vec<String> = dns.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(dns).unwrap();
        params.distinguished_name = named(name);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        fs::write(place.path(&format!("{name}.crt")), certificate.pem()).unwrap();
        fs::write(place.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn client(&self, place: &Place, name: &str, dns: &[&str]) {
        self.issue(place, name, dns, ExtendedKeyUsagePurpose::ClientAuth);
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn settings(place: &Place, limits: &str) -> String {
    let path = |name: &str| place.path(name).display().to_string();
    format!(
        "[tcp]\nlisten = \"127.0.0.1:0\"\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\n\
         allow = [\"backup.example\", \"by common name\"]\n{limits}",
        path("server.crt"),
        path("server.key"),
        path("ca.crt"),
    )
}

fn serving(limits: &str) -> (Place, Authority, Daemon, String) {
    let place = Place::new("");
    let authority = Authority::new(&place, "ca.crt");
    let server = ExtendedKeyUsagePurpose::ServerAuth;
    authority.issue(&place, "server", &["localhost"], server);
    place.set(&settings(&place, limits));
    let daemon = place.start();
    let url = url(&daemon);
    (place, authority, daemon, url)
}

fn url(daemon: &Daemon) -> String {
    let line = daemon.said("with TLS");
    let port = line.split_once("127.0.0.1:").unwrap().1;
    let port = port.split_once(' ').unwrap().0;
    format!("https://localhost:{port}")
}

fn call(place: &Place, url: &str, name: Option<&str>) -> Result<(), Error> {
    let file = |end: &str| name.map(|name| place.path(&format!("{name}.{end}")));
    let tls = TlsFiles {
        ca: Some(place.path("ca.crt")),
        certificate: file("crt"),
        key: file("key"),
    };
    let client = Client::connect(&Endpoint::parse(url, tls)?)?;
    client.status().map(drop)
}

#[test]
fn names_that_are_listed_are_served_and_others_are_refused() {
    let (place, authority, daemon, url) = serving("");
    authority.client(&place, "listed", &["other.example", "backup.example"]);
    authority.client(&place, "by common name", &[]);
    authority.client(&place, "unlisted", &["unlisted.example"]);
    call(&place, &url, Some("listed")).unwrap();
    call(&place, &url, Some("by common name")).unwrap();
    let refused = call(&place, &url, Some("unlisted")).unwrap_err();
    assert_eq!(
        refused.kind(),
        ErrorKind::AccessDenied,
        "{}",
        refused.chain()
    );
    let client = place.client();
    assert!(eventually(|| {
        let refusals = client.refusals(10).unwrap();
        let caller = "certificate unlisted.example";
        refusals.iter().any(|refusal| refusal.caller == caller)
    }));
    // A common name does not count beside DNS names.
    let mut params = CertificateParams::new(vec!["stranger.example".to_owned()]).unwrap();
    params.distinguished_name = named("by common name");
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.0).unwrap();
    fs::write(place.path("posing.crt"), certificate.pem()).unwrap();
    fs::write(place.path("posing.key"), key.serialize_pem()).unwrap();
    let refused = call(&place, &url, Some("posing")).unwrap_err();
    assert_eq!(
        refused.kind(),
        ErrorKind::AccessDenied,
        "{}",
        refused.chain()
    );
    daemon.stop();
}

#[test]
fn without_a_certificate_of_the_authority_there_is_no_handshake() {
    let (place, authority, daemon, url) = serving("");
    authority.client(&place, "listed", &["backup.example"]);
    let stranger = Authority::new(&place, "foreign-ca.crt");
    stranger.client(&place, "foreign", &["backup.example"]);
    authority.issue(
        &place,
        "server-only",
        &["backup.example"],
        ExtendedKeyUsagePurpose::ServerAuth,
    );
    for name in [Some("foreign"), Some("server-only"), None] {
        let error = call(&place, &url, name).unwrap_err();
        let refused = is_connection_lost(&error) || error.kind() == ErrorKind::InvalidArgument;
        assert!(refused, "{name:?}: {}", error.chain());
    }
    daemon.said("no TLS handshake with 127.0.0.1");
    assert!(place.client().refusals(10).unwrap().is_empty());
    call(&place, &url, Some("listed")).unwrap();
    daemon.stop();
}

#[test]
fn garbage_and_silence_on_tcp_keep_nobody_out() {
    let (place, authority, daemon, url) = serving("[limits]\npreface_seconds = 2\n");
    authority.client(&place, "listed", &["backup.example"]);
    let address = url.replace("https://localhost", "127.0.0.1");
    let mut plain = TcpStream::connect(&address).unwrap();
    plain
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap();
    plain.set_read_timeout(Some(LONG)).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(answer.len() < 64, "no more than an alert: {answer:?}");
    let silent: Vec<_> = (0..50)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    // Handshakes that wait do not hold this one up.
    call(&place, &url, Some("listed")).unwrap();
    for mut stream in silent {
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
    daemon.said("it took too long");
    daemon.stop();
}

#[test]
fn files_that_are_of_no_use_are_named() {
    let place = Place::new("");
    let authority = Authority::new(&place, "ca.crt");
    let server = ExtendedKeyUsagePurpose::ServerAuth;
    authority.issue(&place, "server", &["localhost"], server.clone());
    place.set(&settings(&place, ""));
    let check = || run(place.command().arg("--check-config"));
    assert_eq!(check().0, Some(0));
    let spoil = |name: &str, text: &str| {
        let path = place.path(name);
        let good = fs::read(&path).unwrap();
        fs::write(&path, text).unwrap();
        let (code, said) = check();
        assert_eq!(code, Some(1), "{name}: {said}");
        assert!(said.contains(&path.display().to_string()), "{name}: {said}");
        fs::write(&path, good).unwrap();
    };
    for name in ["server.crt", "server.key", "ca.crt"] {
        spoil(name, "");
        spoil(
            name,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
    }
    authority.issue(&place, "other", &["localhost"], server);
    spoil(
        "server.key",
        &fs::read_to_string(place.path("other.key")).unwrap(),
    );
    assert_eq!(check().0, Some(0));
    fs::remove_file(place.path("server.key")).unwrap();
    assert_eq!(run(&mut place.command()).0, Some(1));
    assert!(!place.path("state").exists());
}

/// The commands of the administrator's page, as they stand there.
#[test]
fn the_documented_commands_make_certificates_that_work() {
    const TEST: &str = "the_documented_commands_make_certificates_that_work";
    if !has("openssl", TEST) {
        return;
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vssd.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page
        .split_once("<!-- A test runs this. -->\n```sh\n")
        .unwrap();
    let (script, _) = rest.split_once("```").unwrap();
    let place = Place::new("");
    let script = script
        .replace("storage1.example", "localhost")
        .replace("backup1.example", "backup.example");
    let (code, said) = run(Command::new("sh")
        .args(["-e", "-c", &script])
        .current_dir(place.path("")));
    assert_eq!(code, Some(0), "{said}");
    place.set(&settings(&place, ""));
    let daemon = place.start();
    let url = url(&daemon);
    call(&place, &url, Some("client")).unwrap();
    daemon.stop();
}
