//! Repairing the marker: it comes back from a copy of the registry, which the log proves to be one.

use std::path::Path;

use super::Repair;
use crate::error::ErrorKind;
use crate::location::Location;
use crate::log;
use crate::marker::{MAX_MARKER_BYTES, Marker};
use crate::registry::{canonical, fault_of_marker};
use crate::storage::Storage;
use crate::{Registry, RegistryError, schema};

impl Registry {
    /// Opens a registry for [`Registry::repair`]. Where its marker is damaged, missing, or that of another registry, it is opened
    /// with that of the first of `copies` that proves to be a copy of it, and the repair puts that one back.
    ///
    /// What proves a copy is a log entry that it has and that can be read here: an entry's digest rests on the registry's id, by
    /// way of all entries before it.
    ///
    /// # Errors
    /// As [`Registry::open`] where there is no such copy; [`RegistryError::Unsound`] where copies of several registries could be
    /// it.
    pub fn open_for_repair(
        location: impl Into<Location>,
        cache: Option<&Path>,
        copies: &[Registry],
    ) -> Result<Self, RegistryError> {
        let location = location.into();
        let opened = Self::open(&location, cache);
        match &opened {
            Err(error) if error.kind() == ErrorKind::Integrity => {}
            Ok(registry) if fault_of_marker(&registry.storage)?.is_some() => {}
            _ => return opened,
        }
        let location = canonical(location)?;
        let storage = Storage::at(&location, false)?;
        let numbers = log::numbers_found(&storage)?;
        // A marker whose registry has other entries of this log may well be the right one, and entry 1 the wrong one.
        if let Ok(registry) = &opened {
            let of_present = |copy: &&Registry| copy.marker.id == registry.marker.id;
            if copies.iter().filter(of_present).any(|copy| shares_an_entry(&storage, &numbers, copy)) {
                return opened;
            }
        }
        let proven: Vec<&Registry> = copies.iter().filter(|copy| holds_an_entry_of(&storage, &numbers, copy)).collect();
        let refused = match (proven.as_slice(), opened) {
            ([copy, others @ ..], _) if others.iter().all(|other| other.marker.id == copy.marker.id) => {
                return Self::with_marker(location, copy.marker, cache);
            }
            ([copy, others @ ..], _) => {
                let places: Vec<String> =
                    [copy].into_iter().chain(others).map(|copy| copy.location.to_string()).collect();
                format!(
                    "registries of different ids have entries of this log ({}): name the right one alone",
                    places.join(", ")
                )
            }
            ([], opened) if copies.is_empty() || opened.is_ok() => return opened,
            ([], _) => {
                "none of the other registries proves to be a copy of this one: they share no log entry".to_owned()
            }
        };
        let detail = fault_of_marker(&storage)?.unwrap_or_default();
        Err(RegistryError::Unsound { place: schema::MARKER.into(), detail, advice: Some(refused) })
    }
}

/// Whether entry 1 goes back to the copy's id; where it cannot be read, whether another entry is one of the copy's.
fn holds_an_entry_of(storage: &Storage, numbers: &[u64], copy: &Registry) -> bool {
    if let Ok(Some(first)) = log::read(storage, 1) {
        return first.entry.previous == copy.marker.id.genesis();
    }
    shares_an_entry(storage, numbers, copy)
}

fn shares_an_entry(storage: &Storage, numbers: &[u64], copy: &Registry) -> bool {
    numbers.iter().any(|&number| {
        let Ok(Some(here)) = log::read(storage, number) else { return false };
        matches!(log::read(&copy.storage, number), Ok(Some(there)) if there.digest == here.digest)
    })
}

impl Repair<'_> {
    /// Puts the marker back where it is not the right one, as the copy has it, to the byte.
    pub(super) fn marker(&mut self) -> Result<(), RegistryError> {
        let storage = &self.registry.storage;
        if fault_of_marker(storage)?.is_none() {
            return Ok(());
        }
        let place = schema::MARKER;
        let is_whole = |bytes: &Vec<u8>| Marker::parse(bytes).is_ok_and(|marker| marker.id == self.registry.marker.id);
        let found = self.options.from.iter().find_map(|copy| {
            let bytes = copy.storage.read(place, MAX_MARKER_BYTES).ok()?.filter(is_whole)?;
            Some((bytes, copy.location().to_string()))
        });
        let done = match found {
            // The same once more would help nothing.
            Some((bytes, _))
                if storage.read(place, MAX_MARKER_BYTES).is_ok_and(|there| there.as_ref() == Some(&bytes)) =>
            {
                false
            }
            Some((bytes, source)) => self.put_back(place, bytes, source)?,
            None => false,
        };
        if !done {
            self.repaired.unresolved.push(place.to_owned());
        }
        Ok(())
    }
}
