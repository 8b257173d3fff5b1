//! Ctrl-C.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use vss_coordinator::CatalogueReader;

use crate::world::{Run, World, names};

#[test]
fn a_creation_can_be_cancelled() {
    let world = World::new();
    world.add_big();
    let creation = world
        .command(["create", "big"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let reader = CatalogueReader::open(&world.paths().catalogue()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    // A process that has ended has finished its operation.
    while reader.unfinished().unwrap().is_empty() && reader.operations().unwrap().is_empty() {
        assert!(Instant::now() < deadline);
    }
    let pid = Pid::from_raw(i32::try_from(creation.id()).unwrap()).unwrap();
    let _ = kill_process(pid, Signal::INT);
    let run = Run::new(creation.wait_with_output().unwrap());
    match run.code {
        0 | -1 => eprintln!("skipped: the copy was too fast to be cancelled"),
        _ => {
            let said = run.bad(1);
            assert!(said.contains("cancelling the creation"), "{said}");
            assert!(
                said.contains("VSS_S_ASYNC_CANCELLED (0x0004230B)"),
                "{said}"
            );
            assert_eq!(names(&world.json(["lun", "list"])), ["big"]);
            let history = world.json(["history"]);
            assert_eq!(history["operations"][0]["result"]["code"], "0x0004230b");
        }
    }
}
