//! Garbage collection: what the log does not need goes to the trash, and is deleted a grace period later.
//!
//! It takes no lock, and runs beside everything else. What makes that safe, in this order:
//!
//! 1. An object is taken out where the log does not need it, and either needed it once, or has left it alone for a whole grace
//!    period: a publisher puts objects in place some time before the entry that needs them.
//! 2. What is taken out is moved, never deleted, and readers that miss an object look into the trash.
//! 3. The log is then read *again*. What an entry needs that was written meanwhile goes back. A publisher looks after its
//!    objects once more when its entry stands: either the entry was there at the second reading, or the publisher sees that the
//!    object is gone.
//! 4. Only what was in the trash for a grace period, and is still not needed, is deleted.
//!
//! Time is the store's own: the age of a file is the time between its last change and that of a file that this run writes.
//! After a crash in the middle everything is under its own name or in the trash, and the next run goes on.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use esmhub_store_format::Digest;

use crate::append::{Signature, Transaction};
use crate::fetch::read_at;
use crate::listing::Listing;
use crate::trash::{self, Run};
use crate::{ErrorKind, Notice, Registry, RegistryError, log, packs, schema};

/// An empty run of another collection is deleted after this time at the earliest, however short the grace period.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// How to collect garbage.
#[derive(Clone, Copy, Default)]
pub struct GcOptions<'a> {
    /// Look at everything, change nothing. Ages are then judged by [`Signature::time`].
    pub dry_run: bool,
    /// A grace period in seconds that is longer than the registry's; a shorter one changes nothing.
    pub grace_seconds: u64,
    /// Told how many files are done, and of how many.
    pub progress: Option<&'a dyn Fn(usize, usize)>,
}

/// Files and what they take on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub files: u64,
    /// Their bytes on disk.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// What a garbage collection did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// The grace period that was kept to, in seconds.
    pub grace_seconds: u64,
    /// Objects that the log needs.
    pub kept: Tally,
    /// Objects that no entry ever needed, and that are too young to be taken out: an entry may be about to.
    pub young: Tally,
    /// Objects that were moved to the trash, and what they take.
    pub taken: Vec<Digest>,
    /// The bytes of these.
    pub taken_bytes: u64,
    /// Objects that were in the trash and are needed: they are back under their own names.
    pub restored: Vec<Digest>,
    /// Objects that were deleted for good.
    pub deleted: Tally,
    /// Objects that stay in the trash until their grace period is over.
    pub waiting: Tally,
    /// Temporary files of writers that were interrupted, which were deleted.
    pub staged: Tally,
    /// Objects in the trash that are needed and damaged; they were left there.
    pub damaged: Vec<String>,
    /// Why the index could not be used, where it could not.
    pub notice: Option<Notice>,
}

impl Registry {
    /// Takes out what the log does not need, and deletes what was taken out a grace period ago.
    ///
    /// A grace period that is shorter than a publish takes, from its first object to its entry, is none: a publisher that is
    /// killed between its entry and its last look can then leave a reference without its object.
    ///
    /// # Errors
    /// Nothing is taken out while it is not certain what the log needs: [`RegistryError::Unsound`] where an entry or a card
    /// cannot be read, or where the log is empty and an object is old enough to be taken out; [`RegistryError::Newer`] and
    /// [`RegistryError::UnknownRecord`] where one is newer than this program. [`RegistryError::Io`]: what was done until then
    /// stays done, and nothing is lost.
    pub fn collect_garbage(&self, by: &Signature, options: &GcOptions<'_>) -> Result<Collected, RegistryError> {
        // Objects before the log: what is published from here on is not even considered.
        let listing = Listing::new(&self.storage)?;
        let mut transaction = Transaction::begin(self, by)?;
        let reach = transaction.catalog().reach()?;
        let grace_seconds = self.marker.settings.grace_seconds.max(options.grace_seconds);
        let mut collection = Collection {
            registry: self,
            options,
            grace: Duration::from_secs(grace_seconds),
            now: SystemTime::UNIX_EPOCH + Duration::from_millis(by.time),
            run: schema::run(by.time, getrandom::u64().map_err(RegistryError::Random)?),
            collected: Collected { grace_seconds, ..Collected::default() },
            is_log_empty: transaction.catalog().entries() == 0,
            done: 0,
            total: listing.objects.len() + listing.staged.len(),
        };
        collection.begin()?;
        for digest in &listing.objects {
            if reach.needed.contains(digest) {
                let bytes = self.stored_bytes(digest)?.unwrap_or_default();
                collection.collected.kept.add(bytes);
            } else {
                collection.consider(digest, reach.released.contains(digest))?;
            }
            collection.tick();
        }
        transaction.catch_up(&log::numbers(&self.storage)?)?;
        let needed = transaction.catalog().reach()?.needed;
        for run in trash::runs(&self.storage)? {
            collection.go_through(&run, &needed)?;
        }
        for place in &listing.staged {
            collection.sweep(place)?;
            collection.tick();
        }
        if !options.dry_run {
            // Those of a pool that was copied, or whose makers were killed over it.
            packs::complete(&self.storage, transaction.catalog().entries())?;
        }
        let notice = transaction.finish();
        Ok(Collected { notice, ..collection.collected })
    }
}

/// A garbage collection that is under way.
struct Collection<'a> {
    registry: &'a Registry,
    options: &'a GcOptions<'a>,
    grace: Duration,
    /// By the store's clock, except in a dry run, which writes nothing.
    now: SystemTime,
    /// The name of this run's folder in the trash.
    run: String,
    collected: Collected,
    is_log_empty: bool,
    done: usize,
    total: usize,
}

impl Collection<'_> {
    fn tick(&mut self) {
        self.done += 1;
        if let Some(progress) = self.options.progress {
            progress(self.done, self.total);
        }
    }

    /// Asks the store what time it is, with the file by which this run's folder will be judged.
    fn begin(&mut self) -> Result<(), RegistryError> {
        if !self.options.dry_run {
            self.now = self.stamp(&schema::since(&self.run))?;
        }
        Ok(())
    }

    /// Writes the file that says when a folder of the trash began; when that is.
    fn stamp(&self, since: &str) -> Result<SystemTime, RegistryError> {
        let storage = &self.registry.storage;
        storage.create(since, b"The time of this file says when its folder was made.\n".to_vec())?;
        storage.modified(since)?.ok_or_else(|| RegistryError::unsound(since, "it was just written, and is missing"))
    }

    /// How long something was left alone. A time that lies ahead is no age.
    fn age(&self, since: SystemTime) -> Duration {
        self.now.duration_since(since).unwrap_or_default()
    }

    /// Whether that was a grace period.
    fn is_old(&self, since: SystemTime) -> bool {
        self.age(since) >= self.grace
    }

    /// Takes out an object that is not needed, unless it may be about to be.
    fn consider(&mut self, digest: &Digest, was_needed: bool) -> Result<(), RegistryError> {
        let storage = &self.registry.storage;
        let place = schema::object(digest);
        let (Some(bytes), Some(modified)) = (storage.size(&place)?, storage.modified(&place)?) else {
            return Ok(());
        };
        if !was_needed && !self.is_old(modified) {
            self.collected.young.add(bytes);
            return Ok(());
        }
        if self.is_log_empty {
            return Err(log_lost(place));
        }
        if self.options.dry_run || storage.relocate(&place, &schema::trashed(&self.run, digest))? {
            self.collected.taken.push(*digest);
            self.collected.taken_bytes += bytes;
        }
        Ok(())
    }

    /// Puts back what is needed, and deletes what has been here for long enough.
    fn go_through(&mut self, run: &Run, needed: &HashSet<Digest>) -> Result<(), RegistryError> {
        let storage = &self.registry.storage;
        let since = schema::since(&run.name);
        let began = match storage.modified(&since)? {
            Some(began) => began,
            // Another collection is about to begin, or has just ended.
            None if run.objects.is_empty() => return Ok(()),
            // Its writer was interrupted: it begins now.
            None if self.options.dry_run => self.now,
            None => match self.stamp(&since) {
                Err(_) if !trash::names(storage)?.contains(&run.name) => return Ok(()),
                began => began?,
            },
        };
        run.others.iter().filter(|place| schema::is_staged(place)).try_for_each(|place| self.sweep(place))?;
        let mut is_empty = run.others.is_empty();
        for digest in &run.objects {
            let place = schema::trashed(&run.name, digest);
            let Some(bytes) = storage.size(&place)? else { continue };
            if needed.contains(digest) {
                is_empty &= self.restore(&place, digest, bytes)?;
            } else if self.is_old(began) {
                if self.is_log_empty {
                    return Err(log_lost(place));
                }
                if self.options.dry_run || storage.remove(&place)? {
                    self.collected.deleted.add(bytes);
                }
            } else {
                self.collected.waiting.add(bytes);
                is_empty = false;
            }
        }
        // Another collection may have made its folder a moment ago, and be about to fill it.
        let is_left = run.name == self.run || self.age(began) >= self.grace.max(ABANDONED);
        if is_empty && is_left && !self.options.dry_run {
            storage.remove(&since)?;
            storage.remove_empty(&format!("{}/{}", schema::TRASH, run.name))?;
        }
        Ok(())
    }

    /// Puts an object back under its own name; whether it is gone from the trash.
    fn restore(&mut self, place: &str, digest: &Digest, bytes: u64) -> Result<bool, RegistryError> {
        let storage = &self.registry.storage;
        match read_at(storage, place, digest) {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::Integrity => {
                self.collected.damaged.push(place.to_owned());
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        if self.options.dry_run || storage.relocate(place, &schema::object(digest))? {
            // What this very run took out was never gone for anybody.
            match self.collected.taken.iter().position(|taken| taken == digest) {
                Some(at) => {
                    self.collected.taken.swap_remove(at);
                    self.collected.taken_bytes -= bytes;
                    self.collected.kept.add(bytes);
                }
                None => self.collected.restored.push(*digest),
            }
        }
        Ok(true)
    }

    /// Deletes a temporary file whose writer has not been heard of for a grace period.
    fn sweep(&mut self, place: &str) -> Result<(), RegistryError> {
        let storage = &self.registry.storage;
        // A folder can stand there as well: an empty one, which takes nothing, and which its maker may be about to rename.
        let (Ok(Some(bytes)), Ok(Some(modified))) = (storage.size(place), storage.modified(place)) else {
            return Ok(());
        };
        if self.is_old(modified) && (self.options.dry_run || storage.remove(place)?) {
            self.collected.staged.add(bytes);
        }
        Ok(())
    }
}

/// An empty log needs nothing, and who has lost theirs would lose all objects with it.
fn log_lost(object: String) -> RegistryError {
    RegistryError::Unsound {
        place: schema::LOG.into(),
        detail: format!("it is empty, although {object} was put there long ago: whether that is garbage is not known"),
        advice: Some(
            "if anything was ever published here, the log is lost: `esmhub verify --repair` takes it from this user's index, with \
             `--from COPY` from a copy; if not, a first publish was interrupted: repeat it"
                .into(),
        ),
    }
}
