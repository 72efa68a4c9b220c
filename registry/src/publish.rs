//! Publishing: objects first, then one log entry. Nothing is seen before the entry stands, and nothing is acknowledged
//! before all of it lasts.

mod objects;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use esmhub_store_format::bundle::ObjectFrame;
use esmhub_store_format::{Card, Digest, FormatError, Name, Object, Tag};

pub(crate) use self::objects::{Content, Placed, place, put};
use crate::append::{Signature, Transaction, first_entry};
use crate::attestation::{Sign, Signing};
use crate::fetch::mismatch;
use crate::plan::{Decision, How, Plan};
use crate::workers::{Permits, SYNCS, each};
use crate::{Notice, Registry, RegistryError, schema};

/// An ESM to be published.
#[derive(Debug, Clone)]
pub struct NewEsm {
    name: Name,
    tag: Option<Tag>,
    card: Card,
    card_bytes: Vec<u8>,
    card_digest: Digest,
    content: Content<'static>,
}

impl NewEsm {
    /// Takes an ESM. Without a tag it gets the one that the same card has under this name already, or else the first free
    /// one of `v1`, `v2`, ….
    ///
    /// The decoded map is dropped: what a large batch keeps in memory is its canonical bytes.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] where the card breaks a rule or does not describe the object.
    pub fn new(name: Name, tag: Option<Tag>, card: Card, object: Object) -> Result<Self, RegistryError> {
        let refused = |source| RegistryError::Refused { what: name.to_string(), source };
        if let Some(detail) = mismatch(&card.weights, &object) {
            let what = "card";
            return Err(refused(FormatError::Invalid { what, detail }));
        }
        let card_bytes = card.to_canonical().map_err(refused)?;
        Ok(Self {
            name,
            tag,
            card_digest: Digest::of(&card_bytes),
            card,
            card_bytes,
            content: Content::Canonical(object.canonical().to_vec().into()),
        })
    }

    /// Takes the object's frame as a bundle had it: it is written as it is, and only its bytes are kept in memory.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] where it holds another object.
    pub fn with_frame(self, frame: ObjectFrame) -> Result<Self, RegistryError> {
        let (expected, found) = (self.card.weights.digest, frame.digest());
        if expected != found {
            let source = FormatError::DigestMismatch { expected, found };
            return Err(RegistryError::Refused { what: self.name.to_string(), source });
        }
        Ok(Self { content: Content::Frame(frame.into_bytes()), ..self })
    }

    /// The same ESM under another name.
    pub fn renamed(self, name: Name) -> Self {
        Self { name, ..self }
    }

    /// The name to publish it under.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The tag that was asked for.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// Its card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The card's digest.
    pub fn card_digest(&self) -> Digest {
        self.card_digest
    }

    pub(crate) fn card_bytes(&self) -> &[u8] {
        &self.card_bytes
    }
}

/// How to publish.
#[derive(Clone, Copy)]
pub struct PublishOptions<'a> {
    /// Check everything, write nothing.
    pub dry_run: bool,
    /// How many objects are verified and compressed at a time; 0 counts as 1. More than that may wait for the disk.
    pub threads: usize,
    /// Told how many objects are done, and of how many; from any thread.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
    /// Signs each ESM of the batch: the record goes into the entry that publishes it, and into one of its own where the same
    /// is there already and not yet signed so. In a dry run, too, every signature is made.
    pub sign: Option<&'a Sign<'a>>,
}

impl Default for PublishOptions<'_> {
    /// Four threads, nobody is told, and nothing is signed.
    fn default() -> Self {
        Self { dry_run: false, threads: 4, progress: None, sign: None }
    }
}

/// What became of a batch.
#[derive(Debug, Clone)]
pub struct Publishing {
    /// What became of each ESM, in the order of the batch.
    pub esms: Vec<Publication>,
    /// The log entries that were written. None where nothing was new; several where the batch was too large for one.
    pub entries: Vec<u64>,
    /// Why the index could not be used, where it could not.
    pub notice: Option<Notice>,
}

/// What became of one ESM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The name, as it was first spelt.
    pub name: Name,
    /// The tag that it has.
    pub tag: Tag,
    /// The digest of its card.
    pub card: Digest,
    /// The digest of its object.
    pub object: Digest,
    /// What the object has in canonical bytes.
    pub canonical_bytes: u64,
    /// What the object takes on disk, in bytes.
    pub stored_bytes: u64,
    /// What was new.
    pub outcome: Outcome,
    /// Whether the reference, which was there already, is yanked.
    pub yanked: bool,
    /// Whether its signature was new; `None` where nothing was to be signed.
    pub signed: Option<bool>,
}

/// What was new about a published ESM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Reference and object.
    Added,
    /// The reference; the object was there.
    AddedReference,
    /// The object, which had been lost; the reference was there.
    Restored,
    /// Nothing.
    Unchanged,
}

impl Registry {
    /// Publishes a batch: all of it, or nothing where one ESM is in conflict.
    ///
    /// It is one transaction, except where its cards take more than one log entry can hold
    /// ([`esmhub_store_format::limits::MAX_ENTRY_BYTES`]): then it is several, and [`Publishing::entries`] says so. When
    /// this returns, the objects and then the entries are on stable storage.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`], [`RegistryError::TagGone`]: nothing was written, or, where others published the same
    /// tags meanwhile, objects at most, which nothing refers to; the same with [`RegistryError::Unsigned`].
    /// [`RegistryError::Partial`] after the first of several transactions. [`RegistryError::Damaged`] and
    /// [`RegistryError::Unsound`] where an object of the batch is there and is damaged, or the log is.
    /// [`RegistryError::Busy`], [`RegistryError::Newer`], [`RegistryError::Io`].
    pub fn publish(
        &self,
        batch: &[NewEsm],
        by: &Signature,
        options: &PublishOptions<'_>,
    ) -> Result<Publishing, RegistryError> {
        let mut transaction = Transaction::begin(self, by)?;
        let mut signing = Signing::new(options.sign);
        let mut plan = Plan::new(transaction.catalog(), batch, &mut signing)?;
        // What stood before its object was looked at: of others who publish the same at this moment, one puts the object there and
        // another one the reference, and nothing was ever lost.
        let stood: Vec<bool> = plan.decisions.iter().map(|decision| matches!(decision.how, How::Held { .. })).collect();
        let placed = self.place_objects(batch, options)?;
        let mut entries = Vec::new();
        if !options.dry_run {
            while !plan.steps.is_empty() {
                let step = publish_step(&mut transaction, plan, batch, &mut signing);
                let (next, entry) = step.map_err(|error| partly(error, &transaction, &entries, batch.len()))?;
                plan = next;
                entries.extend(entry);
            }
            self.settle_references(&plan, &entries)?;
            self.replace_missing(batch, options)?;
        }
        Ok(Publishing {
            esms: publications(batch, (&plan, &stood), &placed, &entries),
            entries,
            notice: transaction.finish(),
        })
    }

    /// Puts every object of the batch in place, each once, several at a time; and then makes their names last.
    fn place_objects<'a>(
        &self,
        batch: impl IntoIterator<Item = &'a NewEsm>,
        options: &PublishOptions<'_>,
    ) -> Result<HashMap<Digest, Placed>, RegistryError> {
        let mut seen = HashSet::new();
        let distinct = |esm: &&NewEsm| seen.insert(esm.card.weights.digest);
        let objects: Vec<&NewEsm> = batch.into_iter().filter(distinct).collect();
        let (permits, finished) = (Permits::new(options.threads), AtomicUsize::new(0));
        let placed = each(&objects, SYNCS.max(options.threads), |esm| {
            let digest = esm.card.weights.digest;
            let placed = put(&self.storage, &digest, &esm.content, options.dry_run, &permits)?;
            if let Some(progress) = options.progress {
                progress(finished.fetch_add(1, Ordering::Relaxed) + 1, objects.len());
            }
            Ok((digest, placed))
        })?;
        if !options.dry_run {
            let places: Vec<String> = placed.iter().map(|(digest, _)| schema::object(digest)).collect();
            self.storage.settle_names(places.iter().map(String::as_str))?;
        }
        Ok(placed.into_iter().collect())
    }

    /// A reference or a signature that another writer's entry holds is acknowledged too: that entry must last.
    fn settle_references(&self, plan: &Plan, own: &[u64]) -> Result<(), RegistryError> {
        let found = plan.decisions.iter().flat_map(|decision| [Some(decision.how), decision.signature]);
        let held = found.flatten().filter_map(|how| match how {
            How::Held { entry, .. } if !own.contains(&entry) => Some(entry),
            _ => None,
        });
        let places: Vec<String> = held.collect::<HashSet<u64>>().into_iter().map(schema::entry).collect();
        each(&places, SYNCS, |place| match self.storage.settle_bytes(place)? {
            true => Ok(()),
            false => Err(RegistryError::unsound(place, "it is missing")),
        })?;
        self.storage.settle_names(places.iter().map(String::as_str))
    }

    /// Objects that were in place before the entry stood could have been taken out until then, as not referred to.
    fn replace_missing(&self, batch: &[NewEsm], options: &PublishOptions<'_>) -> Result<(), RegistryError> {
        let mut missing = Vec::new();
        for esm in batch {
            if self.stored_bytes(&esm.card.weights.digest)?.is_none() {
                missing.push(esm);
            }
        }
        self.place_objects(missing, &PublishOptions { progress: None, ..*options }).map(|_| ())
    }
}

/// Writes one entry, or learns what others wrote; and plans what is left.
fn publish_step(
    transaction: &mut Transaction<'_>,
    plan: Plan,
    batch: &[NewEsm],
    signing: &mut Signing<'_>,
) -> Result<(Plan, Option<u64>), RegistryError> {
    let entry = transaction.append(first_entry(plan.steps)?)?;
    Ok((Plan::new(transaction.catalog(), batch, signing)?, entry))
}

fn partly(error: RegistryError, transaction: &Transaction<'_>, entries: &[u64], all: usize) -> RegistryError {
    if entries.is_empty() {
        return error;
    }
    let published = transaction.catalog().esms().filter(|esm| entries.contains(&esm.entry()));
    RegistryError::Partial { published: published.count(), all, source: Box::new(error) }
}

/// `stood` are those whose references were there before anything was done.
fn publications(
    batch: &[NewEsm],
    (plan, stood): (&Plan, &[bool]),
    placed: &HashMap<Digest, Placed>,
    entries: &[u64],
) -> Vec<Publication> {
    let mut seen = HashSet::new();
    let mut used = HashSet::new();
    let one = |((esm, decision), stood): ((&NewEsm, &Decision), &bool)| {
        let object = esm.card.weights.digest;
        let Placed { stored_bytes, is_new } =
            placed.get(&object).copied().unwrap_or(Placed { stored_bytes: 0, is_new: false });
        let first = seen.insert((decision.name.key(), decision.tag.key()));
        let is_own = |how| match how {
            How::New => (true, false),
            How::Repeated => (false, false),
            How::Held { entry, yanked } => (first && entries.contains(&entry), yanked),
        };
        let (wrote, yanked) = is_own(decision.how);
        let outcome = match (wrote, is_new && used.insert(object)) {
            (true, true) => Outcome::Added,
            (true, false) => Outcome::AddedReference,
            (false, true) if *stood => Outcome::Restored,
            (false, _) => Outcome::Unchanged,
        };
        Publication {
            name: decision.name.clone(),
            tag: decision.tag.clone(),
            card: esm.card_digest,
            object,
            canonical_bytes: esm.card.weights.bytes,
            stored_bytes,
            outcome,
            yanked,
            signed: decision.signature.map(|how| is_own(how).0),
        }
    };
    batch.iter().zip(&plan.decisions).zip(stood).map(one).collect()
}
