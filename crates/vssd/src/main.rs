//! `vssd`: the shadow copy service as a daemon.
//!
//! Read these first: [`run::run`] is its life from start to stop; [`config::Config`] holds its
//! settings; [`access::Access`] decides who may do what; [`listen`] makes callers of connections;
//! [`metrics::Metrics`] counts.

mod access;
mod certificate;
mod cli;
mod config;
mod listen;
mod logging;
mod metrics;
mod names;
mod notify;
mod run;
mod stop;
mod throttle;
mod tls;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use vss_model::Error;

use cli::{Cli, Document};
use config::{Config, Style, render};

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(document) = cli.document {
        return print(&match document {
            Document::Man => manual(),
            Document::Template => render(&Config::default(), Style::Template),
        });
    }
    let config = match cli.settings() {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    if cli.check_config {
        return check(&cli, &config);
    }
    if cli.print_config {
        return print(&render(&config, Style::Effective));
    }
    run::run(&config).unwrap_or_else(|error| fail(&error))
}

/// Says that the settings are right, or what is wrong with the files that they name.
fn check(cli: &Cli, config: &Config) -> ExitCode {
    if let Err(error) = run::tls(config) {
        return fail(&error);
    }
    let file = cli.file();
    print(&if file.exists() {
        format!("{}: ok\n", file.display())
    } else {
        format!(
            "{}: not there; every setting has its default\n",
            file.display()
        )
    })
}

fn manual() -> String {
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = clap_mangen::Man::new(Cli::command())
        .section("8")
        .render(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads on: no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: could not write: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fail(error: &Error) -> ExitCode {
    eprintln!("error: {}", error.chain());
    if let Some(hint) = error.hint() {
        eprintln!("hint: {hint}");
    }
    ExitCode::FAILURE
}
