//! What garbage collection and repair do to files: move, copy, delete. Nothing else touches a file that stands under its
//! name.

use std::fs;
use std::io;
use std::sync::PoisonError;

use super::{Disk, sync};
use crate::RegistryError;

impl Disk {
    /// Copies a file as it is to a name that is free; whether it was there.
    pub(crate) fn preserve(&self, from: &str, to: &str) -> Result<bool, RegistryError> {
        if self.metadata(from)?.is_none() {
            return Ok(false);
        }
        let staged = self.stage(to, &[])?;
        let failed = |error: io::Error| RegistryError::io("copy it", self.path(from), error);
        fs::remove_file(&staged.path).and_then(|()| fs::copy(self.path(from), &staged.path)).map_err(failed)?;
        sync(&staged.path)?;
        self.relocate(&staged.name, to)
    }

    /// Renames a file, over another one where there is one, and sees to it that the new name lasts before the old one is known
    /// to be gone; whether it was there. A colleague's file can be renamed where it could not be linked.
    pub(crate) fn relocate(&self, from: &str, to: &str) -> Result<bool, RegistryError> {
        let [new, old] = [to, from].map(|place| place.rsplit_once('/').map_or("", |(folder, _)| folder));
        self.ensure_folder(new)?;
        match fs::rename(self.path(from), self.path(to)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(RegistryError::io("move it", self.path(from), error)),
        }
        for folder in [new, old] {
            sync(&self.path(folder))?;
        }
        Ok(true)
    }

    /// Deletes a file; whether it was there.
    pub(crate) fn remove(&self, place: &str) -> Result<bool, RegistryError> {
        match fs::remove_file(self.path(place)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(RegistryError::io("delete it", self.path(place), error)),
        }
    }

    /// Deletes a folder if there is one and it is empty.
    pub(crate) fn remove_empty(&self, folder: &str) -> Result<(), RegistryError> {
        self.lasting.lock().unwrap_or_else(PoisonError::into_inner).remove(folder);
        match fs::remove_dir(self.path(folder)) {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
                Err(RegistryError::io("delete the folder", self.path(folder), error))
            }
            _ => Ok(()),
        }
    }
}
