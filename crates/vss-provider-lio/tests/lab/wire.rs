//! A portal group of iSCSI on 127.0.0.1, with a session of this host.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use uuid::Uuid;
use vss_lab::guest::{run, succeeds, wait_until};

use crate::lio::{Lab, Store, TARGET, images, link_of, luns, names, remove_lun};

const INITIATOR: &str = "iqn.2001-01.lab:host";
const PORTAL: &str = "127.0.0.1:3260";

/// Who may see what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody everything (`generate_node_acls`).
    Everybody,
    /// This initiator, what its list says.
    Listed,
}

/// The initiator's service, the same for all tests.
fn initiator() {
    static SERVICE: OnceLock<()> = OnceLock::new();
    SERVICE.get_or_init(|| {
        images();
        for module in ["iscsi_target_mod", "iscsi_tcp"] {
            run("modprobe", &[module]);
        }
        // Nobody makes it before the first target of the fabric.
        fs::create_dir_all(Path::new(TARGET).join("iscsi")).unwrap();
        fs::create_dir_all("/run/lock/iscsi").unwrap();
        let name = format!("InitiatorName={INITIATOR}\n");
        fs::write("/etc/iscsi/initiatorname.iscsi", name).unwrap();
        // Only what is asked for is looked for, so that disks can be stale.
        let settings = "node.startup = manual\nnode.session.scan = manual\n";
        fs::write("/etc/iscsi/iscsid.conf", settings).unwrap();
        let log = File::create("/run/iscsid.log").unwrap();
        #[expect(clippy::zombie_processes, reason = "it ends with the machine")]
        Command::new("iscsid")
            .args(["--foreground", "--no-pid-file"])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        wait_until("the initiator's service", || {
            fs::read_to_string("/proc/net/unix")
                .is_ok_and(|sockets| sockets.contains("ISCSIADM_ABSTRACT_NAMESPACE"))
        });
    });
}

/// A portal group with a session; removed when dropped.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) lab: Lab,
    target: String,
    access: Access,
}

impl Wire {
    pub(crate) fn new(access: Access) -> Self {
        initiator();
        let target = format!("iqn.2001-01.lab:{}", Uuid::new_v4().simple());
        let port = Path::new(TARGET).join(format!("iscsi/{target}/tpgt_1"));
        let wire = Self {
            lab: Lab::at(&port),
            target,
            access,
        };
        fs::create_dir(port.join("np").join(PORTAL)).unwrap();
        let set = |name: &str, value: &str| fs::write(port.join("attrib").join(name), value);
        set("authentication", "0").unwrap();
        match access {
            Access::Everybody => {
                set("generate_node_acls", "1").unwrap();
                set("cache_dynamic_acls", "1").unwrap();
                set("demo_mode_write_protect", "0").unwrap();
            }
            Access::Listed => fs::create_dir(wire.list()).unwrap(),
        }
        fs::write(port.join("enable"), "1").unwrap();
        wire.node(&["-o", "new"]);
        wire.log_in();
        wire
    }

    fn node(&self, arguments: &[&str]) {
        let node = ["30", "iscsiadm", "-m", "node", "-T", &self.target, "-p"];
        run("timeout", &[&node[..], &[PORTAL], arguments].concat());
    }

    pub(crate) fn log_in(&self) {
        self.node(&["--login"]);
    }

    pub(crate) fn log_out(&self) {
        self.node(&["--logout"]);
    }

    fn list(&self) -> PathBuf {
        self.lab.port.join("acls").join(INITIATOR)
    }

    fn host(&self) -> Option<String> {
        let root = Path::new("/sys/class/iscsi_session");
        let session = names(root).into_iter().find(|name| {
            fs::read_to_string(root.join(name).join("targetname"))
                .is_ok_and(|target| target.trim() == self.target)
        })?;
        let session = fs::canonicalize(root.join(session).join("device")).unwrap();
        let host = session.parent()?.file_name()?.to_str()?;
        Some(host.strip_prefix("host")?.to_owned())
    }

    /// The SCSI device under a number that the host sees, whether it is there or not.
    pub(crate) fn scsi(&self, seen: u32) -> PathBuf {
        let host = self.host().unwrap();
        format!("/sys/class/scsi_device/{host}:0:0:{seen}/device").into()
    }

    /// Maps a backstore; the host is not told. Without a list, `seen` is `number`.
    pub(crate) fn map_silently(&self, store: &Store, number: u32, seen: u32) {
        let lun = self.lab.port.join(format!("lun/lun_{number}"));
        fs::create_dir(&lun).unwrap();
        symlink(&store.folder, lun.join("admin")).unwrap();
        match self.access {
            Access::Everybody => assert_eq!(number, seen),
            Access::Listed => {
                let entry = self.list().join(format!("lun_{seen}"));
                fs::create_dir(&entry).unwrap();
                symlink(&lun, entry.join("admin")).unwrap();
            }
        }
    }

    /// Has the host look for a LUN, and waits for its disk.
    pub(crate) fn scan(&self, seen: u32) -> PathBuf {
        let host = self.host().unwrap();
        let switch = format!("/sys/class/scsi_host/host{host}/scan");
        fs::write(switch, format!("0 0 {seen}")).unwrap();
        let block = self.scsi(seen).join("block");
        let device = || Some(Path::new("/dev").join(names(&block).first()?));
        wait_until("the disk to come", || {
            device().is_some_and(|device| device.exists())
        });
        device().unwrap()
    }

    /// Maps a backstore, and waits for its disk.
    pub(crate) fn map(&self, store: &Store, number: u32, seen: u32) -> PathBuf {
        self.map_silently(store, number, seen);
        self.scan(seen)
    }

    fn entries(&self) -> Vec<PathBuf> {
        let list = self.list();
        names(&list)
            .into_iter()
            .filter(|name| name.starts_with("lun_"))
            .map(|name| list.join(name))
            .collect()
    }

    /// Unmaps a LUN of the portal group; the host is not told.
    pub(crate) fn unmap_silently(&self, number: u32) {
        let lun = format!("lun_{number}");
        for entry in self.entries() {
            if link_of(&entry).is_some_and(|leads| leads.ends_with(&lun)) {
                remove_lun(&entry);
            }
        }
        remove_lun(&self.lab.port.join("lun").join(lun));
    }

    /// Takes a disk from the host and unmaps it; the number is the same on both sides.
    pub(crate) fn unmap(&self, number: u32) {
        fs::write(self.scsi(number).join("delete"), "1").unwrap();
        self.unmap_silently(number);
    }

    /// All that could be left behind, in words.
    pub(crate) fn leavings(&self) -> Vec<String> {
        let mut found = self.lab.leavings();
        let entries = self.entries();
        found.extend(entries.iter().map(|entry| entry.display().to_string()));
        found
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.host().is_some() {
            let node = ["-m", "node", "-T", &self.target, "--logout"];
            let _ = succeeds("timeout", &[&["30", "iscsiadm"], &node[..]].concat());
        }
        for lun in self.entries().iter().chain(&luns(&self.lab.port)) {
            remove_lun(lun);
        }
        let _ = fs::write(self.lab.port.join("enable"), "0");
        if self.access == Access::Listed {
            let _ = fs::remove_dir(self.list());
        }
        let _ = fs::remove_dir(self.lab.port.join("np").join(PORTAL));
    }
}
