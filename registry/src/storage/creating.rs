//! Creating files: written without a name, then named by what refuses to replace, and then the name made to last.

use std::borrow::Cow;
use std::io;

use object_store::path::Path as Key;
use object_store::{CopyMode, CopyOptions, ObjectStore, PutMode, PutPayload};

use super::{Storage, copy_of};
use crate::RegistryError;
use crate::disk::{Disk, Staged};
use crate::error::io_cause;

/// How [`Storage::create`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Creation {
    /// The file is the one that was given.
    Created,
    /// The name was taken, perhaps by the same bytes.
    AlreadyThere,
}

/// A file that has no name yet. Dropping it removes it.
pub(crate) struct Written<'a>(Held<'a>);

enum Held<'a> {
    /// On the disk, where it need not last yet.
    Staged(&'a Disk, Staged),
    /// In memory: an object store takes bytes and name together.
    Bytes(Vec<u8>),
}

impl Storage {
    /// Creates a file, or leaves the one that is there. Either way the file that then stands there lasts.
    ///
    /// # Errors
    /// After an error the file may stand there all the same: who must know reads it. After one that is
    /// [`RegistryError::is_failed_sync`] it must not be taken to last, even if a later sync succeeds.
    pub(crate) fn create(&self, place: &str, bytes: Vec<u8>) -> Result<Creation, RegistryError> {
        let created = self.link(place, self.write(place, bytes.into())?)?;
        self.settle_names([place])?;
        Ok(created)
    }

    /// Writes the bytes of a file that is to be created.
    pub(crate) fn write(&self, place: &str, bytes: Cow<'_, [u8]>) -> Result<Written<'_>, RegistryError> {
        Ok(Written(match &self.disk {
            Some(disk) => Held::Staged(disk, disk.write(place, &bytes)?),
            None => Held::Bytes(bytes.into_owned()),
        }))
    }

    /// Brings the bytes to stable storage and gives the file its name, or leaves the file that has it, whose bytes then last
    /// as well. The name lasts when [`Storage::settle_names`] has ended.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub(crate) fn link(&self, place: &str, written: Written<'_>) -> Result<Creation, RegistryError> {
        let location = Key::from(place);
        let (disk, staged) = match written.0 {
            Held::Staged(disk, staged) => (disk, staged),
            Held::Bytes(bytes) => {
                self.require_writable()?;
                // Who writes alone need not ask the store to decide, and this one may not be able to.
                let is_exclusive = self.remote.as_ref().is_some_and(|remote| remote.is_exclusive);
                if is_exclusive && self.size(place)?.is_some() {
                    return Ok(Creation::AlreadyThere);
                }
                let mode = if is_exclusive { PutMode::Overwrite } else { PutMode::Create };
                let bytes = PutPayload::from(bytes);
                let create = || self.store.put_opts(&location, bytes.clone(), mode.clone().into());
                return match self.persist(create) {
                    Ok(_) => Ok(Creation::Created),
                    Err(object_store::Error::AlreadyExists { .. }) => Ok(Creation::AlreadyThere),
                    Err(error) => Err(self.failed("write it", place, error)),
                };
            }
        };
        disk.settle_staged(&staged, place)?;
        let create = CopyOptions::new().with_mode(CopyMode::Create);
        let created = match self.wait(self.store.copy_opts(&Key::from(staged.name.as_str()), &location, create)) {
            Ok(()) => return Ok(Creation::Created),
            Err(object_store::Error::AlreadyExists { .. }) => Creation::AlreadyThere,
            Err(error) if may_lack_links(&error) => rename(disk, &staged, place, error)?,
            Err(error) => return Err(self.failed("write it", place, error)),
        };
        disk.settle_bytes(place)?;
        Ok(created)
    }
}

/// The second way to create without replacing, where the first may not exist.
fn rename(disk: &Disk, staged: &Staged, place: &str, linking: object_store::Error) -> Result<Creation, RegistryError> {
    match disk.rename_exclusively(staged, place) {
        Ok(()) => Ok(Creation::Created),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Creation::AlreadyThere),
        Err(error) => Err(RegistryError::NoExclusiveCreate {
            path: disk.path(place),
            source: io_cause(&linking).map_or(error, copy_of),
        }),
    }
}

/// Whether linking failed in a way in which file systems without hard links fail.
fn may_lack_links(error: &object_store::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        io_cause(error).and_then(Errno::from_io_error).is_some_and(|errno| {
            [Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL, Errno::MLINK].contains(&errno)
        })
    }
    #[cfg(not(unix))]
    io_cause(error).is_some_and(|cause| cause.kind() == io::ErrorKind::Unsupported)
}
