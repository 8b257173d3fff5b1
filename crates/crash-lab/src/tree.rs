//! A state folder in memory: read from disk, changed by recorded calls, written back.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::sparse::Sparse;

/// Number of a node; nodes are never removed, only their names.
pub type NodeId = usize;

/// The state folder itself.
pub const ROOT: NodeId = 0;

/// A file, folder or link.
#[derive(Debug, Clone)]
pub enum Node {
    /// A file with its mode.
    File(Sparse, u32),
    /// A folder.
    Dir(BTreeMap<String, NodeId>),
    /// A symbolic link.
    Link(String),
}

/// A state folder.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf {
    /// A file with its mode.
    File(Sparse, u32),
    /// A folder.
    Dir,
    /// A symbolic link.
    Link(String),
}

/// Names that have no bearing on what is durable: SQLite makes its index of the log anew.
#[must_use]
pub fn is_ephemeral(name: &str) -> bool {
    name.ends_with("-shm")
}

impl Tree {
    /// Reads a folder; also gives the node of each inode.
    ///
    /// # Errors
    /// Something cannot be read.
    pub fn scan(root: &Path) -> Outcome<(Self, BTreeMap<u64, NodeId>)> {
        let mut tree = Self::default();
        let mut inodes = BTreeMap::new();
        tree.scan_dir(root, &mut inodes)?;
        Ok((tree, inodes))
    }

    fn scan_dir(&mut self, path: &Path, inodes: &mut BTreeMap<u64, NodeId>) -> Outcome<NodeId> {
        let id = self.add(Node::Dir(BTreeMap::new()));
        inodes.insert(fs::metadata(path)?.ino(), id);
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_ephemeral(&name) {
                continue;
            }
            let meta = fs::symlink_metadata(entry.path())?;
            let child = if meta.is_dir() {
                self.scan_dir(&entry.path(), inodes)?
            } else if meta.is_symlink() {
                let target = fs::read_link(entry.path())?;
                self.add(Node::Link(target.to_string_lossy().into_owned()))
            } else {
                let contents = Sparse::read(&File::open(entry.path())?)?;
                self.add(Node::File(contents, meta.mode() & 0o7777))
            };
            inodes.insert(meta.ino(), child);
            self.name(id, &name, Some(child));
        }
        Ok(id)
    }

    /// Adds a node without a name.
    pub fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Sets or removes a name in a folder.
    pub fn name(&mut self, dir: NodeId, name: &str, child: Option<NodeId>) {
        if let Some(Node::Dir(entries)) = self.nodes.get_mut(dir) {
            match child {
                Some(child) => entries.insert(name.to_owned(), child),
                None => entries.remove(name),
            };
        }
    }

    /// What a name in a folder stands for.
    #[must_use]
    pub fn child(&self, dir: NodeId, name: &str) -> Option<NodeId> {
        match self.nodes.get(dir) {
            Some(Node::Dir(entries)) => entries.get(name).copied(),
            _ => None,
        }
    }

    /// The contents and mode of a file, for changes.
    pub fn file(&mut self, id: NodeId) -> Option<(&mut Sparse, &mut u32)> {
        match self.nodes.get_mut(id) {
            Some(Node::File(contents, mode)) => Some((contents, mode)),
            _ => None,
        }
    }

    /// Everything that has a name, by path.
    #[must_use]
    pub fn leaves(&self) -> BTreeMap<PathBuf, Leaf> {
        let mut leaves = BTreeMap::new();
        self.walk(ROOT, Path::new(""), &mut |path, node| {
            let leaf = match node {
                Node::File(contents, mode) => Leaf::File(contents.clone(), *mode),
                Node::Dir(_) => Leaf::Dir,
                Node::Link(target) => Leaf::Link(target.clone()),
            };
            leaves.insert(path.to_owned(), leaf);
        });
        leaves
    }

    fn walk(&self, dir: NodeId, path: &Path, visit: &mut dyn FnMut(&Path, &Node)) {
        let Some(Node::Dir(entries)) = self.nodes.get(dir) else {
            return;
        };
        for (name, child) in entries {
            let path = path.join(name);
            if let Some(node) = self.nodes.get(*child) {
                visit(&path, node);
                if matches!(node, Node::Dir(_)) {
                    self.walk(*child, &path, visit);
                }
            }
        }
    }

    /// Makes the folder on disk; `root` must be empty or missing.
    ///
    /// # Errors
    /// Something cannot be written.
    pub fn store(&self, root: &Path) -> Outcome {
        fs::create_dir_all(root)?;
        fs::set_permissions(root, Permissions::from_mode(0o700))?;
        for (path, leaf) in self.leaves() {
            let path = root.join(path);
            match leaf {
                Leaf::Dir => fs::create_dir(&path)?,
                Leaf::Link(target) => symlink(target, &path)?,
                Leaf::File(contents, mode) => {
                    let file = File::create_new(&path)?;
                    contents.store(&file)?;
                    file.set_permissions(Permissions::from_mode(mode))?;
                }
            }
        }
        Ok(())
    }

    /// What a start of the host changes: files that hold the id of this start hold that of an earlier
    /// one then.
    pub fn reboot(&mut self) {
        let Ok(boot) = fs::read("/proc/sys/kernel/random/boot_id") else {
            return;
        };
        for node in &mut self.nodes {
            if let Node::File(contents, _) = node
                && contents.len() == boot.len() as u64
                && contents.bytes(0, boot.len()) == boot
            {
                contents.write(0, b"00000000");
            }
        }
    }

    /// A number that tells trees apart. The lock file is left out: it holds no state.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.walk(ROOT, Path::new(""), &mut |path, node| {
            if path == Path::new("lock") {
                return;
            }
            path.hash(&mut hasher);
            match node {
                Node::File(contents, mode) => {
                    mode.hash(&mut hasher);
                    contents
                        .fingerprint()
                        .for_each(|part| part.hash(&mut hasher));
                }
                Node::Dir(_) => {}
                Node::Link(target) => target.hash(&mut hasher),
            }
        });
        hasher.finish()
    }

    /// The first path at which two trees differ, and how.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let (ours, theirs) = (self.leaves(), other.leaves());
        for path in ours.keys().chain(theirs.keys()) {
            let (a, b) = (ours.get(path), theirs.get(path));
            if a == b {
                continue;
            }
            let how = match (a, b) {
                (Some(Leaf::File(a, one)), Some(Leaf::File(b, two))) if one == two => {
                    format!("contents differ from byte {:?} on", a.first_difference(b))
                }
                (Some(Leaf::File(_, a)), Some(Leaf::File(_, b))) => {
                    format!("mode {a:o}, not {b:o}")
                }
                (Some(_), None) => "is only in the first".to_owned(),
                (None, Some(_)) => "is only in the second".to_owned(),
                _ => "is something else".to_owned(),
            };
            return Some(format!("{}: {how}", path.display()));
        }
        None
    }
}
