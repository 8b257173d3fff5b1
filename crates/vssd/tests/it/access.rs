//! Who is served: root, members of the group, nobody else.

use std::fs;

use vss_service::Queries;

use crate::child::look;
use crate::daemon::{Place, eventually, has, is_root};

const STRANGER: u32 = 65_534;
const GROUP: u32 = 54_321;
const DENIED: &str = "E_ACCESSDENIED";
/// What the role `look` finds when it is served: there is no LUN to delete.
const SERVED: &str = "S_OK S_OK S_OK S_OK S_OK VSS_E_OBJECT_NOT_FOUND";

fn place() -> Place {
    let place = Place::new("");
    let settings = fs::read_to_string(place.path("vssd.toml")).unwrap();
    let settings = settings.replace("group = \"\"", &format!("group = \"{GROUP}\""));
    fs::write(place.path("vssd.toml"), settings).unwrap();
    place
}

#[test]
fn strangers_are_refused_and_every_refusal_is_on_record() {
    const TEST: &str = "strangers_are_refused_and_every_refusal_is_on_record";
    if !is_root(TEST) || !has("setpriv", TEST) {
        return;
    }
    let place = place();
    let daemon = place.start();
    assert_eq!(look(&place, STRANGER, STRANGER, &[]), [DENIED; 6].join(" "));
    // The groups of root are no privilege, and neither is a uid with the number of the group.
    assert_eq!(look(&place, STRANGER, 0, &[4]), [DENIED; 6].join(" "));
    assert_eq!(look(&place, GROUP, STRANGER, &[4]), [DENIED; 6].join(" "));
    let client = place.client();
    let caller = format!("uid {STRANGER} (nobody)");
    let recorded = |caller: &str| {
        let refusals = client.refusals(100).unwrap();
        let of = refusals.iter().filter(|one| one.caller == caller);
        of.map(|one| one.count).sum::<u64>()
    };
    // They are written down a moment later. Two visits of six calls each.
    assert!(
        eventually(|| recorded(&caller) >= 12),
        "{:?}",
        client.refusals(100)
    );
    assert!(eventually(|| recorded(&format!("uid {GROUP}")) >= 6));
    assert!(eventually(|| client.status().unwrap().refused >= 18));
    let line = daemon.said("nobody");
    assert!(line.contains("WARN"), "{line}");
    daemon.stop();
}

#[test]
fn root_and_members_of_the_group_are_served() {
    const TEST: &str = "root_and_members_of_the_group_are_served";
    if !is_root(TEST) || !has("setpriv", TEST) {
        return;
    }
    let place = place();
    let daemon = place.start();
    assert_eq!(look(&place, STRANGER, GROUP, &[]), SERVED);
    assert_eq!(look(&place, STRANGER, STRANGER, &[4, GROUP, 7]), SERVED);
    assert_eq!(look(&place, 0, 0, &[]), SERVED);
    assert_eq!(place.client().status().unwrap().refused, 0);
    daemon.stop();
}

#[test]
fn without_a_group_only_root_is_served() {
    const TEST: &str = "without_a_group_only_root_is_served";
    if !is_root(TEST) || !has("setpriv", TEST) {
        return;
    }
    let place = Place::new("");
    let daemon = place.start();
    assert_eq!(
        look(&place, STRANGER, GROUP, &[GROUP]),
        [DENIED; 6].join(" ")
    );
    assert_eq!(look(&place, 0, GROUP, &[]), SERVED);
    daemon.stop();
}
