//! Whether every reference can be used: its card is sound, and its object is there and is what the card says; and every
//! anchor set that the log names is there.

use std::collections::{BTreeMap, HashMap, HashSet};

use esmhub_store_format::{Card, Digest, FormatError};

use super::{Found, Problem, Report};
use crate::catalog::Catalog;
use crate::fetch::difference;
use crate::{Event, Happening, schema};

/// Checks all references that are not removed and all anchor sets, and names those that depend on what is broken.
pub(super) fn verify(catalog: &Catalog, objects: &HashMap<Digest, Found>, report: &mut Report) {
    let mut check = Check { objects, report, needed: HashSet::new(), missing: BTreeMap::new() };
    for esm in catalog.esms() {
        check.report.references += 1;
        let reference = esm.reference().to_string();
        match esm.card() {
            Ok(card) => check.card(reference, &card),
            Err(FormatError::Newer { .. }) => check.report.newer.push(reference),
            Err(error) => check.report.problems.push(Problem::new("card", reference, error.to_string())),
        }
    }
    for event in catalog.history() {
        check.event(event);
    }
    check.finish();
}

struct Check<'a> {
    objects: &'a HashMap<Digest, Found>,
    report: &'a mut Report,
    /// The objects that something refers to.
    needed: HashSet<Digest>,
    /// Those of them that are not there, and what they are used by.
    missing: BTreeMap<Digest, Vec<String>>,
}

impl Check<'_> {
    fn card(&mut self, reference: String, card: &Card) {
        let weights = &card.weights;
        // The anchors can lie in another registry, or be known by their embeddings alone (R19).
        self.needed.extend(card.fit.anchors);
        let found = match self.need(weights.digest, &reference) {
            Some(Found::Map(found)) => difference(weights, found),
            Some(Found::Anchors) => Some(format!("kind {}, found an anchor set", weights.kind)),
            _ => None,
        };
        if let Some(detail) = found {
            self.report.problems.push(Problem::new("card", reference, format!("it says {detail}")));
        }
    }

    /// Sets that are no longer current count too: ESMs were fitted on them.
    fn event(&mut self, event: &Event) {
        let Happening::Anchors(current) = &event.what else { return };
        let Some(digest) = current.set else { return };
        let user = format!("anchors of {}", current.base);
        if let Some(Found::Map(_)) = self.need(digest, &user) {
            let detail = format!("object {digest} is a map, expected an anchor set");
            let problem = Problem::new("record", schema::entry(event.entry), detail);
            self.report.problems.push(Problem { used_by: vec![user], ..problem });
        }
    }

    /// What there is of an object that is needed; where it cannot be used, its problem says by whom it is.
    fn need(&mut self, digest: Digest, user: &str) -> Option<&Found> {
        self.needed.insert(digest);
        let found = self.objects.get(&digest);
        let used_by = match found {
            None => self.missing.entry(digest).or_default(),
            Some(Found::Broken(at)) => &mut self.report.problems.get_mut(*at)?.used_by,
            Some(_) => return found,
        };
        // A base model can return to an earlier set.
        if !used_by.iter().any(|known| known == user) {
            used_by.push(user.to_owned());
        }
        found
    }

    fn finish(self) {
        for (digest, used_by) in self.missing {
            let problem = Problem::new("object", schema::object(&digest), "it is missing");
            self.report.problems.push(Problem { used_by, ..problem });
        }
        let sound = self.objects.iter().filter(|(_, found)| !matches!(found, Found::Broken(_)));
        let mut unreferenced: Vec<Digest> =
            sound.map(|(digest, _)| *digest).filter(|digest| !self.needed.contains(digest)).collect();
        unreferenced.sort();
        self.report.unreferenced = unreferenced;
    }
}
