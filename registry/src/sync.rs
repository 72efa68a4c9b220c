//! Sync: one registry gets what it lacks of another one.
//!
//! There are two ways, and the ids decide. A *copy* of a registry has the same id, and gets the entries that it lacks as they are, byte
//! by byte, so that both have one history. Registries with ids of their own have histories of their own: what is new comes in entries
//! of the one that gets it, with its origin ([`Origin`](esmhub_store_format::log::Origin)): from which entry, by whom, and when.
//!
//! Nothing is ever taken away: what was removed in the other registry stays here, and what was removed here does not come back. Where
//! both have another ESM under one tag, each keeps its own, and both are named. Objects come before the entries that need them, so that a
//! sync that was interrupted has done what its entries say, and the next one goes on from there.

mod copying;
mod entries;
mod mirror;
mod plan;

use std::collections::HashMap;

use esmhub_store_format::log::{Action, Outcome, Target};
use esmhub_store_format::{Digest, Name, Tag};

use self::entries::first_records;
use self::plan::{Plan, Step};
use crate::append::{Signature, Transaction};
use crate::{Notice, Registry, RegistryError};

/// How to sync.
#[derive(Clone, Copy)]
pub struct SyncOptions<'a> {
    /// Say what would be done, and write nothing.
    pub dry_run: bool,
    /// How many objects are verified at a time; 0 counts as 1. More than that may wait for the disk or the network.
    pub threads: usize,
    /// Told how many bytes of how many are copied, as the cards count them (uncompressed); from any thread.
    pub progress: Option<&'a (dyn Fn(u64, u64) + Sync)>,
}

impl Default for SyncOptions<'_> {
    /// Four threads, and nobody is told.
    fn default() -> Self {
        Self { dry_run: false, threads: 4, progress: None }
    }
}

/// What was copied, and what was not.
#[derive(Debug, Clone, Default)]
pub struct Synced {
    /// Whether it is a copy of the other registry, and got its entries as they are.
    pub is_copy: bool,
    /// How many entries a copy has that the other registry lacks: it was written to.
    pub ahead: u64,
    /// Whether a copy's file of trusted keys is another one than there.
    pub other_keys: bool,
    /// How many log entries were written.
    pub entries: usize,
    /// What was published, in the order of the log.
    pub published: Vec<Target>,
    /// What was yanked or shown again, with whether it is yanked now.
    pub yanked: Vec<(Target, bool)>,
    /// How many signatures were added.
    pub signatures: usize,
    /// How many signatures did not come: of another spelling of name or tag, which they sign too, or more than an ESM can have.
    pub signatures_left: usize,
    /// How many outcomes were added.
    pub outcomes: usize,
    /// The base models whose anchors were set.
    pub anchors: Vec<String>,
    /// How many objects were not there before, and what they take as they are stored, in bytes.
    pub objects: usize,
    /// See there.
    pub bytes: u64,
    /// Tags that stand for something else in the other registry.
    pub conflicts: Vec<Offered>,
    /// What did not come for another reason.
    pub left: Vec<Left>,
    /// How many ESMs are removed in the other registry, and stay here.
    pub kept: usize,
    /// How many outcomes did not come: they are of ESMs that are not here.
    pub outcomes_left: usize,
    /// Outcomes that came before, and were taken back in the other registry since: they stay here.
    pub outcomes_kept: Vec<Outcome>,
    /// Outcomes that did not come, each the first of its target and metric: here less of that metric is better, there more, or the other
    /// way round.
    pub contrary: Vec<Outcome>,
    /// Base models whose anchors did not come, as they are damaged there, and how.
    pub anchors_left: Vec<(String, String)>,
    /// Base models that have other anchors here than there.
    pub other_anchors: Vec<String>,
    /// Why the index could not be used, where it could not.
    pub notice: Option<Notice>,
}

/// What one tag stands for in two registries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The name.
    pub name: Name,
    /// The tag.
    pub tag: Tag,
    /// The card that it stands for here.
    pub held: Digest,
    /// The card that it stands for there.
    pub offered: Digest,
}

/// What did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What it is there.
    pub target: Target,
    /// Why.
    pub why: Why,
}

/// Why an ESM did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It was removed here, and removed is for ever.
    Removed,
    /// An object that it needs is damaged there, or missing; how.
    Damaged(String),
    /// Its card cannot be read: a later version of the format wrote it; or how it breaks a rule, or is not of the object that it names.
    Card(String),
}

impl Registry {
    /// Appends what this registry lacks of another one; or of one of which it is a copy the entries that it lacks, as they are.
    ///
    /// When this returns, all of it is on stable storage.
    ///
    /// # Errors
    /// [`RegistryError::Unsound`] where a log of the two cannot be read whole, or is no longer that of the other one's copy;
    /// [`RegistryError::Damaged`] where a copy needs an object that is damaged there; as [`Registry::publish`] for the rest. What was
    /// written before stays.
    pub fn sync(&self, from: &Self, by: &Signature, options: &SyncOptions<'_>) -> Result<Synced, RegistryError> {
        let source = from.catalog()?;
        source.require_whole()?;
        if self.id() == from.id() {
            return self.sync_copy(from, &source, options);
        }
        let mut transaction = Transaction::begin(self, by)?;
        let mut synced = Synced::default();
        let mut known = HashMap::new();
        let plan = loop {
            let plan = Plan::new(&source, &from.id(), transaction.catalog(), &known)?;
            if options.dry_run {
                synced.objects = plan.objects().count();
                plan.steps.iter().for_each(|step| synced.count(step));
                break plan;
            }
            let wanted: Vec<_> = plan.objects().filter(|(digest, _)| !known.contains_key(digest)).collect();
            if !wanted.is_empty() {
                let copied = self.place_from(from, &wanted, options)?;
                (synced.objects, synced.bytes) = (synced.objects + copied.objects, synced.bytes + copied.bytes);
                // What they are decides who may need them.
                known.extend(copied.found);
                continue;
            }
            let (steps, records) = first_records(&plan.steps)?;
            if steps.is_empty() {
                break plan;
            }
            if transaction.append(records)?.is_some() {
                synced.entries += 1;
                steps.iter().for_each(|step| synced.count(step));
                self.replace_taken(from, steps, options)?;
            }
        };
        if !options.dry_run {
            transaction.settle()?;
        }
        Ok(Synced { notice: transaction.finish(), ..plan.tell(synced) })
    }
}

impl Synced {
    fn count(&mut self, step: &Step) {
        match &step.action {
            Action::Publish(published) => self.published.push(Target {
                name: published.name.clone(),
                tag: published.tag.clone(),
                digest: published.digest(),
            }),
            Action::Yank(target) => self.yanked.push((target.clone(), true)),
            Action::Unyank(target) => self.yanked.push((target.clone(), false)),
            Action::Signed(_) => self.signatures += 1,
            Action::Outcome(_) => self.outcomes += 1,
            Action::Anchors(current) => self.anchors.push(current.base.clone()),
            _ => {}
        }
    }
}
