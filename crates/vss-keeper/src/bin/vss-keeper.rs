//! The freeze keeper's process; started by the daemon, of no use by hand.

use std::process::ExitCode;

fn main() -> ExitCode {
    vss_keeper::run()
}
