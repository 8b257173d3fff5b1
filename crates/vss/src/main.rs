//! `vss`: the command line of openvss, with the engine in its own process.
//!
//! Read these first: [`cli::Cli`] is the grammar; [`commands`] has one file for each command;
//! [`embedded::Service`] is the open state folder of a command that changes something, and
//! [`view::View`] the catalogue of one that only looks; [`failure::Failure`] is how a command ends
//! when it does not end well.

mod app;
mod cli;
mod commands;
mod embedded;
mod failure;
mod ids;
mod output;
mod size;
mod view;
mod work;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::wrong_usage(&error, cli::wants_json(std::env::args_os())),
    };
    let json = cli.json;
    match cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}
