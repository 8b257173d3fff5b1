//! LUNs under the rules of the sets on them, also while operations run.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use vss_model::{ErrorKind, SetId};
use vss_service::{OperationKind, Queries, Served, Service};

use crate::world::{MIB, World, ended};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn a_twin_of_a_visible_disk_is_not_shown() {
    let world = World::new();
    world.adopt("db", world.image("db", 7, MIB), true).unwrap();
    let twin = world.image("twin", 7, MIB);
    let error = world.adopt("twin", twin.clone(), true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ObjectAlreadyExists);
    assert!(error.hint().unwrap().contains("--masked"));
    world.adopt("twin", twin, false).unwrap();
    let service = world.service();
    let error = service.unmask_luns(&names(&["twin"])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ObjectAlreadyExists);
    service.mask_luns(&names(&["db"])).unwrap();
    assert!(service.unmask_luns(&names(&["twin"])).unwrap()[0].changed);
    assert!(!service.unmask_luns(&names(&["twin"])).unwrap()[0].changed);
}

#[test]
fn a_relative_path_is_refused() {
    let world = World::new();
    let error = world.adopt("db", "db.img".into(), true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn copies_belong_to_their_set() {
    let world = World::new();
    world.adopt("db", world.image("db", 7, MIB), true).unwrap();
    let set = world.create(&["db"]);
    let service = world.service();
    let copy = service.set(set).unwrap().luns[0].name.clone();
    for result in [
        service.mask_luns(&names(&["db", &copy])),
        service.delete_luns(&names(&["db", &copy])),
        service.unmask_luns(&names(&[&copy])),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::BadState);
    }
    assert_eq!(service.luns().unwrap().len(), 2, "nothing was touched");
    assert_eq!(service.lun(&copy).unwrap().lun.set, Some(set));
    assert!(service.lun("db").unwrap().identity.is_ok());
}

/// The LUN of a set in the making is in no catalogue yet; nobody may have it all the same. Nor may a
/// disk appear that bears what the operation is about to give.
#[test]
fn luns_of_a_set_in_the_making_are_left_alone() {
    let world = World::new();
    let (marked, found) = mpsc::channel();
    world.adopt("db", world.image("db", 7, MIB), true).unwrap();
    let (session, set) = world.open_set(&["db"]);
    let (proceed, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(Some(wait));
    // The first disk that is being imported holds the operation up until this test is done.
    world.service().listen(Arc::new(move |operation| {
        let state = operation.state().unwrap();
        let begun = state
            .disks
            .iter()
            .any(|disk| disk.stage == vss_service::DiskStage::Working);
        let wait = (state.kind == OperationKind::Create && begun)
            .then(|| wait.lock().unwrap().take())
            .flatten();
        if let Some(wait) = wait {
            marked.send(()).unwrap();
            let _ = wait.recv();
        }
    }));
    let operation = session.do_snapshot_set(None).unwrap();
    found.recv().unwrap();
    let service = world.service();
    assert_eq!(service.sets().unwrap().len(), 0, "it is in no catalogue");
    let luns = service.luns().unwrap();
    let copy = luns.iter().find(|lun| lun.name != "db").unwrap();
    assert_eq!(copy.set, None::<SetId>);
    for result in [
        service.mask_luns(&names(&[&copy.name])),
        service.unmask_luns(&names(&[&copy.name])),
        service.delete_luns(&names(&[&copy.name])),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadState, "{error}");
        assert!(error.message().contains(&set.to_string()), "{error}");
    }
    proceed.send(()).unwrap();
    ended(&*operation);
}
