//! Repairing the log: entries come back from the index and from copies of the registry, or are given up.

use std::collections::BTreeSet;

use esmhub_store_format::{Digest, frame};

use super::Repair;
use super::objects::needed_by;
use super::source::{Found, Source, declare, find_entry};
use crate::append::Signature;
use crate::error::ErrorKind;
use crate::fence::{Held, split_held};
use crate::log::{self, Logged};
use crate::{RegistryError, schema};

impl Repair<'_> {
    /// Puts back the entries that are missing or cannot be read. One that can be read is never touched: where it does not fit
    /// the others, nobody here knows which of them is right.
    pub(super) fn entries(&mut self, sources: &mut [Source<'_>]) -> Result<(), RegistryError> {
        self.lift_fences()?;
        let mut listed = log::numbers_found(&self.registry.storage)?;
        split_held(&self.registry.storage, &mut listed)?;
        let last = listed.last().copied().unwrap_or_default();
        // Where there is neither a file nor a copy there is nothing to do: a number can be as high as somebody likes.
        let mut numbers: BTreeSet<u64> = listed.into_iter().collect();
        sources.iter().for_each(|source| numbers.extend(source.numbers()));
        // From the end: an entry is known by the one after it, which may have to be restored first.
        let mut stated: Option<Digest> = None;
        let mut expected = last;
        for number in numbers.into_iter().rev().filter(|number| *number <= last) {
            if number != expected {
                self.missing(number, expected);
                stated = None;
            }
            expected = number - 1;
            if self.lost.end_of(number).is_some() {
                stated = None;
                continue;
            }
            let entry = match self.readable(number)? {
                Some(logged) => Some(logged),
                None => {
                    let held = Held::read(&self.registry.storage, number)?;
                    let digest = stated.or_else(|| self.stated_by_file(number, held)).or_else(|| {
                        // Behind the header: the index may remember another history, and the header is of what stood here. A
                        // fence is for nothing else than it says.
                        let verified = || sources.iter().find_map(|source| source.verified_digest(number));
                        if matches!(held, Some(Held::Fence(_))) { None } else { verified() }
                    });
                    let found = digest.and_then(|digest| find_entry(sources, number, |own, _| *own == digest));
                    self.restore_entry(number, found)?
                }
            };
            stated = entry.map(|logged| logged.entry.previous);
        }
        self.missing(0, expected);
        self.extend_all(sources)?;
        self.hold_lost_places()?;
        self.name_what_is_left()
    }

    /// Holds the places of entries that are lost and of which there is no file: who sees none takes it for the end of the log.
    fn hold_lost_places(&mut self) -> Result<(), RegistryError> {
        let listed = log::numbers_found(&self.registry.storage)?;
        let lost: Vec<(u64, u64)> = self.lost.runs().collect();
        let is_free = |number: &u64| listed.binary_search(number).is_err();
        for number in lost.into_iter().flat_map(|(first, last)| first..=last).filter(is_free) {
            if !self.written.contains_key(&number) {
                let source = "the entry that declares it lost: its place is held again".to_owned();
                self.create(&schema::entry(number), Held::Lost.to_bytes(), source)?;
            }
        }
        Ok(())
    }

    /// What no entry came back for, of all that there should be one of.
    fn name_what_is_left(&mut self) -> Result<(), RegistryError> {
        let (mut there, held) = self.last_entry()?;
        for (number, _) in held {
            self.missing(there, number - 1);
            self.repaired.unresolved.push(schema::entry(number));
            there = number;
        }
        let mut left = Vec::new();
        for place in std::mem::take(&mut self.repaired.unresolved) {
            let is_back = match schema::entry_at(&place) {
                Some(number) if self.lost.end_of(number).is_some() => true,
                // Another repair may have put it there meanwhile.
                Some(number) => self.digest_of(number)?.is_some() || self.readable(number)?.is_some(),
                None => false,
            };
            if !is_back && left.last() != Some(&place) {
                left.push(place);
            }
        }
        self.repaired.unresolved = left;
        let is_named = self.repaired.unresolved.iter().any(|place| place == schema::LOG);
        if !is_named && self.written.is_empty() && !self.registry.storage.has_folder(schema::LOG)? {
            self.repaired.unresolved.push(schema::LOG.to_owned());
        }
        Ok(())
    }

    /// Puts back entries of which nobody knows the digest, where a copy of this registry has one that states the digest of the
    /// entry before it. It could be that of a copy that went its own way; but the alternative is to have none.
    pub(super) fn joining_entries(&mut self, sources: &mut [Source<'_>]) -> Result<(), RegistryError> {
        let (entries, others): (Vec<String>, Vec<String>) = std::mem::take(&mut self.repaired.unresolved)
            .into_iter()
            .partition(|place| schema::entry_at(place).is_some());
        self.repaired.unresolved = others;
        let numbers: BTreeSet<u64> = entries.iter().filter_map(|place| schema::entry_at(place)).collect();
        for number in numbers {
            // What a fence is for was looked for already, and nothing else may replace it.
            if matches!(Held::read(&self.registry.storage, number)?, Some(Held::Fence(_))) {
                self.repaired.unresolved.push(schema::entry(number));
                continue;
            }
            // So was what the next entry states, and any other entry would not fit it.
            let before = if self.is_followed(number)? { None } else { self.digest_before(number)? };
            let found = before.and_then(|before| find_entry(sources, number, |_, previous| *previous == before));
            self.restore_entry(number, found)?;
        }
        // One of them may have been a declaration.
        self.name_what_is_left()
    }

    /// Gives up the entries that were not restored.
    pub(super) fn accept_loss(&mut self, by: &Signature) -> Result<(), RegistryError> {
        match self.options.dry_run {
            true => {
                let restored = |place: &str| self.repaired.restored.iter().any(|(restored, _)| restored == place);
                let mut lost = self.registry.lost_for_good(|number| restored(&schema::entry(number)))?;
                // What would only be held behind the end.
                let held = self
                    .written
                    .iter()
                    .filter(|(number, digest)| digest.is_none() && self.lost.end_of(**number).is_none());
                lost.extend(held.map(|(&number, _)| (number, number)));
                self.repaired.lost = lost;
            }
            false => self.registry.give_up(by, self.options.pause, &mut self.repaired.lost)?,
        }
        self.repaired.unresolved.retain(|place| schema::entry_at(place).is_none());
        Ok(())
    }

    /// Names the first of the entries behind `there`, up to `last`, that are missing and not lost, and of those behind every
    /// lost one among them.
    pub(super) fn missing(&mut self, there: u64, last: u64) {
        let mut next = there.checked_add(1);
        while let Some(number) = next.filter(|number| *number <= last) {
            let lost = match self.lost.run_of(number) {
                Some(run) => Some(run),
                None => {
                    self.repaired.unresolved.push(schema::entry(number));
                    self.lost.first_after(number).and_then(|first| self.lost.run_of(first))
                }
            };
            next = lost.and_then(|(_, end)| end.checked_add(1));
        }
    }

    /// Remembers an entry that was put back, or would be.
    pub(super) fn note(&mut self, logged: &Logged) {
        declare(&mut self.lost, logged);
        if self.options.dry_run {
            self.needed.extend(needed_by(&logged.entry));
        }
        self.written.insert(logged.entry.number, Some(logged.digest));
    }

    /// The digest that an entry must state; `None` where it is not known, or will not be asked for.
    fn digest_before(&self, number: u64) -> Result<Option<Digest>, RegistryError> {
        match number {
            1 => Ok(Some(self.registry.marker.id.genesis())),
            _ if self.lost.end_of(number - 1).is_some() => Ok(None),
            _ => self.digest_of(number - 1),
        }
    }

    /// The digest of an entry, of one that would be put back too; `None` where it is missing or damaged.
    pub(super) fn digest_of(&self, number: u64) -> Result<Option<Digest>, RegistryError> {
        match self.written.get(&number) {
            Some(digest) => Ok(*digest),
            None => Ok(self.readable(number)?.map(|logged| logged.digest)),
        }
    }

    /// Whether the entry behind this one can be read, and so states its digest.
    fn is_followed(&self, number: u64) -> Result<bool, RegistryError> {
        match number.checked_add(1) {
            Some(next) if self.lost.end_of(next).is_none() => Ok(self.digest_of(next)?.is_some()),
            _ => Ok(false),
        }
    }

    /// An entry; `None` where it is missing or damaged.
    pub(super) fn readable(&self, number: u64) -> Result<Option<Logged>, RegistryError> {
        match log::read(&self.registry.storage, number) {
            Err(error) if error.kind() == ErrorKind::Integrity => Ok(None),
            read => read,
        }
    }

    /// The digest that a fence was made for, or the one in the header of a damaged file, where the header is sound.
    fn stated_by_file(&self, number: u64, held: Option<Held>) -> Option<Digest> {
        if let Some(Held::Fence(fence)) = held {
            return fence.here.digest();
        }
        let bytes = self.registry.storage.read(&schema::entry(number), log::LIMIT).ok()??;
        frame::stated_digest(frame::Content::Entry, &bytes)
    }

    /// Puts an entry back; `None` where there is none, or it does not fit the one before it.
    fn restore_entry(&mut self, number: u64, found: Option<Found>) -> Result<Option<Logged>, RegistryError> {
        let place = schema::entry(number);
        let before = self.digest_before(number)?;
        let fits = |found: &Found| before.is_none_or(|before| before == found.logged.entry.previous);
        if let Some(Found { logged, source, is_index }) = found.filter(fits)
            && !self.is_fenced_off(&logged, is_index)?
            // Another repair may have had another copy.
            && self.readable(number)?.is_none()
            && self.put_back(&place, logged.frame.clone(), source)?
        {
            self.note(&logged);
            return Ok(Some(logged));
        }
        self.repaired.unresolved.push(place);
        Ok(None)
    }

    /// Whether an entry may not replace the fence in its place, where there is one: it declares lost what can be read here, and was never
    /// part of this log.
    fn is_fenced_off(&self, logged: &Logged, is_index: bool) -> Result<bool, RegistryError> {
        let number = logged.entry.number;
        let held = Held::read(&self.registry.storage, number)?;
        Ok(matches!(held, Some(Held::Fence(_))) && !is_index && self.undoes(logged, number)?)
    }
}
