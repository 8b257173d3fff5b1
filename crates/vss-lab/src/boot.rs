//! What the guest's init does. Not for tests.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::machine::{MODULES, MODULES_IN_GUEST};

/// Names the file with the job.
pub const JOB_VARIABLE: &str = "VSS_LAB_JOB";
/// Begins the line that tells how the command ended.
pub const EXIT_MARK: &str = "\u{1e}vss-lab-exit ";
/// Tells programs that they are in the lab.
pub const LAB_VARIABLE: &str = "VSS_LAB";

/// Where the host's whole root is seen once more.
const OUTSIDE: &str = "/mnt/root";
/// Places that are memory in the guest; what the host has there is hidden.
const MEMORY: &[&str] = &[
    "/tmp",
    "/run",
    "/etc/lvm",
    "/etc/iscsi",
    "/etc/target",
    "/var/lib",
    "/dev/shm",
    "/mnt",
];
/// Modules that are wanted from the start; the others are loaded when they are needed.
const WANTED: &[&str] = &["configfs", "dm-mod", "dm-thin-pool", "loop"];

/// Settings of LVM. Only disks of tests are scanned: there are hundreds of other devices.
pub(crate) fn lvm_conf(udev: bool) -> String {
    let udev = i32::from(udev);
    format!(
        "config {{ checks=0 }}
devices {{
    use_devicesfile=0
    scan_lvs=0
    hints=\"none\"
    obtain_device_list_from_udev=0
    global_filter=[ \"a|^/dev/loop|\", \"a|^/dev/ubd|\", \"a|^/dev/sd|\", \"a|^/dev/md|\", \"a|^/dev/mapper/|\", \"r|.*|\" ]
}}
backup {{ backup=0 archive=0 }}
global {{ use_lvmpolld=0 event_activation=0 }}
activation {{
    monitoring=0
    udev_sync={udev}
    udev_rules={udev}
    thin_pool_autoextend_threshold=100
    reserved_memory=0
    reserved_stack=0
}}
"
    )
}

/// Sets the guest up, runs the job, tells how it ended, and powers off.
pub fn run() {
    let mut out = console();
    let status = match prepare().and_then(|()| work(&out)) {
        Ok(status) => status,
        Err(error) => {
            let _ = writeln!(out, "vss-lab-init: {error}");
            120
        }
    };
    rustix::fs::sync();
    let _ = writeln!(out, "{EXIT_MARK}{status}");
    let _ = rustix::termios::tcdrain(&out);
    let _ = rustix::system::reboot(rustix::system::RebootCommand::PowerOff);
}

/// Where the outside listens; the kernel speaks elsewhere.
fn console() -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/ttyS0")
        .or_else(|_| OpenOptions::new().write(true).open("/dev/console"))
        .or_else(|_| OpenOptions::new().write(true).open("/dev/null"))
        .unwrap_or_else(|error| {
            // Without any device nobody would hear why.
            eprintln!("vss-lab-init: {error}");
            std::process::exit(1)
        })
}

fn prepare() -> io::Result<()> {
    mount("proc", "proc", "/proc")?;
    mount("sysfs", "sysfs", "/sys")?;
    for place in MEMORY {
        if !Path::new(place).exists() {
            // Only below memory can a folder be made: the root is read-only.
            if fs::create_dir_all(place).is_err() {
                continue;
            }
        }
        mount("tmpfs", "tmpfs", place)?;
    }
    for folder in ["/run/lock", "/run/lvm", "/var/lib/vss", "/var/lib/iscsi"] {
        fs::create_dir_all(folder)?;
    }
    fs::write("/etc/lvm/lvm.conf", lvm_conf(true))?;
    // What the host has there is of another kernel, if anything.
    call("mount", &["--bind", MODULES, MODULES_IN_GUEST])?;
    for module in WANTED {
        call("modprobe", &[module])?;
    }
    mount("configfs", "configfs", "/sys/kernel/config")?;
    call("ip", &["link", "set", "lo", "up"])?;
    start_udev()
}

/// Starts udev and waits until it has done what it finds; nothing where it is not installed.
pub(crate) fn start_udev() -> io::Result<()> {
    let udevd = [
        "/lib/systemd/systemd-udevd",
        "/usr/lib/systemd/systemd-udevd",
    ];
    if let Some(udevd) = udevd.iter().find(|path| Path::new(path).exists()) {
        call(udevd, &["--daemon", "--resolve-names=never"])?;
        call(
            "udevadm",
            &["trigger", "--action=add", "--subsystem-match=block"],
        )?;
        call("udevadm", &["settle", "--timeout=30"])?;
    }
    Ok(())
}

fn mount(kind: &str, source: &str, target: &str) -> io::Result<()> {
    rustix::mount::mount(
        source,
        target,
        kind,
        rustix::mount::MountFlags::empty(),
        None,
    )
    .map_err(|error| io::Error::other(format!("could not mount {target}: {error}")))
}

fn call(program: &str, arguments: &[&str]) -> io::Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::other(format!("could not start {program}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{program} {} ended with {}: {}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

/// Runs the command of the job; gives its exit status.
fn work(out: &File) -> io::Result<i32> {
    let path = std::env::var_os(JOB_VARIABLE)
        .ok_or_else(|| io::Error::other("the kernel was not told where the job is"))?;
    let job = read_job(&path)?;
    let (variables, command) = split(&job);
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| io::Error::other("the job has no command"))?;
    uncover(Path::new(program))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/tmp")
        .env("LC_ALL", "C.UTF-8")
        .env(LAB_VARIABLE, "1")
        .envs(variables)
        .current_dir("/tmp")
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out.try_clone()?)
        .spawn()?;
    let status = child.wait()?;
    Ok(status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

/// The machine's folder lies below `/tmp`, which is memory by now: the root is looked at beside it.
fn read_job(path: &OsStr) -> io::Result<Vec<u8>> {
    let outside = Path::new(OUTSIDE);
    fs::create_dir_all(outside)?;
    rustix::mount::mount(
        "none",
        outside,
        "hostfs",
        rustix::mount::MountFlags::RDONLY,
        None,
    )
    .map_err(io::Error::from)?;
    let path = Path::new(path);
    let job = fs::read(outside.join(path.strip_prefix("/").unwrap_or(path)))?;
    // Programs under the host's /tmp are found there too.
    Ok(job)
}

/// Shows the program where memory hides it, with all that lies in the same folder right below: a
/// repository may be anywhere, also in the host's `/tmp`.
fn uncover(program: &Path) -> io::Result<()> {
    for place in MEMORY.iter().map(Path::new) {
        let Ok(below) = program.strip_prefix(place) else {
            continue;
        };
        let mut parts = below.components();
        let (Some(first), Some(_)) = (parts.next(), parts.next()) else {
            continue;
        };
        let shown = place.join(first);
        let hidden = Path::new(OUTSIDE).join(shown.strip_prefix("/").unwrap_or(&shown));
        if hidden.is_dir() && !program.exists() {
            fs::create_dir_all(&shown)?;
            rustix::mount::mount_bind(&hidden, &shown).map_err(io::Error::from)?;
        }
    }
    Ok(())
}

/// Variables and command of a job.
fn split(job: &[u8]) -> (Vec<(OsString, OsString)>, Vec<OsString>) {
    let mut words = job.split(|byte| *byte == 0);
    let variables = words
        .by_ref()
        .take_while(|word| !word.is_empty())
        .filter_map(|word| {
            let at = word.iter().position(|byte| *byte == b'=')?;
            let (name, value) = word.split_at(at);
            Some((
                OsStr::from_bytes(name).to_owned(),
                OsStr::from_bytes(value.get(1..)?).to_owned(),
            ))
        })
        .collect();
    let mut command: Vec<OsString> = words
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect();
    // What ends the last word is no word.
    command.pop();
    (variables, command)
}
