//! What there is to put behind the end of the log, from all sources together.

use esmhub_store_format::Digest;

use super::Repair;
use super::ending::End;
use super::source::{Source, declare, find_entry};
use crate::RegistryError;
use crate::fence::{Held, Planned};
use crate::log::{self, Logged};
use crate::lost::Lost;

/// What is to be put in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) planned: Planned,
    /// Whether a source has it. Of an entry that none has, the one behind it states the digest.
    pub(super) is_at_hand: bool,
}

impl Repair<'_> {
    /// What the sources have behind the end, as far as it follows; the last step is an entry that is at hand.
    ///
    /// An entry of a copy that declares lost what can be read here ends it. Of sources that go different ways, the first one counts. Where all lack one entry, what is behind it is taken all the same:
    /// it is then named as damage. Where they lack several in a row, that is the end, as nobody could tell which those were.
    pub(super) fn plan(&self, sources: &mut [Source<'_>], end: End) -> Result<Vec<Step>, RegistryError> {
        let End { last, digest: mut head, shared: mut follows } = end;
        let mut plan: Vec<Step> = Vec::new();
        let mut lost = self.lost.clone();
        let there = sources.iter().filter_map(|source| source.numbers().last().copied()).max().unwrap_or_default();
        let Some(first) = last.checked_add(1) else { return Ok(plan) };
        for number in first..=there {
            let wanted = self.wanted(number, head)?;
            let found = match wanted {
                None => following(sources, number, head, &follows),
                Some((Planned::Entry(digest), _)) => {
                    let fits = |previous: &Digest| head.is_none_or(|head| head == *previous);
                    find_entry(sources, number, |own, previous| *own == digest && fits(previous))
                        .map(|found| found.logged)
                }
                Some((Planned::Lost, _)) => None,
            };
            if let Some(logged) = found {
                // One's own index has read it in this very place.
                let is_own = sources
                    .iter_mut()
                    .any(|source| source.is_index() && source.entry(number, |own, _| *own == logged.digest).is_some());
                let undone = losses_of(&logged);
                let undoes_plan = numbered(&plan, first).any(|(number, step)| {
                    let is_entry = step.is_at_hand && step.planned != Planned::Lost;
                    is_entry && undone.end_of(number).is_some() && lost.end_of(number).is_none()
                });
                if !is_own && (undoes_plan || self.undoes(&logged, last)?) {
                    break;
                }
                declare(&mut lost, &logged);
                plan.push(Step { planned: Planned::Entry(logged.digest), is_at_hand: true });
                head = Some(logged.digest);
                for (source, follows) in sources.iter_mut().zip(&mut follows) {
                    *follows = source.entry(number, |own, _| *own == logged.digest).is_some();
                }
                continue;
            }
            if let Some((planned, is_here)) = wanted {
                // Nothing else may come here.
                if !is_here && planned != Planned::Lost {
                    break;
                }
                plan.push(Step { planned, is_at_hand: planned == Planned::Lost });
                head = planned.digest();
                part(sources, number, &mut follows);
                if head.is_none() {
                    follows = losing(sources, number, &follows);
                }
                continue;
            }
            let says_lost = losing(sources, number, &follows);
            if says_lost.contains(&true) {
                plan.push(Step { planned: Planned::Lost, is_at_hand: true });
                (head, follows) = (None, says_lost);
                continue;
            }
            part(sources, number, &mut follows);
            // Without the entry behind the end, nobody could tell whether what is behind it belongs there.
            let next = number.checked_add(1).filter(|_| !plan.is_empty());
            let Some(next) = next.and_then(|next| following(sources, next, None, &follows)) else { break };
            plan.push(Step { planned: Planned::Entry(next.entry.previous), is_at_hand: false });
            head = Some(next.entry.previous);
        }
        plan.truncate(declared(&plan, first, &lost));
        while plan.pop_if(|step| !step.is_at_hand || step.planned == Planned::Lost).is_some() {}
        Ok(plan)
    }

    /// What a fence says is to come in a place: the one that stands there, which comes with `true`, or the one behind it. One that does
    /// not follow the head says nothing.
    fn wanted(&self, number: u64, head: Option<Digest>) -> Result<Option<(Planned, bool)>, RegistryError> {
        let storage = &self.registry.storage;
        match Held::read(storage, number)? {
            Some(Held::Fence(fence)) => Ok((fence.before.digest() == head).then_some((fence.here, true))),
            _ => match number.checked_add(1).map(|next| Held::read(storage, next)).transpose()?.flatten() {
                Some(Held::Fence(fence)) => Ok(Some((fence.before, false))),
                _ => Ok(None),
            },
        }
    }

    /// Whether an entry declares lost what can be read here, up to this number.
    pub(super) fn undoes(&self, logged: &Logged, last: u64) -> Result<bool, RegistryError> {
        let lost = losses_of(logged);
        if lost.runs().next().is_none() {
            return Ok(false);
        }
        let listed = log::numbers_found(&self.registry.storage)?;
        let there = listed.into_iter().chain(self.written.keys().copied()).filter(|number| *number <= last);
        for number in there.filter(|number| lost.end_of(*number).is_some() && self.lost.end_of(*number).is_none()) {
            if self.digest_of(number)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Of the sources that follow, those that say that an entry is lost.
fn losing(sources: &[Source<'_>], number: u64, follows: &[bool]) -> Vec<bool> {
    sources.iter().zip(follows).map(|(source, follows)| *follows && source.has_lost(number)).collect()
}

/// Who has another entry in this place goes another way; who has none may still be right.
fn part(sources: &mut [Source<'_>], number: u64, follows: &mut [bool]) {
    for (source, follows) in sources.iter_mut().zip(follows) {
        *follows = *follows && source.entry(number, |_, _| true).is_none();
    }
}

/// What an entry declares lost. Many records can declare the same again and again.
fn losses_of(logged: &Logged) -> Lost {
    let mut lost = Lost::default();
    declare(&mut lost, logged);
    lost
}

/// The steps with their numbers.
fn numbered(plan: &[Step], first: u64) -> impl Iterator<Item = (u64, &Step)> {
    plan.iter().enumerate().map(move |(at, step)| (first + at as u64, step))
}

/// The entry of this number from the first source that has one which follows: it states the head, or where that is not known, the
/// source has what is before it.
fn following(sources: &mut [Source<'_>], number: u64, head: Option<Digest>, follows: &[bool]) -> Option<Logged> {
    sources.iter_mut().zip(follows).find_map(|(source, follows)| {
        source.entry(number, |_, previous| head.map_or(*follows, |head| head == *previous))
    })
}

/// How many steps come before the first loss that nobody declares: a file that held its place would be damage.
fn declared(plan: &[Step], first: u64, lost: &Lost) -> usize {
    let is_undeclared = |(number, step): (u64, &Step)| step.planned == Planned::Lost && lost.end_of(number).is_none();
    numbered(plan, first).position(is_undeclared).unwrap_or(plan.len())
}
