//! `vss list`: the shadow copy sets. Fast, and beside whatever runs.

use std::io::Write;

use clap::Args;
use serde::Serialize;
use vss_model::{ProviderId, SetId, SnapshotId, SnapshotProperties};
use vss_service::{CopySummary, SetRecord, SetSummary};

use crate::app::App;
use crate::failure::Failure;
use crate::output::{Paint, UnfinishedJson, plain, stdout};
use crate::progress::unfinished_line;

/// Width of a column of originals, wider ones push the rest aside.
const ORIGINAL_WIDTH: usize = 16;

/// List the shadow copy sets
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

/// A set as scripts read it.
#[derive(Debug, Serialize)]
pub(crate) struct SetJson<'a> {
    set_id: SetId,
    created: String,
    consistency: String,
    context: String,
    snapshots: Vec<SnapshotJson<'a>>,
}

/// A copy as scripts read it.
#[derive(Debug, Serialize)]
pub(crate) struct SnapshotJson<'a> {
    id: SnapshotId,
    original: &'a str,
    device: &'a str,
    state: &'static str,
    attributes: String,
    provider_id: ProviderId,
}

impl<'a> SetJson<'a> {
    fn new(set: &SetSummary, copies: &'a [CopySummary]) -> Self {
        Self {
            set_id: set.set_id,
            created: set.created.to_string(),
            consistency: set.consistency.to_string(),
            context: format!("{:#010x}", set.context.bits()),
            snapshots: copies.iter().map(SnapshotJson::from).collect(),
        }
    }
}

impl<'a> From<&'a SetRecord> for SetJson<'a> {
    fn from(set: &'a SetRecord) -> Self {
        Self {
            set_id: set.set_id,
            created: set.created.to_string(),
            consistency: set.consistency.to_string(),
            context: format!("{:#010x}", set.context.bits()),
            snapshots: set
                .copies
                .iter()
                .map(|copy| SnapshotJson::from(&copy.properties))
                .collect(),
        }
    }
}

impl<'a> From<&'a SnapshotProperties> for SnapshotJson<'a> {
    fn from(copy: &'a SnapshotProperties) -> Self {
        Self {
            id: copy.snapshot_id,
            original: &copy.original_volume_name,
            device: &copy.snapshot_device_object,
            state: copy.status.name(),
            attributes: format!("{:#010x}", copy.snapshot_attributes.bits()),
            provider_id: copy.provider_id,
        }
    }
}

impl<'a> From<&'a CopySummary> for SnapshotJson<'a> {
    fn from(copy: &'a CopySummary) -> Self {
        Self {
            id: copy.id,
            original: &copy.original,
            device: &copy.device,
            state: copy.status.name(),
            attributes: format!("{:#010x}", copy.attributes.bits()),
            provider_id: copy.provider_id,
        }
    }
}

/// Runs the command.
pub(crate) fn run(app: &App) -> Result<(), Failure> {
    let queries = app.queries()?;
    let unfinished = queries.operations()?;
    // Sets first: a set made between the two looks is left out whole, one that is gone has no copies.
    let sets = queries.sets()?;
    let copies = queries.copies()?;
    let mut groups = grouped(&sets, &copies);
    let mut out = stdout();
    if app.json {
        out.write_all(b"{\"sets\":[")?;
        for (number, (set, copies)) in groups.enumerate() {
            if number > 0 {
                out.write_all(b",")?;
            }
            serde_json::to_writer(&mut out, &SetJson::new(set, copies))?;
        }
        out.write_all(b"],\"unfinished\":")?;
        let unfinished: Vec<UnfinishedJson> = unfinished.iter().map(UnfinishedJson::from).collect();
        serde_json::to_writer(&mut out, &unfinished)?;
        out.write_all(b"}\n")?;
    } else {
        let paint = Paint::stdout();
        let mut any = false;
        groups.try_for_each(|(set, copies)| {
            if std::mem::replace(&mut any, true) {
                out.write_all(b"\n")?;
            }
            write_set(&mut out, set, copies, paint)
        })?;
        for one in &unfinished {
            writeln!(out, "{}", paint.yellow(&unfinished_line(one)))?;
        }
        if !any && unfinished.is_empty() {
            writeln!(out, "no shadow copies")?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Each set with its copies. Both lists come in the order of the sets, so one pass is enough.
fn grouped<'a>(
    sets: &'a [SetSummary],
    copies: &'a [CopySummary],
) -> impl Iterator<Item = (&'a SetSummary, &'a [CopySummary])> {
    let mut rest = copies;
    let mut coming = sets.iter();
    std::iter::from_fn(move || {
        loop {
            let set = coming.next()?;
            // A set that was not there yet when the sets were read is left out.
            while let [first, others @ ..] = rest
                && first.set_id != set.set_id
                && !sets.iter().any(|set| set.set_id == first.set_id)
            {
                rest = others;
            }
            let count = rest
                .iter()
                .take_while(|copy| copy.set_id == set.set_id)
                .count();
            let (own, others) = rest.split_at(count);
            rest = others;
            if !own.is_empty() {
                return Some((set, own));
            }
        }
    })
}

fn write_set(
    out: &mut impl Write,
    set: &SetSummary,
    copies: &[CopySummary],
    paint: Paint,
) -> std::io::Result<()> {
    writeln!(
        out,
        "{}  {}  {}",
        paint.bold(&format!("set {}", set.set_id)),
        set.created,
        set.consistency
    )?;
    for copy in copies {
        writeln!(
            out,
            "  copy {}  {:<ORIGINAL_WIDTH$}  {}",
            copy.id,
            plain(&copy.original),
            plain(&copy.device)
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use vss_model::{
        Context, ProviderId, SetId, SnapshotAttributes, SnapshotId, SnapshotState, Timestamp,
    };
    use vss_service::{Consistency, CopySummary, SetSummary};

    use super::grouped;

    fn set(id: u128) -> SetSummary {
        SetSummary {
            set_id: SetId::from_uuid(Uuid::from_u128(id)),
            context: Context::NAS_ROLLBACK,
            consistency: Consistency::Crash,
            created: Timestamp(0),
            held_micros: 0,
        }
    }

    fn copy(set: u128) -> CopySummary {
        CopySummary {
            id: SnapshotId::from_uuid(Uuid::from_u128(set << 8)),
            set_id: SetId::from_uuid(Uuid::from_u128(set)),
            original: String::new(),
            device: String::new(),
            provider_id: ProviderId::NULL,
            attributes: SnapshotAttributes::empty(),
            status: SnapshotState::Created,
        }
    }

    #[test]
    fn sets_that_come_and_go_meanwhile_are_left_out_whole() {
        // 2 is gone when the copies are read, 9 is new.
        let sets = [set(1), set(2), set(3)];
        let copies = [copy(1), copy(1), copy(9), copy(3)];
        let found: Vec<(u128, usize)> = grouped(&sets, &copies)
            .map(|(set, copies)| (set.set_id.as_uuid().as_u128(), copies.len()))
            .collect();
        assert_eq!(found, [(1, 2), (3, 1)]);
    }
}
