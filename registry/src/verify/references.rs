//! Whether every reference can be used: its card is sound, and its object is there and is what the card says.

use std::collections::{BTreeMap, HashMap, HashSet};

use esmhub_store_format::{Digest, FormatError};

use super::{Found, Problem, Report};
use crate::catalog::Catalog;
use crate::fetch::difference;
use crate::schema;

/// Checks all references that are not removed, and names those that depend on what is broken.
pub(super) fn verify(catalog: &Catalog, objects: &HashMap<Digest, Found>, report: &mut Report) {
    let mut needed = HashSet::new();
    let mut missing: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
    for esm in catalog.esms() {
        report.references += 1;
        let reference = esm.reference().to_string();
        let card = match esm.card() {
            Ok(card) => card,
            Err(FormatError::Newer { .. }) => {
                report.newer.push(reference);
                continue;
            }
            Err(error) => {
                report.problems.push(Problem::new("card", reference, error.to_string()));
                continue;
            }
        };
        needed.insert(card.weights.digest);
        match objects.get(&card.weights.digest) {
            None => missing.entry(card.weights.digest).or_default().push(reference),
            Some(Found::Newer) => {}
            Some(Found::Broken(at)) => {
                if let Some(problem) = report.problems.get_mut(*at) {
                    problem.used_by.push(reference);
                }
            }
            Some(Found::Sound(weights)) => {
                if let Some(detail) = difference(&card.weights, weights) {
                    report.problems.push(Problem::new("card", reference, format!("it says {detail}")));
                }
            }
        }
    }
    for (digest, used_by) in missing {
        let problem = Problem::new("object", schema::object(&digest), "it is missing");
        report.problems.push(Problem { used_by, ..problem });
    }
    let sound = objects.iter().filter(|(_, found)| !matches!(found, Found::Broken(_)));
    let mut unreferenced: Vec<Digest> =
        sound.map(|(digest, _)| *digest).filter(|digest| !needed.contains(digest)).collect();
    unreferenced.sort();
    report.unreferenced = unreferenced;
}
