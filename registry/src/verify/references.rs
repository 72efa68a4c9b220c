//! Whether every reference can be used: its card is sound, and its object is there and is what the card says; and every
//! anchor set that the log names is there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use esmhub_store_format::log::CurrentAnchors;
use esmhub_store_format::{Card, Digest, FormatError};

use super::{Found, Problem, Report};
use crate::catalog::Catalog;
use crate::fetch::{difference, read_canonical};
use crate::storage::Storage;
use crate::{CurrentSet, Happening, schema};

/// Checks all references that are not removed and all current anchor sets, and names those that depend on what is broken.
/// `objects`: those under their own names; `trash`: the sound ones in the trash.
pub(super) fn verify(
    catalog: &Catalog,
    (objects, trash): (&HashMap<Digest, Found>, &HashMap<Digest, Found>),
    storage: &Storage,
    report: &mut Report,
) {
    let (needed, missing, displaced) = (HashSet::new(), BTreeMap::new(), BTreeSet::new());
    let mut check = Check { objects, trash, report, needed, missing, displaced };
    for esm in catalog.esms() {
        check.report.references += 1;
        let reference = esm.reference().to_string();
        match esm.card() {
            Ok(card) => check.card(reference, &card),
            Err(FormatError::Newer { .. }) => check.report.newer.push(reference),
            Err(error) => check.report.problems.push(Problem::new("card", reference, error.to_string())),
        }
    }
    for current in catalog.all_anchors() {
        check.anchors(current);
    }
    for event in catalog.history() {
        if let Happening::Anchors(CurrentAnchors { base, set: Some(digest) }) = &event.what {
            check.mention(*digest, &format!("anchors of {base}"));
        }
    }
    // One that a garbage collection moved between two listings was in neither.
    check.missing.retain(|digest, _| !matches!(read_canonical(storage, digest), Ok(Some(_))));
    check.finish();
}

struct Check<'a> {
    objects: &'a HashMap<Digest, Found>,
    trash: &'a HashMap<Digest, Found>,
    report: &'a mut Report,
    /// The objects that something refers to.
    needed: HashSet<Digest>,
    /// Those of them that are not there, and what they are used by.
    missing: BTreeMap<Digest, Vec<String>>,
    /// Those of them that are in the trash.
    displaced: BTreeSet<Digest>,
}

impl<'a> Check<'a> {
    fn card(&mut self, reference: String, card: &Card) {
        let weights = &card.weights;
        // The anchors can lie in another registry, or be known by their embeddings alone (R19).
        if let Some(anchors) = card.fit.anchors {
            self.needed.insert(anchors);
            self.mention(anchors, &reference);
        }
        let found = match self.need(weights.digest, &reference) {
            Some(Found::Map(found)) => difference(weights, found),
            Some(Found::Anchors) => Some(format!("kind {}, found an anchor set", weights.kind)),
            _ => None,
        };
        if let Some(detail) = found {
            self.report.problems.push(Problem::new("card", reference, format!("it says {detail}")));
        }
    }

    fn anchors(&mut self, current: &CurrentSet) {
        let user = format!("anchors of {}", current.base());
        if let Some(Found::Map(_)) = self.need(current.digest(), &user) {
            let detail = format!("object {} is a map, expected an anchor set", current.digest());
            let problem = Problem::new("record", schema::entry(current.entry()), detail);
            self.report.problems.push(Problem { used_by: vec![user], ..problem });
        }
    }

    /// Names a user of an object that can do without it: if it is there and broken, its problem says so, and if it is not
    /// there, that is no problem.
    fn mention(&mut self, digest: Digest, user: &str) {
        if let Some(Found::Broken(at)) = self.objects.get(&digest)
            && let Some(problem) = self.report.problems.get_mut(*at)
        {
            add_user(&mut problem.used_by, user);
        }
    }

    /// What there is of an object that is needed; where it cannot be used, its problem says by whom it is.
    fn need(&mut self, digest: Digest, user: &str) -> Option<&'a Found> {
        self.needed.insert(digest);
        let mut found = self.objects.get(&digest);
        if found.is_none() {
            found = self.trash.get(&digest);
            self.displaced.extend(found.map(|_| digest));
        }
        let used_by = match found {
            None => self.missing.entry(digest).or_default(),
            Some(Found::Broken(at)) => &mut self.report.problems.get_mut(*at)?.used_by,
            Some(_) => return found,
        };
        add_user(used_by, user);
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
        self.report.displaced = self.displaced.into_iter().collect();
    }
}

/// A base model can return to an earlier set.
fn add_user(used_by: &mut Vec<String>, user: &str) {
    if !used_by.iter().any(|known| known == user) {
        used_by.push(user.to_owned());
    }
}
