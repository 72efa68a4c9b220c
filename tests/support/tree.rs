//! A folder with everything in it, to be compared with what it is later.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What lies under each path below a folder: a file's bytes, a link's aim, or that it is a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree(BTreeMap<String, Node>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Folder,
    File(Vec<u8>),
    Link(String),
}

impl Tree {
    /// Links are not followed.
    pub(crate) fn of(root: &Path) -> Self {
        let mut nodes = BTreeMap::new();
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let kind = fs::symlink_metadata(&path).unwrap().file_type();
                let node = if kind.is_symlink() {
                    Node::Link(fs::read_link(&path).unwrap().display().to_string())
                } else if kind.is_dir() {
                    open.push(path.clone());
                    Node::Folder
                } else {
                    Node::File(fs::read(&path).unwrap())
                };
                nodes.insert(path.strip_prefix(root).unwrap().display().to_string(), node);
            }
        }
        Self(nodes)
    }

    /// Without one of the folders at the top.
    pub(crate) fn without(mut self, top: &str) -> Self {
        self.0.retain(|path, _| path.split('/').next() != Some(top));
        self
    }

    /// Which paths are new, gone or other in a later tree.
    pub(crate) fn changes(&self, later: &Self) -> Vec<String> {
        let gone = self.0.keys().filter(|path| !later.0.contains_key(*path)).map(|path| format!("gone: {path}"));
        let found = later.0.iter().filter_map(|(path, node)| match self.0.get(path) {
            None => Some(format!("new: {path}")),
            Some(before) if before != node => Some(format!("other: {path}")),
            Some(_) => None,
        });
        gone.chain(found).collect()
    }

    /// The paths of all files.
    pub(crate) fn files(&self) -> Vec<&str> {
        self.0.iter().filter(|(_, node)| matches!(node, Node::File(_))).map(|(path, _)| path.as_str()).collect()
    }
}

/// Writes over a file that is there, whatever its mode.
pub(crate) fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Flips one bit in the middle of a file, as a failing disk does.
pub(crate) fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    overwrite(path, &bytes);
}
