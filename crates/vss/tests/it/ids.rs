//! A unique prefix is enough.

use crate::world::{World, text};

#[test]
fn prefixes_braces_and_dashes() {
    let (world, set) = World::with_set();
    let upper = format!("{{{}}}", set.to_uppercase());
    let plain = set.replace('-', "");
    for id in [&set[..6], &set[..13], &upper, &plain, &plain[..12]] {
        assert_eq!(world.json(["show", id])["set_id"], set.as_str(), "{id}");
    }
    for command in ["show", "break", "delete", "undo"] {
        let error = world.error([command, "00000000"]);
        assert_eq!(error["name"], "VSS_E_OBJECT_NOT_FOUND", "{command}");
        assert!(text(&error["hint"]).contains("vss list"), "{command}");
        let error = world.error([command, "00000000-0000-0000-0000-000000000000"]);
        assert_eq!(error["name"], "VSS_E_OBJECT_NOT_FOUND", "{command}");
    }
    let copy = text(&world.json(["show", &set])["snapshots"][0]["id"]);
    let error = world.error(["break", &copy]);
    assert_eq!(error["name"], "E_INVALIDARG");
    assert!(text(&error["hint"]).contains(&set), "{error}");
}
