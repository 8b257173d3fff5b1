//! The bytes of a copy of the GPT after a change.

use uuid::Uuid;

use crate::bytes::{put_guid, put_u32, put_u64};
use crate::gpt::probe::Place;
use crate::gpt::{GptCopy, PRIMARY, entry, header, header_crc};
use crate::patch::TableCopy;
use crate::units::Lba;

/// A change of a GPT, its partitions checked against the copy that counts.
#[derive(Debug, Default)]
pub(crate) struct GptChange {
    pub(crate) disk_guid: Option<Uuid>,
    pub(crate) entries: Vec<EntryChange>,
}

/// New fields of the entry with the number `index`, from 1.
#[derive(Debug)]
pub(crate) struct EntryChange {
    pub(crate) index: u32,
    pub(crate) guid: Option<Uuid>,
    pub(crate) attributes: Option<u64>,
}

/// The bytes of a copy, and where they go.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) header_lba: Lba,
    pub(crate) array_lba: Lba,
    pub(crate) header_sector: Vec<u8>,
    pub(crate) array: Vec<u8>,
    header_size: usize,
}

impl Image {
    /// What `copy` would be after `change`. An entry is changed only if it belongs to the same
    /// partition as the one in `lead`, the copy that counts.
    pub(crate) fn changed(copy: &GptCopy, lead: &GptCopy, change: &GptChange) -> Self {
        let mut image = Self {
            header_lba: copy.lba,
            array_lba: copy.header.array_lba,
            header_sector: copy.header_sector.clone(),
            array: copy.array.clone(),
            header_size: copy.header.size,
        };
        if let Some(guid) = change.disk_guid {
            put_guid(&mut image.header_sector, header::DISK_GUID, guid);
        }
        for wanted in &change.entries {
            let twins = copy
                .entry(wanted.index)
                .zip(lead.entry(wanted.index))
                .is_some_and(|(mine, leading)| mine.is_twin_of(leading));
            let place = usize::try_from(wanted.index)
                .ok()
                .and_then(|index| index.checked_sub(1)?.checked_mul(copy.header.entry_size));
            let Some(place) = place.filter(|_| twins) else {
                continue;
            };
            if let Some(guid) = wanted.guid {
                put_guid(&mut image.array, place + entry::GUID, guid);
            }
            if let Some(attributes) = wanted.attributes {
                put_u64(&mut image.array, place + entry::ATTRIBUTES, attributes);
            }
        }
        image.seal();
        image
    }

    /// True if nothing changed.
    pub(crate) fn is_same_as(&self, copy: &GptCopy) -> bool {
        self.header_sector == copy.header_sector && self.array == copy.array
    }

    /// The bad copy made anew from this, the valid one. Everything but the places is taken over:
    /// unknown bytes of the header and unused entries too.
    pub(crate) fn rebuilt(&self, bad: TableCopy, place: Place) -> Self {
        let mut image = Self {
            header_lba: place.header,
            array_lba: place.array,
            ..self.clone()
        };
        let alternate = match bad {
            TableCopy::GptPrimary => self.header_lba,
            TableCopy::GptBackup | TableCopy::Mbr => PRIMARY,
        };
        let sector = &mut image.header_sector;
        put_u64(sector, header::MY_LBA, place.header.0);
        put_u64(sector, header::ALTERNATE_LBA, alternate.0);
        put_u64(sector, header::ARRAY_LBA, place.array.0);
        image.seal();
        image
    }

    fn seal(&mut self) {
        let array_crc = crc32fast::hash(&self.array);
        put_u32(&mut self.header_sector, header::ARRAY_CRC, array_crc);
        let crc = header_crc(&self.header_sector, self.header_size);
        put_u32(&mut self.header_sector, header::CRC, crc);
    }
}
