//! How far an operation is, in words and as a bar.

use indicatif::{ProgressBar, ProgressStyle};
use vss_model::ResultCode;
use vss_service::{CopyProgress, DiskProgress, DiskStage, OperationKind, OperationState};

use crate::output::short;
use crate::size;

/// Parts of a bar, so that disks and bytes can share it.
pub(crate) const PARTS: u64 = 1000;

/// The word for an operation of a kind.
pub(crate) const fn word(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "creation",
        OperationKind::Break => "break",
        OperationKind::Delete => "deletion",
        OperationKind::Undo => "undo",
    }
}

/// The operation in a few words: kind, set, id.
pub(crate) fn name(state: &OperationState) -> String {
    let of = if state.set.is_null() {
        String::new()
    } else {
        format!(" of set {}", short(state.set.as_uuid()))
    };
    format!(
        "{} {}{of}",
        short(state.operation.as_uuid()),
        word(state.kind)
    )
}

/// How it stands, in words.
pub(crate) fn standing(state: &OperationState) -> String {
    match state.code {
        ResultCode::VSS_S_ASYNC_FINISHED => return "finished".to_owned(),
        ResultCode::VSS_S_ASYNC_CANCELLED => return "cancelled".to_owned(),
        ResultCode::VSS_S_ASYNC_PENDING => {}
        code => {
            let why = state
                .error
                .as_ref()
                .map_or_else(String::new, |error| format!(": {}", error.chain()));
            return format!("failed with {}{why}", code.name_or_hex());
        }
    }
    if state.cut_off {
        return state.error.as_ref().map_or_else(
            || "cut off; the next start ends it".to_owned(),
            |error| error.chain(),
        );
    }
    let mut text = message(state);
    if state.cancel_requested {
        text.push_str(if state.past_no_return {
            "; too late to cancel"
        } else {
            "; to be cancelled"
        });
    }
    text
}

/// A line for an operation that is not over, in listings.
pub(crate) fn unfinished_line(state: &OperationState) -> String {
    let standing = if state.cut_off { "cut off" } else { "in work" };
    let of = if state.set.is_null() {
        String::new()
    } else {
        format!(" of set {}", state.set)
    };
    let why = state
        .error
        .as_ref()
        .map_or_else(String::new, |error| format!(": {}", error.chain()));
    format!(
        "{standing}: {}{of} (operation {}){why}",
        state.kind.name(),
        state.operation
    )
}

/// What is done now, in words.
fn message(state: &OperationState) -> String {
    match &state.copying {
        Some(copy) if !begun(state) => {
            let place = format!("{} ({} of {})", copy.lun, copy.index, copy.count.max(1));
            if copy.done_bytes < copy.total_bytes {
                format!(
                    "{place}: {} of {}",
                    size::show(copy.done_bytes),
                    size::show(copy.total_bytes)
                )
            } else {
                format!("{place}: making it durable")
            }
        }
        _ if state.disks.is_empty() => "in work".to_owned(),
        _ => format!("{} of {} disks", ended(state), state.disks.len()),
    }
}

/// How many of [`PARTS`] are done.
pub(crate) fn position(state: &OperationState) -> u64 {
    match &state.copying {
        Some(copy) if !begun(state) => {
            let count = copy.count.max(1);
            let before = part(copy.index.saturating_sub(1), count);
            before.saturating_add(part(copy.done_bytes, copy.total_bytes) / count)
        }
        _ => part(ended(state) as u64, state.disks.len() as u64),
    }
}

/// True while bytes are what the words tell of.
pub(crate) fn is_copying(state: &OperationState) -> bool {
    let more = |copy: &CopyProgress| copy.done_bytes < copy.total_bytes;
    state.is_pending() && state.copying.as_ref().is_some_and(more) && !begun(state)
}

fn begun(state: &OperationState) -> bool {
    state
        .disks
        .iter()
        .any(|disk| disk.stage != DiskStage::Waiting)
}

fn ended(state: &OperationState) -> usize {
    let ended = |disk: &&DiskProgress| matches!(disk.stage, DiskStage::Done | DiskStage::Failed);
    state.disks.iter().filter(ended).count()
}

/// How many of [`PARTS`] `done` of `all` are.
fn part(done: u64, all: u64) -> u64 {
    let scaled = u128::from(done) * u128::from(PARTS) / u128::from(all.max(1));
    u64::try_from(scaled).unwrap_or(PARTS).min(PARTS)
}

/// Gives a bar its looks and the name of its operation.
pub(crate) fn styled(bar: ProgressBar, name: &str) -> ProgressBar {
    if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:30}] {percent:>3}%  {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(name.to_owned());
    bar
}

/// Shows on a bar how far its operation is.
pub(crate) fn draw(bar: &ProgressBar, state: &OperationState) {
    bar.set_position(position(state));
    bar.set_message(crate::output::plain(&standing(state)));
}

#[cfg(test)]
mod tests {
    use vss_model::{OperationId, ResultCode, SetId, Timestamp};
    use vss_service::{CopyProgress, DiskProgress, DiskStage, OperationKind, OperationState};

    use super::{position, standing};

    #[test]
    fn copying_then_disks_then_the_outcome() {
        let disk = |stage| DiskProgress {
            lun: "d".into(),
            stage,
        };
        let mut state = OperationState {
            operation: OperationId::NULL,
            kind: OperationKind::Create,
            set: SetId::NULL,
            started: Timestamp(0),
            version: 1,
            code: ResultCode::VSS_S_ASYNC_PENDING,
            cancel_requested: false,
            past_no_return: false,
            cut_off: false,
            disks: Vec::new(),
            copying: None,
            error: None,
            report: None,
        };
        assert_eq!(
            (standing(&state).as_str(), position(&state)),
            ("in work", 0)
        );
        state.disks = vec![disk(DiskStage::Waiting), disk(DiskStage::Waiting)];
        state.copying = Some(CopyProgress {
            lun: "db".into(),
            index: 2,
            count: 2,
            done_bytes: 1 << 30,
            total_bytes: 2 << 30,
        });
        assert_eq!(standing(&state), "db (2 of 2): 1.0 GiB of 2.0 GiB");
        assert_eq!(position(&state), 750);
        state.disks[0] = disk(DiskStage::Failed);
        state.cancel_requested = true;
        assert_eq!(standing(&state), "1 of 2 disks; to be cancelled");
        state.past_no_return = true;
        assert_eq!(standing(&state), "1 of 2 disks; too late to cancel");
        assert_eq!(position(&state), 500);
        state.code = ResultCode::VSS_E_BAD_STATE;
        assert_eq!(standing(&state), "failed with VSS_E_BAD_STATE");
    }
}
