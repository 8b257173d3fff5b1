//! What an administrator does: every command, and everything that must be refused.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use common::{MIB, Top};
use vss_model::ResultCode;
use vss_provider::{HardwareProvider, Provider, ProviderResult};
use vss_provider_file::{Adopt, Change, FileArray};

fn code<T>(result: ProviderResult<T>) -> ResultCode {
    result.err().unwrap().code
}

#[test]
fn a_lun_is_made_shown_hidden_and_deleted() {
    let top = Top::new();
    let array = top.open();
    assert!(array.list().unwrap().is_empty());
    let lun = array.create("db", 8 * MIB, 4096, false).unwrap();
    assert_eq!((lun.size_bytes, lun.sector_size), (8 * MIB, 4096));
    assert!(lun.allocated_bytes < MIB && !lun.presented && !lun.read_only && !lun.linked);
    assert_eq!(
        (lun.device.clone(), lun.set, lun.copy_of.clone()),
        (None, None, None)
    );
    assert_eq!(fs::metadata(&lun.image).unwrap().mode() & 0o777, 0o600);
    assert_eq!(array.get("db").unwrap(), lun);
    assert!(array.presented_luns().unwrap().is_empty());

    assert_eq!(array.present("db").unwrap(), Change::Changed);
    assert_eq!(array.present("db").unwrap(), Change::AlreadySo);
    let link = top.host().join("db");
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("../array/db.img"));
    assert_eq!(array.get("db").unwrap().device, Some(link.clone()));
    let seen = array.presented_luns().unwrap();
    assert_eq!((seen[0].name.as_str(), seen[0].sector_size), ("db", 4096));
    assert_eq!(
        (&seen[0].device, &seen[0].information),
        (&link, &lun.information)
    );

    // A link that went missing comes back with the next request.
    fs::remove_file(&link).unwrap();
    assert_eq!(array.present("db").unwrap(), Change::AlreadySo);
    assert!(link.exists());

    assert_eq!(array.mask("db").unwrap(), Change::Changed);
    assert_eq!(array.mask("db").unwrap(), Change::AlreadySo);
    assert!(top.links().is_empty());
    top.is_consistent(&array);

    array.present("db").unwrap();
    array.delete("db").unwrap();
    assert!(top.links().is_empty() && top.files().is_empty());
    assert_eq!(code(array.delete("db")), ResultCode::VSS_E_OBJECT_NOT_FOUND);
}

#[test]
fn identity_outlives_everything_but_deletion() {
    let top = Top::new();
    let array = top.open();
    let made = array.create("db", MIB, 512, true).unwrap();
    array.mask("db").unwrap();
    drop(array);
    let array = top.open();
    assert_eq!(array.get("db").unwrap().information, made.information);
    array.delete("db").unwrap();
    let again = array.create("db", MIB, 512, true).unwrap();
    assert_ne!(again.id, made.id);
}

#[test]
fn creation_refuses_what_cannot_be() {
    let top = Top::new();
    let array = top.open();
    array.create("taken", MIB, 512, true).unwrap();
    fs::write(top.array().join("stray.img"), "x").unwrap();
    fs::write(top.host().join("theirs"), "x").unwrap();
    symlink("nowhere", top.host().join("dangling")).unwrap();
    let invalid = ResultCode::E_INVALIDARG;
    let exists = ResultCode::VSS_E_OBJECT_ALREADY_EXISTS;
    for (name, size, sector, expected) in [
        ("", MIB, 512, invalid),
        ("../x", MIB, 512, invalid),
        ("a b", MIB, 512, invalid),
        ("-rf", MIB, 512, invalid),
        (".partial-1", MIB, 512, invalid),
        ("x", 0, 512, invalid),
        ("x", 513, 512, invalid),
        ("x", 512, 4096, invalid),
        ("x", MIB, 0, invalid),
        ("x", MIB, 1024, invalid),
        ("x", u64::MAX - 511, 512, invalid),
        ("x", (1 << 63) - 512, 512, invalid),
        ("taken", MIB, 512, exists),
        ("stray", MIB, 512, exists),
        ("theirs", MIB, 512, exists),
        ("dangling", MIB, 512, exists),
    ] {
        // Btrfs and XFS do hold a file of nearly 8 EiB.
        if size == (1 << 63) - 512 {
            if let Ok(lun) = array.create(name, size, sector, false) {
                array.delete(&lun.name).unwrap();
            }
            continue;
        }
        let error = array.create(name, size, sector, true).unwrap_err();
        assert_eq!(error.code, expected, "{name:?} {size} {sector}: {error}");
    }
    let files = ["stray.img", "taken.img"].map(str::to_owned);
    assert_eq!(top.files(), BTreeSet::from(files));
    assert_eq!(array.list().unwrap().len(), 1);
    assert_eq!(
        code(array.present("theirs")),
        ResultCode::VSS_E_OBJECT_NOT_FOUND
    );
}

#[test]
fn unusual_names_work_everywhere() {
    let top = Top::new();
    let array = top.open();
    let names = ["_", "a@b", "a.img", "array.db", "A", "a", "9-_.@"];
    for name in names {
        array.create(name, MIB, 512, true).unwrap();
    }
    top.is_consistent(&array);
    drop(array);
    let array = top.open();
    top.is_consistent(&array);
    assert_eq!(array.presented_luns().unwrap().len(), names.len());
}

#[test]
fn a_clash_in_the_host_folder_is_refused_by_name() {
    let top = Top::new();
    let array = top.open();
    array.create("db", MIB, 512, false).unwrap();
    fs::write(top.host().join("db"), "somebody's").unwrap();
    let error = array.present("db").unwrap_err();
    assert_eq!(error.code, ResultCode::VSS_E_OBJECT_ALREADY_EXISTS);
    assert!(error.message.contains("host/db"), "{error}");
    assert!(!array.get("db").unwrap().presented);
    assert_eq!(array.mask("db").unwrap(), Change::AlreadySo);
    array.delete("db").unwrap();
    assert_eq!(
        fs::read_to_string(top.host().join("db")).unwrap(),
        "somebody's"
    );
}

#[test]
fn unknown_names_come_with_a_hint() {
    let top = Top::new();
    let array = top.open();
    array.create("production", MIB, 512, false).unwrap();
    for error in [
        array.get("producton").unwrap_err(),
        array.mask("prod").map(drop).unwrap_err(),
        array.present("PRODUCTION").map(drop).unwrap_err(),
        array.delete("productions").unwrap_err(),
    ] {
        assert_eq!(error.code, ResultCode::VSS_E_OBJECT_NOT_FOUND);
        assert_eq!(error.hint.as_deref(), Some("did you mean production?"));
    }
    assert_eq!(array.get("zzz").unwrap_err().hint, None);
}

#[test]
fn files_are_adopted_by_moving() {
    let top = Top::new();
    let array = top.open();
    let file = top.path().join("disk.raw");
    fs::write(&file, vec![7; 8192]).unwrap();
    let lun = array.adopt("disk", &file, Adopt::Move, None, true).unwrap();
    assert!(!file.exists());
    assert_eq!(
        (lun.size_bytes, lun.sector_size, lun.linked),
        (8192, 512, false)
    );
    assert_eq!(fs::read(lun.device.unwrap()).unwrap(), vec![7; 8192]);
    // A file that lies in the array already needs no move.
    fs::write(top.array().join("here.img"), vec![8; 4096]).unwrap();
    let here = top.array().join("here.img");
    array
        .adopt("here", &here, Adopt::Move, None, false)
        .unwrap();
    assert_eq!(fs::read(&here).unwrap(), vec![8; 4096]);
    top.is_consistent(&array);
}

#[test]
fn files_are_adopted_by_link_and_outlive_the_lun() {
    let top = Top::new();
    let array = top.open();
    let file = top.path().join("disk.raw");
    fs::write(&file, vec![7; 8192]).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let alias = top.path().join("alias");
    symlink("disk.raw", &alias).unwrap();
    let lun = array
        .adopt("disk", &alias, Adopt::Link, Some(4096), true)
        .unwrap();
    assert!(lun.linked && lun.read_only);
    assert_eq!(
        fs::read_link(&lun.image).unwrap(),
        fs::canonicalize(&file).unwrap()
    );
    let mut blank = lun.information.clone();
    blank.identifiers.clear();
    blank.serial_number.clear();
    for path in [&file, &alias, &lun.image, lun.device.as_ref().unwrap()] {
        let mut asked = blank.clone();
        assert!(
            array.fill_in_lun_info(path, &mut asked).unwrap(),
            "{path:?}"
        );
        assert_eq!(asked, lun.information);
    }
    assert!(!array.fill_in_lun_info(top.path(), &mut blank).unwrap());
    array.delete("disk").unwrap();
    assert_eq!(fs::read(&file).unwrap(), vec![7; 8192]);
    top.is_consistent(&array);
}

#[test]
fn adoption_refuses_what_is_no_disk() {
    let top = Top::new();
    let array = top.open();
    array.create("old", MIB, 512, true).unwrap();
    let path = |name: &str| top.path().join(name);
    fs::write(path("empty"), "").unwrap();
    fs::write(path("odd"), vec![0; 700]).unwrap();
    fs::write(path("good"), vec![0; 1024]).unwrap();
    symlink("good", path("link")).unwrap();
    symlink("/", path("root")).unwrap();
    fs::hard_link(top.array().join("old.img"), path("twin")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let invalid = ResultCode::E_INVALIDARG;
    let exists = ResultCode::VSS_E_OBJECT_ALREADY_EXISTS;
    for (name, file, how, sector, expected, says) in [
        (
            "n",
            path("none"),
            Adopt::Move,
            None,
            ResultCode::VSS_E_OBJECT_NOT_FOUND,
            "none",
        ),
        ("n", path("empty"), Adopt::Move, None, invalid, "no size"),
        ("n", path("odd"), Adopt::Link, None, invalid, "no multiple"),
        (
            "n",
            path("good"),
            Adopt::Link,
            Some(4096),
            invalid,
            "no multiple",
        ),
        (
            "n",
            path("good"),
            Adopt::Link,
            Some(100),
            invalid,
            "sector size",
        ),
        (
            "n",
            path("link"),
            Adopt::Move,
            None,
            invalid,
            "symbolic link",
        ),
        (
            "n",
            path("root"),
            Adopt::Link,
            None,
            invalid,
            "not a regular file",
        ),
        (
            "n",
            path("pipe"),
            Adopt::Link,
            None,
            invalid,
            "not a regular file",
        ),
        (
            "n",
            "/dev/null".into(),
            Adopt::Link,
            None,
            invalid,
            "not a regular file",
        ),
        (
            "n/",
            path("good"),
            Adopt::Link,
            None,
            invalid,
            "name of a LUN",
        ),
        ("old", path("good"), Adopt::Link, None, exists, "old"),
        (
            "n",
            top.array().join("old.img"),
            Adopt::Move,
            None,
            exists,
            "is the LUN \"old\"",
        ),
        (
            "n",
            top.host().join("old"),
            Adopt::Link,
            None,
            exists,
            "is the LUN \"old\"",
        ),
        (
            "n",
            path("twin"),
            Adopt::Move,
            None,
            exists,
            "is the LUN \"old\"",
        ),
        (
            "n",
            top.array().join("array.db"),
            Adopt::Move,
            None,
            invalid,
            "own file",
        ),
    ] {
        let error = array.adopt(name, &file, how, sector, true).unwrap_err();
        assert_eq!(error.code, expected, "{file:?}: {error}");
        assert!(error.message.contains(says), "{file:?}: {error}");
    }
    for loop_device in (0..8).map(|n| Path::new("/dev").join(format!("loop{n}"))) {
        if loop_device.exists() {
            let error = array
                .adopt("n", &loop_device, Adopt::Link, None, true)
                .unwrap_err();
            assert!(error.message.contains("is a block device"), "{error}");
        }
    }
    assert!(path("good").exists() && path("odd").exists() && path("twin").exists());
    assert_eq!(top.files(), BTreeSet::from(["old.img".to_owned()]));
    array
        .adopt("good", &path("good"), Adopt::Link, None, false)
        .unwrap();
    assert_eq!(
        code(array.adopt("n", &path("good"), Adopt::Link, None, false)),
        exists
    );
}

#[test]
fn sector_sizes_are_read_off_the_partition_table() {
    let top = Top::new();
    let array = top.open();
    for (name, marks, expected) in [
        ("none", vec![], 512),
        ("small", vec![512], 512),
        ("large", vec![4096], 4096),
        ("both", vec![512, 4096], 512),
    ] {
        let path = top.path().join(name);
        let file = fs::File::create(&path).unwrap();
        file.set_len(MIB).unwrap();
        for at in marks {
            file.write_all_at(b"EFI PART", at).unwrap();
        }
        let lun = array.adopt(name, &path, Adopt::Move, None, false).unwrap();
        assert_eq!(lun.sector_size, expected, "{name}");
    }
    // Given by hand, it is believed.
    let path = top.path().join("forced");
    fs::write(&path, vec![0; 8192]).unwrap();
    let lun = array
        .adopt("forced", &path, Adopt::Move, Some(4096), false)
        .unwrap();
    assert_eq!(lun.sector_size, 4096);
}

#[test]
fn another_file_system_is_no_place_to_move_from() {
    let top = Top::new();
    let array = top.open();
    let Ok(elsewhere) = tempfile::Builder::new()
        .prefix("openvss-file-test-")
        .tempdir_in("/dev/shm")
    else {
        println!("skipped: another_file_system_is_no_place_to_move_from (no /dev/shm)");
        return;
    };
    let file = elsewhere.path().join("disk");
    fs::write(&file, vec![1; 4096]).unwrap();
    if fs::metadata(&file).unwrap().dev() == fs::metadata(top.path()).unwrap().dev() {
        println!("skipped: another_file_system_is_no_place_to_move_from (one file system)");
        return;
    }
    let error = array
        .adopt("disk", &file, Adopt::Move, None, true)
        .unwrap_err();
    assert_eq!(error.code, ResultCode::E_INVALIDARG);
    assert!(error.hint.unwrap().contains("adopt it as a link"));
    assert!(file.exists());
    top.is_consistent(&array);
    let lun = array.adopt("disk", &file, Adopt::Link, None, true).unwrap();
    // Copies of it are made across the two file systems.
    let set = common::prepare(&array, &["disk"]).unwrap();
    common::finish(&array, set, &["disk"]).unwrap();
    let copy = array
        .list()
        .unwrap()
        .into_iter()
        .find(|lun| lun.set == Some(set))
        .unwrap();
    assert_eq!(fs::read(&copy.image).unwrap(), vec![1; 4096]);
    assert!(!copy.linked);
    assert_eq!(copy.copy_of.unwrap().id, lun.id);
}

#[test]
fn readers_see_all_and_change_nothing() {
    let top = Top::new();
    let reader = top.reader();
    assert!(reader.list().unwrap().is_empty());
    assert!(!top.array().exists() && !top.host().exists());
    assert_eq!(code(reader.get("db")), ResultCode::VSS_E_OBJECT_NOT_FOUND);
    let array = top.open();
    array.create("db", MIB, 512, true).unwrap();
    assert_eq!(reader.list().unwrap(), array.list().unwrap());
    assert_eq!(
        reader.presented_luns().unwrap(),
        array.presented_luns().unwrap()
    );
    reader.on_load().unwrap();
    let bad = ResultCode::VSS_E_BAD_STATE;
    assert_eq!(code(reader.create("x", MIB, 512, true)), bad);
    assert_eq!(
        code(reader.adopt("x", &top.array().join("db.img"), Adopt::Link, None, true)),
        bad
    );
    assert_eq!(code(reader.mask("db")), bad);
    assert_eq!(code(reader.present("db")), bad);
    assert_eq!(code(reader.delete("db")), bad);
    drop(array);
    let before = common::names(&top.array());
    assert_eq!(top.reader().list().unwrap().len(), 1);
    assert_eq!(common::names(&top.array()), before);
}

#[test]
fn an_array_has_one_owner() {
    let top = Top::new();
    let array = top.open();
    let error = FileArray::open(&top.array(), &top.host()).unwrap_err();
    assert_eq!(error.code, ResultCode::VSS_E_BAD_STATE);
    drop(array);
    top.open();
}

#[test]
fn a_missing_image_hides_nothing_else() {
    let top = Top::new();
    let array = top.open();
    array.create("gone", MIB, 512, false).unwrap();
    array.create("there", MIB, 512, true).unwrap();
    fs::remove_file(top.array().join("gone.img")).unwrap();
    let luns = array.list().unwrap();
    assert_eq!(
        (luns.len(), luns[0].size_bytes, luns[0].allocated_bytes),
        (2, MIB, 0)
    );
    let error = array.present("gone").unwrap_err();
    assert!(error.message.contains("gone.img"), "{error}");
    array.delete("gone").unwrap();
    top.is_consistent(&array);
}

#[test]
fn ten_thousand_luns_are_listed() {
    const COUNT: usize = 10_000;
    let top = Top::new();
    drop(top.open());
    let mut sql = top.sql();
    let transaction = sql.transaction().unwrap();
    for n in 0..COUNT {
        transaction
            .execute(
                "INSERT INTO lun (guid, name, state, size_bytes, sector_size, presented, linked)
                 VALUES (?1, ?2, 'ready', 1048576, ?3, ?4, 0)",
                rusqlite::params![
                    uuid::Uuid::new_v4().to_string(),
                    format!("lun{n:05}"),
                    if n % 3 == 0 { 4096 } else { 512 },
                    n % 2 == 0,
                ],
            )
            .unwrap();
    }
    transaction.commit().unwrap();
    drop(sql);
    let array = top.open();
    let seen = array.presented_luns().unwrap();
    assert_eq!(seen.len(), COUNT / 2);
    assert!(seen.is_sorted_by(|a, b| a.name < b.name));
    for (n, lun) in seen.iter().enumerate() {
        assert_eq!(lun.name, format!("lun{:05}", n * 2));
        assert_eq!(lun.sector_size, if n * 2 % 3 == 0 { 4096 } else { 512 });
    }
    let ids: BTreeSet<_> = seen.iter().map(|lun| lun.information.lun_id()).collect();
    assert_eq!(ids.len(), COUNT / 2);
    assert_eq!(array.list().unwrap().len(), COUNT);
    assert_eq!(top.reader().list().unwrap().len(), COUNT);
    assert_eq!(top.links().len(), COUNT / 2);
}
