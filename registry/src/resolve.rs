//! Resolving references: what a user typed, and the one ESM that it means.

use std::collections::BTreeSet;

use esmhub_store_format::{DigestPrefix, Name, Reference, Tag};

use crate::error::Absence;
use crate::{Catalog, Esm, RegistryError, State};

/// The most suggestions that an error carries.
const MAX_SUGGESTIONS: usize = 5;
/// Longer texts are no mistyped names, and the distance costs the product of the lengths.
const MAX_WANTED: usize = 512;
/// How alike (1 is equal) a name must be to be suggested.
const ALIKE: f64 = 0.6;

impl Catalog {
    /// The ESM that a reference means.
    ///
    /// A bare name means its newest tag, in log order, that is not yanked. `name:tag` and digests find yanked ESMs too,
    /// digests those that are not yanked first.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Ambiguous`], [`RegistryError::Disagreement`]; and
    /// [`RegistryError::Unsound`] where a log entry that cannot be read may say otherwise.
    pub fn resolve(&self, reference: &Reference) -> Result<&Esm, RegistryError> {
        match (reference.name(), reference.tag(), reference.digest()) {
            (Some(name), Some(tag), digest) => self.exact(reference, name, tag, digest),
            (Some(name), None, None) => self.newest(reference, name),
            (Some(name), None, Some(digest)) => self.by_digest(reference, digest, self.named(name)),
            (None, _, Some(digest)) => self.by_digest(reference, digest, self.esms.iter()),
            (None, _, None) => Err(self.absent(reference, Absence::Name)),
        }
    }

    fn exact(
        &self,
        reference: &Reference,
        name: &Name,
        tag: &Tag,
        digest: Option<&DigestPrefix>,
    ) -> Result<&Esm, RegistryError> {
        let Some(esm) = self.tagged(name, tag) else {
            let known = self.named(name).next().is_some();
            let why = if known { Absence::Tag } else { Absence::Name };
            return Err(self.absent(reference, why));
        };
        if let State::Removed { entry } = esm.state {
            return Err(self.absent(reference, Absence::Removed { entry }));
        }
        match digest {
            Some(digest) if !digest.matches(&esm.digest) => {
                Err(RegistryError::Disagreement { reference: reference.to_string(), found: esm.digest })
            }
            _ => Ok(esm),
        }
    }

    fn newest(&self, reference: &Reference, name: &Name) -> Result<&Esm, RegistryError> {
        self.require_whole().map_err(|error| undecided(error, name))?;
        if let Some(esm) = self.named(name).filter(|esm| esm.state == State::Live).last() {
            return Ok(esm);
        }
        let why = match (self.named(name).last(), self.tags(name).next()) {
            (_, Some(_)) => Absence::Yanked,
            (Some(esm), None) => removed(esm).unwrap_or(Absence::Name),
            (None, None) => Absence::Name,
        };
        Err(self.absent(reference, why))
    }

    fn by_digest<'a>(
        &'a self,
        reference: &Reference,
        digest: &DigestPrefix,
        among: impl Iterator<Item = &'a Esm>,
    ) -> Result<&'a Esm, RegistryError> {
        let (gone, found): (Vec<&Esm>, Vec<&Esm>) =
            among.filter(|esm| digest.matches(&esm.digest)).partition(|esm| esm.is_removed());
        let distinct: BTreeSet<_> = found.iter().map(|esm| esm.digest).collect();
        if distinct.len() > 1 {
            return Err(RegistryError::Ambiguous {
                reference: reference.to_string(),
                candidates: found.into_iter().map(Esm::candidate).collect(),
            });
        }
        let live = found.iter().find(|esm| esm.state == State::Live);
        match live.or(found.first()) {
            Some(esm) => Ok(esm),
            None => {
                let why = gone.last().and_then(|esm| removed(esm)).unwrap_or(Absence::Digest);
                Err(self.absent(reference, why))
            }
        }
    }

    /// The error for a reference that means nothing; while the log cannot be read whole, nobody knows that it does.
    pub(crate) fn absent(&self, reference: &Reference, why: Absence) -> RegistryError {
        if let Err(error) = self.require_whole() {
            return error;
        }
        let suggestions = match (why, reference.name()) {
            (Absence::Name, Some(name)) => self.names_like(name.as_str()),
            (Absence::Digest, _) | (_, None) => Vec::new(),
            (_, Some(name)) => self.references(name),
        };
        let after_loss = self.lost().next().is_some();
        RegistryError::NotFound { reference: reference.to_string(), why, suggestions, after_loss }
    }

    /// What a name has: the newest references first.
    pub(crate) fn references(&self, name: &Name) -> Vec<String> {
        let mut all: Vec<String> = self.tags(name).map(|esm| esm.reference().to_string()).collect();
        all.reverse();
        all.truncate(MAX_SUGGESTIONS);
        all
    }

    /// Names that may have been meant by a text that is none of them, the most alike first; at most five.
    pub fn names_like(&self, text: &str) -> Vec<String> {
        let wanted: String = text.to_lowercase().chars().take(MAX_WANTED).collect();
        let names: BTreeSet<&Name> = self.esms().map(Esm::name).collect();
        let mut scored: Vec<(f64, &Name)> = names
            .into_iter()
            .map(|name| (likeness(&wanted, &name.key()), name))
            .filter(|(score, _)| *score >= ALIKE)
            .collect();
        scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let names = scored.into_iter().take(MAX_SUGGESTIONS);
        names.map(|(_, name)| name.to_string()).collect()
    }
}

/// People forget or mistype the namespace as easily as a letter: the last segments are compared too.
fn likeness(wanted: &str, name: &str) -> f64 {
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let whole = strsim::normalized_damerau_levenshtein(wanted, name);
    whole.max(strsim::normalized_damerau_levenshtein(&last(wanted), &last(name)))
}

fn removed(esm: &Esm) -> Option<Absence> {
    match esm.state {
        State::Removed { entry } => Some(Absence::Removed { entry }),
        State::Live | State::Yanked => None,
    }
}

/// An entry that cannot be read may have published a newer tag, or hidden one.
fn undecided(error: RegistryError, name: &Name) -> RegistryError {
    match error {
        RegistryError::Unsound { place, detail, .. } => RegistryError::Unsound {
            place,
            detail,
            advice: Some(format!(
                "until it can be read, nobody knows which tag of {name} is the newest: name one, as `esmhub list` shows them; \
                 `esmhub verify` says what to do about the entry"
            )),
        },
        error => error,
    }
}
