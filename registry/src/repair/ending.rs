//! Putting back the end of the log, or all of it, from a log that goes on where this one ends: what there is to put back.

use esmhub_store_format::Digest;
use esmhub_store_format::limits::MAX_LOST_ENTRIES;

use super::Repair;
use super::source::{Source, declare, find_entry};
use crate::RegistryError;
use crate::fence::{Planned, split_held};
use crate::log::{self, Logged};

/// The end of the log, as one source sees it.
struct End {
    /// The number of the last entry.
    last: u64,
    /// Its digest, where it is not lost and can be read.
    digest: Option<Digest>,
    /// Whether the source has the same entry, or where that is lost, the last one before it that is not.
    is_shared: bool,
}

impl Repair<'_> {
    /// Puts back what sources have behind the end of the log.
    pub(super) fn extend_all(&mut self, sources: &mut [Source<'_>]) -> Result<(), RegistryError> {
        self.repaired.untaken.clear();
        (0..sources.len()).try_for_each(|at| self.extend(sources, at))
    }

    /// Puts back the entries behind the last one that is there, where the source goes on from that one.
    fn extend(&mut self, sources: &mut [Source<'_>], at: usize) -> Result<(), RegistryError> {
        let mut seen = None;
        loop {
            let Some(source) = sources.get_mut(at) else { return Ok(()) };
            let end = self.end(source)?;
            let last = end.last;
            let mut plan = self.plan(source, end)?;
            source.require_read()?;
            fill(&mut plan, last, sources);
            let reached = self.put_behind(sources, last, &plan)?;
            let Some(source) = sources.get_mut(at) else { return Ok(()) };
            source.require_read()?;
            // Whoever was faster may have put the same there, or some of it.
            if reached < last + plan.len() as u64 && seen.replace(last) != Some(last) {
                continue;
            }
            let behind = source.numbers().into_iter().find(|number| *number > reached);
            let untaken = self.parting(source)?.or(behind);
            self.repaired.untaken.extend(untaken.map(|number| (source.name(), number)));
            return Ok(());
        }
    }

    /// Where the log ends, and whether the source has the last entry that can be compared.
    fn end(&self, source: &mut Source<'_>) -> Result<End, RegistryError> {
        let mut listed = log::numbers_found(&self.registry.storage)?;
        split_held(&self.registry.storage, &mut listed)?;
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

    /// What the source has behind the end, as far as it follows: it ends with an entry. Where the source lacks one, what is behind
    /// that is taken all the same: what is missing is then named as damage, and the end of the log is where it was.
    fn plan(&self, source: &mut Source<'_>, end: End) -> Result<Vec<Planned>, RegistryError> {
        let End { last, digest: mut head, mut is_shared } = end;
        let there = source.numbers().last().copied().unwrap_or_default();
        let mut plan: Vec<Planned> = Vec::new();
        let mut lost = self.lost.clone();
        let mut missing = 0;
        let Some(next) = last.checked_add(1) else { return Ok(plan) };
        for number in next..=there {
            if source.has_lost(number) && is_shared {
                plan.push(Planned::Lost);
                head = None;
                continue;
            }
            // Behind an entry that is lost or missing nothing is stated that could be checked: then a source is believed that has
            // what is before it.
            let Some(logged) = source.entry(number, |_, _| head.is_some() || is_shared) else {
                missing += 1;
                // Without the entry behind the end, nobody could tell whether what is behind it belongs there.
                if plan.is_empty() || !is_shared || missing > MAX_LOST_ENTRIES {
                    break;
                }
                plan.push(Planned::Missing);
                head = None;
                continue;
            };
            // One's own index has read it in this very place.
            let is_wrong = head.is_some_and(|head| head != logged.entry.previous);
            if is_wrong || (!source.is_index() && self.undoes(&logged, last)?) {
                break;
            }
            declare(&mut lost, &logged);
            plan.push(Planned::Entry(logged.digest));
            (head, is_shared) = (Some(logged.digest), true);
        }
        // A file that holds a place which nobody declares lost would be damage.
        let undeclared =
            |(at, planned): (usize, &Planned)| *planned == Planned::Lost && lost.end_of(next + at as u64).is_none();
        plan.truncate(plan.iter().enumerate().map(undeclared).position(|is| is).unwrap_or(plan.len()));
        while plan.pop_if(|planned| planned.digest().is_none()).is_some() {}
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

/// Plans what other sources have of that which one does not, as the entries behind it state it. `last` is the number before the plan.
fn fill(plan: &mut [Planned], last: u64, sources: &mut [Source<'_>]) {
    let mut behind = None;
    for (at, planned) in plan.iter_mut().enumerate().rev() {
        let number = last + 1 + at as u64;
        let stated = behind.take().and_then(|next: Digest| {
            let (next, _) = find_entry(sources, number + 1, |own, _| *own == next)?;
            find_entry(sources, number, |own, _| *own == next.entry.previous).map(|(found, _)| found.digest)
        });
        if let (Planned::Missing, Some(found)) = (*planned, stated) {
            *planned = Planned::Entry(found);
        }
        behind = planned.digest();
    }
}
