//! What makes a write to a local disk last, beyond what `object_store` does.
//!
//! Checked in the source of `object_store` 0.14.2 (`src/local.rs`), `LocalFileSystem`:
//!
//! | it does | it does not | so here |
//! |---|---|---|
//! | fsync a directory after it has linked into it, with `with_fsync(true)` | tell a sync that failed from a link that did; make a file last that a colleague has linked and not yet synced (`AlreadyExists`) | [`Disk::settle_names`] after every creation, [`Disk::settle`] for theirs |
//! | fsync the directories that it creates itself, with `with_fsync(true)` | the same for a directory that a colleague has just made | [`Disk::ensure_folder`] and [`Disk::settle_names`] sync the parent of every folder that is used |
//! | stage under `name#1` with the umask's mode | set a mode before the file is seen | [`Disk::write`] writes the staged file; `object_store` links it |
//! | report that linking failed | fall back where there are no hard links | [`Disk::rename_exclusively`] |
//! | skip `name#1` in listings, and stop a listing at a name that is not UTF-8 or at a looping link | show what a killed writer left behind | [`Disk::names`] |
//! | follow symbolic links, and open pipes | refuse them | [`Disk::metadata`] |
//! | panic on `AlreadyExists` below a path that is not UTF-8 | | such a location is refused before |
//!
//! Deletions are not synced: only staged files are deleted, and one that comes back is still only a staged file.
//! Outside a tokio runtime its futures run on the calling thread, so that `futures::executor::block_on` is enough.

mod folders;
mod moving;
mod system;

use std::collections::HashSet;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use self::system::{rename_exclusively, share_file};
pub(crate) use self::system::{share_folder, sync};
use crate::error::SYNC;
use crate::{RegistryError, schema};

/// A directory on a local disk or a network mount, and what is known to last in it.
pub(crate) struct Disk {
    root: PathBuf,
    shared: bool,
    /// Folders whose entries in their parents are on stable storage.
    lasting: Mutex<HashSet<String>>,
}

/// A file that is written whole, but not yet under its own name. Dropping it removes it.
pub(crate) struct Staged {
    /// Its path in the registry.
    pub(crate) name: String,
    path: PathBuf,
    /// Open from the first byte on: the system tells those of a failure to write who have had the file open all the while.
    file: File,
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Where this fails, a staged file stays behind: `verify` counts it, and nothing else sees it.
        let _ = fs::remove_file(&self.path);
    }
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Listed {
    /// The name, without the folder.
    pub(crate) name: String,
    /// Whether it is a folder.
    pub(crate) is_folder: bool,
}

impl Disk {
    /// The directory must exist. `shared`: what is written here is for the directory's group.
    pub(crate) fn new(root: &Path, shared: bool) -> Self {
        Self { root: root.to_owned(), shared, lasting: Mutex::default() }
    }

    /// The path of a file outside the registry's own words.
    pub(crate) fn path(&self, place: &str) -> PathBuf {
        self.root.join(place)
    }

    /// What lies there; `None` where nothing does.
    ///
    /// # Errors
    /// [`RegistryError::Unsound`] where it, or a folder on the way, is a symbolic link, or it is not a plain file: what a
    /// registry holds must travel with it, and a link could show one content now and another later.
    pub(crate) fn metadata(&self, place: &str) -> Result<Option<Metadata>, RegistryError> {
        if !self.require_folders(place)? {
            return Ok(None);
        }
        match self.look(place)? {
            Some(found) if !found.is_file() => Err(unexpected(place, &found, "a plain file")),
            found => Ok(found),
        }
    }

    /// That the way to a file leads over folders, and not out of the registry by a link; whether they are all there.
    pub(crate) fn require_folders(&self, place: &str) -> Result<bool, RegistryError> {
        let folders = place.match_indices('/').map(|(at, _)| place.split_at(at).0);
        for folder in folders {
            match self.look(folder)? {
                None => return Ok(false),
                Some(found) if found.is_dir() => {}
                Some(found) => return Err(unexpected(folder, &found, "a folder")),
            }
        }
        Ok(true)
    }

    fn look(&self, place: &str) -> Result<Option<Metadata>, RegistryError> {
        match fs::symlink_metadata(self.path(place)) {
            Ok(found) => Ok(Some(found)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(RegistryError::io("look at it", self.path(place), error)),
        }
    }

    /// Whether anything lies there.
    pub(crate) fn has_folder(&self, folder: &str) -> Result<bool, RegistryError> {
        Ok(self.look(folder)?.is_some())
    }

    /// The names in a folder, sorted; none where there is no folder. Names that are not UTF-8 are shown as well as can be.
    pub(crate) fn names(&self, folder: &str) -> Result<Vec<Listed>, RegistryError> {
        let failed = |error: io::Error| RegistryError::io("list it", self.path(folder), error);
        match self.look(folder)? {
            None => return Ok(Vec::new()),
            Some(found) if found.is_dir() => {}
            Some(found) => return Err(unexpected(folder, &found, "a folder")),
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(folder)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_folder = match entry.file_type() {
                Ok(kind) => kind.is_dir(),
                // Staged files come and go while others write.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            names.push(Listed { name: entry.file_name().to_string_lossy().into_owned(), is_folder });
        }
        names.sort();
        Ok(names)
    }

    /// Writes a file whole, with its final mode, and syncs it: all that can be done before it is seen.
    pub(crate) fn stage(&self, place: &str, bytes: &[u8]) -> Result<Staged, RegistryError> {
        let staged = self.write(place, bytes)?;
        self.settle_staged(&staged, place)?;
        Ok(staged)
    }

    /// Writes a file whole, with its final mode. What was written is not synced, nor are the names of folders that were made.
    pub(crate) fn write(&self, place: &str, bytes: &[u8]) -> Result<Staged, RegistryError> {
        if let Some((folder, _)) = place.rsplit_once('/') {
            self.make_folders(folder)?;
        }
        let name = schema::staged(place, unique()?);
        let path = self.path(&name);
        let failed = |error: io::Error| RegistryError::io("write it", self.path(place), error);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o444);
        let file = options.open(&path).map_err(failed)?;
        let mut staged = Staged { name, path, file };
        staged.file.write_all(bytes).map_err(failed)?;
        if self.shared {
            share_file(&staged.file).map_err(failed)?;
        }
        Ok(staged)
    }

    /// Brings the bytes of a staged file to stable storage.
    pub(crate) fn settle_staged(&self, staged: &Staged, place: &str) -> Result<(), RegistryError> {
        staged.file.sync_all().map_err(|error| RegistryError::io(SYNC, self.path(place), error))
    }

    /// Gives a staged file its name by a rename that refuses to replace, for file systems without hard links.
    ///
    /// # Errors
    /// As the operating system; `AlreadyExists` where the name is taken.
    pub(crate) fn rename_exclusively(&self, staged: &Staged, place: &str) -> io::Result<()> {
        rename_exclusively(&staged.path, &self.path(place))
    }

    /// Sees to it that a file that is there lasts, whoever wrote it: its bytes, its name, and its folders' names.
    pub(crate) fn settle(&self, place: &str) -> Result<(), RegistryError> {
        sync(&self.path(place))?;
        self.settle_names([place])
    }

    /// The same of its bytes alone; whether it is there: a garbage collection may have taken an object out.
    pub(crate) fn settle_bytes(&self, place: &str) -> Result<bool, RegistryError> {
        self.require_folders(place)?;
        let path = self.path(place);
        let settled = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened.and_then(|file| file.sync_all()),
        };
        settled.map(|()| true).map_err(|error| RegistryError::io(SYNC, path, error))
    }
}

fn unexpected(place: &str, found: &Metadata, expected: &str) -> RegistryError {
    let found = if found.is_symlink() {
        "a symbolic link"
    } else if found.is_dir() {
        "a folder"
    } else if found.is_file() {
        "a plain file"
    } else {
        "neither a file nor a folder"
    };
    RegistryError::unsound(place, format!("{found} stands where {expected} is expected"))
}

/// 64 random bits, so that no two writers stage under one name.
fn unique() -> Result<u64, RegistryError> {
    getrandom::u64().map_err(RegistryError::Random)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    fn the_fallback_for_file_systems_without_links_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path(), false);
        let first = disk.stage("log/1", b"first").unwrap();
        let second = disk.stage("log/1", b"second").unwrap();
        disk.rename_exclusively(&first, "log/1").unwrap();
        let error = disk.rename_exclusively(&second, "log/1").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        drop((first, second));
        assert_eq!(fs::read(folder.path().join("log/1")).unwrap(), b"first");
        assert_eq!(disk.names("log").unwrap().len(), 1, "staged files stay behind");
    }

    #[test]
    fn file_that_a_collection_took_out_is_gone_and_no_failed_sync() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path(), false);
        assert!(!disk.settle_bytes("objects/aa/1").unwrap());
        let staged = disk.stage("objects/aa/1", b"first").unwrap();
        disk.rename_exclusively(&staged, "objects/aa/1").unwrap();
        assert!(disk.settle_bytes("objects/aa/1").unwrap());
        assert!(disk.relocate("objects/aa/1", "trash/run/1").unwrap());
        assert!(!disk.settle_bytes("objects/aa/1").unwrap());
        disk.settle_names(["objects/aa/1"]).unwrap();
    }

    /// A log without entries looks as if nothing was ever published.
    #[test]
    fn folder_that_has_a_file_from_the_beginning_replaces_none_and_leaves_nothing_behind() {
        for shared in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let disk = Disk::new(folder.path(), shared);
            assert!(disk.create_folder_with("log", "log/2", b"first").unwrap());
            assert_eq!(fs::read(folder.path().join("log/2")).unwrap(), b"first");
            assert!(!disk.create_folder_with("log", "log/3", b"second").unwrap());
            let names = |folder: &str| disk.names(folder).unwrap().into_iter().map(|it| it.name).collect::<Vec<_>>();
            assert_eq!((names(""), names("log")), (vec!["log".to_owned()], vec!["2".to_owned()]));
        }
    }

    #[test]
    fn names_that_are_not_text_do_not_end_a_listing() {
        let folder = tempfile::tempdir().unwrap();
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::ffi::OsStrExt;
            fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"\xff")), b"").unwrap();
            std::os::unix::fs::symlink(".", folder.path().join("loop")).unwrap();
        }
        fs::write(folder.path().join("plain#1"), b"").unwrap();
        let disk = Disk::new(folder.path(), false);
        let names = disk.names("").unwrap();
        assert!(names.iter().any(|listed| listed.name == "plain#1"));
    }
}
