//! Terminals, pipes and colours.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::world::World;

/// What a command writes to a terminal.
pub(crate) fn on_terminal(mut command: Command) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let mut child = command
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(slave.try_clone().unwrap())
        .stderr(slave)
        .spawn()
        .unwrap();
    // The command holds the other end too.
    drop(command);
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    let mut master = File::from(master);
    // The last writer's end shows as an I/O error.
    while let Ok(len @ 1..) = master.read(&mut chunk) {
        text.extend_from_slice(&chunk[..len]);
    }
    assert!(child.wait().unwrap().success());
    String::from_utf8(text).unwrap()
}

#[test]
fn colour_on_a_terminal_only() {
    let (world, _) = World::with_set();
    let coloured = on_terminal(world.command(["list"]));
    assert!(coloured.contains("\x1b["), "{coloured:?}");
    let mut command = world.command(["list"]);
    command.env("NO_COLOR", "1");
    let plain = on_terminal(command);
    assert!(
        plain.contains("set ") && !plain.contains('\x1b'),
        "{plain:?}"
    );
    assert!(!world.run(["list"]).good().contains('\x1b'));
    // An empty NO_COLOR is none.
    let mut command = world.command(["list"]);
    command.env("NO_COLOR", "");
    assert!(on_terminal(command).contains("\x1b["));
    assert!(!on_terminal(world.command(["--json", "list"])).contains('\x1b'));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (world, set) = World::with_set();
    for args in [
        &["list"][..],
        &["list", "--json"],
        &["history"],
        &["show", &set],
        &["lun", "list", "--json"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
    ] {
        let (read, write) = std::io::pipe().unwrap();
        drop(read);
        let output = world
            .command(args.iter().copied())
            .stdout(write)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{args:?}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        eprintln!("skipped: there is no /dev/full");
        return;
    };
    let world = World::new();
    let output = world.command(["list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("could not write the output")
    );
}

#[test]
fn names_cannot_play_with_the_terminal() {
    let world = World::new();
    let run = world.run(["identity", "show", "no\x1b[2Jfile"]);
    assert_eq!(run.code, 1);
    assert!(!run.stderr.contains('\x1b'), "{:?}", run.stderr);
}
