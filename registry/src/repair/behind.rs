//! Putting back the end of the log: how it is done beside publishers and other repairs, and interrupted anywhere.
//!
//! See [`crate::fence`] for the idea. The order is: the fences; the first entry, over which others may contend; what is behind
//! the fences, from the lowest number to the highest; and last, from the lowest to the highest, what the fences stand for.

use super::Repair;
use super::source::{Source, find_entry};
use crate::fence::{Fence, Held, Planned, empty_entry, split_held};
use crate::log::Logged;
use crate::storage::Creation;
use crate::{RegistryError, log, schema};

impl Repair<'_> {
    /// Puts what is planned behind the end, and gives the number up to which that was done: not all of it where somebody else was
    /// faster.
    pub(super) fn put_behind(
        &mut self,
        sources: &mut [Source<'_>],
        last: u64,
        plan: &[Planned],
    ) -> Result<u64, RegistryError> {
        let Some(first) = plan.first() else { return Ok(last) };
        let number = |at: usize| last + 1 + at as u64;
        let numbered = || plan.iter().enumerate().map(|(at, planned)| (number(at), *planned));
        // The last of the places that are fenced is that of an entry, with which all is whole.
        let is_first_entry = |(at, planned): (usize, &Planned)| (at > 0 && planned.digest().is_some()).then_some(at);
        let fenced = match self.fenced {
            // One of these is still there.
            true => 0,
            false => plan.iter().enumerate().find_map(is_first_entry).unwrap_or_default(),
        };
        // The lowest first: where that is taken, nothing was done yet.
        for ((_, before), (number, here)) in numbered().zip(numbered().skip(1)).take(fenced) {
            if !self.fence(number, Fence { before, here })? {
                self.lift_fences()?;
                return Ok(last);
            }
        }
        if !self.put_one(sources, number(0), *first)? {
            self.lift_fences()?;
            return Ok(last);
        }
        let behind = numbered().skip(fenced + 1);
        for (number, planned) in behind.chain(numbered().skip(1).take(fenced)) {
            if !self.put_one(sources, number, planned)? {
                self.repaired.unresolved.push(schema::entry(number));
                return Ok(number - 1);
            }
        }
        // The first of those that are missing in a row.
        let is_missing = |at: Option<&Planned>| at == Some(&Planned::Missing);
        for at in (1..plan.len()).filter(|at| is_missing(plan.get(*at)) && !is_missing(plan.get(*at - 1))) {
            self.repaired.unresolved.push(schema::entry(number(at)));
        }
        Ok(number(plan.len() - 1))
    }

    /// Holds a number; `false` where somebody else has it. What another repair, or one that was stopped, put there for the same is
    /// as good, and so is anything else that cannot be read as an entry and waits for nobody.
    fn fence(&mut self, number: u64, fence: Fence) -> Result<bool, RegistryError> {
        if self.create_entry(number, Held::Fence(fence).to_bytes())? {
            return Ok(true);
        }
        Ok(match Held::read(&self.registry.storage, number)? {
            Some(Held::Fence(there)) => there.before.agrees(fence.before) && there.here.agrees(fence.here),
            Some(Held::Missing | Held::Lost) => true,
            None => false,
        })
    }

    /// Puts an entry, or what holds its place, where nothing is or only something that holds the place; `false` where something
    /// else stands there. Another repair may have been faster, with the same.
    fn put_one(&mut self, sources: &mut [Source<'_>], number: u64, planned: Planned) -> Result<bool, RegistryError> {
        let place = schema::entry(number);
        let Planned::Entry(digest) = planned else {
            let held = if planned == Planned::Missing { Held::Missing } else { Held::Lost };
            let is_held = self.put(number, held.to_bytes(), planned)? || self.readable(number)?.is_none();
            if is_held {
                self.written.insert(number, None);
            }
            return Ok(is_held);
        };
        let found = find_entry(sources, number, |own, _| *own == digest);
        let Some((logged, source)) = found else { return Ok(false) };
        if self.put(number, logged.frame.clone(), planned)? {
            self.repaired.restored.push((place, source));
        } else if self.readable(number)?.is_none_or(|there| there.digest != digest) {
            return Ok(false);
        }
        self.note(&logged);
        Ok(true)
    }

    /// Creates a file, or replaces what held its place; `false` where that is not to be replaced by this.
    fn put(&self, number: u64, bytes: Vec<u8>, planned: Planned) -> Result<bool, RegistryError> {
        if self.create_entry(number, bytes.clone())? {
            return Ok(true);
        }
        let storage = &self.registry.storage;
        let is_free = match Held::read(storage, number)? {
            None => false,
            // Who did not find an entry leaves the place to who did.
            Some(Held::Fence(fence)) => fence.here == planned || fence.here == Planned::Missing,
            // Where something else comes here than the fence behind it names, whoever made that would have to give way, and may be
            // too far to do so.
            Some(Held::Missing | Held::Lost) => match number.checked_add(1).map(|next| Held::read(storage, next)) {
                Some(next) => !matches!(next?, Some(Held::Fence(fence)) if !fence.before.agrees(planned)),
                None => true,
            },
        };
        if is_free && !self.options.dry_run {
            storage.replace(&schema::entry(number), bytes)?;
        }
        Ok(is_free)
    }

    /// Creates the file of an entry, or would; `false` where there is one.
    fn create_entry(&self, number: u64, bytes: Vec<u8>) -> Result<bool, RegistryError> {
        let (storage, place) = (&self.registry.storage, schema::entry(number));
        match self.options.dry_run {
            // What cannot be looked at stands in the way.
            true => Ok(storage.size(&place).is_ok_and(|size| size.is_none())),
            false => Ok(storage.create(&place, bytes)? == Creation::Created),
        }
    }

    /// Puts empty entries in the place of fences that nothing will replace any more, as somebody was faster than whoever made
    /// them.
    pub(super) fn lift_fences(&mut self) -> Result<(), RegistryError> {
        let storage = &self.registry.storage;
        let held = split_held(storage, &mut log::numbers_found(storage)?)?;
        let mut put: Option<Logged> = None;
        for (number, held) in held {
            let Held::Fence(fence) = held else { break };
            let there = match put.take().filter(|put| put.entry.number + 1 == number) {
                None if number > 1 => self.readable(number - 1)?,
                put => put,
            };
            let Some(before) = there.filter(|before| fence.gave_way(before)) else { break };
            let place = schema::entry(number);
            let entry = empty_entry(number, before.digest);
            let refused = |source| RegistryError::Refused { what: place.clone(), source };
            let (frame, digest) = entry.to_frame().map_err(refused)?;
            if !self.options.dry_run {
                storage.replace(&place, frame.clone())?;
            }
            self.written.insert(number, Some(digest));
            put = Some(Logged { entry, digest, frame });
            self.repaired
                .restored
                .push((place, "the entry before it: it is empty, and ends a repair that gave way".to_owned()));
        }
        Ok(())
    }
}
