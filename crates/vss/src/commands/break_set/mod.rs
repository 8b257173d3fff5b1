//! `vss break`: the copies of a set become ordinary disks.

mod background;
mod dry_run;
mod outcome;

use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde::Serialize;
use uuid::Uuid;
use vss_model::{Error, ErrorKind, HardwareOptions, OperationId, ResultCode, SetId};
use vss_service::{AuditRecord, Object, Queries, Service, VssAsync};

pub(crate) use dry_run::{PlanJson, plan_text};
pub(crate) use outcome::{BreakJson, broken_text};

use crate::app::App;
use crate::failure::{Failure, beginning};
use crate::ids::{self, Found, IdArg};
use crate::output::{Paint, ResultJson, print_json, print_text};
use crate::place::Place;
use crate::work;

/// Break a set: its copies become ordinary disks
///
/// Without options they stay read-only, and each gets its original's identity back if nothing
/// visible bears it.
#[derive(Debug, Args)]
pub(crate) struct BreakArgs {
    /// Id of the set; a unique prefix is enough
    #[arg(value_name = "SET")]
    set: IdArg,
    /// Withdraw the disks from this host (0x1)
    #[arg(long)]
    mask: bool,
    /// Make the disks writable (0x2)
    #[arg(long)]
    read_write: bool,
    /// Whether the disks get their originals' identity back: each where it is free (auto), all or
    /// the break fails (all, 0x4), or none (none, 0x8)
    #[arg(long, value_enum, value_name = "WHICH", default_value = "auto")]
    revert_identity: Revert,
    /// The break flags as a number, passed on as they are
    #[arg(long, value_name = "FLAGS", value_parser = raw_flags,
          conflicts_with_all = ["mask", "read_write", "revert_identity"])]
    flags: Option<u32>,
    /// Show what would be done, byte for byte, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for the end: vss watch, vss wait and vss cancel take the operation's id
    #[arg(long, conflicts_with = "dry_run")]
    no_wait: bool,
    /// What `--no-wait` starts where there is no daemon: the break as this operation.
    #[arg(long, hide = true, value_name = "OPERATION", conflicts_with_all = ["dry_run", "no_wait"])]
    background: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Revert {
    /// Each disk for which it is free
    Auto,
    /// All disks, or the break fails
    All,
    /// No disk
    None,
}

#[derive(Debug, Serialize)]
struct PendingJson {
    set_id: SetId,
    operation: OperationId,
    result: ResultJson,
}

/// Reads flags: `0x` and hexadecimal digits, or decimal.
fn raw_flags(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16)
        }
        Some(_) => return Err("not a hexadecimal number".to_owned()),
        None => text.parse(),
    };
    parsed.map_err(|_| "flags are a number of 32 bits, as 0x6".to_owned())
}

impl BreakArgs {
    /// The flags as they go to the service, which judges them.
    fn bits(&self) -> u32 {
        let flags = self.flags.map(HardwareOptions::from_bits_retain);
        let flags = flags.unwrap_or_else(|| {
            let mut flags = match self.revert_identity {
                Revert::Auto => HardwareOptions::empty(),
                Revert::All => HardwareOptions::BREAKEX_REVERT_IDENTITY_ALL,
                Revert::None => HardwareOptions::BREAKEX_REVERT_IDENTITY_NONE,
            };
            flags.set(HardwareOptions::BREAKEX_MASK_LUNS, self.mask);
            flags.set(HardwareOptions::BREAKEX_MAKE_READ_WRITE, self.read_write);
            flags
        });
        flags.bits()
    }
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &BreakArgs) -> Result<(), Failure> {
    let flags = args.bits();
    if let Some(operation) = args.background {
        return background::child(app, &args.set, flags, OperationId::from_uuid(operation));
    }
    if args.no_wait {
        return match &app.place {
            Place::Embedded(paths) => background::parent(app, paths, &args.set, flags),
            Place::Daemon(_) => begin_only(app, &args.set, flags),
        };
    }
    let service = app.service()?;
    let service = &*service;
    let set = find_set(service, &args.set)?;
    let paint = Paint::stdout();
    if args.dry_run {
        let plan = service.plan_break(set, flags)?;
        return if app.json {
            print_json(&PlanJson::from(&plan))
        } else {
            print_text(&plan_text(&plan, paint))
        };
    }
    let report = break_set(app, service, set, flags)?;
    if app.json {
        print_json(&BreakJson::from(&*report))
    } else {
        print_text(&broken_text(&report, paint))
    }
}

/// The set that an argument names.
fn find_set(queries: &dyn Queries, argument: &IdArg) -> Result<SetId, Error> {
    match ids::set_or_copy(queries, argument)? {
        Found::Known(Object::Copy(copy, set)) => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("{copy} is a single copy; only its whole set can be broken"),
        )
        .with_hint(format!("break the set: vss break {set}"))),
        // One that is not in the catalogue, too: the service says so itself.
        found => Ok(SetId::from_uuid(found.id())),
    }
}

/// Starts a break under an id.
fn start(
    service: &dyn Service,
    set: SetId,
    flags: u32,
    operation: OperationId,
) -> Result<Box<dyn VssAsync>, Error> {
    let session = service.administration()?;
    let mut running = None;
    session
        .break_snapshot_set_ex(set, flags, Some(operation), Some(&mut running))
        .map_err(beginning(operation))?;
    running.ok_or_else(|| Error::new(ErrorKind::Unexpected, "the break started without a handle"))
}

/// Breaks a set and waits until that is done.
pub(crate) fn break_set(
    app: &App,
    service: &dyn Service,
    set: SetId,
    flags: u32,
) -> Result<Arc<AuditRecord>, Failure> {
    let operation = OperationId::from_uuid(Uuid::new_v4());
    let running = start(service, set, flags, operation)?;
    work::wait(app, &*running, "break")
}

/// Has the daemon break a set, and leaves it to it.
fn begin_only(app: &App, set: &IdArg, flags: u32) -> Result<(), Failure> {
    let service = app.service()?;
    let set = find_set(&*service, set)?;
    let operation = OperationId::from_uuid(Uuid::new_v4());
    start(&*service, set, flags, operation)?;
    begun(app, set, operation)
}

/// Says that a break has begun and goes on alone.
fn begun(app: &App, set: SetId, operation: OperationId) -> Result<(), Failure> {
    if app.json {
        return print_json(&PendingJson {
            set_id: set,
            operation,
            result: ResultCode::VSS_S_ASYNC_PENDING.into(),
        });
    }
    print_text(&format!(
        "the break of set {set} {} as operation {operation}\n\
         how far it is: vss watch {operation}\n\
         how it went: vss wait {operation}\n\
         to give it up: vss cancel {operation}\n",
        Paint::stdout().yellow("goes on in the background")
    ))
}

#[cfg(test)]
mod tests {
    use super::raw_flags;

    #[test]
    fn flags_are_numbers_of_any_value() {
        assert_eq!(raw_flags("0x6"), Ok(6));
        assert_eq!(raw_flags("0XFFFFFFFF"), Ok(u32::MAX));
        assert_eq!(raw_flags("10"), Ok(10));
        for bad in ["", "0x", "0x1_0", "0x-1", "0x+1", "six", "0x100000000"] {
            assert!(raw_flags(bad).is_err(), "{bad}");
        }
    }
}
