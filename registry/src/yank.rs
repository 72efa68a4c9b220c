//! Yanking, unyanking and removing a reference. Objects stay where they are.

use esmhub_store_format::Digest;
use esmhub_store_format::log::{Action, Target};
use esmhub_store_format::{Name, Reference, Tag};

use crate::append::{Signature, Transaction, first_entry};
use crate::catalog::Catalog;
use crate::{Esm, Notice, Registry, RegistryError, State};

/// What became of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its name.
    pub name: Name,
    /// Its tag.
    pub tag: Tag,
    /// The digest of its card.
    pub digest: Digest,
    /// The log entry that was written; `None` where it was so already, and in a dry run.
    pub entry: Option<u64>,
    /// Why the index could not be used, where it could not.
    pub notice: Option<Notice>,
}

impl Registry {
    /// Hides `name:tag` from rankings and from bare names; an exact reference still finds it.
    ///
    /// A digest is taken too, where only one reference has it. What is yanked already is left as it is.
    ///
    /// # Errors
    /// [`RegistryError::Inexact`] for a bare name; as [`Catalog::resolve`] otherwise, and as [`Registry::publish`].
    pub fn yank(&self, reference: &Reference, by: &Signature, dry_run: bool) -> Result<Changed, RegistryError> {
        self.change(reference, by, dry_run, State::Yanked, Action::Yank)
    }

    /// Shows `name:tag` again.
    ///
    /// # Errors
    /// As [`Registry::yank`].
    pub fn unyank(&self, reference: &Reference, by: &Signature, dry_run: bool) -> Result<Changed, RegistryError> {
        self.change(reference, by, dry_run, State::Live, Action::Unyank)
    }

    /// Removes `name:tag` for good. The tag stays taken.
    ///
    /// # Errors
    /// As [`Registry::yank`]. One that was removed already is [`RegistryError::NotFound`].
    pub fn remove(&self, reference: &Reference, by: &Signature, dry_run: bool) -> Result<Changed, RegistryError> {
        self.change(reference, by, dry_run, State::Removed { entry: 0 }, Action::Remove)
    }

    fn change(
        &self,
        reference: &Reference,
        by: &Signature,
        dry_run: bool,
        wanted: State,
        action: impl Fn(Target) -> Action,
    ) -> Result<Changed, RegistryError> {
        let mut transaction = Transaction::begin(self, by)?;
        loop {
            let esm = target(transaction.catalog(), reference)?;
            let done = esm.state == wanted;
            let Esm { name, tag, digest, .. } = esm.clone();
            let changed = |entry, notice| Changed { name: name.clone(), tag: tag.clone(), digest, entry, notice };
            if done && !dry_run {
                transaction.settle()?;
            }
            if done || dry_run {
                return Ok(changed(None, transaction.finish()));
            }
            let (name, tag) = (name.clone(), tag.clone());
            let records = first_entry([[action(Target { name, tag, digest })]])?;
            if let Some(entry) = transaction.append(records)? {
                return Ok(changed(Some(entry), transaction.finish()));
            }
        }
    }
}

/// The one reference that is to be changed.
fn target<'a>(catalog: &'a Catalog, reference: &Reference) -> Result<&'a Esm, RegistryError> {
    let found = catalog.resolve(reference);
    if reference.tag().is_some() {
        return found;
    }
    match (reference.name(), reference.digest()) {
        (Some(name), None) => {
            let suggestions = catalog.references(name);
            if suggestions.is_empty() {
                return found;
            }
            let reference = reference.to_string();
            Err(RegistryError::Inexact { reference, suggestions })
        }
        (name, _) => {
            let found = found?;
            let of_name = |esm: &&Esm| name.is_none_or(|name| name.key() == esm.name.key());
            let same: Vec<&Esm> = catalog.esms().filter(|esm| esm.digest == found.digest).filter(of_name).collect();
            match same.as_slice() {
                [one] => Ok(one),
                several => Err(RegistryError::Ambiguous {
                    reference: reference.to_string(),
                    candidates: several.iter().map(|esm| esm.candidate()).collect(),
                }),
            }
        }
    }
}
