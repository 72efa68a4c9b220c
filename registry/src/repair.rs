//! Repair: what is damaged is put aside, and put back from wherever it is whole.
//!
//! Nothing is deleted, and nothing is believed that does not prove itself. An object proves itself by its name. A log entry
//! proves itself by its digest, which the entry after it states; or this user's index, which has verified it; or the
//! header of the damaged file, which has a check of its own.
//!
//! An entry is only replaced, never just put aside: a missing entry at the end would look like the end of the log, and
//! somebody would write another one in its place.

use std::collections::{BTreeMap, BTreeSet};

use esmhub_store_format::{Digest, frame};

use crate::append::Signature;
use crate::error::ErrorKind;
use crate::fetch::{self, read_at};
use crate::listing::Listing;
use crate::log::{self, Logged};
use crate::lost::Lost;
use crate::storage::{Creation, Storage};
use crate::{Catalog, Registry, RegistryError, schema, trash};

/// How to repair.
#[derive(Clone, Copy, Default)]
pub struct RepairOptions<'a> {
    /// Look for everything, change nothing. Objects that only an entry needs that is to be restored are not seen then.
    pub dry_run: bool,
    /// Other registries that may have what is damaged here, in this order. Only copies of this registry have its log entries.
    pub from: &'a [Registry],
    /// Declare lost, for everybody and for ever, the log entries of which no whole copy is found ([`Registry::accept_loss`]).
    pub accept_loss: bool,
}

/// What a repair did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// Damaged files, and where in the registry they are now.
    pub quarantined: Vec<(String, String)>,
    /// Files that are whole again, and where they came from.
    pub restored: Vec<(String, String)>,
    /// Files of which no whole copy was found; of entries that are missing in a row, the last one.
    pub unresolved: Vec<String>,
    /// Log entries that were declared lost, as runs of numbers from the first to the last of each.
    pub lost: Vec<(u64, u64)>,
}

impl Registry {
    /// Puts aside every damaged object, and puts back every damaged or missing log entry and every damaged or missing object
    /// that the log needs, where a whole copy can be found: in the trash, in this user's index, in another registry.
    ///
    /// Others may read and write meanwhile. What a crash leaves undone, the next repair does.
    ///
    /// # Errors
    /// [`RegistryError::Io`]; [`RegistryError::Newer`] where the log is newer than this program.
    pub fn repair(&self, by: &Signature, options: &RepairOptions<'_>) -> Result<Repaired, RegistryError> {
        let unique = getrandom::u64().map_err(RegistryError::Random)?;
        let run = schema::run(by.time, unique);
        let lost = self.read_log()?.lost;
        let mut repair = Repair { registry: self, options, run, lost, repaired: Repaired::default() };
        repair.entries()?;
        if options.accept_loss {
            repair.joining_entries()?;
            repair.accept_loss(by)?;
        }
        repair.objects()?;
        Ok(repair.repaired)
    }
}

struct Repair<'a> {
    registry: &'a Registry,
    options: &'a RepairOptions<'a>,
    /// The name of this run's folder in the quarantine.
    run: String,
    /// The entries that are declared lost. They stay as they are.
    lost: Lost,
    repaired: Repaired,
}

impl Repair<'_> {
    /// Puts back the entries that are missing or cannot be read. One that can be read is never touched: where it does not fit
    /// the others, nobody here knows which of them is right.
    fn entries(&mut self) -> Result<(), RegistryError> {
        let remembered = self.remembered();
        let listed = log::numbers(&self.registry.storage)?;
        let last = listed.last().copied().unwrap_or_default();
        // Where there is neither a file nor a copy there is nothing to do: a number can be as high as somebody likes.
        let mut numbers: BTreeSet<u64> = listed.into_iter().chain(remembered.keys().copied()).collect();
        for copy in self.options.from {
            numbers.extend(log::numbers(&copy.storage)?);
        }
        // From the end: an entry is known by the one after it, which may have to be restored first.
        let mut after: Option<Logged> = None;
        let mut expected = last;
        for number in numbers.into_iter().rev().filter(|number| *number <= last) {
            if number != expected {
                self.missing(number, expected);
                after = None;
            }
            expected = number - 1;
            if self.lost.end_of(number).is_some() {
                after = None;
                continue;
            }
            after = match self.readable(number)? {
                Some(logged) => Some(logged),
                None => {
                    let stated = after.map(|logged| logged.entry.previous);
                    let digest = stated
                        .or_else(|| remembered.get(&number).map(|logged| logged.digest))
                        .or_else(|| self.stated_by_header(number));
                    let found =
                        digest.and_then(|digest| self.find_entry(number, &remembered, |it| it.digest == digest));
                    self.restore_entry(number, found)?
                }
            };
        }
        self.missing(0, expected);
        self.tail(last, &remembered)
    }

    /// Puts back entries of which nobody knows the digest, where a copy of this registry has one that states the digest of the
    /// entry before it. It could be that of a copy that went its own way; but the alternative is to have none.
    fn joining_entries(&mut self) -> Result<(), RegistryError> {
        let remembered = self.remembered();
        let places = std::mem::take(&mut self.repaired.unresolved);
        let numbers: BTreeSet<u64> = places.iter().filter_map(|place| schema::entry_at(place)).collect();
        for number in numbers {
            let before = self.digest_before(number)?;
            let joins = |logged: &Logged| Some(logged.entry.previous) == before;
            let found = before.and_then(|_| self.find_entry(number, &remembered, joins));
            self.restore_entry(number, found)?;
        }
        Ok(())
    }

    /// Gives up the entries that were not restored.
    fn accept_loss(&mut self, by: &Signature) -> Result<(), RegistryError> {
        self.repaired.lost = match self.options.dry_run {
            true => {
                let restored = |place: &str| self.repaired.restored.iter().any(|(restored, _)| restored == place);
                self.registry.lost_for_good(|number| restored(&schema::entry(number)))?
            }
            false => self.registry.accept_loss(by)?,
        };
        // Up to here, log entries alone.
        self.repaired.unresolved.clear();
        Ok(())
    }

    /// Names the last of the entries behind `there`, up to `last`, that are missing and not lost.
    fn missing(&mut self, there: u64, mut last: u64) {
        while let Some((first, _)) = self.lost.run_of(last).filter(|_| last > there) {
            last = first - 1;
        }
        if last > there {
            self.repaired.unresolved.push(schema::entry(last));
        }
    }

    /// Puts back entries behind the last one that is there, where they follow it: the end of the log was lost.
    fn tail(&mut self, last: u64, remembered: &BTreeMap<u64, Logged>) -> Result<(), RegistryError> {
        let mut head = match last {
            0 => Some(self.registry.marker.id.genesis()),
            last => self.readable(last)?.map(|logged| logged.digest),
        };
        let mut next = last.checked_add(1);
        while let (Some(number), Some(digest)) = (next, head) {
            let found = self.find_entry(number, remembered, |logged| logged.entry.previous == digest);
            if found.is_none() {
                break;
            }
            head = self.restore_entry(number, found)?.map(|logged| logged.digest);
            next = number.checked_add(1);
        }
        Ok(())
    }

    /// The digest that an entry must state; `None` where it is not known, or will not be asked for.
    fn digest_before(&self, number: u64) -> Result<Option<Digest>, RegistryError> {
        match number {
            1 => Ok(Some(self.registry.marker.id.genesis())),
            _ if self.lost.end_of(number - 1).is_some() => Ok(None),
            _ => Ok(self.readable(number - 1)?.map(|logged| logged.digest)),
        }
    }

    /// An entry; `None` where it is missing or damaged.
    fn readable(&self, number: u64) -> Result<Option<Logged>, RegistryError> {
        match log::read(&self.registry.storage, number) {
            Err(error) if error.kind() == ErrorKind::Integrity => Ok(None),
            read => read,
        }
    }

    /// The entries that this user's index holds and that join to each other, lost ones left out.
    fn remembered(&self) -> BTreeMap<u64, Logged> {
        let mut all = BTreeMap::new();
        let mut head = Some(self.registry.marker.id.genesis());
        let Some(index) = &self.registry.index else { return all };
        // An index that cannot be read is one source less; what it cannot give is unresolved, and said to be.
        let _ = index.read(|number, frame| {
            let before = head.take();
            if self.lost.end_of(number).is_some() {
                return true;
            }
            match Logged::from_frame(number, frame) {
                Ok(logged) if before.is_none_or(|before| before == logged.entry.previous) => {
                    head = Some(logged.digest);
                    all.insert(number, logged);
                    true
                }
                _ => false,
            }
        });
        all
    }

    /// The digest in the header of a damaged file, where the header is sound.
    fn stated_by_header(&self, number: u64) -> Option<Digest> {
        let bytes = self.registry.storage.read(&schema::entry(number), log::LIMIT).ok()??;
        frame::stated_digest(frame::Content::Entry, &bytes)
    }

    /// An entry as the index or a copy of this registry has it, and where it was found.
    fn find_entry(
        &self,
        number: u64,
        remembered: &BTreeMap<u64, Logged>,
        is_right: impl Fn(&Logged) -> bool,
    ) -> Option<(Logged, String)> {
        if let Some(logged) = remembered.get(&number).filter(|logged| is_right(logged)) {
            return Some((logged.clone(), "the index".to_owned()));
        }
        // Only a copy of this registry can have the right one.
        let mut found = self.options.from.iter().filter_map(|copy| {
            let logged = log::read(&copy.storage, number).ok()??;
            is_right(&logged).then(|| (logged, copy.location().display().to_string()))
        });
        found.next()
    }

    /// Puts an entry back; `None` where there is none, or it does not fit the one before it.
    fn restore_entry(&mut self, number: u64, found: Option<(Logged, String)>) -> Result<Option<Logged>, RegistryError> {
        let place = schema::entry(number);
        let before = self.digest_before(number)?;
        let fits = |logged: &Logged| before.is_none_or(|before| before == logged.entry.previous);
        if let Some((logged, source)) = found.filter(|(logged, _)| fits(logged))
            && self.put_back(&place, logged.frame.clone(), source)?
        {
            return Ok(Some(logged));
        }
        self.repaired.unresolved.push(place);
        Ok(None)
    }

    /// Restores the objects that cannot be read, and those that are needed and missing.
    fn objects(&mut self) -> Result<(), RegistryError> {
        let storage = &self.registry.storage;
        let listing = Listing::new(storage)?;
        let catalog = self.registry.read_log()?;
        let all: BTreeSet<Digest> = listing.objects.into_iter().chain(needed(&catalog)).collect();
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
                Some((bytes, source)) => {
                    // A link or a folder cannot be copied, nor replaced by a file.
                    if storage.size(&place).is_err_and(|error| error.kind() == ErrorKind::Integrity) {
                        self.put_aside(&place)?;
                    }
                    self.put_back(&place, bytes, source)?
                }
                None => {
                    self.put_aside(&place)?;
                    false
                }
            };
            if !done {
                self.repaired.unresolved.push(place);
            }
        }
        Ok(())
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
        let mut found = self.options.from.iter().filter_map(|other| {
            let bytes = whole_file(&other.storage, &place, digest)?;
            Some((bytes, other.location().display().to_string()))
        });
        Ok(found.next())
    }

    /// Puts the whole file in a place, and keeps what stood there. `false` where a folder or a link stands there, or another
    /// writer was faster.
    fn put_back(&mut self, place: &str, bytes: Vec<u8>, source: String) -> Result<bool, RegistryError> {
        let storage = &self.registry.storage;
        if !self.options.dry_run {
            let is_there = match storage.size(place) {
                Err(error) if error.kind() == ErrorKind::Integrity => return Ok(false),
                size => size?.is_some(),
            };
            if is_there {
                let aside = schema::quarantined(&self.run, place);
                storage.preserve(place, &aside)?;
                storage.replace(place, bytes)?;
                self.repaired.quarantined.push((place.to_owned(), aside));
            } else if storage.create(place, bytes)? == Creation::AlreadyThere {
                return Ok(false);
            }
        }
        self.repaired.restored.push((place.to_owned(), source));
        Ok(true)
    }

    /// Moves away what stands in the place of an object of which there is no whole copy: publishing the same again then heals
    /// it. The object stays unresolved.
    fn put_aside(&mut self, place: &str) -> Result<(), RegistryError> {
        let storage = &self.registry.storage;
        let aside = schema::quarantined(&self.run, place);
        let is_moved = match self.options.dry_run {
            true => !matches!(storage.size(place), Ok(None)),
            false => storage.relocate(place, &aside)?,
        };
        if is_moved {
            self.repaired.quarantined.push((place.to_owned(), aside));
        }
        Ok(())
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
