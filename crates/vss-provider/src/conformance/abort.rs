//! Checks of giving up.

use crate::codes::Method;
use crate::conformance::rig::{Step, done, ensure, pattern};
use crate::conformance::{Harness, Rig, Verdict};
use crate::provider::CreateSnapshotSet;

macro_rules! abort_after {
    ($($name:ident => $step:ident,)*) => {
        $(pub(super) fn $name<H: Harness>(rig: &mut Rig<H>) -> Verdict {
            abort_after_step(rig, Step::$step)
        })*
    };
}

abort_after! {
    abort_after_begin_prepare => Begin,
    abort_after_end_prepare => EndPrepare,
    abort_after_pre_commit => PreCommit,
    abort_after_commit => Commit,
    abort_after_post_commit => PostCommit,
    abort_after_get_target_luns => GetTargets,
    abort_after_locate => Locate,
    abort_after_pre_final_commit => PreFinal,
}

fn abort_after_step<H: Harness>(rig: &mut Rig<H>, last: Step) -> Verdict {
    let names = ["one", "two"];
    rig.originals(&names)?;
    let (stored, presented) = (rig.stored()?, rig.presented()?);
    let mut creation = rig.creation(&names)?;
    rig.advance(&mut creation, None, last)?;
    done(
        Method::AbortSnapshots,
        rig.provider()?.abort_snapshots(creation.set),
    )?;
    for target in &creation.targets {
        ensure!(!rig.exists(target)?, "a copy is still in the array");
    }
    let now = rig.stored()?;
    ensure!(
        now == stored,
        "the array holds {now} LUNs, it held {stored} before"
    );
    ensure!(
        rig.presented()? == presented,
        "the host sees other LUNs than before"
    );
    rig.originals_are_whole(&names)?;
    // The way is free for the next set.
    let next = rig.finished_again(&names)?;
    ensure!(
        rig.content(&next.targets[0])? == pattern(1),
        "the next set has other bytes"
    );
    Ok(())
}

pub(super) fn abort_is_repeatable<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    rig.originals(&["one"])?;
    let unknown = rig.new_set();
    done(
        Method::AbortSnapshots,
        rig.provider()?.abort_snapshots(unknown),
    )?;
    let mut creation = rig.creation(&["one"])?;
    rig.advance(&mut creation, None, Step::Commit)?;
    // The first one counts in the checks of each phase.
    let _ = rig.provider()?.abort_snapshots(creation.set);
    for _ in 0..2 {
        done(
            Method::AbortSnapshots,
            rig.provider()?.abort_snapshots(creation.set),
        )?;
    }
    rig.restart()?;
    done(
        Method::AbortSnapshots,
        rig.provider()?.abort_snapshots(creation.set),
    )
}

pub(super) fn abort_leaves_other_sets_alone<H: Harness>(rig: &mut Rig<H>) -> Verdict {
    let finished = rig.finished(&["one"])?;
    let mut given_up = rig.creation(&["one"])?;
    rig.advance(&mut given_up, None, Step::Commit)?;
    done(
        Method::AbortSnapshots,
        rig.provider()?.abort_snapshots(given_up.set),
    )?;
    let unknown = rig.new_set();
    // Whether an unknown set is fine is a check of its own.
    let _ = rig.provider()?.abort_snapshots(unknown);
    let copy = &finished.targets[0];
    ensure!(rig.exists(copy)?, "the copy of a finished set is gone");
    ensure!(
        rig.content(copy)? == pattern(1),
        "the copy of a finished set was changed"
    );
    Ok(())
}
