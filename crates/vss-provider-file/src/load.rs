//! Making files and links agree with the catalogue after whatever happened.

use std::collections::{BTreeMap, BTreeSet};

use vss_model::SetId;
use vss_provider::ProviderResult;

use crate::array::FileArray;
use crate::folders::{exists, remove, sync};
use crate::rows::{self, LunRow, State};

impl FileArray {
    /// Ends what an earlier run began, and forgets the sets of this one.
    ///
    /// Repeatable, and right after a crash at any instruction, its own included.
    pub(crate) fn heal(&self) -> ProviderResult<()> {
        let _change = self.begin_change()?;
        self.sets().clear();
        let rows = self.catalogue.read("list the LUNs", rows::all)?;
        let (creating, rest): (Vec<LunRow>, Vec<LunRow>) = rows
            .into_iter()
            .partition(|row| row.state == State::Creating);
        self.finish_creating(&creating)?;
        let mut doomed = Vec::new();
        let mut splitting: BTreeMap<SetId, Vec<LunRow>> = BTreeMap::new();
        for row in rest {
            match (row.state, &row.origin) {
                (State::Ready, _) => {}
                (State::Splitting, Some(origin)) => {
                    splitting.entry(origin.set).or_default().push(row);
                }
                _ => doomed.push(row),
            }
        }
        for (set, copies) in splitting {
            if !self.settle_leftover(set, &copies) {
                doomed.extend(copies);
            }
        }
        self.destroy(&doomed)?;
        self.remove_partials()?;
        self.align_links()?;
        self.attach_all()
    }

    /// A LUN that was being made: its image has its name, so it is finished; or it has not, so
    /// nothing was promised and it is forgotten.
    fn finish_creating(&self, creating: &[LunRow]) -> ProviderResult<()> {
        if creating.is_empty() {
            return Ok(());
        }
        let mut finished = Vec::new();
        let mut dropped = Vec::new();
        for row in creating {
            let unnamed = remove(&self.folders.partial(row.guid))?;
            if !unnamed && exists(&self.folders.image(&row.name))? {
                finished.push(row.guid);
            } else {
                dropped.push(row.guid);
            }
        }
        // The name may have been seen here before it was durable.
        sync(&self.folders.array)?;
        self.catalogue.write("end what was begun", |rows| {
            finished
                .iter()
                .try_for_each(|guid| rows::set_state(rows, *guid, State::Ready))?;
            dropped
                .iter()
                .try_for_each(|guid| rows::delete(rows, *guid))
        })
    }

    fn remove_partials(&self) -> ProviderResult<()> {
        let partials = self.folders.partials()?;
        for partial in &partials {
            remove(partial)?;
        }
        if partials.is_empty() {
            Ok(())
        } else {
            sync(&self.folders.array)
        }
    }

    /// Makes the links in the host's folder those of the presented LUNs.
    ///
    /// # Errors
    /// Something of others bears the name of a presented LUN: whoever opened that path would take
    /// it for the LUN. All other links are right by then.
    fn align_links(&self) -> ProviderResult<()> {
        let wanted = self.catalogue.read("list the LUNs", rows::presented)?;
        let names: BTreeSet<&str> = wanted.iter().map(|row| row.name.as_str()).collect();
        let mut changed = false;
        for link in self.folders.links()? {
            if !names.contains(link.as_str()) {
                changed |= self.folders.hide(&link)?;
            }
        }
        let mut failure = None;
        for name in names {
            match self.folders.show(name) {
                Ok(made) => changed |= made,
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        if changed {
            sync(&self.folders.host)?;
        }
        failure.map_or(Ok(()), Err)
    }
}
