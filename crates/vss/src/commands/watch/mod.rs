//! `vss watch`: operations while they run.

mod screen;
mod source;

use std::sync::mpsc::RecvTimeoutError;

use clap::Args;
use vss_model::{Error, ErrorKind, OperationId, ResultCode};
use vss_service::{OperationState, VssAsync};

use self::screen::Screen;
use self::source::Changes;
use crate::app::App;
use crate::commands::wait::never_began;
use crate::failure::{Failure, beginning};
use crate::ids::{self, IdArg};
use crate::place::Place;
use crate::work::{self, Interrupt, TICK};

/// Show running operations live
///
/// With OPERATION it ends with the operation: the exit code is 0 when that has finished, 1 when it
/// failed or was cancelled. Without, it shows all that run: those of a daemon until Ctrl-C, else until
/// nothing runs any more. The operations go on when this ends.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Id of an operation; a unique prefix is enough
    #[arg(value_name = "OPERATION")]
    operation: Option<IdArg>,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &WatchArgs) -> Result<(), Failure> {
    match (&args.operation, &app.place) {
        (Some(argument), _) => one(app, argument),
        (None, Place::Daemon(_)) => all_of_daemon(app),
        (None, Place::Embedded(_)) => all_embedded(app),
    }
}

fn one(app: &App, argument: &IdArg) -> Result<(), Failure> {
    let queries = app.queries()?;
    let id = ids::operation(&*queries, argument)?;
    let operation = queries.operation(id).map_err(never_began)?;
    let lost = beginning(id);
    let interrupt = Interrupt::watch()?;
    let mut screen = Screen::new(app.json);
    let mut state = operation.state().map_err(&lost)?;
    screen.show(&state)?;
    while !state.is_settled() {
        if interrupt.take() {
            screen.close();
            screen.say(&format!("operation {id} goes on"))?;
            return Err(Failure::Told);
        }
        state = work::next(&*operation, state.version, TICK).map_err(&lost)?;
        screen.show(&state)?;
    }
    if state.cut_off && state.is_pending() {
        state = after_cut(app, id)?;
        screen.show(&state)?;
    }
    screen.close();
    match state.code {
        ResultCode::VSS_S_ASYNC_FINISHED => Ok(()),
        _ => Err(Failure::Told),
    }
}

/// Looks anew at an operation whose process is gone: that ends what it left.
fn after_cut(app: &App, id: OperationId) -> Result<OperationState, Failure> {
    Ok(app.queries()?.operation(id)?.state()?)
}

/// Shows what a daemon does, until Ctrl-C.
fn all_of_daemon(app: &App) -> Result<(), Failure> {
    let interrupt = Interrupt::watch()?;
    let mut screen = Screen::new(app.json);
    if app.queries()?.operations()?.is_empty() {
        screen.say("nothing is running")?;
    }
    let changes = Changes::of_daemon(app)?;
    while !interrupt.take() {
        match changes.next(TICK) {
            Ok(state) => screen.show(&state?)?,
            Err(RecvTimeoutError::Timeout) => screen.poll()?,
            Err(RecvTimeoutError::Disconnected) => {
                screen.close();
                return Err(Error::new(ErrorKind::Unexpected, "the daemon has stopped")
                    .with_hint(
                        "systemctl status vssd says why; what it was at is ended by its next start",
                    )
                    .into());
            }
        }
    }
    screen.close();
    Ok(())
}

/// Shows what other processes do on the state folder, until nothing is left.
fn all_embedded(app: &App) -> Result<(), Failure> {
    let interrupt = Interrupt::watch()?;
    let queries = app.queries()?;
    let mut screen = Screen::new(app.json);
    let mut followed: Vec<Box<dyn VssAsync>> = Vec::new();
    if queries.operations()?.is_empty() {
        screen.say("nothing is running")?;
    }
    loop {
        for state in queries.operations()? {
            if !followed
                .iter()
                .any(|one| one.operation() == state.operation)
            {
                followed.push(queries.operation(state.operation)?);
            }
        }
        let mut going = Vec::new();
        for operation in followed {
            let state = operation.state()?;
            let over = state.is_settled();
            if over && state.is_pending() {
                screen.show(&after_cut(app, state.operation)?)?;
            } else {
                screen.show(&state)?;
            }
            if !over {
                going.push(operation);
            }
        }
        followed = going;
        let Some(first) = followed.first() else { break };
        if interrupt.take() {
            break;
        }
        // The first to end is looked at soon, and all of them every tick.
        first.wait(Some(TICK))?;
    }
    screen.close();
    Ok(())
}
