//! The verdict on a state folder after an operation whose input or output failed.

use vss_model::ResultCode;

use crate::judge::{self, Depth};
use crate::scenario::Scenario;
use crate::service::{Command, Service};
use crate::shim::{Class, Fault, Lasts, Mode, Run};
use crate::tables::{self, Reading};
use crate::tree::{Leaf, Tree};
use crate::view::View;
use crate::{Failure, Outcome, fail};

/// All identities, or none.
const REVERT_ALL: u32 = 0x4;

/// What came of the runs with failures.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Runs.
    pub runs: usize,
    /// Runs that reported a failure.
    pub failures: usize,
    /// Disks that were left damaged or behind the others, which the record named.
    pub named: usize,
    damaged: usize,
}

/// Runs the operation once for each call of a class, with that call failing, and judges.
///
/// # Errors
/// The violations, or some of them.
pub fn everywhere(scenario: &Scenario, class: Class, kinds: &[(i32, Lasts)]) -> Outcome<Tally> {
    let mut tally = Tally::default();
    let mut violations = Vec::new();
    for (errno, lasts) in kinds {
        let (mut call, mut quiet) = (0, 0);
        // The number of calls is not known beforehand: the run goes other ways after a failure.
        // Calls that did not matter are few, so many runs without a failure mean the end.
        while quiet < 12 {
            call += 1;
            let fault = Fault {
                call,
                errno: *errno,
                lasts: *lasts,
                class,
            };
            scenario.reset()?;
            let run = scenario.run(&Mode::Fail(fault))?;
            tally.runs += 1;
            if run.reported_success() {
                quiet += 1;
            } else {
                quiet = 0;
                tally.failures += 1;
            }
            let sampled = call.is_multiple_of(5);
            let depth = Depth {
                twice: sampled,
                further: sampled,
            };
            let judged = match class {
                Class::Images => on_images(scenario, &run, depth, &mut tally),
                Class::Catalogues => on_catalogues(scenario, &run, depth),
            };
            let judged = judged.and_then(|()| {
                let named = std::mem::take(&mut tally.damaged);
                tally.named += named;
                if named > 0 && *lasts != Lasts::Forever {
                    return fail("a disk stayed damaged, though it could be written again");
                }
                Ok(())
            });
            if let Err(failure) = judged {
                violations.push(format!("{fault:?}: {failure}\n    it printed {}", run.line));
            }
        }
    }
    match violations.as_slice() {
        [] => Ok(tally),
        some => fail(format!(
            "{} of {} runs are violations, such as:\n{}",
            some.len(),
            tally.runs,
            some.get(..some.len().min(4)).unwrap_or_default().join("\n")
        )),
    }
}

fn code(run: &Run) -> ResultCode {
    let code = run.line.get("code").and_then(serde_json::Value::as_u64);
    ResultCode(code.and_then(|code| u32::try_from(code).ok()).unwrap_or(0))
}

/// A failure is told with a code and in words.
fn is_clear(run: &Run) -> Outcome {
    let words = run.line.get("error").and_then(serde_json::Value::as_str);
    if !run.reported_success() && words.is_none_or(str::is_empty) {
        return fail("the failure is not told");
    }
    Ok(())
}

/// A catalogue that cannot be written: whatever is reported, the next start finds one side, whole.
fn on_catalogues(scenario: &Scenario, run: &Run, depth: Depth) -> Outcome {
    is_clear(run)?;
    judge::before_recovery(scenario, &Tree::scan(scenario.state())?.0)?;
    if matches!(scenario.command, Command::Delete(_)) && run.reported_success() {
        return reclaimed(scenario);
    }
    judge::recover(scenario, run.reported_success(), false, depth).map(drop)
}

/// A deletion that came to a good end may leave LUNs that the array did not take back; its record
/// names them.
fn reclaimed(scenario: &Scenario) -> Outcome {
    drop(Service::open(scenario.state())?);
    let view = View::read(scenario.state())?;
    if let Some(first) = view.violations().first() {
        return fail(first);
    }
    let record = view
        .history
        .last()
        .ok_or_else(|| Failure("no record is left".to_owned()))?;
    let mut expected = scenario.after.world.clone();
    let before = &scenario.before.world;
    for disk in record
        .disks
        .iter()
        .filter(|disk| disk.outcome.starts_with("not reclaimed"))
    {
        let name = &disk.lun;
        // Whether it was half taken back when the array failed, the next start decides.
        let Some(lun) = view.world.luns.get(name) else {
            continue;
        };
        expected.luns.insert(name.clone(), lun.clone());
        expected.images.extend(
            before
                .images
                .get(name)
                .map(|image| (name.clone(), image.clone())),
        );
        expected.links.extend(
            before
                .links
                .get(name)
                .map(|link| (name.clone(), link.clone())),
        );
    }
    match view.world.difference(&expected) {
        Some(how) => fail(format!("after the deletion: {how}")),
        None => Ok(()),
    }
}

/// Images that cannot be written.
fn on_images(scenario: &Scenario, run: &Run, depth: Depth, tally: &mut Tally) -> Outcome {
    is_clear(run)?;
    if matches!(scenario.command, Command::Delete(_)) {
        return reclaimed(scenario);
    }
    if scenario.command == Command::Create || run.reported_success() {
        judge::before_recovery(scenario, &Tree::scan(scenario.state())?.0)?;
        return judge::recover(scenario, run.reported_success(), false, depth).map(drop);
    }
    // A break that failed past its point of no return is over: no start finishes it.
    let left = Tree::scan(scenario.state())?.0;
    judge::before_recovery(scenario, &left)?;
    drop(Service::open(scenario.state())?);
    let view = View::read(scenario.state())?;
    if left.leaves().iter().any(|(path, leaf)| {
        matches!(leaf, Leaf::File(contents, _) if path.extension().is_some_and(|end| end == "img")
            && view.world.images.get(&path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
                .is_none_or(|image| image.contents != *contents))
    }) {
        return fail("the start after it changed an image");
    }
    let record = view
        .history
        .last()
        .ok_or_else(|| Failure("no record is left".to_owned()))?;
    if view.history.len() != scenario.before.history.len() + 1 || record.code != code(run) {
        return fail(format!(
            "{} is reported, but {} on record",
            code(run),
            record.code
        ));
    }
    if view.unfinished > 0 || !view.strays.is_empty() {
        return fail("something is left over");
    }
    if let Command::Break(set, _) = &scenario.command
        && view.world.sets.contains_key(set)
    {
        return match view.world.difference(&scenario.before.world) {
            Some(how) => fail(format!("the set stays, but not as it was: {how}")),
            None => Ok(()),
        };
    }
    if matches!(scenario.command, Command::Break(..)) && code(run) != ResultCode::VSS_E_UNEXPECTED {
        return fail(format!("the set is forgotten with {}", code(run)));
    }
    let mut sides = Vec::new();
    for (name, image) in &view.world.images {
        let sector = view.world.luns.get(name).map_or(512, |lun| lun.sector_size);
        let of = |view: &View| {
            let image = view.world.images.get(name);
            let image = image.ok_or_else(|| Failure(format!("{name} came out of nothing")))?;
            tables::read(&image.contents, sector).all_valid()
        };
        let (before, after) = (of(&scenario.before)?, of(&scenario.after)?);
        let same = |a: &Reading, b: &Reading| {
            let ids = |reading: &Reading| -> Vec<String> {
                reading
                    .partitions
                    .iter()
                    .map(|(id, _)| id.clone())
                    .collect()
            };
            a.disk == b.disk && ids(a) == ids(b)
        };
        match tables::read(&image.contents, sector).all_valid() {
            Ok(now) => {
                let (is_before, is_after) = (same(&now, &before), same(&now, &after));
                if !is_before && !is_after {
                    return fail(format!("the identity of {name} is a mixture"));
                }
                if is_before != is_after {
                    sides.push((name.clone(), is_after));
                }
            }
            // Its repair failed too. Then it must be named.
            Err(damage) => {
                let told = format!("{:?}{:?}", record.error, record.events);
                if !told.contains(name.as_str()) {
                    return fail(format!("{name} is damaged ({damage}) and nobody says so"));
                }
                tally.damaged += 1;
            }
        }
    }
    let all = match scenario.command {
        Command::Break(_, flags) => flags & REVERT_ALL != 0,
        _ => true,
    };
    let mixed = sides.iter().any(|(_, after)| *after) && sides.iter().any(|(_, after)| !*after);
    if all && mixed {
        let told = format!("{:?}{:?}", record.error, record.events);
        // A disk that does not take its old identity back stands alone, and must be named.
        let unnamed = |after: bool| {
            sides
                .iter()
                .any(|(name, side)| *side == after && !told.contains(name.as_str()))
        };
        if unnamed(true) && unnamed(false) {
            return fail(format!("identities of both sides: {sides:?}"));
        }
        tally.damaged += 1;
    }
    Ok(())
}
