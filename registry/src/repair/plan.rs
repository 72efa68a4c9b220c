//! What there is to put behind the end of the log, from all sources together.

use esmhub_store_format::Digest;

use super::Repair;
use super::ending::End;
use super::source::{Source, declare};
use crate::RegistryError;
use crate::fence::Planned;
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
            if let Some(logged) = following(sources, number, head, &follows) {
                // One's own index has read it in this very place.
                let is_own = sources
                    .iter_mut()
                    .any(|source| source.is_index() && source.entry(number, |own, _| *own == logged.digest).is_some());
                if !is_own && self.undoes(&logged, last)? {
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
            let says_lost = |(source, follows): (&Source<'_>, &bool)| *follows && source.has_lost(number);
            let losing: Vec<bool> = sources.iter().zip(&follows).map(says_lost).collect();
            if losing.contains(&true) {
                plan.push(Step { planned: Planned::Lost, is_at_hand: true });
                (head, follows) = (None, losing);
                continue;
            }
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

    /// Whether an entry declares lost what can be read here, up to this number.
    pub(super) fn undoes(&self, logged: &Logged, last: u64) -> Result<bool, RegistryError> {
        // Many records can declare the same again and again.
        let mut lost = Lost::default();
        declare(&mut lost, logged);
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

/// The entry of this number from the first source that has one which follows: it states the head, or where that is not known, the
/// source has what is before it.
fn following(sources: &mut [Source<'_>], number: u64, head: Option<Digest>, follows: &[bool]) -> Option<Logged> {
    sources.iter_mut().zip(follows).find_map(|(source, follows)| {
        source.entry(number, |_, previous| head.map_or(*follows, |head| head == *previous))
    })
}

/// How many steps come before the first loss that nobody declares: a file that held its place would be damage.
fn declared(plan: &[Step], first: u64, lost: &Lost) -> usize {
    let mut numbered = (first..).zip(plan);
    let is_undeclared = |(number, step): (u64, &Step)| step.planned == Planned::Lost && lost.end_of(number).is_none();
    numbered.position(is_undeclared).unwrap_or(plan.len())
}
