//! The trash: objects that garbage collections took out, and that are kept for a while.
//!
//! An object lies in at most a few places: under its own name, and in runs of the trash. Whoever misses it under its own name
//! looks here, so that an object that was taken out wrongly (its reference was published at the same moment) is never
//! missed by anybody.

use esmhub_store_format::Digest;

use crate::error::ErrorKind;
use crate::fetch::read_at;
use crate::storage::Storage;
use crate::{RegistryError, schema};

/// What one garbage collection took out.
pub(crate) struct Run {
    /// The name of its folder.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) objects: Vec<Digest>,
    /// Everything else but the file that states its time.
    pub(crate) others: Vec<String>,
}

/// The names of all runs, the oldest first.
pub(crate) fn names(storage: &Storage) -> Result<Vec<String>, RegistryError> {
    let listed = storage.names(schema::TRASH)?;
    Ok(listed.into_iter().filter(|listed| listed.is_folder).map(|listed| listed.name).collect())
}

/// All runs, the oldest first.
pub(crate) fn runs(storage: &Storage) -> Result<Vec<Run>, RegistryError> {
    names(storage)?.into_iter().map(|name| Run::list(storage, name)).collect()
}

impl Run {
    fn list(storage: &Storage, name: String) -> Result<Self, RegistryError> {
        let folder = format!("{}/{name}", schema::TRASH);
        let mut run = Self { name, objects: Vec::new(), others: Vec::new() };
        for listed in storage.names(&folder)? {
            match schema::trashed_of(&listed.name) {
                Some(digest) if !listed.is_folder => run.objects.push(digest),
                _ if schema::is_since(&listed.name) => {}
                _ => run.others.push(format!("{folder}/{}", listed.name)),
            }
        }
        Ok(run)
    }
}

/// An object's canonical bytes and its size on disk, from whichever run has it whole; `None` where none has it.
///
/// # Errors
/// Where a run has it and none has it whole.
pub(crate) fn read(storage: &Storage, digest: &Digest) -> Result<Option<(Vec<u8>, u64)>, RegistryError> {
    if !storage.can_list() {
        return Ok(None);
    }
    let mut damage = None;
    for run in names(storage)? {
        match read_at(storage, &schema::trashed(&run, digest), digest) {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::Integrity => damage = Some(error),
            Err(error) => return Err(error),
        }
    }
    damage.map_or(Ok(None), Err)
}
