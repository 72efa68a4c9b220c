//! What one registry lacks of another, decided over one state of both logs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use esmhub_store_format::Digest;
use esmhub_store_format::limits::MAX_SIGNATURES;
use esmhub_store_format::log::{Action, CurrentAnchors, Origin, Outcome, Published, RegistryId, Signed, Target};

use super::copied::Position;
use super::{Left, Offered, Synced, Why};
use crate::catalog::Catalog;
use crate::esm::Stamp;
use crate::reach::objects_of;
use crate::{Esm, Event, Happening, RegistryError, State};

/// What is to be done, and what is not.
pub(super) struct Plan {
    /// In the order of the other log.
    pub(super) steps: Vec<Step>,
    told: Synced,
}

/// One record to be written.
pub(super) struct Step {
    /// Where it comes from.
    pub(super) origin: Origin,
    pub(super) action: Action,
    /// What must be there first, each with its canonical bytes, as far as the card says them.
    pub(super) objects: Vec<(Digest, u64)>,
}

impl Plan {
    /// Goes through what happened in `source`, oldest first. What needs one of the objects in `unusable` is left, for the reason there.
    ///
    /// # Errors
    /// As [`Catalog::apply`].
    pub(super) fn new(
        source: &Catalog,
        id: &RegistryId,
        held: &Catalog,
        unusable: &HashMap<Digest, String>,
    ) -> Result<Self, RegistryError> {
        let copied = held.copied.of(id);
        let is_set_back = copied.is_some_and(|copied| {
            let mut there = source.history().iter().skip_while(|event| event.entry < copied.entry);
            there.next().is_some_and(|event| event.entry == copied.entry && event.digest != copied.digest)
        });
        let told = Synced { is_set_back, ..Synced::default() };
        let (ahead, published) = (held.clone(), HashSet::new());
        let mut planner = Planner { source, unusable, ahead, copied, published, told };
        let mut steps = Vec::new();
        for event in source.history() {
            let Some((action, objects)) = planner.lacking(event) else { continue };
            let origin = Origin {
                registry: *id,
                entry: event.entry,
                digest: event.digest,
                first: event.record,
                time: event.time,
                writer: event.writer.as_ref().clone(),
            };
            let writer = Arc::clone(&event.writer);
            let stamp =
                Stamp { entry: held.entries() + 1, digest: event.digest, time: event.time, writer, origin: None };
            planner.ahead.apply(action.clone(), &stamp, 0)?;
            steps.push(Step { origin, action, objects });
        }
        Ok(Self { steps, told: planner.told })
    }

    /// What must be there before the steps are written, each once.
    pub(super) fn objects(&self) -> impl Iterator<Item = (Digest, u64)> {
        let mut seen = HashSet::new();
        self.steps.iter().flat_map(|step| step.objects.iter().copied()).filter(move |(digest, _)| seen.insert(*digest))
    }

    /// Adds what is not done to what was.
    pub(super) fn tell(self, done: Synced) -> Synced {
        let Synced { conflicts, left, kept, outcomes_left, outcomes_kept, other_anchors, is_set_back, .. } = self.told;
        Synced { conflicts, left, kept, outcomes_left, outcomes_kept, other_anchors, is_set_back, ..done }
    }
}

struct Planner<'a> {
    source: &'a Catalog,
    unusable: &'a HashMap<Digest, String>,
    /// What the log will say once the steps so far are written.
    ahead: Catalog,
    /// How far that log was copied before.
    copied: Option<Position>,
    /// What the steps so far publish, by the keys of name and tag.
    published: HashSet<(String, String)>,
    told: Synced,
}

type Lacking = (Action, Vec<(Digest, u64)>);

impl Planner<'_> {
    /// What the log lacks of what happened.
    fn lacking(&mut self, event: &Event) -> Option<Lacking> {
        // What can be done twice, or was undone here since, is copied once.
        let is_copied = |copied: Position| (event.entry, event.record) < (copied.entry, copied.record);
        let is_new = !self.told.is_set_back && !self.copied.is_some_and(is_copied);
        match &event.what {
            Happening::Published(target) => self.publication(target),
            Happening::Yanked(target) if self.changes(target, is_new, State::Live) => {
                Some((Action::Yank(target.clone()), Vec::new()))
            }
            Happening::Unyanked(target) if self.changes(target, is_new, State::Yanked) => {
                Some((Action::Unyank(target.clone()), Vec::new()))
            }
            Happening::Signed(signed) => self.signed(signed),
            Happening::Outcome(outcome) if is_new => self.outcome(event.entry, outcome),
            Happening::Anchors(current) if is_new => self.anchors(event.entry, current),
            _ => None,
        }
    }

    fn publication(&mut self, target: &Target) -> Option<Lacking> {
        let there = self.source.tagged(&target.name, &target.tag)?;
        let left = |why| Left { target: target.clone(), why };
        match self.ahead.tagged(&target.name, &target.tag) {
            Some(held) if there.is_removed() => {
                self.told.kept += usize::from(held.digest == target.digest && !held.is_removed());
                return None;
            }
            Some(held) if held.is_removed() => {
                self.told.left.push(left(Why::Removed));
                return None;
            }
            Some(held) => {
                if held.digest != target.digest {
                    let (name, tag) = (target.name.clone(), target.tag.clone());
                    self.told.conflicts.push(Offered { name, tag, held: held.digest, offered: target.digest });
                }
                return None;
            }
            None if there.is_removed() => return None,
            None => {}
        }
        let card = match there.card() {
            Ok(card) => card,
            Err(error) => {
                self.told.left.push(left(Why::Card(error.to_string())));
                return None;
            }
        };
        let objects: Vec<Digest> = objects_of(&card).collect();
        if let Some(detail) = objects.iter().find_map(|digest| self.unusable.get(digest)) {
            self.told.left.push(left(Why::Damaged(detail.clone())));
            return None;
        }
        let bytes = |digest| if digest == card.weights.digest { card.weights.bytes } else { 0 };
        self.published.insert((target.name.key(), target.tag.key()));
        let Target { name, tag, .. } = target.clone();
        let action = Action::Publish(Published { name, tag, card: there.card.clone() });
        Some((action, objects.into_iter().map(|digest| (digest, bytes(digest))).collect()))
    }

    /// Whether a yank or the undoing of one is to be copied: it does something, and nobody has undone it here since.
    fn changes(&self, target: &Target, is_new: bool, from: State) -> bool {
        let is_new = is_new || self.published.contains(&(target.name.key(), target.tag.key()));
        is_new && self.held(target).is_some_and(|held| held.state == from)
    }

    fn signed(&self, signed: &Signed) -> Option<Lacking> {
        let Signed { name, tag, digest, signature } = signed;
        let held = self.held(&Target { name: name.clone(), tag: tag.clone(), digest: *digest })?;
        // A signature is one of the spelling, too.
        let is_alike = held.name == *name && held.tag == *tag;
        let is_there = held.attestations.iter().any(|there| there.signature == *signature);
        let is_wanted = is_alike && !is_there && held.attestations.len() < MAX_SIGNATURES;
        is_wanted.then(|| (Action::Signed(signed.clone()), Vec::new()))
    }

    fn outcome(&mut self, entry: u64, outcome: &Outcome) -> Option<Lacking> {
        if outcome.value.is_none() {
            self.told.outcomes_kept += usize::from(self.ahead.has_outcomes_like(outcome));
            return None;
        }
        // What was taken back there does not come.
        if !self.source.outcomes().any(|(at, standing)| at == entry && standing == outcome) {
            return None;
        }
        if outcome.esm.as_ref().is_some_and(|esm| !self.ahead.published(esm)) {
            self.told.outcomes_left += 1;
            return None;
        }
        Some((Action::Outcome(outcome.clone()), Vec::new()))
    }

    fn anchors(&mut self, entry: u64, current: &CurrentAnchors) -> Option<Lacking> {
        let set = current.set?;
        let last_word = self.source.known_anchors(&current.base)?;
        if last_word.entry() != entry || last_word.digest() != set {
            return None;
        }
        match self.ahead.known_anchors(&current.base) {
            Some(held) if held.digest() == set => return None,
            None if !self.ahead.has_withdrawn_anchors(&current.base) && !self.unusable.contains_key(&set) => {}
            _ => {
                self.told.other_anchors.push(current.base.clone());
                return None;
            }
        }
        Some((Action::Anchors(current.clone()), vec![(set, 0)]))
    }

    /// The same here, where it was not removed.
    fn held(&self, target: &Target) -> Option<&Esm> {
        let held = self.ahead.tagged(&target.name, &target.tag)?;
        (held.digest == target.digest && !held.is_removed()).then_some(held)
    }
}
