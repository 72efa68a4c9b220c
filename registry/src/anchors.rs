//! Anchor sets: which one is current for a base model, and making one current (R41).

use esmhub_store_format::log::{Action, CurrentAnchors, Writer};
use esmhub_store_format::{AnchorSet, Digest};

use crate::append::{Signature, Transaction, first_entry};
use crate::esm::Stamp;
use crate::publish::{Placed, place};
use crate::{Catalog, Happening, Notice, Registry, RegistryError, schema};

/// The anchor set on which ESMs of a base model are fitted now.
#[derive(Debug, Clone)]
pub struct CurrentSet {
    pub(crate) base: String,
    pub(crate) digest: Digest,
    pub(crate) stamp: Stamp,
}

impl CurrentSet {
    /// The base model's id, as it was last spelt.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The digest of the set's object.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The log entry that made it current.
    pub fn entry(&self) -> u64 {
        self.stamp.entry
    }

    /// When, in milliseconds since 1970-01-01 UTC by the writer's clock.
    pub fn time(&self) -> u64 {
        self.stamp.time
    }

    /// Who made it current, by their own account.
    pub fn writer(&self) -> &Writer {
        &self.stamp.writer
    }
}

impl Catalog {
    /// The current anchor set of a base model, whatever the case of its id; `None` where it has none, or none any more.
    ///
    /// # Errors
    /// [`RegistryError::Unsound`] while a log entry cannot be read: it may say otherwise.
    pub fn anchors(&self, base: &str) -> Result<Option<&CurrentSet>, RegistryError> {
        self.require_whole()?;
        Ok(self.known_anchors(base))
    }

    /// The same as far as the log can be read ([`Catalog::damaged`]).
    pub fn known_anchors(&self, base: &str) -> Option<&CurrentSet> {
        self.anchors.get(&key(base))
    }

    /// All current anchor sets, by base model in alphabetical order; as far as the log can be read
    /// ([`Catalog::damaged`]).
    pub fn all_anchors(&self) -> impl Iterator<Item = &CurrentSet> {
        self.anchors.values()
    }

    /// Whether the last word on a base model's anchors is that it shall have none.
    pub fn has_withdrawn_anchors(&self, base: &str) -> bool {
        matches!(self.last_word(base), Some((_, None)))
    }

    pub(crate) fn set_current(&mut self, current: CurrentAnchors, stamp: &Stamp) -> Happening {
        let base = current.base.clone();
        match current.set {
            Some(digest) => self.anchors.insert(key(&base), CurrentSet { base, digest, stamp: stamp.clone() }),
            None => self.anchors.remove(&key(&base)),
        };
        Happening::Anchors(current)
    }

    /// The last entry that says something of a base model's anchors, and what it says.
    fn last_word(&self, base: &str) -> Option<(u64, Option<Digest>)> {
        self.events.iter().rev().find_map(|event| match &event.what {
            Happening::Anchors(current) if key(&current.base) == key(base) => Some((event.entry, current.set)),
            _ => None,
        })
    }
}

/// What became of a base model's anchors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorsChanged {
    /// The base model's id, as it was given.
    pub base: String,
    /// The digest of the set that is current now; `None` where there is none.
    pub set: Option<Digest>,
    /// Whether it was not so already; in a dry run, too.
    pub changed: bool,
    /// The log entry that was written; `None` where it was so already, and in a dry run.
    pub entry: Option<u64>,
    /// Whether the set's object was not there before.
    pub is_new: bool,
    /// What the set has in canonical bytes; 0 without a set.
    pub canonical_bytes: u64,
    /// What its object takes on disk, in bytes; 0 without a set.
    pub stored_bytes: u64,
    /// Why the index could not be used, where it could not.
    pub notice: Option<Notice>,
}

impl Registry {
    /// Makes an anchor set the current one of a base model; without a set, it has none any more.
    ///
    /// When this returns, the set's object and then the log entry are on stable storage. Where the set is current
    /// already no entry is written, and its object is put back if it is missing. `dry_run`: everything is checked,
    /// nothing written.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] where the id or the set breaks a rule; [`RegistryError::Damaged`] and
    /// [`RegistryError::Unsound`] where the object is there and is damaged, or the log is; [`RegistryError::Busy`],
    /// [`RegistryError::Newer`], [`RegistryError::Io`].
    pub fn set_anchors(
        &self,
        base: &str,
        set: Option<&AnchorSet>,
        by: &Signature,
        dry_run: bool,
    ) -> Result<AnchorsChanged, RegistryError> {
        self.change_anchors(base, set, by, dry_run, Over::Anything)
    }

    /// The same, but only while the log says nothing about the base model's anchors, not even that it shall have none:
    /// whoever chose before, or chooses at the same time, is not overruled. [`AnchorsChanged::set`] is then what they chose.
    ///
    /// # Errors
    /// As [`Registry::set_anchors`].
    pub fn offer_anchors(
        &self,
        base: &str,
        set: &AnchorSet,
        by: &Signature,
        dry_run: bool,
    ) -> Result<AnchorsChanged, RegistryError> {
        self.change_anchors(base, Some(set), by, dry_run, Over::Nothing)
    }

    fn change_anchors(
        &self,
        base: &str,
        set: Option<&AnchorSet>,
        by: &Signature,
        dry_run: bool,
        over: Over,
    ) -> Result<AnchorsChanged, RegistryError> {
        let refused = |source| RegistryError::Refused { what: format!("the anchor set of {base:?}"), source };
        let canonical = set.map(AnchorSet::to_canonical).transpose().map_err(refused)?;
        let object = canonical.as_deref().map(|canonical| (Digest::of(canonical), canonical));
        let wanted = object.map(|(digest, _)| digest);
        let records = first_entry([[Action::Anchors(CurrentAnchors { base: base.to_owned(), set: wanted })]])?;
        let mut transaction = Transaction::begin(self, by)?;
        let chosen = |catalog: &Catalog| catalog.last_word(base).filter(|_| over == Over::Nothing).map(|(_, set)| set);
        // Who is not to overrule anybody leaves no object behind that nothing refers to.
        let object = object.filter(|_| chosen(transaction.catalog()).is_none());
        let put = || object.map(|(digest, canonical)| place(&self.storage, &digest, canonical, dry_run)).transpose();
        let placed = put()?.unwrap_or(Placed { stored_bytes: 0, is_new: false });
        let (stands, changed, entry) = loop {
            if let Some(chosen) = chosen(transaction.catalog()) {
                break (chosen, false, None);
            }
            let held = transaction.catalog().last_word(base);
            let changed = held.and_then(|(_, set)| set) != wanted;
            if dry_run || !changed {
                // Another writer's entry is acknowledged too: it must last.
                if let Some((entry, _)) = held.filter(|_| !dry_run) {
                    self.storage.settle(&schema::entry(entry))?;
                }
                break (wanted, changed, None);
            }
            if let Some(entry) = transaction.append(records.clone())? {
                break (wanted, changed, Some(entry));
            }
        };
        // Until the entry stood, the object could have been taken out as one that nothing refers to.
        if let Some(digest) = wanted.filter(|_| !dry_run && stands == wanted)
            && self.stored_bytes(&digest)?.is_none()
        {
            put()?;
        }
        Ok(AnchorsChanged {
            base: base.to_owned(),
            set: stands,
            changed,
            entry,
            is_new: placed.is_new,
            canonical_bytes: object.map_or(0, |(_, canonical)| canonical.len() as u64),
            stored_bytes: placed.stored_bytes,
            notice: transaction.finish(),
        })
    }
}

/// What a change may take the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Anything,
    Nothing,
}

/// Base models are the same whatever the case of the ASCII letters of their ids (R41, R47).
pub(crate) fn key(base: &str) -> String {
    base.to_ascii_lowercase()
}
