//! Putting back the end of the log: how it is done beside publishers and other repairs, and interrupted anywhere.
//!
//! See [`crate::fence`] for the idea. The order is: a fence in the second place; the first entry, over which others may contend;
//! fences in all places behind it, in ascending order; and what they are for, from the highest number down.

use super::Repair;
use super::plan::Step;
use super::source::{Source, find_entry};
use crate::fence::{Fence, Held, Planned, empty_entry, split_held};
use crate::storage::Creation;
use crate::{RegistryError, log, schema};

impl Repair<'_> {
    /// Puts what is planned behind the end, and gives the number up to which that was done: not all of it where somebody else was
    /// faster.
    pub(super) fn put_behind(
        &mut self,
        sources: &mut [Source<'_>],
        last: u64,
        plan: &[Step],
    ) -> Result<u64, RegistryError> {
        let Some(first) = plan.first() else { return Ok(last) };
        if !first.is_at_hand && !self.is_held_for(last + 1, first.planned)? {
            return Ok(last);
        }
        let number = |at: usize| last + 1 + at as u64;
        let fences = plan.windows(2).enumerate().filter_map(|(at, pair)| match pair {
            [before, here] => Some((number(at + 1), Fence { before: before.planned, here: here.planned })),
            _ => None,
        });
        let mut fences = fences.peekable();
        if let Some((second, fence)) = fences.next()
            && !self.fence(second, fence)?
        {
            return Ok(last);
        }
        if !first.is_at_hand {
            self.repaired.unresolved.push(schema::entry(number(0)));
        } else if !self.put_one(sources, number(0), *first)? {
            self.lift_fences()?;
            return Ok(last);
        }
        // Before anything else comes: who gives up what cannot be read would write behind the last of them.
        for (place, fence) in fences {
            if !self.fence(place, fence)? {
                self.repaired.unresolved.push(schema::entry(place));
                return Ok(number(0));
            }
        }
        for (at, step) in plan.iter().enumerate().skip(1).rev() {
            if !step.is_at_hand {
                // Its fence waits for it.
                self.written.insert(number(at), None);
                self.repaired.unresolved.push(schema::entry(number(at)));
            } else if !self.put_one(sources, number(at), *step)? {
                self.repaired.unresolved.push(schema::entry(number(at)));
                return Ok(number(0));
            }
        }
        Ok(number(plan.len() - 1))
    }

    /// Whether a fence stands in a place for this, and waits for it.
    fn is_held_for(&self, number: u64, planned: Planned) -> Result<bool, RegistryError> {
        match Held::read(&self.registry.storage, number)? {
            Some(Held::Fence(fence)) => Ok(fence.here == planned && !self.gave_way(number, &fence)?),
            _ => Ok(false),
        }
    }

    /// Whether nothing but an empty entry may replace a fence.
    pub(super) fn gave_way(&self, number: u64, fence: &Fence) -> Result<bool, RegistryError> {
        match number.checked_sub(1).filter(|before| *before > 0) {
            Some(before) => Ok(self.digest_of(before)?.is_some_and(|before| fence.gave_way(before))),
            None => Ok(false),
        }
    }

    /// Holds a number; `false` where something else stands there. What another repair put there for the same, or one that was stopped,
    /// is as good, and so is what it is for.
    fn fence(&mut self, number: u64, fence: Fence) -> Result<bool, RegistryError> {
        if self.create_entry(number, Held::Fence(fence).to_bytes())? {
            return Ok(true);
        }
        Ok(match Held::read(&self.registry.storage, number)? {
            Some(Held::Fence(there)) => there == fence,
            Some(Held::Lost) => fence.here == Planned::Lost,
            None => self.readable(number)?.is_some_and(|there| fence.here == Planned::Entry(there.digest)),
        })
    }

    /// Puts an entry, or what holds its place, where nothing is or only something that holds the place; `false` where something
    /// else stands there. Another repair may have been faster, with the same.
    fn put_one(&mut self, sources: &mut [Source<'_>], number: u64, step: Step) -> Result<bool, RegistryError> {
        let Planned::Entry(digest) = step.planned else {
            let is_held = self.put(number, Held::Lost.to_bytes(), step.planned)? || self.readable(number)?.is_none();
            if is_held {
                self.written.insert(number, None);
            }
            return Ok(is_held);
        };
        let Some(found) = find_entry(sources, number, |own, _| *own == digest) else { return Ok(false) };
        if self.put(number, found.logged.frame.clone(), step.planned)? {
            self.repaired.restored.push((schema::entry(number), found.source));
        } else if self.readable(number)?.is_none_or(|there| there.digest != digest) {
            return Ok(false);
        }
        self.note(&found.logged);
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
            Some(Held::Fence(fence)) => fence.here == planned && !self.gave_way(number, &fence)?,
            // Where something else comes here than the fence behind it names, whoever made that would have to give way, and may be
            // too far to do so.
            Some(Held::Lost) => match number.checked_add(1).map(|next| Held::read(storage, next)) {
                Some(next) => !matches!(next?, Some(Held::Fence(fence)) if fence.before != planned),
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
            // Without a folder there is no log, and an empty one is that of a registry in which nothing was ever published.
            false
                if !storage.has_folder(schema::LOG)? && storage.create_folder_with(schema::LOG, &place, &bytes)? =>
            {
                Ok(true)
            }
            false => Ok(storage.create(&place, bytes)? == Creation::Created),
        }
    }

    /// Puts empty entries in the place of fences that nothing will replace any more, as somebody was faster than whoever made
    /// them.
    pub(super) fn lift_fences(&mut self) -> Result<(), RegistryError> {
        let storage = &self.registry.storage;
        let held = split_held(storage, &mut log::numbers_found(storage)?)?;
        for (number, held) in held {
            let Held::Fence(fence) = held else { break };
            let before = number.checked_sub(1).filter(|before| *before > 0);
            let before = before.map(|before| self.digest_of(before)).transpose()?.flatten();
            let Some(before) = before.filter(|before| fence.gave_way(*before)) else { break };
            let place = schema::entry(number);
            let entry = empty_entry(number, before);
            let refused = |source| RegistryError::Refused { what: place.clone(), source };
            let (frame, digest) = entry.to_frame().map_err(refused)?;
            if !self.options.dry_run {
                storage.replace(&place, frame)?;
            }
            self.written.insert(number, Some(digest));
            self.repaired
                .restored
                .push((place, "the entry before it: it is empty, and ends a repair that gave way".to_owned()));
        }
        Ok(())
    }
}
