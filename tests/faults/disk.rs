//! All that a folder holds, read and written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Files and folders by path, without the root itself: a file's bytes, or that it is a folder.
pub(crate) type Disk = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// What a folder holds.
pub(crate) fn read(root: &Path) -> Disk {
    let mut disk = Disk::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let content = (!path.is_dir()).then(|| fs::read(&path).unwrap());
            disk.insert(path.strip_prefix(root).unwrap().to_owned(), content);
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    disk
}

/// Makes files and folders as they are on a disk.
pub(crate) fn write(root: &Path, disk: &Disk) {
    for (path, content) in disk {
        match content {
            None => fs::create_dir(root.join(path)).unwrap(),
            Some(bytes) => fs::write(root.join(path), bytes).unwrap(),
        }
    }
}
