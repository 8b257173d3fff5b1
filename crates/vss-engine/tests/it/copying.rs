//! A creation that copies data byte by byte: its progress, and its end when somebody asks for it.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use vss_model::ResultCode;
use vss_service::{CancelAnswer, OperationKind, Queries, Served, Service};

use crate::world::{MIB, World, ended};

const SIZE: usize = 80 * MIB;

#[test]
fn a_cancel_stops_a_long_copy() {
    let world = World::new();
    world.adopt("db", world.image("db", 7, SIZE), true).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    world.service().listen(Arc::new(move |operation| {
        let Some(progress) = operation.state().unwrap().copying else {
            return;
        };
        let first = {
            let mut heard = heard.lock().unwrap();
            let first = progress.done_bytes < progress.total_bytes && heard.is_empty();
            if first {
                heard.push(progress);
            }
            first
        };
        // Being cancelled is a change too, of which this is told.
        if first {
            assert_eq!(operation.cancel().unwrap(), CancelAnswer::Taken);
        }
    }));
    let (session, _) = world.open_set(&["db"]);
    let operation = session.do_snapshot_set(None).unwrap();
    operation.wait(None).unwrap();
    let Some(progress) = told.lock().unwrap().first().cloned() else {
        println!("skipped: a_cancel_stops_a_long_copy (this file system shares extents)");
        return;
    };
    assert_eq!(
        (progress.lun.as_str(), progress.index, progress.count),
        ("db", 1, 1)
    );
    assert_eq!(progress.total_bytes, SIZE as u64);
    assert_eq!(
        operation.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_CANCELLED
    );
    let service = world.service();
    assert_eq!(service.luns().unwrap().len(), 1, "nothing is left");
    let record = service.record(operation.operation()).unwrap();
    assert_eq!(record.kind, OperationKind::Create);
    assert_eq!(record.code, ResultCode::VSS_S_ASYNC_CANCELLED);
    assert!(record.copies.is_empty());
    drop(session);
    // Without the cancel it goes through.
    world.create(&["db"]);
}

#[test]
fn an_orderly_end_does_not_wait_for_a_long_copy() {
    let world = World::new();
    world.adopt("db", world.image("db", 7, SIZE), true).unwrap();
    let (session, set) = world.open_set(&["db"]);
    let operation = session.do_snapshot_set(None).unwrap();
    assert!(world.service().shut_down(Duration::from_secs(600)));
    let code = operation.query_status().unwrap();
    if code == ResultCode::VSS_S_ASYNC_FINISHED {
        println!("skipped: an_orderly_end_does_not_wait_for_a_long_copy (it was over too soon)");
        return;
    }
    assert_eq!(code, ResultCode::VSS_S_ASYNC_CANCELLED);
    assert!(world.service().set(set).is_err());
}

/// A copy of hours must not keep the rest of the service waiting.
#[test]
fn everything_else_goes_on_during_a_long_copy() {
    let world = World::new();
    world.adopt("db", world.image("db", 7, SIZE), true).unwrap();
    world
        .adopt("log", world.image("log", 8, MIB), true)
        .unwrap();
    let set = world.create(&["log"]);
    let (copying, begun) = mpsc::channel();
    let (proceed, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(Some(wait));
    world.service().listen(Arc::new(move |operation| {
        let state = operation.state().unwrap();
        let partly = state
            .copying
            .is_some_and(|progress| progress.done_bytes < progress.total_bytes);
        let wait = partly.then(|| wait.lock().unwrap().take()).flatten();
        if let Some(wait) = wait {
            copying.send(()).unwrap();
            let _ = wait.recv();
        }
    }));
    let (session, _) = world.open_set(&["db"]);
    let operation = session.do_snapshot_set(None).unwrap();
    while begun.recv_timeout(Duration::from_millis(10)).is_err() {
        if operation.query_status().unwrap() != ResultCode::VSS_S_ASYNC_PENDING {
            println!(
                "skipped: everything_else_goes_on_during_a_long_copy (this file system shares extents)"
            );
            return;
        }
    }
    let service = world.service();
    assert_eq!(service.sets().unwrap().len(), 1);
    assert!(service.luns().unwrap().len() >= 3);
    let mut slot = None;
    service
        .administration()
        .unwrap()
        .break_snapshot_set_ex(set, 0x2, None, Some(&mut slot))
        .unwrap();
    ended(&*slot.unwrap());
    assert!(world.adopt("new", world.image("new", 9, MIB), true).is_ok());
    assert!(service.mask_luns(&["new".to_owned()]).is_ok());
    assert!(service.delete_luns(&["new".to_owned()]).is_ok());
    assert_eq!(
        operation.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_PENDING,
        "all that took place beside it"
    );
    proceed.send(()).unwrap();
    ended(&*operation);
}
