//! What a program under `strace` does to the world, step by step.

use std::collections::HashMap;

/// System calls to be seen. [`Steps`] leaves out those of them that change nothing that lasts.
pub(crate) const CALLS: &str = "fsync,fdatasync,syncfs,io_submit,execve,ioctl,pwrite64,rename,renameat,\
renameat2,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,write";

/// How long each such call takes to come back once it is done, in µs: so long that the power is cut before
/// the next. There are hundreds of calls that only ask, so these wait less.
pub(crate) const DELAYS: &[(&str, u32)] = &[
    (
        "fsync,fdatasync,syncfs,io_submit,execve,symlink,symlinkat,rename,renameat,renameat2,\
unlink,unlinkat,mkdir,mkdirat,rmdir,write",
        8000,
    ),
    ("ioctl", 4000),
    ("pwrite64", 2000),
];

/// Controls of devices and file systems that change something.
const CONTROLS: &[&str] = &[
    "FIFREEZE",
    "FITHAW",
    "BLKROSET",
    "FICLONE",
    "DM_DEV_CREATE",
    "DM_DEV_REMOVE",
    "DM_DEV_RENAME",
    "DM_DEV_SUSPEND",
    "DM_TABLE_LOAD",
    "DM_TARGET_MSG",
];

/// Where the kernel's target is configured.
const TARGET: &str = "/sys/kernel/config/target/";
/// In paths of files whose removal matters: links to copies, what the target holds, images, records of copies.
const REMOVED: &[&str] = &["/dev/vss", TARGET, ".img", "/lio/"];
/// Files of the kernel by which SCSI devices come and go.
const SWITCHES: &[&str] = &["/scan>", "/delete>"];

/// Lines of `strace -f -y` to steps.
#[derive(Default)]
pub(crate) struct Steps {
    /// What was said of calls that have not come back, by process.
    begun: HashMap<String, String>,
}

impl Steps {
    /// The step that this line completes, if it does.
    pub(crate) fn line(&mut self, line: &str) -> Option<String> {
        let (process, call) = line.trim_start().split_once(char::is_whitespace)?;
        let call = call.trim_start();
        if let Some(beginning) = call.strip_suffix("<unfinished ...>") {
            self.begun
                .insert(process.to_owned(), beginning.trim_end().to_owned());
            return None;
        }
        let whole = match call.strip_prefix("<... ") {
            Some(resumed) => {
                let (_, end) = resumed.split_once("resumed>")?;
                self.begun.remove(process)? + end
            }
            None => call.to_owned(),
        };
        is_step(&whole).then_some(whole)
    }
}

fn is_step(call: &str) -> bool {
    // Blanks stand before the result of a short call.
    let result = call.rsplit_once(" = ").map_or("", |(_, result)| result);
    if !result.starts_with(|first: char| first.is_ascii_digit()) {
        return false;
    }
    let Some((name, arguments)) = call.split_once('(') else {
        return false;
    };
    match name {
        // A file without a name is only a try.
        "ioctl" if arguments.contains("(deleted)") => false,
        "ioctl" => CONTROLS.iter().any(|control| {
            arguments
                .split([' ', ',', ')'])
                .any(|word| word == *control)
        }),
        "io_submit" => arguments.contains("PWRITE"),
        // Pages of the catalogue count once they are synced.
        "pwrite64" => arguments.contains("</dev/"),
        "unlink" | "unlinkat" => REMOVED.iter().any(|place| arguments.contains(place)),
        "mkdir" | "mkdirat" | "rmdir" => arguments.contains(TARGET),
        "write" => {
            arguments.contains(TARGET)
                || arguments.contains("</sys/")
                    && SWITCHES.iter().any(|switch| arguments.contains(switch))
        }
        _ => true,
    }
}

/// Whether a file system stands still after this step.
pub(crate) fn is_freeze(step: &str) -> bool {
    step.contains("FIFREEZE")
}

/// Whether this step is the keeper's, which suspends a device.
pub(crate) fn is_suspension(step: &str) -> bool {
    step.contains("DM_DEV_SUSPEND") && step.contains("DM_SUSPEND_FLAG|DM_SKIP_LOCKFS_FLAG}] =>")
}

#[test]
fn steps_are_calls_that_came_back_and_changed_something() {
    let suspend = "ioctl(6</dev/mapper/control>, DM_DEV_SUSPEND, [{uuid=\"LVM-x\", flags=DM_SUSPEND_FLAG|DM_SKIP_LOCKFS_FLAG}]";
    let begun = format!("866   {suspend} <unfinished ...>");
    let cases: &[(&str, Option<&str>)] = &[
        (
            "839   fsync(9</s/catalogue.db-wal>) = 0",
            Some("fsync(9</s/catalogue.db-wal>) = 0"),
        ),
        (
            "839   pwrite64(9</s/catalogue.db-wal>, \"\"..., 24, 0) = 24",
            None,
        ),
        (
            "839   pwrite64(9</dev/mapper/v-d>, \"\"..., 512, 0) = 512",
            Some("pwrite64(9</dev/mapper/v-d>, \"\"..., 512, 0) = 512"),
        ),
        ("839   ioctl(4</dev/x>, BLKGETSIZE64, [4096]) = 0", None),
        (
            "864   ioctl(4</mnt/a>, FIFREEZE)        = 0",
            Some("ioctl(4</mnt/a>, FIFREEZE)        = 0"),
        ),
        (&begun, None),
        ("867   <... ioctl resumed>) = 0", None),
        ("840   unlink(\"/run/lock/lvm/V_v\") = 0", None),
        ("840   mkdir(\"/run/lvm\", 0755) = 0", None),
        ("840   write(1</dev/ttyS0>, \"{\"..., 9) = 9", None),
        (
            "840   write(5</sys/devices/a/0:0:0:4/rescan>, \"1\", 1) = 1",
            None,
        ),
        (
            "840   ioctl(6</i/#131 (deleted)>, BTRFS_IOC_CLONE or FICLONE, 5</i/a.img>) = 0",
            None,
        ),
        (
            "839   unlink(\"/dev/vss/x\") = -1 ENOENT (No such file or directory)",
            None,
        ),
        (
            "864   ioctl(5</mnt/b>, FITHAW)         = -1 EINVAL (Invalid argument) (DELAYED)",
            None,
        ),
        ("864   fsync(9</s/catalogue.db-wal>) = ?", None),
        ("839   +++ exited with 0 +++", None),
    ];
    let mut steps = Steps::default();
    for (line, step) in cases {
        assert_eq!(steps.line(line).as_deref(), *step, "{line}");
    }
    let resumed = steps
        .line("866   <... ioctl resumed> => [{name=\"v-a\", flags=DM_EXISTS_FLAG}]) = 0")
        .unwrap();
    assert!(
        resumed.starts_with(suspend) && is_suspension(&resumed),
        "{resumed}"
    );
    let resume = suspend.replace("DM_SUSPEND_FLAG|DM_SKIP_LOCKFS_FLAG", "0");
    assert!(!is_suspension(&format!("{resume} => [{{}}]) = 0")));
}

#[test]
fn steps_of_a_target_are_seen() {
    let port = "/sys/kernel/config/target/loopback/naa.5/tpgt_1/lun/lun_4";
    let store = "/sys/kernel/config/target/core/fileio_1/a";
    let steps = [
        format!("mkdir(\"{store}\", 0777) = 0"),
        format!("mkdirat(AT_FDCWD, \"{store}\", 0777) = 0"),
        format!("write(7<{store}/enable>, \"1\", 1) = 1"),
        format!("symlink(\"{store}\", \"{port}/vss\") = 0"),
        format!("unlink(\"{port}/vss\") = 0"),
        format!("unlinkat(5<{port}>, \"vss\", 0) = 0"),
        format!("unlinkat(AT_FDCWD, \"{port}\", AT_REMOVEDIR) = 0"),
        format!("rmdir(\"{port}\") = 0"),
        "unlink(\"/i/a-vss-1.img.partial\") = 0".into(),
        "unlink(\"/s/lio/1.json\") = 0".into(),
        "write(7</sys/devices/tcm_loop_0/host0/target0:0:1/0:0:1:4/delete>, \"1\", 1) = 1".into(),
        "write(7</sys/devices/platform/host2/scsi_host/host2/scan>, \"0 0 4\", 5) = 5".into(),
        "ioctl(8</i/a-vss-1.img.partial>, BTRFS_IOC_CLONE or FICLONE, 7</i/a.img>) = 0".into(),
        "renameat2(AT_FDCWD, \"/i/a.img.partial\", AT_FDCWD, \"/i/a.img\", RENAME_NOREPLACE) = 0"
            .into(),
        "pwrite64(9</dev/sde>, \"\"..., 512, 0) = 512".into(),
    ];
    for step in steps {
        let seen = Steps::default().line(&format!("840   {step}"));
        assert_eq!(seen.as_deref(), Some(step.as_str()));
        // The control: what failed is none.
        let (call, _) = step.rsplit_once(" = ").unwrap();
        let failed = format!("840   {call} = -1 EEXIST (File exists)");
        assert_eq!(Steps::default().line(&failed), None);
    }
    assert!(is_freeze("ioctl(4</mnt/a>, FIFREEZE) = 0"));
    assert!(!is_freeze("ioctl(4</mnt/a>, FITHAW) = 0"));
}
