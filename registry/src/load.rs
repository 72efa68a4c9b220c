//! Loading the catalog: from the index as far as it goes, then from the log.

use crate::catalog::Catalog;
use crate::error::ErrorKind;
use crate::index::{Index, IndexError};
use crate::log::{self, Logged};
use crate::storage::Storage;
use crate::{Registry, RegistryError, schema};

/// A catalog as far as the index goes, and whether the index may be written to.
struct Indexed {
    catalog: Catalog,
    writable: bool,
}

impl Registry {
    /// What the registry holds now.
    ///
    /// Entries that cannot be read are named in [`Catalog::damaged`]; an index that cannot be used is named in
    /// [`Catalog::notice`] and otherwise changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Newer`] and [`RegistryError::UnknownRecord`] where the log is newer than this program;
    /// [`RegistryError::Unsound`] where it is older than this user has seen it; [`RegistryError::Io`].
    pub fn catalog(&self) -> Result<Catalog, RegistryError> {
        let Indexed { mut catalog, writable } = match &self.index {
            Some(index) => self.indexed(index)?,
            None => self.unindexed(None),
        };
        // A first visit lists the names: there, a missing entry would look like the end of the log.
        let numbers = if catalog.last == 0 { log::numbers(&self.storage)? } else { Vec::new() };
        let fresh = follow(&mut catalog, &self.storage, &numbers)?;
        if let Some(index) = self.index.as_ref().filter(|_| writable)
            && !fresh.is_empty()
            && catalog.damaged.is_empty()
            && let Err(error) = index.write(fresh)
        {
            catalog.notice.get_or_insert(format!("the index could not be brought up to date: {error}"));
        }
        Ok(catalog)
    }

    fn indexed(&self, index: &Index) -> Result<Indexed, RegistryError> {
        let mut catalog = Catalog::empty(&self.marker.id);
        loop {
            let mut broken = false;
            let read = index.read(|number, frame| {
                let taken = catalog.take(number, Logged::from_frame(number, frame));
                broken = taken.is_err();
                !broken
            });
            match read {
                Err(error) if error.is_passing() => return Ok(self.unindexed(Some(&error))),
                Err(error) => return Ok(self.rebuilt(index, &error.to_string())),
                Ok(()) if broken => return Ok(self.rebuilt(index, "it is damaged")),
                Ok(()) if !catalog.is_settled() => catalog = catalog.without_lost(),
                // An entry that is lost stands in the index as it was found; any other one must be whole.
                Ok(()) if !catalog.damaged.is_empty() => return Ok(self.rebuilt(index, "it is damaged")),
                Ok(()) => break,
            }
        }
        if catalog.last == 0 {
            return Ok(Indexed { catalog, writable: true });
        }
        let last = catalog.last;
        match log::read(&self.storage, last) {
            Ok(Some(logged)) if Some(logged.digest) == catalog.head => Ok(Indexed { catalog, writable: true }),
            Ok(Some(_)) => Ok(self.rebuilt(index, "it belongs to another history of this registry")),
            Ok(None) => {
                let there = log::numbers(&self.storage)?.last().copied().unwrap_or_default();
                Err(RegistryError::Unsound {
                    place: schema::entry(last),
                    detail: format!(
                        "it is missing, although it was there when this user last looked; the log ends with entry {there} now"
                    ),
                    advice: Some(format!(
                        "`esmhub verify --repair` puts it back from this user's index; only if the registry was restored from \
                         an older backup and goes on from there, delete {}",
                        index.folder().display()
                    )),
                })
            }
            // The entry is damaged, and the index may hold the copy from which it can be repaired.
            Err(error) if error.kind() == ErrorKind::Integrity => Ok(self.unindexed(None)),
            Err(error) => Err(error),
        }
    }

    fn unindexed(&self, why: Option<&IndexError>) -> Indexed {
        let mut catalog = Catalog::empty(&self.marker.id);
        catalog.notice = why.map(|why| format!("the index was not used, and the whole log read instead: {why}"));
        Indexed { catalog, writable: false }
    }

    fn rebuilt(&self, index: &Index, why: &str) -> Indexed {
        let mut catalog = Catalog::empty(&self.marker.id);
        let (outcome, writable) = match index.discard() {
            Ok(()) => ("the index was deleted and made anew", true),
            Err(_) => ("the index could be neither used nor deleted, and the whole log was read instead", false),
        };
        catalog.notice = Some(format!("{outcome}: {why}"));
        Indexed { catalog, writable }
    }
}

/// Reads the entries that the catalog does not have yet, and gives the frames of those that count; of an entry that is lost
/// what stands in its place, if anything can be read. Where the catalog depended on an entry that turns out to be lost, they
/// are the whole log. A missing entry is the end of the log unless one of `numbers` is higher.
pub(crate) fn follow(
    catalog: &mut Catalog,
    storage: &Storage,
    numbers: &[u64],
) -> Result<Vec<(u64, Vec<u8>)>, RegistryError> {
    let is_indexed = catalog.last > 0;
    let mut fresh = read_on(catalog, storage, numbers)?;
    if is_indexed && !catalog.is_settled() {
        // An index may hold a declaration that nobody can read any more, and that the new one is about. What it declared lost
        // may have been restored since, and all readers must agree: only what the registry says now counts.
        *catalog = catalog.begun_anew();
        fresh = read_on(catalog, storage, &log::numbers(storage)?)?;
    }
    while !catalog.is_settled() {
        *catalog = catalog.without_lost();
        fresh = read_on(catalog, storage, &log::numbers(storage)?)?;
    }
    Ok(fresh)
}

fn read_on(catalog: &mut Catalog, storage: &Storage, numbers: &[u64]) -> Result<Vec<(u64, Vec<u8>)>, RegistryError> {
    let mut frames = Vec::new();
    while let Some((through, read)) = log::next(storage, catalog.last, numbers) {
        let mut frame = read.as_ref().map(|logged| logged.frame.clone()).unwrap_or_default();
        let first = catalog.last + 1;
        if catalog.take(through, read)? {
            frames.extend((first..=catalog.last).map(|number| (number, std::mem::take(&mut frame))));
        }
    }
    Ok(frames)
}
