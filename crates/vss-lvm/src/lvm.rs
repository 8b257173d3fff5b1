//! The program `lvm`: everything that is asked of it.

use std::time::Duration;

use serde::Deserialize;

use crate::names::LvId;
use crate::program::{Program, ProgramError};

const LVM: Program = Program {
    name: "lvm",
    places: &["/usr/sbin/lvm", "/sbin/lvm", "/usr/bin/lvm"],
    package: "lvm2",
};

/// Most that a command may take: LVM waits for locks, for udev and for slow disks.
const LIMIT: Duration = Duration::from_secs(120);

/// Without any, `lvm` reads commands, a line each.
const NO_WORDS: [&str; 0] = [];

/// What is asked of every logical volume.
const COLUMNS: &str = "vg_name,vg_uuid,lv_name,lv_uuid,lv_size,lv_tags,segtype,thin_id,pool_lv,\
                       origin,lv_active,lv_permissions,vg_free";

/// A logical volume, as a report has it; numbers are text there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Lv {
    pub(crate) vg_name: String,
    vg_uuid: String,
    pub(crate) lv_name: String,
    lv_uuid: String,
    lv_size: String,
    lv_tags: String,
    pub(crate) segtype: String,
    thin_id: String,
    pub(crate) pool_lv: String,
    pub(crate) origin: String,
    lv_active: String,
    lv_permissions: String,
    vg_free: String,
}

impl Lv {
    pub(crate) fn id(&self) -> Option<LvId> {
        LvId::of_report(&self.vg_uuid, &self.lv_uuid)
    }

    /// `GROUP/VOLUME`.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.vg_name, self.lv_name)
    }

    pub(crate) fn size_bytes(&self) -> Option<u64> {
        self.lv_size.parse().ok()
    }

    /// Room in its group, in bytes.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        self.vg_free.parse().ok()
    }

    /// Its number in its pool.
    pub(crate) fn thin_id(&self) -> Option<u32> {
        self.thin_id.parse().ok()
    }

    pub(crate) fn is_active(&self) -> bool {
        self.lv_active == "active"
    }

    /// Whether LVM's metadata has it read-only. The flag of the block device shows as an override of it
    /// and is none of its own.
    pub(crate) fn is_read_only(&self) -> bool {
        self.lv_permissions == "read-only"
    }

    pub(crate) fn has_tag(&self, tag: &str) -> bool {
        self.lv_tags.split(',').any(|known| known == tag)
    }
}

#[derive(Debug, Deserialize)]
struct Report {
    report: Vec<Part>,
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(default)]
    lv: Vec<Lv>,
}

/// Every logical volume of the host that people see.
pub(crate) fn volumes() -> Result<Vec<Lv>, ProgramError> {
    let report: Report = LVM.report(
        &[
            "lvs",
            "--reportformat",
            "json",
            "--units",
            "b",
            "--nosuffix",
            "-o",
            COLUMNS,
        ],
        LIMIT,
    )?;
    Ok(report.report.into_iter().flat_map(|part| part.lv).collect())
}

fn run(arguments: &[&str]) -> Result<(), ProgramError> {
    LVM.run(arguments, LIMIT).map(drop)
}

/// Runs a command on many volumes at once, `GROUP/VOLUME` each; does nothing for none.
fn run_on(options: &[&str], volumes: &[String]) -> Result<(), ProgramError> {
    if volumes.is_empty() {
        return Ok(());
    }
    let names = volumes.iter().map(String::as_str);
    LVM.run(options.iter().copied().chain(names), LIMIT)
        .map(drop)
}

/// A thin volume to be made: not active, and appearing only when it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewThin {
    pub(crate) group: String,
    pub(crate) pool: String,
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
    pub(crate) tags: Vec<String>,
}

impl NewThin {
    fn command(&self) -> Vec<String> {
        let size = format!("{}b", self.size_bytes);
        let mut words = [
            "lvcreate",
            "-qq",
            "--yes",
            "--activate",
            "n",
            "--setactivationskip",
            "y",
            "--wipesignatures",
            "n",
            "--virtualsize",
            &size,
            "--thinpool",
            &self.pool,
            "--name",
            &self.name,
        ]
        .map(str::to_owned)
        .to_vec();
        for tag in &self.tags {
            words.extend(["--addtag".to_owned(), tag.clone()]);
        }
        words.push(self.group.clone());
        words
    }

    /// The command as a line for LVM's own shell; `None` if a word of it could be read as several.
    fn line(&self) -> Option<String> {
        let words = self.command();
        let plain = |word: &String| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+_.-=".contains(&byte))
        };
        words.iter().all(plain).then(|| words.join(" ") + "\n")
    }
}

/// Makes a thin volume.
pub(crate) fn create_thin(volume: &NewThin) -> Result<(), ProgramError> {
    LVM.run(volume.command(), LIMIT).map(drop)
}

/// Makes thin volumes with one process, which takes a third of the time that one for each does. Its exit
/// status tells nothing of the single commands, and not every LVM has a shell: who calls this looks at
/// what is there afterwards.
pub(crate) fn try_create_thins(volumes: &[NewThin]) -> Result<(), ProgramError> {
    let lines: String = volumes.iter().filter_map(NewThin::line).collect();
    let limit = LIMIT.saturating_mul(u32::try_from(volumes.len()).unwrap_or(u32::MAX));
    match LVM.run_with_input(NO_WORDS, lines, limit) {
        Ok(_) | Err(ProgramError::Failed { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a classic snapshot, read-only and with tags, with room in bytes for what will change.
pub(crate) fn create_snapshot(
    origin: &str,
    name: &str,
    room_bytes: u64,
    tags: &[String],
) -> Result<(), ProgramError> {
    let room = format!("{room_bytes}b");
    let mut arguments = vec![
        "lvcreate",
        "-qq",
        "--yes",
        "--snapshot",
        "--permission",
        "r",
        "--size",
        &room,
        "--name",
        name,
    ];
    for tag in tags {
        arguments.extend(["--addtag", tag]);
    }
    arguments.push(origin);
    run(&arguments)
}

/// Activates volumes, also those that are to be skipped.
pub(crate) fn activate(volumes: &[String]) -> Result<(), ProgramError> {
    run_on(
        &[
            "lvchange",
            "-qq",
            "--activate",
            "y",
            "--ignoreactivationskip",
        ],
        volumes,
    )
}

/// Deactivates volumes.
pub(crate) fn deactivate(volumes: &[String]) -> Result<(), ProgramError> {
    run_on(&["lvchange", "-qq", "--activate", "n"], volumes)
}

/// Removes volumes.
pub(crate) fn remove(volumes: &[String]) -> Result<(), ProgramError> {
    run_on(&["lvremove", "-qq", "--force", "--yes"], volumes)
}

/// LVM reloads the table of one active volume after the other, with a commit of the metadata around
/// each. Without the driver it changes the metadata alone; until the next activation the flag of the
/// block device, which the host sets, refuses writes.
const READ_ONLY: [&str; 4] = ["--driverloaded", "n", "--permission", "r"];

/// A change of the permission in LVM's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Permission {
    /// As it is. LVM refuses to set what is set already.
    Same,
    /// Writes are refused from the next activation on.
    ReadOnly,
    /// Writes are accepted, at once where the volume is active.
    ReadWrite,
}

/// What a volume is from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing<'a> {
    /// Whether it appears only when it is asked for.
    pub(crate) skip: bool,
    /// What becomes of its permission.
    pub(crate) permission: Permission,
    /// A tag that it gets.
    pub(crate) add_tag: Option<&'a str>,
    /// A tag that it loses.
    pub(crate) remove_tag: Option<&'a str>,
}

/// Changes what volumes are, with one command.
pub(crate) fn stand(volumes: &[String], standing: Standing<'_>) -> Result<(), ProgramError> {
    run_on(&standing_options(standing), volumes)
}

fn standing_options(standing: Standing<'_>) -> Vec<&str> {
    let mut options = vec![
        "lvchange",
        "-qq",
        "--yes",
        "--setactivationskip",
        if standing.skip { "y" } else { "n" },
    ];
    match standing.permission {
        Permission::Same => {}
        Permission::ReadOnly => options.extend(READ_ONLY),
        // The table may be a read-only one, and then must be loaded anew.
        Permission::ReadWrite => options.extend(["--permission", "rw"]),
    }
    if let Some(tag) = standing.add_tag {
        options.extend(["--addtag", tag]);
    }
    if let Some(tag) = standing.remove_tag {
        options.extend(["--deltag", tag]);
    }
    options
}

/// Makes ordinary volumes of those of these volumes that bear `tag` and are writable to LVM, with one
/// command for all, each of them wholly or not at all: they lose the tag, are not skipped any more, and
/// stay writable or become read-only. Gives those that LVM says it has changed, `GROUP/VOLUME` each;
/// the others may need it or not.
///
/// That is quicker than to ask first what they are, and as safe: LVM itself chooses by what they are.
pub(crate) fn release(
    volumes: &[String],
    tag: &str,
    read_only: bool,
) -> Result<Vec<String>, ProgramError> {
    // `R` stands for the kernel's flag alone, which copies have.
    let which = format!("lv_tags={{\"{tag}\"}} && lv_attr=~\"^.[wR]\"");
    let mut words = vec!["lvchange", "--yes", "--select", &which];
    words.extend(["--setactivationskip", "n", "--deltag", tag]);
    if read_only {
        words.extend(READ_ONLY);
    }
    words.extend(volumes.iter().map(String::as_str));
    LVM.run(words, LIMIT).map(|said| changed(&said))
}

/// The volumes of which `lvchange` says that it changed them.
fn changed(said: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(said)
        .lines()
        .filter_map(|line| {
            line.trim()
                .strip_prefix("Logical volume ")?
                .strip_suffix(" changed.")
                .map(str::to_owned)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{NewThin, Permission, Report, Standing, changed, standing_options};

    #[test]
    fn lines_for_the_shell_of_lvm() {
        let volume = |group: &str, tag: &str| NewThin {
            group: group.to_owned(),
            pool: "pool".to_owned(),
            name: "db-vss-1".to_owned(),
            size_bytes: 4096,
            tags: vec![tag.to_owned()],
        };
        let line = volume("vg", "openvss.of=db").line().unwrap();
        assert!(line.starts_with("lvcreate "), "{line}");
        assert!(
            line.ends_with(
                " --virtualsize 4096b --thinpool pool --name db-vss-1 --addtag openvss.of=db vg\n"
            ),
            "{line}"
        );
        for (group, tag) in [
            ("", "t"),
            ("v g", "t"),
            ("v\ng", "t"),
            ("vg", "a\"b"),
            ("vg", "#"),
        ] {
            assert_eq!(volume(group, tag).line(), None, "{group:?} {tag:?}");
        }
    }

    #[test]
    fn what_lvm_says_it_changed() {
        let said =
            b"  Logical volume vg/a changed.\n  WARNING: x\n  Logical volume vg/b-1 changed.\n";
        assert_eq!(changed(said), ["vg/a", "vg/b-1"]);
        assert!(changed(b"  Logical volume vg/a is already read only.\n\xff").is_empty());
    }

    #[test]
    fn only_a_change_of_permission_is_asked_for() {
        for (permission, asked, loads) in [
            (Permission::Same, None, true),
            (Permission::ReadOnly, Some("r"), false),
            (Permission::ReadWrite, Some("rw"), true),
        ] {
            let options = standing_options(Standing {
                skip: false,
                permission,
                add_tag: None,
                remove_tag: Some("t"),
            });
            let after = |name: &str| {
                let at = options.iter().position(|word| *word == name)?;
                options.get(at + 1).copied()
            };
            assert_eq!(after("--permission"), asked);
            assert_eq!(after("--driverloaded").is_none(), loads);
            assert_eq!(after("--deltag"), Some("t"));
            assert_eq!(after("--setactivationskip"), Some("n"));
        }
    }

    #[test]
    fn a_report_of_lvm_2_03() {
        let text = r#"{"report": [{"lv": [
            {"vg_name":"vssx", "vg_uuid":"2eOr2P-AfId-vEM3-ZNVR-k2Kt-9Ykf-Lx0OvA", "lv_name":"c1",
             "lv_uuid":"82wtpB-BrkA-Lz1U-WwRL-yO2F-F40N-uFs8pE", "lv_size":"104857600",
             "lv_tags":"openvss.copy,openvss.set=6fdf", "segtype":"thin", "thin_id":"3",
             "pool_lv":"pool", "origin":"", "lv_active":"",
             "lv_permissions":"writeable", "vg_free":"9"}]}]}"#;
        let report: Report = serde_json::from_str(text).unwrap();
        let lv = &report.report[0].lv[0];
        assert_eq!(lv.name(), "vssx/c1");
        assert_eq!(
            (lv.size_bytes(), lv.thin_id(), lv.free_bytes()),
            (Some(104_857_600), Some(3), Some(9))
        );
        assert!(lv.has_tag("openvss.copy") && !lv.has_tag("openvss") && !lv.is_active());
        assert!(lv.id().is_some());
        for (shown, expected) in [("read-only", true), ("read-only-override", false)] {
            let text = text.replace("writeable", shown);
            let report: Report = serde_json::from_str(&text).unwrap();
            assert_eq!(report.report[0].lv[0].is_read_only(), expected, "{shown}");
        }
        for bad in ["", "{}", r#"{"report": [{"lv": [{"vg_name": 7}]}]}"#] {
            assert!(serde_json::from_str::<Report>(bad).is_err(), "{bad}");
        }
    }
}
