//! `vss`: the command line of openvss.
//!
//! Every command works on the traits of `vss-service`, so that it behaves alike on a daemon and on the
//! engine in its own process.
//!
//! Read these first: [`cli::Cli`] is the grammar; [`commands`] has one file for each command;
//! [`place`] decides where the service is, and [`app::App`] opens it, to change something or only to
//! look; [`work`] waits for operations; [`failure::Failure`] is how a command ends when it does not
//! end well.

mod app;
mod cli;
mod commands;
mod failure;
mod ids;
mod output;
mod place;
mod progress;
mod size;
mod work;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match cli::Cli::read() {
        Ok(cli) => cli,
        Err(error) => return failure::wrong_usage(&error, cli::wants_json(std::env::args_os())),
    };
    let json = cli.json;
    match cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}
