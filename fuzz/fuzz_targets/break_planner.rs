//! Any facts as a break: a plan never makes two visible disks carry one identity, reverts all or none,
//! and its patches do what they say.

#![no_main]

use std::collections::{HashMap, HashSet};

use disk_identity::{Identifier, Identity};
use libfuzzer_sys::fuzz_target;
use openvss_fuzz::planner_input::{World, decode};
use vss_coordinator::{BreakFacts, plan_break};
use vss_model::{BreakFlags, Disposition, ErrorKind, IdentityRevert};
use vss_service::{BreakPlan, IdentityDecision};

fuzz_target!(|data: &[u8]| {
    if let Some(world) = decode(data) {
        check(world);
    }
});

fn ids(identity: &Identity) -> HashSet<Identifier> {
    identity.ids().collect()
}

fn check(world: World) {
    let World {
        flags,
        set,
        disks,
        visible,
    } = world;
    let Ok(flags) = BreakFlags::from_bits(flags) else {
        return;
    };
    let seen: Vec<_> = disks
        .iter()
        .map(|disk| (disk.lun.clone(), disk.observation.clone()))
        .collect();
    let facts = BreakFacts {
        set: &set,
        disks,
        visible: &visible,
        claimed: &HashMap::new(),
    };
    let taken: HashSet<Identifier> = visible
        .iter()
        .filter_map(|disk| disk.identity.as_ref())
        .flat_map(Identity::ids)
        .collect();
    let blocked = |lun: &vss_service::LunRecord| {
        !ids(&lun.original_identity).is_disjoint(&taken)
            || visible.iter().any(|disk| {
                disk.information
                    .as_ref()
                    .is_some_and(|information| information.is_same_lun(&lun.original))
            })
    };
    let plan = match plan_break(&facts, flags) {
        Ok(plan) => plan,
        Err(error) => {
            match error.kind() {
                ErrorKind::BreakRevertIdFailed => {
                    assert_eq!(flags.identity(), IdentityRevert::All);
                    let mut wanted = HashSet::new();
                    let twins = set
                        .luns
                        .iter()
                        .any(|lun| lun.original_identity.ids().any(|id| !wanted.insert(id)));
                    assert!(
                        twins || set.luns.iter().any(blocked),
                        "no obstacle: {error}"
                    );
                }
                ErrorKind::MissingDisk => assert!(seen.len() < set.luns.len()),
                ErrorKind::Unexpected => {}
                other => panic!("{other:?}: {error}"),
            }
            return;
        }
    };
    assert_eq!(plan.disks.len(), set.luns.len());
    if flags.disposition() == Disposition::Mask {
        assert!(plan.disks.iter().all(|disk| disk.patch.is_empty()));
        return;
    }
    examine(&plan, flags, &seen, &taken);
    for (disk, lun) in plan.disks.iter().zip(&set.luns) {
        match &disk.identity {
            IdentityDecision::Reverted | IdentityDecision::AlreadyOriginal => {
                assert!(!blocked(lun));
                assert_ne!(flags.identity(), IdentityRevert::None);
                assert_eq!(
                    ids(disk.after.as_ref().unwrap()),
                    ids(&lun.original_identity)
                );
            }
            IdentityDecision::KeptOnCollision(_) => {
                assert_eq!(flags.identity(), IdentityRevert::Auto);
            }
            IdentityDecision::Kept => assert_eq!(flags.identity(), IdentityRevert::None),
            IdentityDecision::Masked => panic!("masked without the flag"),
        }
    }
}

fn examine(
    plan: &BreakPlan,
    flags: BreakFlags,
    seen: &[(String, disk_identity::Observation)],
    taken: &HashSet<Identifier>,
) {
    let mut given: HashSet<Identifier> = HashSet::new();
    for disk in &plan.disks {
        let (_, observation) = seen.iter().find(|(lun, _)| *lun == disk.lun).unwrap();
        let after = observation.with_patch(&disk.patch).unwrap();
        assert_eq!(Some(after.identity()), disk.after.as_ref());
        let back = after.with_patch(&disk.patch.inverse()).unwrap();
        assert_eq!(back.identity(), observation.identity());
        let kept = observation.with_patch(&disk.fallback).unwrap();
        assert_eq!(ids(kept.identity()), ids(observation.identity()));
        assert_eq!(
            disk.read_only_after,
            flags.disposition() != Disposition::ReadWrite
        );
        // What the plan itself brings about never collides.
        let brought: HashSet<Identifier> = ids(after.identity())
            .difference(&ids(observation.identity()))
            .copied()
            .collect();
        assert!(brought.is_disjoint(taken), "collides with a visible disk");
        assert!(brought.is_disjoint(&given), "collides within the set");
        given.extend(brought);
    }
}
