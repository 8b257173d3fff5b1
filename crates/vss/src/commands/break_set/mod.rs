//! `vss break`: the copies of a set become ordinary disks.

mod background;
mod dry_run;
mod outcome;

use clap::{Args, ValueEnum};
use vss_coordinator::{AuditRecord, CatalogueReader, Job};
use vss_model::{BreakFlags, Error, ErrorKind, HardwareOptions, SetId};

pub(crate) use dry_run::{PlanJson, plan_text};
pub(crate) use outcome::{BreakJson, broken_text};

use std::sync::Arc;

use crate::app::App;
use crate::embedded::Service;
use crate::failure::Failure;
use crate::ids::{IdArg, Index, Object};
use crate::output::{Paint, print_json, print_text};
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
    /// Do not wait for the end: vss show OPERATION tells it later
    #[arg(long, conflicts_with = "dry_run")]
    no_wait: bool,
    /// What `--no-wait` starts.
    #[arg(long, hide = true, conflicts_with_all = ["dry_run", "no_wait"])]
    background: bool,
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
    if args.background {
        return background::child(app, &args.set, flags);
    }
    if args.no_wait {
        return background::parent(app, &args.set, flags);
    }
    let service = Service::open(app)?;
    let set = find_set(app, &args.set)?;
    let paint = Paint::stdout();
    if args.dry_run {
        let plan = plan(&service, set, flags)?;
        return if app.json {
            print_json(&PlanJson::from(&plan))
        } else {
            print_text(&plan_text(&plan, paint))
        };
    }
    let report = break_set(app, &service, set, flags)?;
    if app.json {
        print_json(&BreakJson::from(&*report))
    } else {
        print_text(&broken_text(&report, paint))
    }
}

/// The set that an argument names.
fn find_set(app: &App, argument: &IdArg) -> Result<SetId, Failure> {
    let reader = CatalogueReader::open(&app.paths.catalogue())?;
    match Index::of_copies(&reader)?.find(argument)? {
        Object::Set(set) => Ok(set),
        Object::Copy(copy, set) => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("{copy} is a single copy; only its whole set can be broken"),
        )
        .with_hint(format!("break the set: vss break {set}"))
        .into()),
        // Not in the catalogue: the service says so itself.
        other => Ok(SetId::from_uuid(other.id())),
    }
}

/// What a break would do.
pub(crate) fn plan(
    service: &Service,
    set: SetId,
    flags: u32,
) -> Result<vss_coordinator::BreakPlan, Failure> {
    service.administration()?;
    let flags = BreakFlags::from_bits(flags).map_err(|error| {
        Error::new(ErrorKind::InvalidArgument, "the break flags are not valid")
            .with_hint("legal are 0x0, 0x1, 0x2, 0x4, 0x6, 0x8 and 0xA")
            .with_source(error)
    })?;
    Ok(service.coordinator.plan_break(set, flags)?)
}

/// Starts a break.
fn start(service: &Service, set: SetId, flags: u32) -> Result<Job<AuditRecord>, Error> {
    let session = service.administration()?;
    let mut job = None;
    session.break_snapshot_set_ex(set, flags, Some(&mut job))?;
    job.ok_or_else(|| Error::new(ErrorKind::Unexpected, "the break started without a job"))
}

/// Breaks a set and waits until that is done.
pub(crate) fn break_set(
    app: &App,
    service: &Service,
    set: SetId,
    flags: u32,
) -> Result<Arc<AuditRecord>, Failure> {
    let job = start(service, set, flags)?;
    work::wait(app, &job, "break", None)
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
