//! Folders, and the names in them: made, and made to last.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::sync::PoisonError;

use super::system::rename_exclusively;
use super::{Disk, share_folder, sync, unexpected, unique};
use crate::workers::{SYNCS, each};
use crate::{RegistryError, schema};

/// So many folders, as one file or two need, are synced one after the other: starting threads for them gains next to nothing.
const FEW: usize = 4;

impl Disk {
    /// Makes a folder and those on the way, and sees to it that they last, whoever made them.
    pub(crate) fn ensure_folder(&self, folder: &str) -> Result<(), RegistryError> {
        let made = self.make_folders(folder)?;
        self.settle_folders(made.into_iter().collect(), [folder].into())
    }

    /// Sees to it that the names of these files last, and the names of the folders on the way, whoever made them. Each folder
    /// is synced once, however many of the files it holds, and many of them at a time.
    pub(crate) fn settle_names<'a>(&self, places: impl IntoIterator<Item = &'a str>) -> Result<(), RegistryError> {
        let folders: BTreeSet<&str> = places.into_iter().map(parent).collect();
        self.settle_folders(folders.clone(), folders)
    }

    /// Syncs the first of these, and whatever the names of the second ones and of those on the way to them need.
    fn settle_folders<'a>(&self, mut synced: BTreeSet<&'a str>, named: BTreeSet<&'a str>) -> Result<(), RegistryError> {
        let open: BTreeSet<&str> = named.into_iter().flat_map(on_the_way).filter(|it| !self.is_lasting(it)).collect();
        synced.extend(open.iter().map(|folder| parent(folder)));
        let synced: Vec<&str> = synced.into_iter().collect();
        let threads = if synced.len() > FEW { SYNCS } else { 1 };
        each(&synced, threads, |folder| sync(&self.path(folder)))?;
        // Not before all of it was synced: what lasts here is not looked at again, nor are those above it.
        self.lasting.lock().unwrap_or_else(PoisonError::into_inner).extend(open.into_iter().map(str::to_owned));
        Ok(())
    }

    /// Makes a folder and those on the way, which last when [`Disk::settle_names`] has ended; which of them were made.
    pub(super) fn make_folders<'a>(&self, folder: &'a str) -> Result<Vec<&'a str>, RegistryError> {
        let mut made = Vec::new();
        for folder in on_the_way(folder).filter(|folder| !self.is_lasting(folder)) {
            match self.look(folder)? {
                Some(found) if found.is_dir() => {}
                Some(found) => return Err(unexpected(folder, &found, "a folder")),
                None => {
                    self.make_folder(folder)?;
                    made.push(folder);
                }
            }
        }
        Ok(made)
    }

    /// Makes a folder that has a file from the beginning, and sees to it that both last; `false` where there is one now.
    pub(crate) fn create_folder_with(&self, folder: &str, place: &str, bytes: &[u8]) -> Result<bool, RegistryError> {
        let staged = schema::staged(folder, unique()?);
        let inside = place.replacen(folder, &staged, 1);
        let path = self.path(&staged);
        let failed = |error: io::Error| RegistryError::io("make the folder", self.path(folder), error);
        fs::create_dir(&path).map_err(failed)?;
        let made = (|| {
            if self.shared {
                share_folder(&path).map_err(failed)?;
            }
            let file = self.stage(&inside, bytes)?;
            self.rename_exclusively(&file, &inside).map_err(failed)?;
            sync(&path)
        })();
        let placed = made.map(|()| rename_exclusively(&path, &self.path(folder)).is_ok());
        if !matches!(placed, Ok(true)) {
            // Nobody else knows of it.
            let _ = fs::remove_file(self.path(&inside)).and_then(|()| fs::remove_dir(&path));
        }
        if placed? {
            self.settle_names([place])?;
            return Ok(true);
        }
        Ok(false)
    }

    fn is_lasting(&self, folder: &str) -> bool {
        self.lasting.lock().unwrap_or_else(PoisonError::into_inner).contains(folder)
    }

    /// A shared folder gets its mode before it gets its name; where a colleague was faster, theirs stays.
    fn make_folder(&self, folder: &str) -> Result<(), RegistryError> {
        let target = self.path(folder);
        let failed = |error: io::Error| RegistryError::io("make the folder", target.clone(), error);
        if !self.shared {
            return match fs::create_dir(&target) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
                _ => Ok(()),
            };
        }
        let staged = self.path(&schema::staged(folder, unique()?));
        fs::create_dir(&staged).map_err(failed)?;
        share_folder(&staged).map_err(failed)?;
        sync(&staged)?;
        let placed = match rename_exclusively(&staged, &target) {
            // A plain rename replaces at most an empty folder, and is the best that such a file system has.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(&staged, &target),
            placed => placed,
        };
        if placed.is_err() {
            let _ = fs::remove_dir(&staged);
            if self.look(folder)?.is_some_and(|found| found.is_dir()) {
                return Ok(());
            }
        }
        placed.map_err(failed)
    }
}

/// The folder that a file or a folder lies in; that of the registry is empty.
pub(super) fn parent(place: &str) -> &str {
    place.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A folder and those on the way to it, the outermost first.
fn on_the_way(folder: &str) -> impl Iterator<Item = &str> {
    let ends = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
    ends.map(|end| folder.split_at(end).0).filter(|folder| !folder.is_empty())
}
