//! What one registry lacks of another, decided over one state of both logs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use esmhub_store_format::limits::MAX_SIGNATURES;
use esmhub_store_format::log::{Action, CurrentAnchors, Origin, Outcome, Published, RegistryId, Signed, Target};
use esmhub_store_format::{Card, Digest};

use super::copying::{Found, Needed};
use super::{Left, Offered, Synced, Why};
use crate::catalog::Catalog;
use crate::esm::Stamp;
use crate::fetch::difference;
use crate::history::Written;
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
    /// What must be there first.
    pub(super) objects: Vec<Needed>,
}

impl Plan {
    /// Goes through what happened in `source`, oldest first. What needs an object that is `known` not to be usable, or not to be what a card
    /// says of it, is left.
    ///
    /// # Errors
    /// As [`Catalog::apply`].
    pub(super) fn new(
        source: &Catalog,
        id: &RegistryId,
        held: &Catalog,
        known: &HashMap<Digest, Found>,
    ) -> Result<Self, RegistryError> {
        let happened = held.history().iter().map(|event| event.written).collect();
        let changes = (last_changes(source), last_changes(held));
        let taken_back = taken_back(source);
        let (ahead, told) = (held.clone(), Synced::default());
        let mut planner = Planner { source, known, ahead, happened, changes, standing: standing(source), told };
        let mut steps = Vec::new();
        for event in source.history() {
            let Some((action, objects)) = planner.lacking(event) else { continue };
            let Written { entry: digest, record: first } = event.written;
            let (registry, entry) =
                event.origin.as_ref().map_or((*id, event.entry), |first| (first.registry, first.entry));
            let (time, writer) = (event.time, event.writer.as_ref().clone());
            let origin = Origin { registry, entry, digest, first, time, writer };
            let stamp = Stamp { entry: held.entries() + 1, time, writer: Arc::clone(&event.writer), origin: None };
            planner.ahead.apply(action.clone(), &stamp, event.written)?;
            steps.push(Step { origin, action, objects });
        }
        planner.told.outcomes_kept = held
            .history()
            .iter()
            .filter_map(|event| match &event.what {
                Happening::Outcome(outcome) if taken_back.contains(&event.written) => Some((event.entry, outcome)),
                _ => None,
            })
            .filter(|(entry, outcome)| held.outcomes().any(|(at, standing)| at == *entry && *standing == ***outcome))
            .map(|(_, outcome)| outcome.as_ref().clone())
            .collect();
        Ok(Self { steps, told: planner.told })
    }

    /// What must be there before the steps are written, each once.
    pub(super) fn objects(&self) -> impl Iterator<Item = Needed> {
        let mut seen = HashSet::new();
        self.steps.iter().flat_map(|step| step.objects.iter().copied()).filter(move |(digest, _)| seen.insert(*digest))
    }

    /// Adds what is not done to what was.
    pub(super) fn tell(self, done: Synced) -> Synced {
        let Synced {
            conflicts,
            left,
            kept,
            signatures_left,
            outcomes_left,
            outcomes_kept,
            contrary,
            other_anchors,
            anchors_left,
            ..
        } = self.told;
        Synced {
            conflicts,
            left,
            kept,
            signatures_left,
            outcomes_left,
            outcomes_kept,
            contrary,
            other_anchors,
            anchors_left,
            ..done
        }
    }
}

struct Planner<'a> {
    source: &'a Catalog,
    known: &'a HashMap<Digest, Found>,
    /// What the log will say once the steps so far are written.
    ahead: Catalog,
    /// What happened here, be it first or copied: what can be done twice, or was undone since, is not copied again.
    happened: HashSet<Written>,
    /// What yanked each ESM last, or undid that: there, and here before. The later one of the two stands, whichever registry it came
    /// to first, so that all come to the same.
    changes: (Changes, Changes),
    /// The outcomes that stand there, by their entries.
    standing: HashMap<u64, Vec<&'a Outcome>>,
    told: Synced,
}

/// By the keys of name and tag: when it was, by the clock of who did it, and which event it is.
type Changes = HashMap<(String, String), (u64, Written)>;

/// The last yank of each ESM, or undoing of one, in the order of the log.
fn last_changes(catalog: &Catalog) -> Changes {
    let changed = catalog.history().iter().filter_map(|event| match &event.what {
        Happening::Yanked(target) | Happening::Unyanked(target) => {
            Some(((target.name.key(), target.tag.key()), (event.time, event.written)))
        }
        _ => None,
    });
    changed.collect()
}

fn standing(catalog: &Catalog) -> HashMap<u64, Vec<&Outcome>> {
    let mut standing: HashMap<u64, Vec<&Outcome>> = HashMap::new();
    catalog.outcomes().for_each(|(entry, outcome)| standing.entry(entry).or_default().push(outcome));
    standing
}

/// The outcomes that were recorded and do not stand any more.
fn taken_back(catalog: &Catalog) -> HashSet<Written> {
    let standing = standing(catalog);
    let gone = catalog.history().iter().filter(|event| match &event.what {
        Happening::Outcome(outcome) if outcome.value.is_some() => {
            !standing.get(&event.entry).is_some_and(|standing| standing.contains(&outcome.as_ref()))
        }
        _ => false,
    });
    gone.map(|event| event.written).collect()
}

type Lacking = (Action, Vec<Needed>);

impl Planner<'_> {
    /// What the log lacks of what happened.
    fn lacking(&mut self, event: &Event) -> Option<Lacking> {
        let is_new = !self.happened.contains(&event.written);
        match &event.what {
            Happening::Published(target) => self.publication(target),
            Happening::Yanked(target) if is_new && self.changes(event, target, State::Live) => {
                Some((Action::Yank(target.clone()), Vec::new()))
            }
            Happening::Unyanked(target) if is_new && self.changes(event, target, State::Yanked) => {
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
        if let Some(why) = self.unusable(&card) {
            self.told.left.push(left(why));
            return None;
        }
        let bytes = |digest| if digest == card.weights.digest { card.weights.bytes } else { 0 };
        let Target { name, tag, .. } = target.clone();
        let action = Action::Publish(Published { name, tag, card: there.card.clone() });
        Some((action, objects_of(&card).map(|digest| (digest, bytes(digest))).collect()))
    }

    /// Why an ESM with this card cannot come, as far as its objects are known.
    fn unusable(&self, card: &Card) -> Option<Why> {
        let other = |what: &str| Some(Why::Card(format!("the object that it names is {what}")));
        match self.known.get(&card.weights.digest) {
            Some(Found::Damaged(detail)) => return Some(Why::Damaged(detail.clone())),
            Some(Found::Anchors) => return other("a set of anchors"),
            Some(Found::Map(found)) => {
                if let Some(detail) = difference(&card.weights, found) {
                    return Some(Why::Card(detail));
                }
            }
            None => {}
        }
        match card.fit.anchors.and_then(|anchors| self.known.get(&anchors)) {
            Some(Found::Damaged(detail)) => Some(Why::Damaged(detail.clone())),
            Some(Found::Map(_)) => other("no set of anchors"),
            _ => None,
        }
    }

    /// Whether a yank or the undoing of one is the last there, and does something here.
    fn changes(&self, event: &Event, target: &Target, from: State) -> bool {
        let key = (target.name.key(), target.tag.key());
        let (there, here) = (self.changes.0.get(&key), self.changes.1.get(&key));
        let own = (event.time, event.written);
        there == Some(&own)
            && here.is_none_or(|here| *here < own)
            && self.held(target).is_some_and(|held| held.state == from)
    }

    fn signed(&mut self, signed: &Signed) -> Option<Lacking> {
        let Signed { name, tag, digest, signature } = signed;
        let held = self.held(&Target { name: name.clone(), tag: tag.clone(), digest: *digest })?;
        // A signature is one of the spelling, too.
        let is_alike = held.name == *name && held.tag == *tag;
        let is_there = held.attestations.iter().any(|there| there.signature == *signature);
        let has_room = held.attestations.len() < MAX_SIGNATURES;
        if is_there {
            return None;
        }
        if !is_alike || !has_room {
            self.told.signatures_left += 1;
            return None;
        }
        Some((Action::Signed(signed.clone()), Vec::new()))
    }

    fn outcome(&mut self, entry: u64, outcome: &Outcome) -> Option<Lacking> {
        // What was taken back there does not come.
        if !self.standing.get(&entry).is_some_and(|standing| standing.contains(&outcome)) {
            return None;
        }
        if outcome.esm.as_ref().is_some_and(|esm| !self.ahead.published(esm)) {
            self.told.outcomes_left += 1;
            return None;
        }
        if self.ahead.contradicting(outcome).is_some() {
            let is_same = |other: &&Outcome| (&other.target, &other.metric) == (&outcome.target, &outcome.metric);
            if !self.told.contrary.iter().any(|other| is_same(&other)) {
                self.told.contrary.push(outcome.clone());
            }
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
        let is_unset = match self.ahead.known_anchors(&current.base) {
            Some(held) if held.digest() == set => return None,
            held => held.is_none() && !self.ahead.has_withdrawn_anchors(&current.base),
        };
        if !is_unset {
            self.told.other_anchors.push(current.base.clone());
            return None;
        }
        let damage = match self.known.get(&set) {
            None | Some(Found::Anchors) => None,
            Some(Found::Damaged(detail)) => Some(detail.clone()),
            Some(Found::Map(_)) => Some("it is a map".to_owned()),
        };
        if let Some(detail) = damage {
            self.told.anchors_left.push((current.base.clone(), detail));
            return None;
        }
        Some((Action::Anchors(current.clone()), vec![(set, 0)]))
    }

    /// The same here, where it was not removed.
    fn held(&self, target: &Target) -> Option<&Esm> {
        let held = self.ahead.tagged(&target.name, &target.tag)?;
        (held.digest == target.digest && !held.is_removed()).then_some(held)
    }
}
