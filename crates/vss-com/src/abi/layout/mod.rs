//! What the public headers promise of the binary interface, as data: slots of methods, places of
//! members, values of constants (spec: requester §1–§3, §7, §8; writer §9).
//!
//! Portable, so that it is checked where there is no Windows: `cargo xtask com` has a C++ compiler
//! compare every entry with headers of another project, and the objects of this crate are built to
//! it. Sizes and offsets are bytes on x86-64.

mod constants;
mod interfaces;
mod structures;

use uuid::Uuid;
use vss_model::ResultCode;

pub use constants::{CONSTANTS, Family};
pub use interfaces::INTERFACES;
pub use structures::STRUCTURES;

/// An interface: what it adds to the one that it extends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// Its public name.
    pub name: &'static str,
    /// Its id; some interfaces have no public one.
    pub iid: Option<Uuid>,
    /// The interface whose slots come first.
    pub extends: Option<&'static str>,
    /// Slot of the first method of its own.
    pub first: usize,
    /// Its own methods, in the order of their slots.
    pub methods: &'static [&'static str],
}

/// A method and its place in the table of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The interface whose table it is.
    pub interface: &'static str,
    /// The method.
    pub method: &'static str,
    /// Its place, counted from 0.
    pub slot: usize,
}

/// A structure that crosses the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Structure {
    /// Its public name.
    pub name: &'static str,
    /// Its size in bytes.
    pub size: usize,
    /// Its members: name, offset and size in bytes.
    pub members: &'static [(&'static str, usize, usize)],
}

/// A member of a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The structure.
    pub structure: &'static str,
    /// The member.
    pub field: &'static str,
    /// Where it begins.
    pub offset: usize,
    /// How long it is.
    pub size: usize,
}

/// A named constant of 32 bits: an enumerator or a result code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Its public name.
    pub name: &'static str,
    /// Its value, the bits of a signed one.
    pub value: u32,
}

/// The interface of a name.
#[must_use]
pub fn interface(name: &str) -> Option<&'static Interface> {
    INTERFACES.iter().find(|interface| interface.name == name)
}

/// Every slot of an interface, inherited ones first.
#[must_use]
pub fn slots_of(interface: &'static Interface) -> Vec<Slot> {
    let mut slots = interface
        .extends
        .and_then(self::interface)
        .map(slots_of)
        .unwrap_or_default();
    slots.extend(
        interface
            .methods
            .iter()
            .enumerate()
            .map(|(at, method)| Slot {
                interface: interface.name,
                method,
                slot: interface.first + at,
            }),
    );
    for slot in &mut slots {
        slot.interface = interface.name;
    }
    slots
}

/// Every slot of every interface.
pub fn slots() -> impl Iterator<Item = Slot> {
    INTERFACES.iter().flat_map(slots_of)
}

/// Every member of every structure.
pub fn fields() -> impl Iterator<Item = Field> {
    STRUCTURES.iter().flat_map(|structure| {
        structure
            .members
            .iter()
            .map(|&(field, offset, size)| Field {
                structure: structure.name,
                field,
                offset,
                size,
            })
    })
}

/// Every enumerator.
pub fn enumerators() -> impl Iterator<Item = Code> {
    CONSTANTS.iter().flat_map(|family| {
        family
            .values
            .iter()
            .map(|&(name, value)| Code { name, value })
    })
}

/// Every result code that the model knows.
pub fn result_codes() -> impl Iterator<Item = Code> {
    ResultCode::ALL.iter().map(|&(code, name)| Code {
        name,
        value: code.0,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{INTERFACES, STRUCTURES, enumerators, interface, slots_of};

    #[test]
    fn slots_follow_one_another() {
        for interface in INTERFACES {
            let slots = slots_of(interface);
            for (at, slot) in slots.iter().enumerate() {
                assert_eq!(slot.slot, at, "{slot:?}");
                assert_eq!(slot.interface, interface.name);
            }
        }
        let last = slots_of(interface("IVssBackupComponentsEx4").unwrap());
        assert_eq!(last.len(), 65);
        assert_eq!(last[57].method, "BreakSnapshotSetEx");
    }

    #[test]
    fn members_do_not_overlap() {
        for structure in STRUCTURES {
            let mut end = 0;
            for (member, offset, size) in structure.members {
                assert!(*offset >= end, "{}::{member}", structure.name);
                end = offset + size;
            }
            assert!(end <= structure.size, "{}", structure.name);
        }
    }

    #[test]
    fn names_and_ids_are_unique() {
        let names: HashSet<_> = enumerators().map(|code| code.name).collect();
        assert_eq!(names.len(), enumerators().count());
        let ids: Vec<_> = INTERFACES.iter().filter_map(|one| one.iid).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    }

    /// The model holds the same ids; whoever mends one table must mend the other.
    #[test]
    fn ids_are_those_of_the_model() {
        for (id, name) in vss_model::interfaces::ALL {
            if let Some(interface) = interface(name) {
                assert_eq!(interface.iid, Some(*id), "{name}");
            }
        }
    }
}
