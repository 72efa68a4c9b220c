//! Appending to the log: a transaction reads it to its end, decides, and creates the next entry; who is second reads what
//! the first one did, and decides again.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use esmhub_store_format::limits::{MAX_ENTRY_BYTES, MAX_ENTRY_RECORDS};
use esmhub_store_format::log::{Action, Entry, Record, Writer};

use crate::catalog::Catalog;
use crate::load::{Loaded, Packs, follow};
use crate::{Notice, Registry, RegistryError, log, packs, schema};

/// Who writes, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who, by their own account.
    pub writer: Writer,
    /// When, in milliseconds since 1970-01-01 UTC. It is for people: the order is that of the log.
    pub time: u64,
}

/// How often a number may be lost to others. Every loss is another's success, so this ends only under a stampede.
const ATTEMPTS: u32 = 500;
/// Where an entry is known to stand but is not seen yet (network file systems keep names for a while).
const PAUSE: Duration = Duration::from_millis(20);
/// More than all fields of an entry besides its records take.
pub(crate) const ENTRY_FIELDS: u64 = 1024;
/// What a record takes besides its payload: kind, flags, length.
pub(crate) const RECORD_FIELDS: u64 = 12;

/// A writer that has read the log to its end.
pub(crate) struct Transaction<'a> {
    registry: &'a Registry,
    by: &'a Signature,
    catalog: Catalog,
    /// What was read and written since the catalog was loaded, for the index.
    fresh: BTreeMap<u64, Vec<u8>>,
    /// The numbers of what was written.
    written: Vec<u64>,
    is_indexed: bool,
    lost: u32,
}

impl<'a> Transaction<'a> {
    /// Reads the log to its end.
    ///
    /// # Errors
    /// As [`Registry::catalog`]; [`RegistryError::Unsound`] where an entry cannot be read,
    /// [`RegistryError::UnknownRecord`] where one stops writers.
    pub(crate) fn begin(registry: &'a Registry, by: &'a Signature) -> Result<Self, RegistryError> {
        let Loaded { catalog, numbers, is_indexed } = registry.load(Packs::Unused)?;
        let transaction =
            Self { registry, by, catalog, fresh: BTreeMap::new(), written: Vec::new(), is_indexed, lost: 0 };
        transaction.require_writable()?;
        // Entries that an index still holds can have gone from the registry since: others would not see them. Those that were
        // written after the listing are not in it.
        let last = numbers.last().map_or(0, |&listed| listed.min(transaction.catalog.last));
        match transaction.catalog.lost.first_missing(&numbers, last) {
            Some(missing) => Err(RegistryError::unsound(schema::entry(missing), "it is missing")),
            None => Ok(transaction),
        }
    }

    /// What the log says so far.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Sees to it that all entries last: what they did is acknowledged again, and whoever wrote the last one may have been
    /// killed over it. Their bytes lasted before they got their names, so that it takes the folder of the names alone, and
    /// one entry is as good as any.
    pub(crate) fn settle(&self) -> Result<(), RegistryError> {
        match self.catalog.last {
            0 => Ok(()),
            last => self.registry.storage.settle(&schema::entry(last)),
        }
    }

    /// Keeps in the index what was written, so that its writer has a copy of what they were told is there; and gives the notice
    /// of the index, where there is one.
    pub(crate) fn finish(self) -> Option<Notice> {
        let Self { registry, catalog, fresh, written, is_indexed, .. } = self;
        for number in &written {
            // What is not packed costs a first visit more requests, and nothing else.
            let _ = packs::make(&registry.storage, *number, &fresh);
        }
        let failed = if is_indexed { registry.keep(fresh.into_iter().collect()) } else { None };
        catalog.notice.or(failed)
    }

    /// Reads what others wrote since; `numbers`, where they were listed, show gaps.
    ///
    /// # Errors
    /// As [`Transaction::begin`].
    pub(crate) fn catch_up(&mut self, numbers: &[u64]) -> Result<(), RegistryError> {
        self.fresh.extend(follow(&mut self.catalog, &self.registry.storage, numbers, Packs::Unused)?.fresh);
        self.require_writable()
    }

    fn require_writable(&self) -> Result<(), RegistryError> {
        self.catalog.require_whole()?;
        match self.catalog.stops_writers {
            None => Ok(()),
            Some((entry, kind)) => {
                let stops = "writers";
                Err(RegistryError::UnknownRecord { entry, kind, stops })
            }
        }
    }

    /// Appends an entry, and gives its number. `None` where another writer was faster: the catalog then holds what they
    /// did, and what is to be written must be decided again.
    ///
    /// # Errors
    /// [`RegistryError::Busy`]; and where it is not known that the entry lasts.
    pub(crate) fn append(&mut self, records: Vec<Record>) -> Result<Option<u64>, RegistryError> {
        let number = self.catalog.last + 1;
        let place = || schema::entry(number);
        // The catalog is whole here, so its head is known; the error is for the type, not for a case.
        let previous =
            self.catalog.head().ok_or_else(|| RegistryError::unsound(place(), "what it follows is not known"))?;
        let mut transaction = [0; 16];
        getrandom::fill(&mut transaction).map_err(RegistryError::Random)?;
        let entry =
            Entry { number, previous, transaction, time: self.by.time, writer: self.by.writer.clone(), records };
        if let Some(logged) = log::create(&self.registry.storage, &entry)? {
            self.lost = 0;
            self.written.push(number);
            self.fresh.insert(number, logged.frame.clone());
            self.catalog.take(number, Ok(logged))?;
            return Ok(Some(number));
        }
        self.lost += 1;
        if self.lost >= ATTEMPTS {
            return Err(RegistryError::Busy { entry: number, attempts: self.lost });
        }
        // Listed, as the end of the log may be coming back at this moment: then there is a gap.
        self.catch_up(&log::numbers(&self.registry.storage)?)?;
        if self.catalog.last < number {
            thread::sleep(PAUSE);
        }
        Ok(None)
    }
}

/// As many records, from the first on, as one entry can hold. What belongs together comes as one step, and all of it goes
/// into the entry or none.
pub(crate) fn first_entry<S: IntoIterator<Item = Action>>(
    steps: impl IntoIterator<Item = S>,
) -> Result<Vec<Record>, RegistryError> {
    let refused = |source| RegistryError::Refused { what: "a record".into(), source };
    let mut bytes = ENTRY_FIELDS;
    let mut records = Vec::new();
    for step in steps {
        let step = step.into_iter().map(|action| action.to_record().map_err(refused));
        let step = step.collect::<Result<Vec<Record>, _>>()?;
        bytes += step.iter().map(|record| RECORD_FIELDS + record.payload.len() as u64).sum::<u64>();
        if records.len() + step.len() > MAX_ENTRY_RECORDS || bytes > MAX_ENTRY_BYTES {
            break;
        }
        records.extend(step);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use esmhub_store_format::Digest;
    use esmhub_store_format::log::{Published, Signed};

    use super::*;

    #[test]
    fn a_full_entry_ends_behind_a_whole_step() {
        let mut borders = 0;
        for length in 7000..7060 {
            let (name, tag) = ("a".parse().unwrap(), "v1".parse().unwrap());
            let publish = Action::Publish(Published { name, tag, card: vec![0; length] });
            let (name, tag) = ("a".parse().unwrap(), "v1".parse().unwrap());
            let sign = Action::Signed(Signed { name, tag, digest: Digest::of(b""), signature: vec![0; 1024] });
            let records = first_entry(std::iter::repeat_n([publish, sign], 2400)).unwrap();
            assert!(records.len().is_multiple_of(2) && records.len() < 4800, "{length}");
            let taken: usize = records.iter().map(|record| 12 + record.payload.len()).sum();
            // Here the first record of one more step would have found room.
            borders += usize::from(MAX_ENTRY_BYTES as usize - 1024 - taken > length + 40);
        }
        assert!(borders > 0);
    }
}
