//! What a power cut may leave of recorded calls.
//!
//! Pessimistic, within what file systems do:
//!
//! - Data and length of a file are pending until `fsync` or `fdatasync` of it; pending writes may be
//!   there or not, each sector of 512 bytes by itself, in any order. What comes after a truncation
//!   needs the truncation.
//! - The mode of a file is pending until `fsync` of it; `fdatasync` does nothing for it.
//! - A name in a folder is pending until `fsync` of that folder; syncing the file itself does not
//!   help it. The changes of one folder become durable in their order, those of two in any.
//! - A rename is whole or not at all.
//!
//! The host starts anew after it, so the id of its start is another one.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::log::{Entry, Kind};
use crate::random::Random;
use crate::sparse::SECTOR;
use crate::tree::{Node, NodeId, Tree, is_ephemeral};
use crate::{Outcome, fail};

/// A change, or a sync, of nodes.
#[derive(Debug)]
enum What {
    Write(NodeId, u64, Vec<u8>),
    Truncate(NodeId, u64),
    Extend(NodeId, u64),
    Mode(NodeId, u32),
    Name(NodeId, String, Option<NodeId>),
    Rename([NodeId; 2], [String; 2]),
    Sync(NodeId, bool),
    SyncAll,
    Marker(Vec<u8>),
}

/// A recorded call, or a part of one.
#[derive(Debug)]
pub struct Step {
    what: What,
    seq: u32,
    path: String,
}

impl Step {
    /// The path below the state folder.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it is, for people.
    #[must_use]
    pub fn show(&self) -> String {
        let what = match &self.what {
            What::Write(_, offset, data) => format!("write {} bytes at {offset}", data.len()),
            What::Truncate(_, len) => format!("truncate to {len}"),
            What::Extend(_, len) => format!("allocate up to {len}"),
            What::Mode(_, mode) => format!("chmod {mode:o}"),
            What::Name(_, name, Some(_)) => format!("make {name}"),
            What::Name(_, name, None) => format!("remove {name}"),
            What::Rename(_, [from, to]) => format!("rename {from} to {to}"),
            What::Sync(_, true) => "fsync".to_owned(),
            What::Sync(_, false) => "fdatasync".to_owned(),
            What::SyncAll => "sync".to_owned(),
            What::Marker(line) => format!("report {}", String::from_utf8_lossy(line).trim_end()),
        };
        format!("#{} {what} ({})", self.seq, self.path)
    }

    /// The file or folder whose pending changes this belongs to.
    fn group(&self) -> Option<(NodeId, u8)> {
        match &self.what {
            What::Write(node, ..) | What::Truncate(node, _) | What::Extend(node, _) => {
                Some((*node, 0))
            }
            What::Mode(node, _) => Some((*node, 1)),
            What::Name(node, ..) | What::Rename([node, _], _) => Some((*node, 2)),
            What::Sync(..) | What::SyncAll | What::Marker(_) => None,
        }
    }
}

/// How much of a pending change is there after the cut.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Share {
    None,
    Whole,
    /// These sectors of a write.
    Sectors(Vec<bool>),
}

/// One run: the folder before it and what it did, in order.
#[derive(Debug)]
pub struct Recording {
    base: Tree,
    steps: Vec<Step>,
}

/// A state that a power cut may leave.
pub struct Remains {
    /// The folder.
    pub tree: Tree,
    /// How it came about.
    pub story: String,
    /// Whether success had been reported before the cut.
    pub reported: bool,
}

impl Recording {
    /// Makes sense of a record, given the folder before it.
    ///
    /// # Errors
    /// The record speaks of files that nobody made.
    pub fn new(mut base: Tree, inodes: BTreeMap<u64, NodeId>, log: Vec<Entry>) -> Outcome<Self> {
        // Inode numbers are used again, so the meaning of one changes along the record.
        let mut nodes: BTreeMap<u64, Option<NodeId>> = inodes
            .into_iter()
            .map(|(ino, node)| (ino, Some(node)))
            .collect();
        let mut steps = Vec::with_capacity(log.len());
        for entry in log {
            let (seq, path) = (entry.seq, entry.path.clone());
            if let Some(what) = translate(&mut base, &mut nodes, entry)? {
                steps.push(Step { what, seq, path });
            }
        }
        Ok(Self { base, steps })
    }

    /// The recorded calls.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The folder after everything, as the record has it.
    #[must_use]
    pub fn end(&self) -> Tree {
        let mut tree = self.base.clone();
        for step in &self.steps {
            apply(&mut tree, step, &Share::Whole);
        }
        tree
    }

    /// Gives every state to `visit`: at each cut point those of `plan`, each different one once.
    /// `ignore` makes the model deaf to chosen syncs.
    ///
    /// # Errors
    /// The first of `visit`.
    pub fn cuts(
        &self,
        rounds: usize,
        ignore: &dyn Fn(&Step) -> bool,
        visit: &mut dyn FnMut(Remains) -> Outcome,
    ) -> Outcome<Count> {
        let mut count = Count::default();
        let mut seen = std::collections::HashSet::new();
        let mut durable = self.base.clone();
        let mut pending: Vec<&Step> = Vec::new();
        let mut reported = false;
        let mut random = Random::new(0x5eed);
        for at in 0..=self.steps.len() {
            count.points += 1;
            for (name, shares) in choices(&pending, rounds, &mut random) {
                count.states += 1;
                let mut tree = durable.clone();
                apply_all(&mut tree, &pending, &shares);
                tree.reboot();
                let mut key = DefaultHasher::new();
                (tree.fingerprint(), reported).hash(&mut key);
                if !seen.insert(key.finish()) {
                    continue;
                }
                count.different += 1;
                let story = tell(self.steps.get(at), &name, &pending, &shares);
                visit(Remains {
                    tree,
                    story,
                    reported,
                })?;
            }
            let Some(step) = self.steps.get(at) else {
                break;
            };
            match &step.what {
                What::Sync(..) | What::SyncAll if ignore(step) => {}
                What::Sync(node, full) => {
                    settle(&mut durable, &mut pending, |group| match group {
                        (other, 1) => other == *node && *full,
                        (other, _) => other == *node,
                    });
                }
                What::SyncAll => settle(&mut durable, &mut pending, |_| true),
                What::Marker(line) => reported |= line.starts_with(b"{\"ok\""),
                _ => pending.push(step),
            }
        }
        Ok(count)
    }
}

/// How much was tried.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    /// Moments of the power cut.
    pub points: usize,
    /// States at them.
    pub states: usize,
    /// States that differ.
    pub different: usize,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.points += other.points;
        self.states += other.states;
        self.different += other.different;
    }
}

fn translate(
    base: &mut Tree,
    nodes: &mut BTreeMap<u64, Option<NodeId>>,
    entry: Entry,
) -> Outcome<Option<What>> {
    if entry.kind == Kind::Marker {
        return Ok(Some(What::Marker(entry.data)));
    }
    if entry.kind == Kind::SyncAll {
        return Ok(Some(What::SyncAll));
    }
    if is_ephemeral(&entry.path) {
        if entry.kind == Kind::Create {
            nodes.insert(entry.ino, None);
        }
        return Ok(None);
    }
    let find = |nodes: &BTreeMap<u64, Option<NodeId>>, ino: u64| match nodes.get(&ino) {
        Some(Some(node)) => Ok(*node),
        _ => fail(format!("nobody made inode {ino} ({})", entry.path)),
    };
    let fresh = match entry.kind {
        Kind::Create => Some(Node::File(
            crate::sparse::Sparse::default(),
            u32::try_from(entry.extra)?,
        )),
        Kind::MakeDir => Some(Node::Dir(BTreeMap::new())),
        Kind::Symlink => Some(Node::Link(
            String::from_utf8_lossy(&entry.data).into_owned(),
        )),
        _ => None,
    };
    if let Some(fresh) = fresh {
        let dir = find(nodes, entry.dir)?;
        let node = base.add(fresh);
        nodes.insert(entry.ino, Some(node));
        return Ok(Some(What::Name(dir, entry.name, Some(node))));
    }
    Ok(Some(match entry.kind {
        Kind::Write => What::Write(find(nodes, entry.ino)?, entry.offset, entry.data),
        Kind::Truncate => What::Truncate(find(nodes, entry.ino)?, entry.offset),
        // Space that does not count into the length changes nothing that can be seen.
        Kind::Allocate if entry.extra != 0 => return Ok(None),
        Kind::Allocate => What::Extend(find(nodes, entry.ino)?, entry.offset),
        Kind::Chmod => What::Mode(find(nodes, entry.ino)?, u32::try_from(entry.extra)?),
        Kind::Sync => What::Sync(find(nodes, entry.ino)?, entry.extra == 1),
        Kind::Unlink | Kind::RemoveDir => What::Name(find(nodes, entry.dir)?, entry.name, None),
        Kind::Link => What::Name(
            find(nodes, entry.dir2)?,
            entry.name2,
            Some(find(nodes, entry.ino)?),
        ),
        Kind::Rename => What::Rename(
            [find(nodes, entry.dir)?, find(nodes, entry.dir2)?],
            [entry.name, entry.name2],
        ),
        _ => return fail(format!("{:?} is not modelled", entry.kind)),
    }))
}

/// Makes the pending changes of some groups durable.
fn settle(durable: &mut Tree, pending: &mut Vec<&Step>, meant: impl Fn((NodeId, u8)) -> bool) {
    pending.retain(|step| {
        // A rename between two folders settles with the one that it leaves.
        let now = step.group().is_some_and(&meant);
        if now {
            apply(durable, step, &Share::Whole);
        }
        !now
    });
}

fn apply_all(tree: &mut Tree, pending: &[&Step], shares: &[Share]) {
    let mut cut: Vec<NodeId> = Vec::new();
    for (step, share) in pending.iter().zip(shares) {
        match (&step.what, share) {
            (What::Truncate(node, _), Share::None) => cut.push(*node),
            (What::Write(node, ..) | What::Truncate(node, _) | What::Extend(node, _), _)
                if cut.contains(node) => {}
            _ => apply(tree, step, share),
        }
    }
}

fn apply(tree: &mut Tree, step: &Step, share: &Share) {
    if *share == Share::None {
        return;
    }
    match &step.what {
        What::Write(node, offset, data) => {
            let Some((contents, _)) = tree.file(*node) else {
                return;
            };
            match share {
                Share::Sectors(there) => {
                    for ((start, part), there) in sectors(*offset, data).zip(there) {
                        if *there {
                            contents.write(start, part);
                        }
                    }
                }
                _ => contents.write(*offset, data),
            }
        }
        What::Truncate(node, len) => {
            if let Some((contents, _)) = tree.file(*node) {
                contents.truncate(*len);
            }
        }
        What::Extend(node, len) => {
            if let Some((contents, _)) = tree.file(*node)
                && contents.len() < *len
            {
                contents.truncate(*len);
            }
        }
        What::Mode(node, mode) => {
            if let Some((_, current)) = tree.file(*node) {
                *current = *mode;
            }
        }
        What::Name(dir, name, child) => tree.name(*dir, name, *child),
        What::Rename([from, to], [old, new]) => {
            // What never got its old name cannot get the new one.
            if let Some(child) = tree.child(*from, old) {
                tree.name(*from, old, None);
                tree.name(*to, new, Some(child));
            }
        }
        What::Sync(..) | What::SyncAll | What::Marker(_) => {}
    }
}

/// A write in pieces that the disk's sectors bound.
fn sectors(offset: u64, data: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let first = SECTOR - usize::try_from(offset % SECTOR as u64).unwrap_or(0);
    let (head, tail) = data.split_at(first.min(data.len()));
    std::iter::once(head)
        .chain(tail.chunks(SECTOR))
        .scan(offset, |at, part| {
            let start = *at;
            *at += part.len() as u64;
            Some((start, part))
        })
}

fn sector_count(step: &Step) -> usize {
    match &step.what {
        What::Write(_, offset, data) => sectors(*offset, data).count(),
        _ => 0,
    }
}

/// The ways in which pending changes may have come through.
fn choices(pending: &[&Step], rounds: usize, random: &mut Random) -> Vec<(String, Vec<Share>)> {
    let all = |share: Share| vec![share; pending.len()];
    let mut choices = vec![("nothing pending".to_owned(), all(Share::None))];
    if pending.is_empty() {
        return choices;
    }
    choices.push(("everything pending".to_owned(), all(Share::Whole)));
    let mut groups: Vec<_> = pending.iter().filter_map(|step| step.group()).collect();
    groups.sort_unstable();
    groups.dedup();
    if groups.len() > 1 {
        for group in &groups {
            let only = |inside: Share, outside: Share| {
                pending
                    .iter()
                    .map(|step| {
                        if step.group() == Some(*group) {
                            inside.clone()
                        } else {
                            outside.clone()
                        }
                    })
                    .collect::<Vec<_>>()
            };
            choices.push((
                "all but one file".to_owned(),
                only(Share::None, Share::Whole),
            ));
            choices.push(("one file".to_owned(), only(Share::Whole, Share::None)));
        }
    }
    // The newest write, torn in two.
    if let Some((at, step)) = pending.iter().enumerate().next_back() {
        let sectors = sector_count(step);
        if sectors > 1 {
            for part in [1, 1 + random.below(sectors - 1), sectors - 1] {
                for head in [true, false] {
                    let mut shares = all(Share::Whole);
                    let there = (0..sectors).map(|n| (n < part) == head).collect();
                    if let Some(share) = shares.get_mut(at) {
                        *share = Share::Sectors(there);
                    }
                    choices.push(("the newest write torn".to_owned(), shares));
                }
            }
            // Both at once: only its first sector, and one of the two writes before it lost.
            for lost in [1, 2].iter().filter_map(|back| at.checked_sub(*back)) {
                let mut shares = all(Share::Whole);
                if let Some(share) = shares.get_mut(at) {
                    *share = Share::Sectors((0..sectors).map(|n| n == 0).collect());
                }
                if let Some(share) = shares.get_mut(lost) {
                    *share = Share::None;
                }
                choices.push(("the newest write torn, one lost".to_owned(), shares));
            }
        }
    }
    for round in 0..rounds {
        choices.push((format!("random {round}"), scatter(pending, &groups, random)));
    }
    choices
}

fn scatter(pending: &[&Step], groups: &[(NodeId, u8)], random: &mut Random) -> Vec<Share> {
    // How many changes of each folder came through.
    let mut names: BTreeMap<(NodeId, u8), usize> = groups
        .iter()
        .map(|group| {
            let changes = pending
                .iter()
                .filter(|step| step.group() == Some(*group))
                .count();
            (*group, random.below(changes + 1))
        })
        .collect();
    pending
        .iter()
        .map(|step| match (step.group(), &step.what) {
            (Some(group @ (_, 2)), _) => match names.get_mut(&group) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    Share::Whole
                }
                _ => Share::None,
            },
            (_, What::Write(..)) if random.coin() => {
                Share::Sectors((0..sector_count(step)).map(|_| random.coin()).collect())
            }
            _ if random.coin() => Share::Whole,
            _ => Share::None,
        })
        .collect()
}

fn tell(next: Option<&Step>, name: &str, pending: &[&Step], shares: &[Share]) -> String {
    let mut story = match next {
        Some(next) => format!("power cut before {}; {name} came through:", next.show()),
        None => format!("power cut at the end; {name} came through:"),
    };
    for (step, share) in pending.iter().zip(shares) {
        let how = match share {
            Share::None => "lost ".to_owned(),
            Share::Whole => "there".to_owned(),
            Share::Sectors(there) => {
                let bits: String = there
                    .iter()
                    .map(|there| if *there { '1' } else { '0' })
                    .collect();
                format!("sectors {bits}")
            }
        };
        story.push_str(&format!("\n    {how} {}", step.show()));
    }
    story
}
