//! The phases of a shadow copy set.
//!
//! ```text
//! Preparing ──▶ Prepared ──▶ PreCommitted ──▶ Committed ──▶ PostCommitted ──▶ PreFinalCommitted
//! (in memory)   (records: preparing;          (extents       (records: ready;
//!                empty files)                  shared)        files durable, backstores made)
//! ```
//!
//! The records tell a later run what to clear when a set is given up; only a record that is ready is a copy.

use std::collections::BTreeMap;

use uuid::Uuid;
use vss_model::{ResultCode, SetId};
use vss_provider::{ProviderError, ProviderResult};

use crate::disk;
use crate::name;
use crate::records::{Kept, Place, Record, State};
use crate::state::LioProvider;
use crate::tree::Backstore;

/// How far a set has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Preparing,
    Prepared,
    PreCommitted,
    Committed,
    PostCommitted,
    PreFinalCommitted,
}

/// A set whose creation has begun in this process.
#[derive(Debug, Clone)]
pub(crate) struct SetUnderWay {
    phase: Phase,
    /// Serial numbers of the originals, each once, in the order in which they were announced.
    originals: Vec<String>,
}

impl LioProvider {
    /// Adds originals to a set; a new set makes those forgotten whose preparation never ended.
    pub(crate) fn announce(&self, set: SetId, originals: &[String]) -> ProviderResult<()> {
        let mut sets = self.sets();
        sets.retain(|id, entry| *id == set || entry.phase > Phase::Preparing);
        let entry = sets.entry(set).or_insert_with(|| SetUnderWay {
            phase: Phase::Preparing,
            originals: Vec::new(),
        });
        if entry.phase > Phase::Preparing {
            return Err(ProviderError::veto(format!(
                "set {set} is {:?} and takes no more LUNs",
                entry.phase
            )));
        }
        for original in originals {
            if !entry.originals.contains(original) {
                entry.originals.push(original.clone());
            }
        }
        Ok(())
    }

    /// Whether the set is still to be taken from phase `from` to `to`; false when it was before.
    fn is_due(&self, set: SetId, from: Phase, to: Phase) -> ProviderResult<bool> {
        let phase = self
            .sets()
            .get(&set)
            .map(|entry| entry.phase)
            .ok_or_else(|| unknown(set))?;
        if phase >= to {
            return Ok(false);
        }
        if phase != from {
            return Err(ProviderError::veto(format!(
                "set {set} is {phase:?} and cannot become {to:?}"
            )));
        }
        Ok(true)
    }

    fn reach(&self, set: SetId, phase: Phase) -> ProviderResult<()> {
        self.sets()
            .get_mut(&set)
            .map(|entry| entry.phase = phase)
            .ok_or_else(|| unknown(set))
    }

    fn is_original_in(&self, set: SetId, serial: &str) -> bool {
        self.sets()
            .get(&set)
            .is_some_and(|entry| entry.originals.iter().any(|one| one == serial))
    }

    /// Gets ready for the instant.
    pub(crate) fn pre_commit(&self, set: SetId) -> ProviderResult<()> {
        if self.is_due(set, Phase::Prepared, Phase::PreCommitted)? {
            // Later the devices below may be suspended, and a flush would wait for them.
            for lun in self.visible()? {
                if self.is_original_in(set, &lun.information.serial_number) {
                    disk::flush(&lun.device)?;
                }
            }
            self.with_lower_set(set, |volumes, lower| volumes.pre_commit_snapshots(lower))?;
            self.reach(set, Phase::PreCommitted)?;
        }
        Ok(())
    }

    /// The last step but one.
    pub(crate) fn pre_finish(&self, set: SetId) -> ProviderResult<()> {
        if self.is_due(set, Phase::PostCommitted, Phase::PreFinalCommitted)? {
            self.with_lower_set(set, |volumes, lower| {
                volumes.pre_final_commit_snapshots(lower)
            })?;
            self.reach(set, Phase::PreFinalCommitted)?;
        }
        Ok(())
    }

    /// Records the copies and makes the files that they will be.
    pub(crate) fn prepare(&self, set: SetId) -> ProviderResult<()> {
        let _change = self.begin_change();
        if !self.is_due(set, Phase::Preparing, Phase::Prepared)? {
            return Ok(());
        }
        let originals = self
            .sets()
            .get(&set)
            .map(|entry| entry.originals.clone())
            .ok_or_else(|| unknown(set))?;
        if let Err(error) = self.set_aside(set, &originals) {
            // What remains is found by the records when the set is given up.
            let _ = self.clear(&self.records.of_set(set));
            return Err(error);
        }
        self.reach(set, Phase::Prepared)
    }

    fn set_aside(&self, set: SetId, originals: &[String]) -> ProviderResult<()> {
        let stores = self.roots.backstores()?;
        let mut records = Vec::new();
        for original in originals {
            let store = stores
                .iter()
                .find(|store| store.serial == *original)
                .ok_or_else(|| {
                    ProviderError::new(
                        ResultCode::VSS_E_OBJECT_NOT_FOUND,
                        format!("a LUN of set {set} is gone: {original}"),
                    )
                })?;
            self.must_be_copyable(store)?;
            records.push(self.plan(set, store)?);
        }
        for record in &records {
            self.records.put(record)?;
        }
        self.prepare_storage(&records)
    }

    /// What the copy of a backstore will be.
    fn plan(&self, set: SetId, store: &Backstore) -> ProviderResult<Record> {
        let serial = Uuid::new_v4();
        let storage = self.plan_storage(set, store, serial)?;
        let mut places: Vec<Place> = self
            .roots
            .mappings_of(store)?
            .into_iter()
            .map(|one| Place {
                port: one.port,
                number: None,
            })
            .collect();
        places.dedup();
        Ok(Record {
            serial,
            name: name::of_copy(&store.name, serial),
            set,
            order: 0,
            original: store.serial.clone(),
            inquiry: store.inquiry.clone(),
            block_size: store.block_size,
            attributes: self.roots.attributes(store),
            storage,
            places,
            presented: false,
            state: State::Preparing,
            access: Kept::Copy,
        })
    }

    /// The instant: all copies or none.
    pub(crate) fn commit(&self, set: SetId) -> ProviderResult<()> {
        let _change = self.begin_change();
        if !self.is_due(set, Phase::PreCommitted, Phase::Committed)? {
            return Ok(());
        }
        let records = self.records.of_set(set);
        self.copy_storage(&records)?;
        self.reach(set, Phase::Committed)
    }

    /// Makes the copies durable, and backstores of them.
    pub(crate) fn settle(&self, set: SetId) -> ProviderResult<()> {
        let _change = self.begin_change();
        if !self.is_due(set, Phase::Committed, Phase::PostCommitted)? {
            return Ok(());
        }
        let order = self
            .records
            .all()
            .iter()
            .filter(|record| record.set != set)
            .map(|record| record.order)
            .max()
            .unwrap_or(0)
            + 1;
        for mut record in self.settle_storage(self.records.of_set(set))? {
            self.backstore(&record)?;
            record.state = State::Ready;
            record.order = order;
            self.records.put(&record)?;
        }
        self.reach(set, Phase::PostCommitted)
    }

    /// Ends the creation of a set; from now on only its records tell of it.
    pub(crate) fn finish(&self, set: SetId) -> ProviderResult<()> {
        let phase = self.sets().get(&set).map(|entry| entry.phase);
        match phase {
            Some(Phase::PreFinalCommitted) => {
                self.with_lower_set(set, |volumes, lower| {
                    volumes.post_final_commit_snapshots(lower)
                })?;
                self.sets().remove(&set);
                Ok(())
            }
            Some(phase) => Err(ProviderError::veto(format!(
                "set {set} is {phase:?} and cannot be finished"
            ))),
            None if self
                .records
                .of_set(set)
                .iter()
                .any(|record| record.state == State::Ready) =>
            {
                Ok(())
            }
            None => Err(unknown(set)),
        }
    }

    /// Frees all that a set holds, in whichever phase and of whichever run.
    pub(crate) fn give_up(&self, set: SetId) -> ProviderResult<()> {
        let _change = self.begin_change();
        self.sets().remove(&set);
        self.clear(&self.records.of_set(set))
    }

    /// Destroys copies, wholly or partly made: what the host sees first, the record last. Repeatable.
    pub(crate) fn clear(&self, records: &[Record]) -> ProviderResult<()> {
        if let Some(record) = records.iter().find(|record| record.access != Kept::Copy) {
            return Err(ProviderError::new(
                ResultCode::E_INVALIDARG,
                format!("LUN {:?} is an ordinary disk and is kept", record.name),
            ));
        }
        self.hide_all(records)?;
        for record in records {
            self.roots.remove_backstores(record)?;
            self.destroy_storage(record)?;
            self.records.remove(record.serial)?;
        }
        Ok(())
    }

    /// The copies of the set committed last, by the serial numbers of their originals.
    pub(crate) fn last_copies(&self) -> BTreeMap<String, Record> {
        let all = self.records.all();
        let last = all.iter().map(|record| record.order).max().unwrap_or(0);
        all.into_iter()
            .filter(|record| record.state == State::Ready && record.order == last)
            .map(|record| (record.original.clone(), record))
            .collect()
    }

    /// Whether a set is between its first announcement and its end.
    pub(crate) fn is_creating(&self) -> bool {
        !self.sets().is_empty()
    }
}

fn unknown(set: SetId) -> ProviderError {
    ProviderError::new(
        ResultCode::VSS_E_OBJECT_NOT_FOUND,
        format!("the provider knows no set {set}, or it was given up"),
    )
}
