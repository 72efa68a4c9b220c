//! What garbage collection and repair do to files: move, copy, delete. Nothing else touches a file that stands under its
//! name.

use std::fs;
use std::io;
use std::sync::PoisonError;

use super::folders::parent;
use super::system::exchange;
use super::{Disk, sync};
use crate::RegistryError;

impl Disk {
    /// Gives a file a second name that is free, or where that cannot be, copies it; whether it was there.
    pub(crate) fn preserve(&self, from: &str, to: &str) -> Result<bool, RegistryError> {
        if self.metadata(from)?.is_none() {
            return Ok(false);
        }
        // However large it is: what is no part of a registry can be.
        let folder = parent(to);
        self.ensure_folder(folder)?;
        if fs::hard_link(self.path(from), self.path(to)).is_ok() {
            sync(&self.path(folder))?;
            return Ok(true);
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
        self.require_folders(from)?;
        let [new, old] = [to, from].map(parent);
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

    /// Puts a file where a link or a folder stands, which gets another name; `false` where somebody was faster. Where the file
    /// system can exchange names, the place is never free.
    pub(crate) fn displace(&self, place: &str, bytes: &[u8], aside: &str) -> Result<bool, RegistryError> {
        self.require_folders(place)?;
        // Before the exchange: what stands there then has the name of a temporary file.
        self.ensure_folder(parent(aside))?;
        let staged = self.stage(place, bytes)?;
        if exchange(&staged.path, &self.path(place)).is_ok() {
            let moved = self.relocate(&staged.name, aside).map(|_| true);
            if moved.is_err() {
                // It is no longer what was staged, and must not be deleted.
                std::mem::forget(staged);
            }
            return moved;
        }
        self.relocate(place, aside)?;
        let named = fs::hard_link(&staged.path, self.path(place)).or_else(|_| self.rename_exclusively(&staged, place));
        match named {
            Ok(()) => self.settle(place).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(RegistryError::io("write it", self.path(place), error)),
        }
    }

    /// Deletes a file; whether it was there.
    pub(crate) fn remove(&self, place: &str) -> Result<bool, RegistryError> {
        self.require_folders(place)?;
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
