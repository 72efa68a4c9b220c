//! What a bare name means, for many names at once.

use std::collections::HashMap;

use esmhub_registry::Esm;

/// Of each name, its newest tag that is not yanked; in the order in which the names first appear in the log.
pub(crate) fn newest<'a>(esms: impl Iterator<Item = &'a Esm>) -> Vec<&'a Esm> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut newest: Vec<&Esm> = Vec::new();
    for esm in esms.filter(|esm| !esm.is_yanked()) {
        let place = *places.entry(esm.name().key()).or_insert(newest.len());
        match newest.get_mut(place) {
            Some(older) => *older = esm,
            None => newest.push(esm),
        }
    }
    newest
}
