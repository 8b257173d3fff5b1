//! `vss reference`: all commands and options as Markdown, made from the grammar itself.

use std::fmt::Write as _;

use clap::{Arg, Args, Command, CommandFactory};

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::print_text;

/// Print the reference of all commands as Markdown
#[derive(Debug, Args)]
pub(crate) struct ReferenceArgs {}

/// Runs the command.
pub(crate) fn run() -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let mut text = String::from(
        "# Command line reference\n\nWritten by `cargo xtask docs` from the program itself; not to be edited.\n",
    );
    describe(&mut command, &mut text);
    print_text(&text)
}

fn describe(command: &mut Command, text: &mut String) {
    let name = command
        .get_bin_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    // Writing to a string does not fail.
    let _ = write!(text, "\n## `{name}`\n\n");
    if let Some(about) = command.get_long_about().or_else(|| command.get_about()) {
        let _ = write!(text, "{about}\n\n");
    }
    let _ = write!(text, "```text\n{usage}\n```\n");
    let shown =
        |arg: &&Arg| !arg.is_hide_set() && arg.get_id() != "help" && arg.get_id() != "version";
    let arguments: Vec<String> = command
        .get_arguments()
        .filter(shown)
        // The options that all commands have are described once, at the top.
        .filter(|arg| !arg.is_global_set() || name == "vss")
        .map(item)
        .collect();
    if !arguments.is_empty() {
        let _ = write!(text, "\n{}", arguments.concat());
    }
    let commands: Vec<String> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for sub in commands {
        if let Some(sub) = command.find_subcommand_mut(&sub) {
            describe(sub, text);
        }
    }
}

fn item(arg: &Arg) -> String {
    let values: Vec<String> = arg
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(|name| format!("<{name}>"))
        .collect();
    let takes_value = arg.get_action().takes_values();
    let name = match arg.get_long() {
        Some(long) if takes_value => format!("--{long} {}", values.join(" ")),
        Some(long) => format!("--{long}"),
        None => values.join(" "),
    };
    let help = arg
        .get_long_help()
        .or_else(|| arg.get_help())
        .map(ToString::to_string)
        .unwrap_or_default()
        .replace('\n', " ");
    let mut line = format!("- `{name}`: {help}");
    let default: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    if takes_value && !default.is_empty() {
        let _ = write!(line, " (default: {})", default.join(" "));
    }
    let possible: Vec<String> = if takes_value {
        arg.get_possible_values()
            .iter()
            .map(|value| format!("`{}`", value.get_name()))
            .collect()
    } else {
        Vec::new()
    };
    if !possible.is_empty() {
        let _ = write!(line, " ({})", possible.join(", "));
    }
    line.push('\n');
    line
}
