//! Controls: what the harness is there to see, it sees.

use std::time::Duration;

use crate::program::{Program, setting};

/// The low byte of `EXCEPTION_ACCESS_VIOLATION`, all that is left of it as an exit status here.
const ACCESS_VIOLATION: i32 = 5;

/// A program that crashes has no good end, and no debugger gives it another one.
#[test]
fn a_crash_is_seen() {
    let report = Program::new("gone").arg("crash").run();
    assert_eq!(report.code, Some(ACCESS_VIOLATION), "{}", report.said);
    assert!(!report.said.contains("Backtrace"), "{}", report.said);
    assert_eq!(report.done, None);
    assert!(std::panic::catch_unwind(|| report.good(0)).is_err());
}

/// A program that never ends is ended and told.
#[test]
fn a_hang_is_seen() {
    let program = Program::new("gone")
        .arg("hang")
        .limit(Duration::from_secs(3));
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| program.run()));
    let told = *told.unwrap_err().downcast::<String>().unwrap();
    assert!(told.starts_with("gone hangs"), "{told}");
}

/// A check that is not made is missed, although every other one is good.
#[test]
fn a_missing_check_is_seen() {
    let report = Program::new("gone").arg("nothing").run();
    assert_eq!(report.code, Some(0), "{}", report.said);
    assert!(std::panic::catch_unwind(|| report.good(1)).is_err());
}

/// Without the DLL beside it no program gets anywhere: it is ours that is called, not Wine's.
#[test]
fn the_dll_is_ours() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("order.exe");
    std::fs::copy(setting("VSS_COM_PROGRAMS").join("order.exe"), &program).unwrap();
    let report = Program::at(&program).run();
    assert_eq!(report.good_count, 0, "{}", report.said);
    assert!(
        report.failed.iter().any(|line| line.contains("vssapi.dll")),
        "{}",
        report.said
    );
}
