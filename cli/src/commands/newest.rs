//! What bare names and patterns mean, for many names at once.

use std::collections::HashMap;

use esmhub_registry::{Catalog, Esm, Pattern};
use esmhub_store_format::Reference;

use crate::failure::{Failure, INTEGRITY, NOT_FOUND, Outcome};
use crate::hub::SCHEME;

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

/// Whether a text is a pattern of names and no reference.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// The ESMs that references and patterns stand for, each once; a pattern stands for the newest tag of every name.
pub(crate) fn select<'a>(catalog: &'a Catalog, texts: &[String]) -> Outcome<Vec<&'a Esm>> {
    let mut esms: Vec<&Esm> = Vec::new();
    for text in texts {
        let found = if is_pattern(text) { matching(catalog, text)? } else { vec![referred(catalog, text)?] };
        for esm in found {
            if !esms.iter().any(|other| other.reference() == esm.reference()) {
                esms.push(esm);
            }
        }
    }
    Ok(esms)
}

fn matching<'a>(catalog: &'a Catalog, text: &str) -> Outcome<Vec<&'a Esm>> {
    // What is newest depends on every entry of the log, as a bare name does (R37).
    if let Some(damage) = catalog.damaged().first() {
        return Err(Failure::new(INTEGRITY, format!("which tags are newest is not known: {damage}"))
            .hint("name exact references, `name:tag`; `esmhub verify` lists everything that is damaged"));
    }
    let found = newest(catalog.matching(&Pattern::new(text)));
    if found.is_empty() {
        return Err(Failure::new(NOT_FOUND, format!("no ESM's name matches {text:?}")).hint(suggestion(catalog, text)));
    }
    Ok(found)
}

/// Names that a pattern without a match may have been meant for: those like its letters.
pub(crate) fn suggestion(catalog: &Catalog, pattern: &str) -> String {
    match catalog.names_like(&pattern.replace(['*', '?'], "")).as_slice() {
        [] => "`esmhub list` shows all".to_owned(),
        names => format!("did you mean {}?", names.join(", ")),
    }
}

fn referred<'a>(catalog: &'a Catalog, text: &str) -> Outcome<&'a Esm> {
    let reference: Reference = text.parse().map_err(|error| match text.starts_with(SCHEME) {
        true => Failure::usage(format!("{text}: a repository of the hub is no reference"))
            .hint(format!("what came from it has a name here, which `esmhub show {text}` finds")),
        false => Failure::usage(format!("{error}")).hint("`esmhub list` shows all names"),
    })?;
    Ok(catalog.resolve(&reference)?)
}
