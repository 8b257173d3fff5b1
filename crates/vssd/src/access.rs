//! Who has backup privilege.

use std::collections::BTreeSet;

use tokio_rustls::rustls::pki_types::CertificateDer;
use vss_api::server::Peer;
use vss_sys::PeerCredentials;

use crate::certificate;
use crate::names;

/// The rules by which callers are told apart.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    group: Option<u32>,
    certificates: BTreeSet<String>,
}

impl Access {
    /// Root, members of this group, and bearers of certificates with these names.
    pub(crate) fn new(group: Option<u32>, certificates: impl IntoIterator<Item = String>) -> Self {
        Self {
            group,
            certificates: certificates.into_iter().collect(),
        }
    }

    /// The group whose members may do everything.
    pub(crate) const fn group(&self) -> Option<u32> {
        self.group
    }

    /// Whether a local process may do everything here; if not, it may do nothing.
    pub(crate) fn allows(&self, process: &PeerCredentials) -> bool {
        process.uid == 0
            || self
                .group
                .is_some_and(|group| process.gid == group || process.groups.contains(&group))
    }

    /// The caller that a local process is.
    pub(crate) fn user(&self, process: &PeerCredentials) -> Peer {
        let uid = process.uid;
        Peer {
            name: match names::user(uid) {
                Some(name) => format!("uid {uid} ({name})"),
                None => format!("uid {uid}"),
            },
            allowed: self.allows(process),
        }
    }

    /// The caller that the bearer of a certificate is. The certificate is verified by now.
    pub(crate) fn certificate(&self, certificate: &CertificateDer<'_>) -> Peer {
        let names = certificate::names(certificate);
        let listed = names.iter().find(|name| self.certificates.contains(*name));
        let name = match listed.or(names.first()) {
            Some(name) => format!("certificate {}", printable(name)),
            None => "certificate without a name".to_owned(),
        };
        Peer {
            name,
            allowed: listed.is_some(),
        }
    }
}

/// The caller that somebody on loopback TCP is, who has shown the token of the rendezvous file, or another.
pub(crate) fn token(is_right: bool) -> Peer {
    let name = if is_right {
        "holder of the loopback token"
    } else {
        "caller over loopback with a wrong token"
    };
    Peer {
        name: name.to_owned(),
        allowed: is_right,
    }
}

/// A name as it can stand in a line of a log, of a length that can be kept.
fn printable(name: &str) -> String {
    const LONGEST: usize = 255;
    name.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use vss_sys::PeerCredentials;

    use super::{Access, printable};

    fn process(uid: u32, gid: u32, groups: &[u32]) -> PeerCredentials {
        PeerCredentials {
            uid,
            gid,
            groups: groups.to_vec(),
            pid: 1,
        }
    }

    #[test]
    fn root_and_members_and_nobody_else() {
        let access = Access::new(Some(977), []);
        assert!(access.allows(&process(0, 0, &[])));
        assert!(access.allows(&process(1000, 977, &[])));
        assert!(access.allows(&process(1000, 1000, &[4, 977])));
        assert!(!access.allows(&process(977, 1000, &[4, 27])));
        // Group 0 is no privilege.
        assert!(!access.allows(&process(1000, 0, &[0])));
        let nobody = Access::new(None, []);
        assert!(!nobody.allows(&process(1000, 977, &[0, 977])));
    }

    #[test]
    fn names_hold_no_line_breaks() {
        assert_eq!(printable("a\nb\u{7f}"), "a?b?");
        assert_eq!(printable(&"x".repeat(1000)).len(), 255);
    }
}
