//! Where log entries come back from: this user's index, and copies of the registry.
//!
//! A log can be far longer than what should be in memory at once. Of the index, digests are kept, and entries are fetched when
//! they are asked for, some at a time.

use std::collections::BTreeMap;

use esmhub_store_format::Digest;

use crate::error::ErrorKind;
use crate::fence::split_held;
use crate::index::{Index, IndexError, Toward};
use crate::log::{self, Logged};
use crate::lost::Lost;
use crate::{Registry, RegistryError, RepairOptions};

/// A log that may have what is damaged in another one.
pub(super) struct Source<'a> {
    log: Kept<'a>,
    /// The entries that it says are lost. What it holds in their place proves nothing.
    lost: Lost,
    /// What kept it from being read: it may have what it does not give.
    failed: Option<RegistryError>,
}

enum Kept<'a> {
    Index(Remembered<'a>),
    Copy(&'a Registry),
}

/// What an index holds: entries that are sound in themselves and join to each other.
struct Remembered<'a> {
    index: &'a Index,
    known: BTreeMap<u64, Known>,
    /// Frames that were fetched with the last one that was asked for.
    window: BTreeMap<u64, Vec<u8>>,
}

/// An entry's digest, and the one that it states of the entry before it.
struct Known {
    digest: Digest,
    previous: Digest,
}

impl<'a> Source<'a> {
    /// The index first, then the copies in the order in which they were given. Other registries have entries of their own.
    pub(super) fn all(registry: &'a Registry, options: &RepairOptions<'a>) -> Vec<Self> {
        let index = registry.index.as_ref().map(|index| Self::index(index, registry));
        let copies = options.from.iter().filter(|copy| copy.marker.id == registry.marker.id);
        index.into_iter().chain(copies.map(Self::copy)).collect()
    }

    fn index(index: &'a Index, registry: &Registry) -> Self {
        let mut lost = Lost::default();
        let mut known = BTreeMap::new();
        // What cannot be read in it is an entry that is lost, or was damaged since: those behind it are whole all the same. A
        // damaged index is one source less; one that cannot be read just now may have everything.
        let read = index.read(|number, frame| {
            if let Ok(logged) = Logged::from_frame(number, frame) {
                declare(&mut lost, &logged);
                known.insert(number, Known { digest: logged.digest, previous: logged.entry.previous });
            }
            true
        });
        known.retain(|number, _| lost.end_of(*number).is_none());
        let mut before = Some((0, registry.marker.id.genesis()));
        let parted = known.iter().find_map(|(&number, entry)| {
            let follows = before.replace((number, entry.digest)).filter(|(last, _)| last + 1 == number);
            follows.filter(|(_, digest)| *digest != entry.previous).map(|_| number)
        });
        if let Some(parted) = parted {
            known.split_off(&parted);
        }
        let failed = read.err().filter(IndexError::is_passing);
        let failed = failed.map(|error| RegistryError::io("read this user's index", index.folder(), error));
        Self { log: Kept::Index(Remembered { index, known, window: BTreeMap::new() }), lost, failed }
    }

    fn copy(copy: &'a Registry) -> Self {
        match copy.read_log() {
            Ok(catalog) => Self { log: Kept::Copy(copy), lost: catalog.lost, failed: None },
            Err(error) => Self { log: Kept::Copy(copy), lost: Lost::default(), failed: Some(error) },
        }
    }

    /// That all was read that it was asked for: before anything is given up, or behind a gap, for want of a copy.
    pub(super) fn require_read(&mut self) -> Result<(), RegistryError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Whether it is this user's own.
    pub(super) fn is_index(&self) -> bool {
        matches!(self.log, Kept::Index(_))
    }

    /// What a report calls it.
    pub(super) fn name(&self) -> String {
        match &self.log {
            Kept::Index(_) => "the index".to_owned(),
            Kept::Copy(copy) => copy.location().to_string(),
        }
    }

    /// Whether it says that this entry is lost.
    pub(super) fn has_lost(&self, number: u64) -> bool {
        self.lost.end_of(number).is_some()
    }

    /// The numbers of the entries that it may have.
    pub(super) fn numbers(&self) -> Vec<u64> {
        match &self.log {
            Kept::Index(index) => index.known.keys().copied().collect(),
            Kept::Copy(copy) => {
                let mut numbers = log::numbers_found(&copy.storage).unwrap_or_default();
                // What holds a place is no entry.
                let _ = split_held(&copy.storage, &mut numbers);
                numbers
            }
        }
    }

    /// The first number behind this one that it has anything of; of a copy that was made while it was repaired, what only holds a
    /// place says that there was more.
    pub(super) fn first_behind(&self, number: u64) -> Option<u64> {
        let numbers = match &self.log {
            Kept::Index(_) => self.numbers(),
            Kept::Copy(copy) => log::numbers_found(&copy.storage).unwrap_or_default(),
        };
        numbers.into_iter().find(|there| *there > number)
    }

    /// The digest of an entry, where its joins to others have been verified: in the index.
    pub(super) fn verified_digest(&self, number: u64) -> Option<Digest> {
        match &self.log {
            Kept::Index(index) => index.known.get(&number).map(|known| known.digest),
            Kept::Copy(_) => None,
        }
    }

    /// An entry that it does not say is lost, if it is the right one by its own digest and the one that it states.
    pub(super) fn entry(&mut self, number: u64, is_right: impl Fn(&Digest, &Digest) -> bool) -> Option<Logged> {
        if self.has_lost(number) {
            return None;
        }
        match &mut self.log {
            Kept::Index(index) => {
                let Known { digest, previous } = index.known.get(&number)?;
                if is_right(digest, previous) { index.fetch(number) } else { None }
            }
            Kept::Copy(copy) => {
                let logged = match log::read(&copy.storage, number) {
                    Ok(read) => read?,
                    Err(error) => {
                        if error.kind() != ErrorKind::Integrity {
                            self.failed = Some(error);
                        }
                        return None;
                    }
                };
                is_right(&logged.digest, &logged.entry.previous).then_some(logged)
            }
        }
    }
}

/// An entry that a source has.
pub(super) struct Found {
    pub(super) logged: Logged,
    /// What the source is called.
    pub(super) source: String,
    /// Whether it is this user's own index.
    pub(super) is_index: bool,
}

/// The right entry from the first source that has it.
pub(super) fn find_entry(
    sources: &mut [Source<'_>],
    number: u64,
    is_right: impl Fn(&Digest, &Digest) -> bool,
) -> Option<Found> {
    sources.iter_mut().find_map(|source| {
        let logged = source.entry(number, &is_right)?;
        Some(Found { logged, source: source.name(), is_index: source.is_index() })
    })
}

impl Remembered<'_> {
    /// Repairs go through the log in one direction and then the other: what is fetched beside an entry is what comes next.
    fn fetch(&mut self, number: u64) -> Option<Logged> {
        if !self.window.contains_key(&number) {
            let toward = match self.window.last_key_value() {
                Some((&last, _)) if last < number => Toward::End,
                _ => Toward::Beginning,
            };
            self.window = self.index.some(number, toward).ok()?.into_iter().collect();
        }
        let logged = Logged::from_frame(number, self.window.get(&number)?.clone()).ok()?;
        (logged.digest == self.known.get(&number)?.digest).then_some(logged)
    }
}

/// Adds what an entry declares lost.
pub(super) fn declare(lost: &mut Lost, logged: &Logged) {
    logged.losses().into_iter().for_each(|run| lost.declare(run, logged.entry.number));
}
