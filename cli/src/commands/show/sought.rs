//! What `show` takes: a reference, or the repository of the hub that an ESM came from.

use std::str::FromStr;

use esmhub_registry::{Catalog, Esm};
use esmhub_store_format::Reference;

use crate::document::listed;
use crate::failure::{Failure, NOT_FOUND, Outcome};
use crate::hub::SCHEME;
use crate::source::{HubEsm, ORIGIN};
use crate::values::parse_reference;

/// A reference, or where an ESM came from.
#[derive(Debug, Clone)]
pub(super) enum Sought {
    /// By its name or digest.
    Reference(Reference),
    /// By its repository, and its commit where one is given.
    Origin(HubEsm),
}

impl FromStr for Sought {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.starts_with(SCHEME) {
            true => text.parse().map(Self::Origin).map_err(|failure: Failure| failure.to_string()),
            false => parse_reference(text).map(Self::Reference),
        }
    }
}

impl Sought {
    /// The ESM that is meant; of several from one repository the newest that is not yanked, and what is to be said of the others.
    pub(super) fn resolve<'a>(&self, catalog: &'a Catalog) -> Outcome<(&'a Esm, Option<String>)> {
        let origin = match self {
            Self::Reference(reference) => return Ok((catalog.resolve(reference)?, None)),
            Self::Origin(origin) => origin,
        };
        let mut found: Vec<&Esm> = catalog.esms().filter(|esm| came_from(esm, origin)).collect();
        // Stable, so that the newest is the last.
        found.sort_by_key(|esm| !esm.is_yanked());
        let newest = found.pop().ok_or_else(|| {
            Failure::new(NOT_FOUND, format!("no ESM of the registry came from {origin}"))
                .hint(format!("`esmhub publish {origin}` takes it; `esmhub list` shows what there is"))
        })?;
        found.reverse();
        let others = listed(&found, |esm| esm.reference().to_string());
        Ok((newest, (!found.is_empty()).then(|| format!("from {origin} as well: {others}"))))
    }
}

/// Repositories are told apart as the hub does, which takes names in any case.
fn came_from(esm: &Esm, origin: &HubEsm) -> bool {
    let stated = esm.card().ok().and_then(|card| card.extra.get(ORIGIN)?.parse::<HubEsm>().ok());
    stated.is_some_and(|stated| {
        let is_commit = |commit: &String| stated.revision.as_ref().is_some_and(|own| own.starts_with(commit));
        stated.id.eq_ignore_ascii_case(&origin.id) && origin.revision.as_ref().is_none_or(is_commit)
    })
}
