//! Repairing the marker: it comes back from a copy of the registry, which the log proves to be one.

use std::fs;
use std::path::Path;

use super::Repair;
use crate::error::ErrorKind;
use crate::log;
use crate::registry::fault_of_marker;
use crate::storage::Storage;
use crate::{Registry, RegistryError, schema};

impl Registry {
    /// Opens a registry for [`Registry::repair`]. Where its marker is damaged or missing, it is opened with that of the first of
    /// `copies` that proves to be a copy of it, and the repair puts that one back.
    ///
    /// What proves a copy is a log entry that it has and that can be read here: an entry's digest rests on the registry's id, by
    /// way of all entries before it.
    ///
    /// # Errors
    /// As [`Registry::open`] where there is no such copy.
    pub fn open_for_repair(location: &Path, cache: Option<&Path>, copies: &[Registry]) -> Result<Self, RegistryError> {
        let refused = match Self::open(location, cache) {
            Err(error) if error.kind() == ErrorKind::Integrity => error,
            opened => return opened,
        };
        let location =
            fs::canonicalize(location).map_err(|error| RegistryError::io("open the directory", location, error))?;
        let storage = Storage::on_disk(&location, false)?;
        let numbers = log::numbers(&storage)?;
        match copies.iter().find(|copy| holds_an_entry_of(&storage, &numbers, copy)) {
            Some(copy) => Self::with_marker(&location, copy.marker, cache),
            None if copies.is_empty() => Err(refused),
            None => Err(RegistryError::Unsound {
                place: schema::MARKER.into(),
                detail: refused.detail_at(schema::MARKER),
                advice: Some(
                    "none of the other registries proves to be a copy of this one: they share no log entry".into(),
                ),
            }),
        }
    }
}

/// Whether entry 1 goes back to the copy's id; where it cannot be read, whether another entry is one of the copy's.
fn holds_an_entry_of(storage: &Storage, numbers: &[u64], copy: &Registry) -> bool {
    if let Ok(Some(first)) = log::read(storage, 1) {
        return first.entry.previous == copy.marker.id.genesis();
    }
    numbers.iter().any(|&number| {
        let Ok(Some(here)) = log::read(storage, number) else { return false };
        matches!(log::read(&copy.storage, number), Ok(Some(there)) if there.digest == here.digest)
    })
}

impl Repair<'_> {
    /// Puts the marker back where it cannot be read.
    pub(super) fn marker(&mut self) -> Result<(), RegistryError> {
        if fault_of_marker(&self.registry.storage)?.is_none() {
            return Ok(());
        }
        let copy = self.options.from.iter().find(|copy| copy.marker.id == self.registry.marker.id);
        let found = copy.map(|copy| (self.registry.marker.to_bytes(), copy.location().display().to_string()));
        let place = schema::MARKER;
        let done = match found {
            Some((bytes, source)) => self.put_back(place, bytes, source)?,
            None => false,
        };
        if !done {
            self.repaired.unresolved.push(place.to_owned());
        }
        Ok(())
    }
}
