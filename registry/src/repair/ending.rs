//! Putting back the end of the log, or all of it, from a log that goes on where this one ends.
//!
//! A log that is cut looks whole. So the last entry comes first: from then on there is a gap, which is damage for everybody until
//! the log is whole again, whatever happens to the repair. The entry behind the old end comes second: if somebody publishes at
//! this moment, one of the two has that number, and the repair gives way.

use esmhub_store_format::Digest;
use esmhub_store_format::limits::MAX_LOST_ENTRIES;

use super::Repair;
use super::source::{Source, declare};
use crate::log::{self, Logged};
use crate::loss::PLACEHOLDER;
use crate::storage::Creation;
use crate::{RegistryError, schema};

/// The end of the log, as one source sees it.
struct End {
    /// The number of the last entry.
    last: u64,
    /// Its digest, where it is not lost and can be read.
    digest: Option<Digest>,
    /// Whether the source has the same entry, or where that is lost, the last one before it that is not.
    is_shared: bool,
}

/// An entry to be put back, by its digest; none of one that is lost.
type Planned = (u64, Option<Digest>);

impl Repair<'_> {
    /// Puts back what sources have behind the end of the log.
    pub(super) fn extend_all(&mut self, sources: &mut [Source<'_>]) -> Result<(), RegistryError> {
        self.repaired.untaken.clear();
        sources.iter_mut().try_for_each(|source| self.extend(source))
    }

    /// Puts back the entries behind the last one that is there, where a source goes on from that one.
    fn extend(&mut self, source: &mut Source<'_>) -> Result<(), RegistryError> {
        let end = self.end(source)?;
        let last = end.last;
        let plan = self.plan(source, end)?;
        source.require_read()?;
        let reached = match self.put_behind(source, last, &plan)? {
            true => plan.last().map_or(last, |(number, _)| *number),
            false => last,
        };
        if let Some(next) = source.numbers().into_iter().find(|number| *number > reached) {
            self.repaired.untaken.push((source.name(), next));
        }
        Ok(())
    }

    /// Where the log ends, and whether the source has the last entry that can be compared.
    fn end(&self, source: &mut Source<'_>) -> Result<End, RegistryError> {
        let listed = log::numbers_found(&self.registry.storage)?;
        let last = listed.last().max(self.written.keys().next_back()).copied().unwrap_or_default();
        for number in (1..=last).rev().filter(|number| self.lost.end_of(*number).is_none()) {
            return Ok(match self.digest_of(number)? {
                Some(there) => {
                    let is_shared = source.entry(number, |own, _| *own == there).is_some();
                    End { last, digest: Some(there).filter(|_| number == last), is_shared }
                }
                // What holds its place, and nothing that could be compared.
                None if source.has_lost(number) => continue,
                None => End { last, digest: None, is_shared: false },
            });
        }
        // The genesis is that of the registry's id, which all sources have.
        let genesis = self.registry.marker.id.genesis();
        Ok(End { last, digest: Some(genesis).filter(|_| last == 0), is_shared: true })
    }

    /// What the source has behind the end, as far as it follows. Where the source lacks an entry, what is behind it is taken all
    /// the same: the gap is then named as damage, and the end of the log is where it was.
    fn plan(&self, source: &mut Source<'_>, end: End) -> Result<Vec<Planned>, RegistryError> {
        let End { last, digest: mut head, mut is_shared } = end;
        let there = source.numbers().last().copied().unwrap_or_default();
        let mut plan: Vec<Planned> = Vec::new();
        let mut lost = self.lost.clone();
        let mut missing = 0;
        for number in last.saturating_add(1)..=there {
            if source.has_lost(number) && is_shared {
                plan.push((number, None));
                head = None;
                continue;
            }
            // Behind an entry that is lost or missing nothing is stated that could be checked: then a source is believed that has
            // what is before it.
            let Some(logged) = source.entry(number, |_, _| head.is_some() || is_shared) else {
                missing += 1;
                if !is_shared || missing > MAX_LOST_ENTRIES {
                    break;
                }
                head = None;
                continue;
            };
            // One's own index has read it in this very place.
            let is_wrong = head.is_some_and(|head| head != logged.entry.previous);
            if is_wrong || (!source.is_index() && self.undoes(&logged, last)?) {
                break;
            }
            declare(&mut lost, &logged);
            plan.push((number, Some(logged.digest)));
            (head, is_shared) = (Some(logged.digest), true);
        }
        // A file that holds a place which nobody declares lost would be damage; and without the entry behind the end, somebody may be
        // about to publish another one.
        let undeclared = |(number, digest): &Planned| digest.is_none() && lost.end_of(*number).is_none();
        plan.truncate(plan.iter().position(undeclared).unwrap_or(plan.len()));
        if plan.first().is_some_and(|(number, _)| *number != last + 1) {
            plan.clear();
        }
        Ok(plan)
    }

    /// Whether an entry declares lost what can be read here.
    fn undoes(&self, logged: &Logged, last: u64) -> Result<bool, RegistryError> {
        for number in logged.losses().into_iter().flat_map(|(first, end)| first..=end.min(last)) {
            if self.lost.end_of(number).is_none() && self.digest_of(number)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Puts entries behind the end; `false` where somebody else's entry stands there now.
    fn put_behind(&mut self, source: &mut Source<'_>, last: u64, plan: &[Planned]) -> Result<bool, RegistryError> {
        let (Some((highest, below)), Some(first)) = (plan.split_last(), plan.first()) else { return Ok(true) };
        let was_there = self.registry.storage.size(&schema::entry(highest.0))?.is_some();
        if !self.put_one(source, *highest)? {
            return Ok(false);
        }
        if !below.is_empty() && !self.put_one(source, *first)? {
            let place = schema::entry(highest.0);
            let is_last = || Ok(log::numbers_found(&self.registry.storage)?.last() == Some(&highest.0));
            // Where no other entry stands in its way, or something stands behind it, it is better left.
            if !was_there && !self.options.dry_run && self.readable(first.0)?.is_some() && is_last()? {
                self.registry.storage.remove(&place)?;
                self.written.remove(&highest.0);
                self.repaired.restored.retain(|(restored, _)| *restored != place);
            }
            return Ok(false);
        }
        for planned in below.iter().skip(1).rev() {
            if !self.put_one(source, *planned)? {
                self.repaired.unresolved.push(schema::entry(planned.0));
            }
        }
        let mut before = last;
        for (number, _) in plan {
            self.missing(before, number - 1);
            before = *number;
        }
        Ok(true)
    }

    /// Creates one entry, or what holds its place; `false` where something else stands there. Another repair may have been faster,
    /// with the same.
    fn put_one(&mut self, source: &mut Source<'_>, (number, digest): Planned) -> Result<bool, RegistryError> {
        let place = schema::entry(number);
        let Some(digest) = digest else {
            let storage = &self.registry.storage;
            let is_there =
                !self.options.dry_run && storage.create(&place, PLACEHOLDER.to_vec())? == Creation::AlreadyThere;
            self.written.insert(number, None);
            return Ok(!is_there || self.readable(number)?.is_none());
        };
        let Some(logged) = source.entry(number, |own, _| *own == digest) else { return Ok(false) };
        if !self.create(&place, logged.frame.clone(), source.name())?
            && self.readable(number)?.is_none_or(|there| there.digest != digest)
        {
            return Ok(false);
        }
        self.note(&logged);
        Ok(true)
    }
}
