//! Repairing objects: they come back from the trash and from other registries, or are put aside.

use std::collections::BTreeSet;

use esmhub_store_format::log::{Action, Entry};
use esmhub_store_format::{Card, Digest, frame};

use super::Repair;
use crate::error::ErrorKind;
use crate::fetch::{self, read_at};
use crate::listing::Listing;
use crate::storage::Storage;
use crate::{Catalog, RegistryError, schema, trash};

impl Repair<'_> {
    /// Restores the objects that cannot be read, and those that are needed and missing.
    pub(super) fn objects(&mut self) -> Result<(), RegistryError> {
        let storage = &self.registry.storage;
        let listing = Listing::new(storage)?;
        let catalog = self.registry.read_log()?;
        let own = self.needed.iter().copied();
        let all: BTreeSet<Digest> = listing.objects.into_iter().chain(needed(&catalog)).chain(own).collect();
        for digest in all {
            let place = schema::object(&digest);
            match read_at(storage, &place, &digest) {
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Integrity => {}
                Err(error) if error.kind() == ErrorKind::Newer => continue,
                Err(error) => return Err(error),
            }
            let done = match self.find_object(&digest)? {
                Some((bytes, source)) => self.put_back(&place, bytes, source)?,
                None => {
                    self.put_aside(&place)?;
                    self.is_whole_again(&place, &digest)?
                }
            };
            if !done {
                self.repaired.unresolved.push(place);
            }
        }
        Ok(())
    }

    /// Whether what was just put aside is whole: somebody put it there after it was read. It goes back then.
    fn is_whole_again(&mut self, place: &str, digest: &Digest) -> Result<bool, RegistryError> {
        let storage = &self.registry.storage;
        let Some((moved, aside)) = self.repaired.quarantined.last().filter(|(moved, _)| moved == place) else {
            return Ok(false);
        };
        if self.options.dry_run || whole_file(storage, aside, digest).is_none() || !storage.relocate(aside, moved)? {
            return Ok(false);
        }
        self.repaired.quarantined.pop();
        Ok(true)
    }

    /// A whole copy of an object's file, and where it was found.
    fn find_object(&self, digest: &Digest) -> Result<Option<(Vec<u8>, String)>, RegistryError> {
        let storage = &self.registry.storage;
        for run in trash::names(storage)? {
            let place = schema::trashed(&run, digest);
            if let Some(bytes) = whole_file(storage, &place, digest) {
                return Ok(Some((bytes, place)));
            }
        }
        let place = schema::object(digest);
        // One that was put aside can have been whole: two repairs may have been at work.
        for run in storage.names(schema::QUARANTINE).unwrap_or_default().iter().filter(|run| run.is_folder) {
            let aside = schema::quarantined(&run.name, &place);
            if let Some(bytes) = whole_file(storage, &aside, digest) {
                return Ok(Some((bytes, aside)));
            }
        }
        let mut found = self.options.from.iter().filter_map(|other| {
            let bytes = whole_file(&other.storage, &place, digest)?;
            Some((bytes, other.location().to_string()))
        });
        Ok(found.next())
    }
}

/// A file that holds an object whole.
fn whole_file(storage: &Storage, place: &str, digest: &Digest) -> Option<Vec<u8>> {
    let bytes = storage.read(place, fetch::LIMIT).ok()??;
    frame::decode_as(frame::Content::Object, &bytes, digest).ok()?;
    Some(bytes)
}

/// The objects that the readable part of the log needs.
fn needed(catalog: &Catalog) -> BTreeSet<Digest> {
    let cards = catalog.esms().filter_map(|esm| esm.card().ok());
    cards.map(|card| card.weights.digest).chain(catalog.all_anchors().map(|current| current.digest())).collect()
}

/// The objects that an entry needs.
pub(super) fn needed_by(entry: &Entry) -> impl Iterator<Item = Digest> {
    entry.actions().filter_map(Result::ok).filter_map(|action| match action {
        Action::Publish(published) => Card::from_canonical(&published.card).ok().map(|card| card.weights.digest),
        Action::Anchors(current) => current.set,
        _ => None,
    })
}
