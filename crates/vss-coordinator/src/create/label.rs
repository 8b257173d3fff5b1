//! What a set may be called, from what was seen at its instant. Pure.

use vss_service::Consistency;

/// What became of the file systems on a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mounted {
    /// None is mounted here; what is on the volume is as its last user left it.
    Nowhere,
    /// Every one was frozen, or is mounted read-only, from before the copies until after them.
    Frozen,
    /// One could not be frozen; says which and why.
    NotFrozen(String),
}

/// How the writes of one LUN stood while the copies were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// Nobody could write.
    Yes,
    /// Nobody was kept from writing, and nobody wrote.
    Untouched,
    /// Somebody wrote, or may have; says how that is known.
    No(String),
}

/// One LUN, or one volume of a software provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) held: Held,
}

/// One volume of the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VolumeSeen {
    pub(super) name: String,
    pub(super) mounted: Mounted,
}

/// The verdict, and what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) consistency: Consistency,
    /// For people: why it is no better.
    pub(super) notes: Vec<String>,
}

/// Names a set by the weakest thing that was seen.
///
/// Torn: somebody may have written to one LUN between the copies of two, or in the middle of a copy.
/// Crash: one instant, but a volume whose file systems, if any, were not brought to rest. File-system:
/// one instant, and each volume carries file systems at rest.
pub(super) fn label(sources: &[Source], volumes: &[VolumeSeen]) -> Label {
    let torn: Vec<String> = sources
        .iter()
        .filter_map(|source| match &source.held {
            Held::No(why) => Some(format!(
                "the writes of {} were not held: {why}",
                source.name
            )),
            Held::Yes | Held::Untouched => None,
        })
        .collect();
    if !torn.is_empty() {
        return Label {
            consistency: Consistency::Torn,
            notes: torn,
        };
    }
    let notes: Vec<String> = volumes
        .iter()
        .filter_map(|volume| match &volume.mounted {
            Mounted::NotFrozen(why) => Some(format!("volume {}: {why}", volume.name)),
            Mounted::Nowhere | Mounted::Frozen => None,
        })
        .collect();
    let at_rest = !volumes.is_empty()
        && volumes
            .iter()
            .all(|volume| volume.mounted == Mounted::Frozen);
    Label {
        consistency: if at_rest {
            Consistency::FileSystem
        } else {
            Consistency::Crash
        },
        notes,
    }
}

#[cfg(test)]
mod tests {
    use vss_service::Consistency;

    use super::{Held, Mounted, Source, VolumeSeen, label};

    fn verdict(held: &[Held], mounted: &[Mounted]) -> (Consistency, usize) {
        let sources: Vec<Source> = held
            .iter()
            .map(|held| Source {
                name: "a".to_owned(),
                held: held.clone(),
            })
            .collect();
        let volumes: Vec<VolumeSeen> = mounted
            .iter()
            .map(|mounted| VolumeSeen {
                name: "/a".to_owned(),
                mounted: mounted.clone(),
            })
            .collect();
        let label = label(&sources, &volumes);
        (label.consistency, label.notes.len())
    }

    #[test]
    fn the_weakest_thing_names_the_set() {
        use Consistency::{Crash, FileSystem, Torn};
        use Held::{No, Untouched, Yes};
        use Mounted::{Frozen, NotFrozen, Nowhere};
        let no = || No("it was written".to_owned());
        let not = || NotFrozen("vfat cannot be frozen".to_owned());
        for (held, mounted, expected) in [
            (vec![Yes], vec![Frozen], (FileSystem, 0)),
            (vec![Untouched], vec![Frozen], (FileSystem, 0)),
            (vec![Yes, Untouched], vec![Frozen, Frozen], (FileSystem, 0)),
            (vec![Yes], vec![Nowhere], (Crash, 0)),
            (vec![Yes, Yes], vec![Frozen, Nowhere], (Crash, 0)),
            (vec![Yes], vec![not()], (Crash, 1)),
            (vec![Yes, Yes], vec![Frozen, not()], (Crash, 1)),
            (vec![no()], vec![Frozen], (Torn, 1)),
            (vec![Yes, no()], vec![Frozen, Frozen], (Torn, 1)),
            (vec![no(), no()], vec![Nowhere], (Torn, 2)),
            (vec![], vec![], (Crash, 0)),
        ] {
            assert_eq!(verdict(&held, &mounted), expected, "{held:?} {mounted:?}");
        }
    }
}
