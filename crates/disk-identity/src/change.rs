//! What is wanted of a disk's identity, before anyone asks where the bytes lie.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;
use crate::identity::{
    DiskId, Identifier, Identity, PartitionId, PartitionIdentity, PartitionType, TableKind,
};

/// How often a generator is asked again after an answer that cannot be used.
const DRAWS: usize = 16;

/// New values for some fields of a disk's identity; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What shall name the disk. Its kind must be that of the table.
    #[serde(default)]
    pub disk_id: Option<DiskId>,
    /// Signature for the hybrid MBR of a GPT disk.
    #[serde(default)]
    pub hybrid_signature: Option<u32>,
    /// Changes of partitions, each partition at most once.
    #[serde(default)]
    pub partitions: Vec<PartitionChange>,
}

/// New values for one partition of a GPT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionChange {
    /// Number of the partition, from 1.
    pub index: u32,
    /// Where it must start, so that a change cannot hit another partition than the one meant.
    pub start_lba: u64,
    /// The unique GUID it shall have.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// The whole attribute field it shall have.
    #[serde(default)]
    pub attributes: Option<u64>,
}

impl PartitionChange {
    const fn nothing(partition: &PartitionIdentity) -> Self {
        Self {
            index: partition.index,
            start_lba: partition.start_lba,
            id: None,
            attributes: None,
        }
    }
}

impl Change {
    /// True if nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.disk_id.is_none()
            && self.hybrid_signature.is_none()
            && self
                .partitions
                .iter()
                .all(|p| p.id.is_none() && p.attributes.is_none())
    }

    /// A new identity for a disk: fresh values for every identifier it has. What it lacks (a zero
    /// signature, a nil GUID) it does not get.
    ///
    /// `new_id` is the source of randomness; a signature takes the first four bytes of its answer.
    /// It is asked again, a few times, after an answer which is nil or in use already.
    #[must_use]
    pub fn fresh(identity: &Identity, new_id: &mut dyn FnMut() -> Uuid) -> Self {
        let mut taken: HashSet<Identifier> = identity.ids().collect();
        let mut draw = |of: fn(Uuid) -> Identifier| {
            let mut id = new_id();
            for _ in 1..DRAWS {
                if !is_nil(of(id)) && !taken.contains(&of(id)) {
                    break;
                }
                id = new_id();
            }
            taken.insert(of(id));
            id
        };
        let signature = |id| Identifier::Signature(first_bytes(id));
        let disk_id = identity
            .disk_id
            .filter(|id| !id.is_nil())
            .map(|id| match id {
                DiskId::Signature(_) => DiskId::Signature(first_bytes(draw(signature))),
                DiskId::Guid(_) => DiskId::Guid(draw(Identifier::DiskGuid)),
            });
        let hybrid_signature = identity
            .hybrid_signature
            .filter(|signature| *signature != 0)
            .map(|_| first_bytes(draw(signature)));
        let partitions = identity
            .partitions
            .iter()
            .filter(|p| matches!(p.id, PartitionId::Guid(guid) if !guid.is_nil()))
            .map(|p| PartitionChange {
                id: Some(draw(Identifier::PartitionGuid)),
                ..PartitionChange::nothing(p)
            })
            .collect();
        Self {
            disk_id,
            hybrid_signature,
            partitions,
        }
    }

    /// The change that gives a disk, now `from`, the identifiers of `to`. Attributes stay.
    ///
    /// Partitions are matched by where they start; if several of `to` start there, by number too.
    /// A partition without a counterpart keeps its GUID, and so does everything for which `to` has
    /// no identifier.
    ///
    /// # Errors
    /// [`Error::NoCounterpart`] if the kinds of the tables or the sector sizes differ.
    pub fn to_identity(from: &Identity, to: &Identity) -> Result<Self, Error> {
        if from.table != to.table || from.sector_size != to.sector_size {
            return Err(Error::NoCounterpart {
                from: from.table,
                to: to.table,
            });
        }
        let mut starting_at: HashMap<u64, Vec<&PartitionIdentity>> = HashMap::new();
        for partition in &to.partitions {
            starting_at
                .entry(partition.start_lba)
                .or_default()
                .push(partition);
        }
        let counterpart = |p: &PartitionIdentity| {
            let there = starting_at.get(&p.start_lba)?;
            let same_index = there.iter().find(|other| other.index == p.index);
            match (same_index, there.as_slice()) {
                (Some(other), _) => Some(*other),
                (None, [only]) => Some(*only),
                _ => None,
            }
        };
        let partitions = from
            .partitions
            .iter()
            .filter_map(|p| match counterpart(p)?.id {
                PartitionId::Guid(guid) if !guid.is_nil() => Some(PartitionChange {
                    id: Some(guid),
                    ..PartitionChange::nothing(p)
                }),
                _ => None,
            })
            .collect();
        Ok(Self {
            disk_id: to.disk_id.filter(|id| !id.is_nil()),
            hybrid_signature: from
                .hybrid_signature
                .and(to.hybrid_signature)
                .filter(|signature| *signature != 0),
            partitions,
        })
    }

    /// The same change, with attributes for the partitions of a GPT that hold data volumes: `f`
    /// gives the whole new field. Other partitions, and other kinds of tables, are left alone.
    #[must_use]
    pub fn with_attributes(
        mut self,
        identity: &Identity,
        f: impl Fn(&PartitionIdentity) -> u64,
    ) -> Self {
        if identity.table != TableKind::Gpt {
            return self;
        }
        let mut at: HashMap<u32, usize> = self
            .partitions
            .iter()
            .enumerate()
            .map(|(place, p)| (p.index, place))
            .collect();
        for partition in &identity.partitions {
            if !matches!(partition.type_id, PartitionType::Gpt(_)) || !partition.holds_data_volume()
            {
                continue;
            }
            let place = *at.entry(partition.index).or_insert_with(|| {
                self.partitions.push(PartitionChange::nothing(partition));
                self.partitions.len() - 1
            });
            if let Some(change) = self.partitions.get_mut(place) {
                change.attributes = Some(f(partition));
            }
        }
        self
    }
}

fn first_bytes(id: Uuid) -> u32 {
    id.as_fields().0
}

fn is_nil(id: Identifier) -> bool {
    match id {
        Identifier::Signature(signature) => signature == 0,
        Identifier::DiskGuid(guid) | Identifier::PartitionGuid(guid) => guid.is_nil(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::{Uuid, uuid};

    use super::Change;
    use crate::attributes::{ALL_FOUR, READ_ONLY};
    use crate::error::ErrorKind;
    use crate::identity::{
        DiskId, Identity, PartitionId, PartitionIdentity, PartitionType, TableKind,
    };
    use crate::units::SectorSize;

    const LINUX: Uuid = uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4");
    const ESP: Uuid = uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");

    fn partition(index: u32, start_lba: u64, type_id: Uuid) -> PartitionIdentity {
        PartitionIdentity {
            index,
            start_lba,
            end_lba: start_lba + 7,
            type_id: PartitionType::Gpt(type_id),
            id: PartitionId::Guid(Uuid::from_u128(u128::from(index))),
            attributes: 1,
            name: String::new(),
        }
    }

    fn gpt(partitions: Vec<PartitionIdentity>) -> Identity {
        Identity {
            table: TableKind::Gpt,
            disk_id: Some(DiskId::Guid(LINUX)),
            partitions,
            ..Identity::bare(SectorSize::B512)
        }
    }

    #[test]
    fn fresh_skips_what_is_nil_or_taken() {
        let mut identity = gpt(vec![partition(1, 64, LINUX), partition(2, 72, ESP)]);
        identity.hybrid_signature = Some(9);
        let mut answers = [
            Uuid::nil(),
            LINUX,
            Uuid::from_u128(10),
            Uuid::from_u128(9 << 96),
            Uuid::from_u128(11 << 96),
            Uuid::from_u128(1),
            Uuid::from_u128(12),
            Uuid::from_u128(12),
            Uuid::from_u128(13),
        ]
        .into_iter();
        let change = Change::fresh(&identity, &mut || answers.next().unwrap());
        assert_eq!(change.disk_id, Some(DiskId::Guid(Uuid::from_u128(10))));
        assert_eq!(change.hybrid_signature, Some(11));
        let ids: Vec<_> = change.partitions.iter().map(|p| p.id).collect();
        assert_eq!(ids, [Some(Uuid::from_u128(12)), Some(Uuid::from_u128(13))]);
    }

    #[test]
    fn fresh_ends_with_a_stuck_generator() {
        let identity = gpt(vec![partition(1, 64, LINUX)]);
        let change = Change::fresh(&identity, &mut Uuid::nil);
        assert_eq!(change.disk_id, Some(DiskId::Guid(Uuid::nil())));
    }

    #[test]
    fn counterparts_start_at_the_same_place() {
        let from = gpt(vec![
            partition(1, 64, LINUX),
            partition(2, 72, LINUX),
            partition(3, 80, LINUX),
            partition(4, 88, LINUX),
        ]);
        let mut to = gpt(vec![
            partition(12, 64, LINUX), // moved to another number
            partition(2, 72, LINUX),
            partition(13, 72, LINUX), // second one at that place
            partition(14, 88, LINUX),
            partition(15, 88, LINUX), // nothing says which of the two
        ]);
        to.disk_id = Some(DiskId::Guid(ESP));
        let change = Change::to_identity(&from, &to).unwrap();
        assert_eq!(change.disk_id, to.disk_id);
        let got: Vec<_> = change.partitions.iter().map(|p| (p.index, p.id)).collect();
        assert_eq!(
            got,
            [
                (1, Some(Uuid::from_u128(12))),
                (2, Some(Uuid::from_u128(2)))
            ]
        );
    }

    #[test]
    fn other_kinds_have_no_counterpart() {
        let mbr = Identity {
            table: TableKind::Mbr,
            ..Identity::bare(SectorSize::B512)
        };
        let big = Identity {
            sector_size: SectorSize::B4096,
            ..gpt(Vec::new())
        };
        for other in [mbr, big, Identity::bare(SectorSize::B512)] {
            let error = Change::to_identity(&gpt(Vec::new()), &other).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidChange);
        }
    }

    #[test]
    fn attributes_go_to_data_volumes() {
        let identity = gpt(vec![partition(1, 64, LINUX), partition(2, 72, ESP)]);
        let change = Change::default().with_attributes(&identity, |p| p.attributes | ALL_FOUR);
        assert_eq!(change.partitions.len(), 1);
        assert_eq!(change.partitions[0].attributes, Some(ALL_FOUR | 1));
        let both = Change::fresh(&identity, &mut || Uuid::from_u128(77))
            .with_attributes(&identity, |_| READ_ONLY);
        assert_eq!(both.partitions.len(), 2);
        assert_eq!(both.partitions[0].attributes, Some(READ_ONLY));
        assert!(both.partitions[0].id.is_some());
        assert_eq!(both.partitions[1].attributes, None);
    }
}
