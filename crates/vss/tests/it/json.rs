//! The shape of every object, by key and type.

use serde_json::Value;

use crate::world::{World, text};

/// Asserts keys and types; a shape is an object of type names, an array of one shape, or a type.
#[track_caller]
fn shape(value: &Value, wanted: &Value) {
    match wanted {
        Value::String(kinds) => {
            let kind = match value {
                Value::Null => "null",
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::String(text) if is_guid(text) => "guid",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            };
            assert!(
                kinds.split('|').any(|one| one == kind),
                "{value} is no {kinds}"
            );
        }
        Value::Array(one) => {
            let items = value
                .as_array()
                .unwrap_or_else(|| panic!("no array: {value}"));
            for item in items {
                shape(item, &one[0]);
            }
        }
        Value::Object(keys) => {
            let object = value
                .as_object()
                .unwrap_or_else(|| panic!("no object: {value}"));
            for (key, wanted) in keys {
                let found = object
                    .get(key)
                    .unwrap_or_else(|| panic!("no {key} in {value}"));
                shape(found, wanted);
            }
        }
        other => panic!("no shape: {other}"),
    }
}

/// Lower case, without braces.
fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

fn identity() -> Value {
    serde_json::json!({
        "table": "string", "sector_size": "number", "disk_id": "guid|string|null",
        "partitions": [{
            "index": "number", "start_lba": "number", "end_lba": "number",
            "type": "guid|string", "id": "guid|string", "attributes": "string", "name": "string",
        }],
        "warnings": ["string"],
    })
}

fn operation() -> Value {
    serde_json::json!({
        "operation": "guid", "kind": "string", "set_id": "guid|null", "started": "string",
        "finished": "string", "result": {"code": "string", "name": "string|null"},
        "error": "string|null", "recovered": "bool", "flags": "string|null",
        "undone": "guid|null", "copies": ["guid"], "disks": ["object"],
        "steps": [{"step": "string", "micros": "number"}],
        "events": [{"provider": "guid|null", "method": "string|null", "code": "string|null",
                    "message": "string"}],
    })
}

#[test]
fn sets_copies_and_operations() {
    let world = World::with_disks();
    let created = world.json(["create", "app/1", "log"]);
    shape(
        &created,
        &serde_json::json!({
            "set_id": "guid", "operation": "guid", "consistency": "string",
            "snapshots": [{"id": "guid", "original": "string", "lun": "string", "device": "string"}],
            "warnings": ["string"],
        }),
    );
    assert_eq!(created["consistency"], "crash");
    assert_eq!(created["snapshots"][0]["original"], "app/1");
    let (set, copy) = (
        text(&created["set_id"]),
        text(&created["snapshots"][0]["id"]),
    );

    let snapshot = serde_json::json!({
        "id": "guid", "original": "string", "device": "string", "state": "string",
        "attributes": "string", "provider_id": "guid",
    });
    let set_shape = serde_json::json!({
        "set_id": "guid", "created": "string", "consistency": "string", "context": "string",
        "snapshots": [snapshot],
    });
    let list = world.json(["list"]);
    shape(
        &list,
        &serde_json::json!({"sets": [set_shape], "unfinished": ["object"]}),
    );
    assert_eq!(list["sets"].as_array().unwrap().len(), 1);
    assert_eq!(list["sets"][0]["snapshots"][0]["state"], "VSS_SS_CREATED");
    let shown = world.json(["show", &set]);
    shape(&shown, &set_shape);
    assert_eq!(shown["disks"].as_array().unwrap().len(), 2);
    shape(&shown["disks"][0]["identity"], &identity());
    let shown = world.json(["show", &copy]);
    shape(&shown, &snapshot);
    assert_eq!(shown["set_id"], set.as_str());
    shape(
        &world.json(["show", &text(&created["operation"])]),
        &operation(),
    );

    let plan = world.json(["break", &set, "--read-write", "--dry-run"]);
    shape(
        &plan,
        &serde_json::json!({
            "set_id": "guid", "flags": "string", "dry_run": "bool", "notices": ["object"],
            "disks": [{
                "lun": "string", "device": "string", "decision": "string", "before": identity(),
                "after": identity(), "read_only": "bool",
                "edits": [{"offset": "number", "field": "string", "old": "string", "new": "string"}],
            }],
        }),
    );
    assert_eq!(plan["flags"], "0x2");
    assert_eq!(plan["disks"][0]["decision"], "kept-on-collision");
    assert_eq!(plan["notices"].as_array().unwrap().len(), 2);
    assert!(!plan["disks"][0]["edits"].as_array().unwrap().is_empty());

    let broken = world.json(["break", &set, "--read-write"]);
    shape(
        &broken,
        &serde_json::json!({
            "set_id": "guid", "operation": "guid", "result": {"code": "string", "name": "string"},
            "disks": [{
                "lun": "string", "device": "string", "presented": "bool", "read_only": "bool",
                "identity": identity(), "outcome": "string", "original": "string",
            }],
            "steps": [{"step": "string", "micros": "number"}],
            "events": ["object"],
        }),
    );
    assert_eq!(broken["result"]["code"], "0x0004230a");
    assert_eq!(broken["result"]["name"], "VSS_S_ASYNC_FINISHED");
    // The plan was exactly what was done.
    for (planned, done) in [0, 1].map(|at| (&plan["disks"][at], &broken["disks"][at])) {
        assert_eq!(planned["after"], done["identity"]);
    }

    let history = world.json(["history", "--limit", "1"]);
    shape(
        &history,
        &serde_json::json!({"operations": [operation()], "unfinished": ["object"]}),
    );
    assert_eq!(history["operations"].as_array().unwrap().len(), 1);
    assert_eq!(history["operations"][0]["kind"], "break");
    assert_eq!(history["operations"][0]["flags"], "0x2");
}

#[test]
fn identities() {
    let world = World::with_disks();
    let (app, log) = (world.path("app.img"), world.path("log.img"));
    let (app, log) = (app.to_str().unwrap(), log.to_str().unwrap());
    let one = world.json(["identity", "show", app]);
    shape(&one, &identity());
    assert_eq!(one["path"], app);
    assert_eq!(one["table"], "gpt");
    assert_eq!(one["sector_size"], 512);
    assert_eq!(one["partitions"][0]["attributes"], "0x0000000000000000");
    assert_eq!(one["partitions"][0]["name"], "app data");
    shape(&one["disk_id"], &"guid".into());
    let both = world.json(["identity", "show", app, log]);
    assert_eq!(both["disks"].as_array().unwrap().len(), 2);
    let mbr = &both["disks"][1];
    assert_eq!(mbr["table"], "mbr");
    let signature = text(&mbr["disk_id"]);
    assert_eq!(signature.len(), 8);
    assert_eq!(mbr["partitions"][0]["id"], format!("{signature}-01"));
    assert_eq!(mbr["partitions"][0]["type"], "83");

    std::fs::write(world.path("bare"), vec![0; 4096]).unwrap();
    let bare = world.json(["identity", "show", world.path("bare").to_str().unwrap()]);
    assert_eq!(bare["table"], "none");
    assert!(bare["disk_id"].is_null());

    // One that cannot be read does not hide the others.
    let run = world.run(["identity", "show", app, "/nowhere", log, "--json"]);
    assert_eq!(run.code, 1);
    let seen: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(seen["disks"].as_array().unwrap().len(), 2);
    let error: Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(error["error"]["name"], "VSS_E_OBJECT_NOT_FOUND");
    let error = world
        .run(["identity", "show", "/dev/null", "--json"])
        .error(1);
    assert_eq!(error["code"], "0x80070057");
    let text = world.run(["identity", "show", app, "/nowhere"]);
    assert_eq!(text.code, 1);
    assert!(text.stdout.contains("app config") && text.stderr.contains("/nowhere"));
}

#[test]
fn luns() {
    let (world, set) = World::with_set();
    let lun = serde_json::json!({
        "name": "string", "id": "string", "size_bytes": "number", "allocated_bytes": "number",
        "sector_size": "number", "presented": "bool", "read_only": "bool", "image": "string",
        "device": "string|null", "linked": "bool", "copy_of": "string|null",
        "set_id": "guid|null",
    });
    let listed = world.json(["lun", "list"]);
    shape(&listed, &serde_json::json!({"luns": [lun]}));
    let copy = listed["luns"]
        .as_array()
        .unwrap()
        .iter()
        .find(|lun| lun["copy_of"] == "app")
        .unwrap();
    assert_eq!(copy["set_id"], set.as_str());
    let shown = world.json(["lun", "show", "app"]);
    shape(&shown, &lun);
    shape(&shown["identity"], &identity());
    let made = world.json(["lun", "create", "new", "--size", "1M"]);
    shape(&made, &lun);
    assert_eq!(made["size_bytes"], 1 << 20);
    let masked = world.json(["lun", "mask", "new"]);
    shape(
        &masked,
        &serde_json::json!({"luns": [{"name": "string", "change": "string", "device": "null"}]}),
    );
    assert_eq!(masked["luns"][0]["change"], "changed");
    assert_eq!(
        world.json(["lun", "mask", "new"])["luns"][0]["change"],
        "already-so"
    );
}
