//! The grammar of the command line.

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::app::App;
use crate::commands::{
    break_set, cancel, completions, create, delete, demo, history, identity, list, lun, man,
    reference, show, status, undo, wait, watch,
};
use crate::failure::Failure;
use crate::place::PlaceArgs;

/// Takes shadow copies of disks and breaks them into ordinary disks.
///
/// A shadow copy set holds copies of several volumes, all of one instant. Breaking the set makes
/// ordinary disks of its copies: read-only or read-write, with an identity of their own beside the
/// originals, or with the originals' identity in their place.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(
    name = "vss",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Where the service is.
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Print one JSON object instead of text, vss watch one on each line; errors are one JSON object
    /// on stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    /// Manage the LUNs of the embedded array
    #[command(subcommand)]
    Lun(lun::LunCommand),
    Create(create::CreateArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Break(break_set::BreakArgs),
    Delete(delete::DeleteArgs),
    /// Look at who disks are
    #[command(subcommand)]
    Identity(identity::IdentityCommand),
    Undo(undo::UndoArgs),
    History(history::HistoryArgs),
    Status(status::StatusArgs),
    Watch(watch::WatchArgs),
    Wait(wait::WaitArgs),
    Cancel(cancel::CancelArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    #[command(hide = true)]
    Reference(reference::ReferenceArgs),
}

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// Wrong usage, or a question for help.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let cli = Self::try_parse()?;
        // The grammar cannot say this of options that may stand on either side of the command.
        if cli.place.connect.is_some() && cli.place.state.is_some() {
            return Err(Self::command().error(
                ErrorKind::ArgumentConflict,
                "the argument '--connect <WHERE>' cannot be used with '--state <DIR>'",
            ));
        }
        Ok(cli)
    }
}

/// Runs a command.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    // These need no state, so that they work where there is no place for one.
    match &cli.command {
        Command::Identity(command) => return identity::run(cli.json, command),
        Command::Completions(args) => return completions::run(args),
        Command::Man(args) => return man::run(args),
        Command::Reference(_) => return reference::run(),
        Command::Demo(args) => return demo::run(cli.json, args),
        _ => {}
    }
    let app = App::new(&cli.place, cli.json)?;
    match &cli.command {
        Command::Lun(command) => lun::run(&app, command),
        Command::Create(args) => create::run(&app, args),
        Command::List(_) => list::run(&app),
        Command::Show(args) => show::run(&app, args),
        Command::Break(args) => break_set::run(&app, args),
        Command::Delete(args) => delete::run(&app, args),
        Command::Undo(args) => undo::run(&app, args),
        Command::History(args) => history::run(&app, args),
        Command::Status(_) => status::run(&app),
        Command::Watch(args) => watch::run(&app, args),
        Command::Wait(args) => wait::run(&app, args),
        Command::Cancel(args) => cancel::run(&app, args),
        Command::Identity(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Reference(_)
        | Command::Demo(_) => Ok(()),
    }
}

/// Whether the arguments ask for JSON, also where they make no sense otherwise.
pub(crate) fn wants_json(arguments: impl Iterator<Item = OsString>) -> bool {
    arguments
        .take_while(|argument| argument != OsStr::new("--"))
        .any(|argument| argument == OsStr::new("--json"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }
}
