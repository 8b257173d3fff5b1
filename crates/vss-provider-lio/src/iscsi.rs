//! iSCSI: the sessions of this host with its own target, and the numbers under which they see a LUN.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use vss_provider::ProviderError;

use crate::tree::{Fabric, Nexus, Port, Roots, folders, numbered, word};

/// How this host sees a portal group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) nexus: Nexus,
    /// The numbers that the access list of the initiator gives to LUNs; without a list they are those of the
    /// portal group.
    listed: Option<BTreeMap<u32, u32>>,
}

impl View {
    /// The number under which a LUN of the portal group is seen, if it is.
    pub(crate) fn number(&self, lun: u32) -> Option<u32> {
        match &self.listed {
            Some(listed) => listed.get(&lun).copied(),
            None => Some(lun),
        }
    }
}

impl Roots {
    /// How this host sees a portal group: by several sessions perhaps, or not at all.
    pub(crate) fn views(&self, port: &Port) -> Result<Vec<View>, ProviderError> {
        if port.fabric == Fabric::Loopback {
            let all = |nexus| View {
                nexus,
                listed: None,
            };
            return Ok(self.nexuses(port).into_iter().map(all).collect());
        }
        if !self.is_enabled(port) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for session in self.sessions(port) {
            let Some(nexus) = self.place(&session) else {
                continue;
            };
            let listed = match self.access_list(port, &session) {
                Some(list) => Some(mapped(&list)?),
                None => None,
            };
            found.push(View { nexus, listed });
        }
        Ok(found)
    }

    /// The access lists by which this host is let in to a portal group.
    pub(crate) fn access_lists(&self, port: &Port) -> Vec<PathBuf> {
        let mut lists: Vec<PathBuf> = self
            .sessions(port)
            .iter()
            .filter_map(|session| self.access_list(port, session))
            .collect();
        lists.sort_unstable();
        lists.dedup();
        lists
    }

    pub(crate) fn is_enabled(&self, port: &Port) -> bool {
        word(&self.port(port).join("enable")).as_deref() == Some("1")
    }

    /// The access list of the initiator of a session, unless the group lets in everybody it does not know.
    fn access_list(&self, port: &Port, session: &Path) -> Option<PathBuf> {
        let initiator = word(&session.join("initiatorname")).filter(|name| !name.is_empty())?;
        let list = self.port(port).join("acls").join(initiator);
        list.is_dir().then_some(list)
    }

    /// The sessions of this host's initiator with a portal group, by their folders in sysfs.
    pub(crate) fn sessions(&self, port: &Port) -> Vec<PathBuf> {
        if port.fabric != Fabric::Iscsi {
            return Vec::new();
        }
        let root = self.sys.join("class/iscsi_session");
        folders(&root)
            .unwrap_or_default()
            .into_iter()
            .map(|session| root.join(session))
            .filter(|folder| {
                word(&folder.join("targetname")).as_deref() == Some(&port.target)
                    && word(&folder.join("tpgt")).as_deref() == Some(&port.tag.to_string())
            })
            .collect()
    }

    /// Where the SCSI layer finds the LUNs of a session.
    pub(crate) fn place(&self, session: &Path) -> Option<Nexus> {
        // `device` is the session below its host: it has `target3:0:0` once a LUN was found.
        let folder = session.join("device");
        let place = folders(&folder)
            .unwrap_or_default()
            .iter()
            .find_map(|name| Nexus::parse(name.strip_prefix("target")?));
        let host = || {
            let path = fs::canonicalize(&folder).ok()?;
            let host = path.parent()?.file_name()?.to_str()?.strip_prefix("host")?;
            Some(Nexus {
                host: host.parse().ok()?,
                channel: 0,
                id: 0,
            })
        };
        place.or_else(host)
    }
}

/// The LUNs of a portal group that an access list shows, each with the number given to it.
fn mapped(list: &Path) -> Result<BTreeMap<u32, u32>, ProviderError> {
    let mut found = BTreeMap::new();
    for name in folders(list)? {
        if let Some(seen) = numbered(&name, "lun_")
            && let Some(lun) = lun_of(&list.join(&name))
        {
            found.entry(lun).or_insert(seen);
        }
    }
    Ok(found)
}

/// The LUN of the portal group to which an entry of an access list leads.
pub(crate) fn lun_of(entry: &Path) -> Option<u32> {
    fs::read_dir(entry).ok()?.flatten().find_map(|link| {
        let leads = fs::read_link(link.path()).ok()?;
        numbered(leads.file_name()?.to_str()?, "lun_")
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use crate::tree::{Fabric, Nexus, Port, Roots};

    /// An enabled portal group with LUNs 0 to 3 and one session.
    fn made_up(folder: &Path) -> (Roots, Port) {
        let roots = Roots {
            target: folder.join("target"),
            sys: folder.join("sys"),
            dev: folder.join("dev"),
        };
        let port = Port {
            fabric: Fabric::Iscsi,
            target: "iqn.x".into(),
            tag: 1,
        };
        for number in 0..4 {
            fs::create_dir_all(roots.lun(&port, number)).unwrap();
        }
        fs::write(roots.port(&port).join("enable"), "1\n").unwrap();
        let session = roots.sys.join("class/iscsi_session/session7");
        fs::create_dir_all(session.join("device/target2:0:0")).unwrap();
        fs::write(session.join("targetname"), "iqn.x\n").unwrap();
        fs::write(session.join("tpgt"), "1\n").unwrap();
        fs::write(session.join("initiatorname"), "iqn.host\n").unwrap();
        (roots, port)
    }

    fn seen(roots: &Roots, port: &Port) -> Vec<Option<u32>> {
        let views = roots.views(port).unwrap();
        assert_eq!(views.len(), 1);
        let place = Nexus {
            host: 2,
            channel: 0,
            id: 0,
        };
        assert_eq!(views[0].nexus, place);
        (0..4).map(|number| views[0].number(number)).collect()
    }

    #[test]
    fn a_list_gives_numbers_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (roots, port) = made_up(folder.path());
        assert_eq!(seen(&roots, &port), [Some(0), Some(1), Some(2), Some(3)]);
        // Somebody else's list says nothing about this host.
        fs::create_dir_all(roots.port(&port).join("acls/iqn.other/lun_9")).unwrap();
        assert_eq!(seen(&roots, &port), [Some(0), Some(1), Some(2), Some(3)]);

        let list = roots.port(&port).join("acls/iqn.host");
        fs::create_dir_all(list.join("attrib")).unwrap();
        for (entry, lun) in [(0, 1), (1, 0)] {
            let entry = list.join(format!("lun_{entry}"));
            fs::create_dir(&entry).unwrap();
            symlink(roots.lun(&port, lun), entry.join("x")).unwrap();
        }
        assert_eq!(seen(&roots, &port), [Some(1), Some(0), None, None]);

        roots.admit(&port, 2).unwrap();
        roots.admit(&port, 2).unwrap();
        assert_eq!(seen(&roots, &port), [Some(1), Some(0), Some(2), None]);
        assert_eq!(roots.taken_numbers(&port).unwrap(), [0, 1, 2, 3, 0, 1, 2]);
        roots.unmap(&port, 2).unwrap();
        assert!(!list.join("lun_2").exists());
        assert_eq!(seen(&roots, &port), [Some(1), Some(0), None, None]);
    }

    #[test]
    fn a_number_that_the_list_gave_away_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (roots, port) = made_up(folder.path());
        let list = roots.port(&port).join("acls/iqn.host");
        fs::create_dir_all(list.join("lun_3")).unwrap();
        symlink(roots.lun(&port, 1), list.join("lun_3/x")).unwrap();
        roots.admit(&port, 3).unwrap();
        assert_eq!(seen(&roots, &port), [None, Some(3), None, Some(0)]);
    }

    #[test]
    fn an_entry_without_its_link_is_taken_up_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (roots, port) = made_up(folder.path());
        let entry = roots.port(&port).join("acls/iqn.host/lun_2");
        fs::create_dir_all(&entry).unwrap();
        assert_eq!(seen(&roots, &port), [None; 4]);
        roots.admit(&port, 2).unwrap();
        assert_eq!(seen(&roots, &port), [None, None, Some(2), None]);
        fs::remove_file(entry.join("vss")).unwrap();
        roots.unmap(&port, 2).unwrap();
        assert!(!entry.exists());
    }

    #[test]
    fn a_group_that_is_off_is_not_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (roots, port) = made_up(folder.path());
        fs::write(roots.port(&port).join("enable"), "0\n").unwrap();
        assert!(roots.views(&port).unwrap().is_empty());
    }
}
