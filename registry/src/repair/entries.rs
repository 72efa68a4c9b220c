//! Repairing the log: entries come back from the index and from copies of the registry, or are given up.

use std::collections::{BTreeMap, BTreeSet};

use esmhub_store_format::{Digest, frame};

use super::Repair;
use crate::append::Signature;
use crate::error::ErrorKind;
use crate::log::{self, Logged};
use crate::{RegistryError, schema};

impl Repair<'_> {
    /// Puts back the entries that are missing or cannot be read. One that can be read is never touched: where it does not fit
    /// the others, nobody here knows which of them is right.
    pub(super) fn entries(&mut self) -> Result<(), RegistryError> {
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
    pub(super) fn joining_entries(&mut self) -> Result<(), RegistryError> {
        let remembered = self.remembered();
        let places = std::mem::take(&mut self.repaired.unresolved);
        let numbers: BTreeSet<u64> = places.iter().filter_map(|place| schema::entry_at(place)).collect();
        for number in numbers {
            // What the next entry states was looked for already, and any other entry would not fit it.
            let before = if self.is_followed(number)? { None } else { self.digest_before(number)? };
            let joins = |logged: &Logged| Some(logged.entry.previous) == before;
            let found = before.and_then(|_| self.find_entry(number, &remembered, joins));
            self.restore_entry(number, found)?;
        }
        Ok(())
    }

    /// Gives up the entries that were not restored.
    pub(super) fn accept_loss(&mut self, by: &Signature) -> Result<(), RegistryError> {
        self.repaired.lost = match self.options.dry_run {
            true => {
                let restored = |place: &str| self.repaired.restored.iter().any(|(restored, _)| restored == place);
                self.registry.lost_for_good(|number| restored(&schema::entry(number)))?
            }
            false => self.registry.accept_loss(by, self.options.pause)?,
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

    /// Whether the entry behind this one can be read, and so states its digest.
    fn is_followed(&self, number: u64) -> Result<bool, RegistryError> {
        match number.checked_add(1) {
            Some(next) if self.lost.end_of(next).is_none() => Ok(self.readable(next)?.is_some()),
            _ => Ok(false),
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
}
