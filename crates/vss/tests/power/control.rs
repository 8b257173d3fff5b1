//! What the judge sees of things that were broken by hand.

use vss_lab::guest::run;

use crate::guest::{Before, Mounts, What, device, start_words, vss};
use crate::judge::{Case, look, suspended};
use crate::storage::{DISKS, Storage};

/// Breaks one thing after the other and says what is then seen of it.
pub(crate) fn control(storage: &dyn Storage, before: &Before) {
    storage.show(false);
    let _mounts = Mounts::new(storage);
    vss(&start_words());
    let case = Case {
        storage,
        what: What::Break,
        disks: false,
        before,
    };
    let say = |name: &str| {
        let mut problems = Vec::new();
        look(case, &mut problems);
        println!(
            "control {name}: {}",
            problems.join("; ").replace('\n', " | ")
        );
    };
    say("nothing");

    let copies = &before.copies;
    let copy = copies.iter().find(|copy| copy.guid.is_some()).unwrap();
    let index = DISKS.iter().position(|disk| *disk == copy.original);
    let set_guid = |guid: &str| {
        let device = device(storage, &copy.name);
        run("blockdev", &["--setrw", &device]);
        run("sgdisk", &["-U", guid, &device]);
        run("blockdev", &["--setro", &device]);
    };
    set_guid(&before.originals[index.unwrap()]);
    say("reverted");
    set_guid(copy.guid.as_ref().unwrap());

    for (stray, _) in storage.strays() {
        storage.leave(stray, &copy.name);
        say(stray);
        storage.clear(stray, &copy.name);
    }

    // Looking at more would wait for it. There is no udev that would have to be waited for.
    let spare = |words: &[&str]| {
        run("dmsetup", &[words, &["--noudevsync", "spare"]].concat());
    };
    spare(&["create", "--table", "0 8 zero"]);
    spare(&["suspend"]);
    let mut problems = Vec::new();
    suspended(&mut problems);
    println!("control suspended: {}", problems.join("; "));
    spare(&["remove"]);
    say("mended");
    println!("judged");
}
