//! Bringing copies to this host and taking them away.

use vss_provider::failure::io_failed;
use vss_provider::{PresentedLun, ProviderError};

use crate::disk::{self, Disk, Mistaken};
use crate::records::{Place, Record, State};
use crate::state::LioProvider;
use crate::tree::{Backing, Backstore, Fabric, Nexus, Port, free_number};

/// What is done for each place of a copy: portal group, where the host sees it, number, and the disk there
/// if it is that copy.
type ForPlace<'a> = dyn FnMut(&Port, Nexus, u32, Option<Disk>) -> Result<(), ProviderError> + 'a;

/// How many numbers are tried before a copy is given up.
const ATTEMPTS: usize = 8;

impl LioProvider {
    /// The LUNs that this host sees, each once.
    pub(crate) fn visible(&self) -> Result<Vec<PresentedLun>, ProviderError> {
        let stores = self.roots.backstores()?;
        let mut found: Vec<PresentedLun> = Vec::new();
        for port in self.roots.ports()? {
            let views = self.roots.views(&port)?;
            if views.is_empty() {
                continue;
            }
            for mapping in self.roots.mappings(&port)? {
                let Some(store) = stores
                    .iter()
                    .find(|store| store.hba == mapping.hba && store.name == mapping.name)
                else {
                    continue;
                };
                if store.serial.is_empty() {
                    continue;
                }
                let information = store.information();
                let disk = views
                    .iter()
                    .filter_map(|view| {
                        Disk::at(&self.roots, view.nexus, view.number(mapping.number)?)
                    })
                    .find(|disk| disk.is(&information));
                let Some(disk) = disk else {
                    continue;
                };
                if found.iter().any(|lun| lun.information == information) {
                    continue;
                }
                found.push(PresentedLun {
                    name: format!("lio:{}", store.name),
                    sector_size: disk.sector_size().unwrap_or(store.block_size),
                    device: disk.device,
                    information,
                    backing: match &store.backing {
                        Backing::File { path, .. } | Backing::Block { path } => Some(path.clone()),
                        Backing::Other(_) => None,
                    },
                });
            }
        }
        Ok(found)
    }

    /// The portal groups in which a copy is to be seen: those of its original now, else those in which it
    /// was before, as far as they are there.
    fn destinations(&self, record: &Record) -> Result<Vec<Place>, ProviderError> {
        let mut ports: Vec<Port> = Vec::new();
        for store in self.roots.backstores()? {
            if store.serial == record.original {
                ports.extend(
                    self.roots
                        .mappings_of(&store)?
                        .into_iter()
                        .map(|one| one.port),
                );
            }
        }
        if ports.is_empty() {
            ports.extend(record.places.iter().map(|place| place.port.clone()));
        }
        ports.sort_unstable();
        ports.dedup();
        ports.retain(|port| !self.roots.nexuses(port).is_empty());
        Ok(ports
            .into_iter()
            .map(|port| Place {
                number: record
                    .places
                    .iter()
                    .find(|place| place.port == port)
                    .and_then(|place| place.number),
                port,
            })
            .collect())
    }

    /// Makes a copy visible, proved to be itself. Repeatable.
    pub(crate) fn show(&self, mut record: Record) -> Result<(), ProviderError> {
        if record.state != State::Ready {
            return Err(ProviderError::veto(format!(
                "the copy {:?} is not whole",
                record.name
            )));
        }
        let store = self.backstore(&record)?;
        let places = self.destinations(&record)?;
        if places.is_empty() {
            return Err(ProviderError::veto(format!(
                "no portal group leads to this host in which the original of {:?} is, or was, mapped",
                record.name
            ))
            .with_hint("map the original for this host, or enable its portal group"));
        }
        record.presented = true;
        record.places = places;
        self.records.put(&record)?;
        self.discard_stale(&record)?;
        for at in 0..record.places.len() {
            let place = record.places[at].clone();
            let number = self.show_at(&record, &store, &place)?;
            record.places[at].number = Some(number);
        }
        self.records.put(&record)
    }

    /// Maps a copy in one portal group, unless it is mapped there, and proves its disks; gives the number.
    fn show_at(
        &self,
        record: &Record,
        store: &Backstore,
        place: &Place,
    ) -> Result<u32, ProviderError> {
        let port = &place.port;
        let nexuses = self.roots.nexuses(port);
        let mut taken = self.roots.taken_numbers(port)?;
        let mut wanted = place.number;
        let mut mistaken = None;
        for _ in 0..ATTEMPTS {
            let mapped = self
                .roots
                .mappings(port)?
                .into_iter()
                .find(|one| one.hba == store.hba && one.name == store.name);
            let number = if let Some(mapped) = mapped {
                self.roots.admit(port, mapped.number)?;
                mapped.number
            } else {
                // Whatever disk is left at the number is of a LUN that had it before.
                let number = free_number(wanted.take(), &taken);
                for nexus in &nexuses {
                    disk::delete(&self.roots, *nexus, number)?;
                }
                if !self.roots.map(store, port, number)? {
                    taken.push(number);
                    continue;
                }
                number
            };
            match self.prove_at(record, port, number)? {
                Ok(()) => return Ok(number),
                Err(wrong) => {
                    for view in self.roots.views(port)? {
                        if let Some(seen) = view.number(number) {
                            disk::delete(&self.roots, view.nexus, seen)?;
                        }
                    }
                    self.roots.unmap(port, number)?;
                    taken.push(number);
                    mistaken = Some((number, wrong));
                }
            }
        }
        Err(ProviderError::veto(match mistaken {
            Some((number, Mistaken { expected, found })) => format!(
                "LUN {number} of {} should be {expected}, and the disk that came is {found}",
                port.target
            ),
            None => format!("{} gives every free LUN number away", port.target),
        }))
    }

    /// Waits for the disks of a LUN and has each say who it is.
    fn prove_at(
        &self,
        record: &Record,
        port: &Port,
        number: u32,
    ) -> Result<Result<(), Mistaken>, ProviderError> {
        let information = record.information();
        for view in self.roots.views(port)? {
            let nexus = view.nexus;
            let Some(seen) = view.number(number) else {
                return Err(ProviderError::veto(format!(
                    "LUN {number} of {} is not listed for this host",
                    port.target
                )));
            };
            if port.fabric == Fabric::Iscsi {
                // One that was another LUN's would keep what was cached of that.
                let fresh = Disk::at(&self.roots, nexus, seen)
                    .is_some_and(|disk| disk.is(&information) && disk.sectors() != Some(0));
                if !fresh {
                    disk::delete(&self.roots, nexus, seen)?;
                    self.scan(nexus, seen)?;
                }
            }
            let disk = Disk::wait(&self.roots, nexus, seen).ok_or_else(|| {
                ProviderError::veto(format!(
                    "no disk came for LUN {number} of {} on SCSI host {}",
                    port.target, nexus.host
                ))
            })?;
            if let Err(mistaken) = disk.prove(&information) {
                return Ok(Err(mistaken));
            }
        }
        Ok(Ok(()))
    }

    /// Has the host look for one LUN; the loopback fabric brings its disks by itself.
    fn scan(&self, nexus: Nexus, number: u32) -> Result<(), ProviderError> {
        let path = self
            .roots
            .sys
            .join(format!("class/scsi_host/host{}/scan", nexus.host));
        std::fs::write(&path, format!("{} {} {number}", nexus.channel, nexus.id))
            .map_err(io_failed("scan by", &path))
    }

    /// Takes away disks that were this copy's and lead elsewhere now: over iSCSI a disk outlives the mapping
    /// by which it came.
    fn discard_stale(&self, record: &Record) -> Result<(), ProviderError> {
        let information = record.information();
        let store = self.roots.backstore_of(record)?;
        let mappings = match &store {
            Some(store) => self.roots.mappings_of(store)?,
            None => Vec::new(),
        };
        for Place { port, .. } in &record.places {
            if port.fabric == Fabric::Loopback {
                continue;
            }
            for view in self.roots.views(port)? {
                for seen in self.roots.scsi_devices(view.nexus)? {
                    let leads_here = mappings
                        .iter()
                        .any(|one| one.port == *port && view.number(one.number) == Some(seen));
                    let claims = Disk::at(&self.roots, view.nexus, seen)
                        .is_some_and(|disk| disk.is(&information));
                    if claims && !leads_here {
                        disk::delete(&self.roots, view.nexus, seen)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Withdraws copies that nobody uses: all or none. Repeatable.
    pub(crate) fn hide_all(&self, records: &[Record]) -> Result<(), ProviderError> {
        for record in records {
            self.each_disk(record, &mut |_, _, _, disk| match disk {
                Some(disk) => disk.let_go(),
                None => Ok(()),
            })?;
        }
        for record in records {
            let mut record = record.clone();
            record.presented = false;
            self.records.put(&record)?;
            self.withdraw(&record)?;
        }
        Ok(())
    }

    /// Takes away what is left of a copy on this host.
    pub(crate) fn withdraw(&self, record: &Record) -> Result<(), ProviderError> {
        self.each_disk(record, &mut |port, nexus, number, disk| {
            // A loopback disk goes with its mapping.
            match disk {
                Some(_) if port.fabric != Fabric::Loopback => {
                    disk::delete(&self.roots, nexus, number)
                }
                _ => Ok(()),
            }
        })?;
        if let Some(store) = self.roots.backstore_of(record)? {
            for mapping in self.roots.mappings_of(&store)? {
                self.roots.unmap(&mapping.port, mapping.number)?;
                if mapping.port.fabric == Fabric::Loopback {
                    for nexus in self.roots.nexuses(&mapping.port) {
                        disk::wait_gone(&self.roots.scsi_device(nexus, mapping.number))?;
                    }
                }
            }
        }
        self.discard_stale(record)
    }

    /// Calls for each place of a copy, with the disk there if it is that copy.
    fn each_disk(&self, record: &Record, call: &mut ForPlace<'_>) -> Result<(), ProviderError> {
        let Some(store) = self.roots.backstore_of(record)? else {
            return Ok(());
        };
        let information = record.information();
        for mapping in self.roots.mappings_of(&store)? {
            for view in self.roots.views(&mapping.port)? {
                let Some(seen) = view.number(mapping.number) else {
                    continue;
                };
                let disk =
                    Disk::at(&self.roots, view.nexus, seen).filter(|disk| disk.is(&information));
                call(&mapping.port, view.nexus, seen, disk)?;
            }
        }
        Ok(())
    }

    /// Brings the target to what the records say, after a start of the host or the service.
    pub(crate) fn restore(&self) {
        for record in self.records.all() {
            if record.state != State::Ready {
                // Given up by who began it.
                continue;
            }
            let name = record.name.clone();
            let done = if record.presented {
                self.show(record)
            } else {
                self.backstore(&record).and_then(|_| self.withdraw(&record))
            };
            if let Err(error) = done {
                self.tell_problem(format!("the copy {name:?} was not brought back: {error}"));
            }
        }
    }
}
