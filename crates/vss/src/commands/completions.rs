//! `vss completions`: what a shell needs to complete `vss`.

use clap::{Args, Command, CommandFactory, ValueEnum};
use clap_complete::aot;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::print_text;

/// Print the completion script of a shell
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// Fish
    Fish,
}

/// Runs the command.
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut command = visible(&Cli::command());
    let mut script = Vec::new();
    let shell = match args.shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Zsh => aot::Shell::Zsh,
        Shell::Fish => aot::Shell::Fish,
    };
    aot::generate(shell, &mut command, "vss", &mut script);
    print_text(&String::from_utf8_lossy(&script))
}

/// The grammar without what is hidden, which the generator would offer all the same.
fn visible(command: &Command) -> Command {
    let mut shown = Command::new(command.get_name().to_owned());
    if let Some(about) = command.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(version) = command.get_version() {
        shown = shown.version(version.to_owned());
    }
    for argument in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        shown = shown.arg(argument.clone());
    }
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        shown = shown.subcommand(visible(sub));
    }
    shown
}
