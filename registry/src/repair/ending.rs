//! Putting back the end of the log, or all of it, from logs that go on where this one ends.

use esmhub_store_format::Digest;

use super::Repair;
use super::source::Source;
use crate::RegistryError;
use crate::fence::{Held, split_held};
use crate::log;

/// The end of the log.
pub(super) struct End {
    /// The number of the last entry.
    pub(super) last: u64,
    /// Its digest, where it is not lost and can be read.
    pub(super) digest: Option<Digest>,
    /// Of each source, whether it has the same entry, or where that is lost, the last one before it that is not.
    pub(super) shared: Vec<bool>,
}

impl Repair<'_> {
    /// Puts back the entries behind the last one that is there, where sources go on from that one.
    pub(super) fn extend_all(&mut self, sources: &mut [Source<'_>]) -> Result<(), RegistryError> {
        let mut seen = None;
        let reached = loop {
            let (last, _) = self.last_entry()?;
            let end = self.end(last, sources)?;
            let plan = self.plan(sources, end)?;
            sources.iter_mut().try_for_each(Source::require_read)?;
            let reached = self.put_behind(sources, last, &plan)?;
            sources.iter_mut().try_for_each(Source::require_read)?;
            // Whoever was faster may have put the same there, or some of it.
            if reached == last + plan.len() as u64 || seen.replace(last) == Some(last) {
                break reached;
            }
        };
        self.repaired.untaken.clear();
        for source in sources {
            let untaken = self.parting(source)?.or_else(|| source.first_behind(reached));
            self.repaired.untaken.extend(untaken.map(|number| (source.name(), number)));
        }
        Ok(())
    }

    /// The number of the last entry, with those that were put back or would be; and what only holds places behind it.
    pub(super) fn last_entry(&self) -> Result<(u64, Vec<(u64, Held)>), RegistryError> {
        let mut listed = log::numbers_found(&self.registry.storage)?;
        let mut held = split_held(&self.registry.storage, &mut listed)?;
        let last = listed.last().max(self.written.keys().next_back()).copied().unwrap_or_default();
        held.retain(|(number, _)| *number > last);
        Ok((last, held))
    }

    /// Whether the sources have the last entry that can be compared.
    fn end(&self, last: u64, sources: &mut [Source<'_>]) -> Result<End, RegistryError> {
        let mut shared = Vec::new();
        for source in sources.iter_mut() {
            shared.push(self.shares_end(last, source)?);
        }
        let digest = match last {
            0 => Some(self.registry.marker.id.genesis()),
            last if self.lost.end_of(last).is_some() => None,
            last => self.digest_of(last)?,
        };
        Ok(End { last, digest, shared })
    }

    fn shares_end(&self, last: u64, source: &mut Source<'_>) -> Result<bool, RegistryError> {
        for number in (1..=last).rev().filter(|number| self.lost.end_of(*number).is_none()) {
            return Ok(match self.digest_of(number)? {
                Some(there) => source.entry(number, |own, _| *own == there).is_some(),
                // What holds its place, and nothing that could be compared.
                None if source.has_lost(number) => continue,
                None => false,
            });
        }
        // The genesis is that of the registry's id, which all sources have.
        Ok(true)
    }

    /// The first entry from which on a source goes another way than the log.
    fn parting(&self, source: &mut Source<'_>) -> Result<Option<u64>, RegistryError> {
        let mut parts = None;
        for number in source.numbers().into_iter().rev() {
            if self.lost.end_of(number).is_some() || source.has_lost(number) {
                continue;
            }
            let Some(here) = self.digest_of(number)? else { continue };
            match source.entry(number, |_, _| true) {
                Some(logged) if logged.digest != here => parts = Some(number),
                // All before it is the same, as each entry states the one before it.
                Some(_) => break,
                None => {}
            }
        }
        Ok(parts)
    }
}
