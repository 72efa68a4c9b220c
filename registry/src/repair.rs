//! Repair: what is damaged is put aside, and put back from wherever it is whole.
//!
//! Nothing is deleted, and nothing is believed that does not prove itself. An object proves itself by its name. A log entry
//! proves itself by its digest, which the entry after it states; or this user's index, which has verified it; or the
//! header of the damaged file, which has a check of its own.
//!
//! An entry is only replaced, never just put aside: a missing entry at the end would look like the end of the log, and
//! somebody would write another one in its place.

mod behind;
mod ending;
mod entries;
mod marker;
mod objects;
mod plan;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::time::Duration;

use esmhub_store_format::Digest;

use self::source::Source;

use crate::append::Signature;
use crate::error::ErrorKind;
use crate::fence::Held;
use crate::lost::Lost;
use crate::storage::{Creation, Storage};
use crate::{Registry, RegistryError, log, packs, schema};

/// How to repair.
#[derive(Clone, Copy, Default)]
pub struct RepairOptions<'a> {
    /// Look for everything, change nothing.
    pub dry_run: bool,
    /// Other registries that may have what is damaged here, in this order. Only copies of this registry have its log entries.
    pub from: &'a [Registry],
    /// Declare lost, for everybody and for ever, the log entries of which no whole copy is found ([`Registry::accept_loss`]).
    pub accept_loss: bool,
    /// How long an entry that cannot be read is given to be read after all before it is declared lost: what others wrote may be
    /// visible late on a network file system, or not be readable for a moment.
    pub pause: Duration,
}

/// What a repair did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// Damaged files, and where in the registry they are now.
    pub quarantined: Vec<(String, String)>,
    /// Files that are whole again, and where they came from.
    pub restored: Vec<(String, String)>,
    /// Files of which no whole copy was found; of entries that are missing in a row, the first one.
    pub unresolved: Vec<String>,
    /// What has entries behind the end of this log that were not taken, as they do not follow it: its name, and the first of them.
    pub untaken: Vec<(String, u64)>,
    /// Log entries that were declared lost, as runs of numbers from the first to the last of each.
    pub lost: Vec<(u64, u64)>,
}

/// A repair that stopped.
#[derive(Debug)]
pub struct RepairError {
    /// What was done before that, and stays done.
    pub done: Box<Repaired>,
    /// Why it stopped.
    pub cause: Box<RegistryError>,
}

impl fmt::Display for RepairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for RepairError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

impl Registry {
    /// Puts aside every damaged object, and puts back every damaged or missing log entry and every damaged or missing object
    /// that the log needs, where a whole copy can be found: in the trash, in this user's index, in another registry; and the
    /// marker, where [`Registry::open_for_repair`] could do without.
    ///
    /// Others may read and write meanwhile. What a crash leaves undone, the next repair does.
    ///
    /// # Errors
    /// With what was done until then: [`RegistryError::Io`]; [`RegistryError::Newer`] where the log is newer than this program.
    pub fn repair(&self, by: &Signature, options: &RepairOptions<'_>) -> Result<Repaired, RepairError> {
        let mut repair = Repair {
            registry: self,
            options,
            run: String::new(),
            lost: Lost::default(),
            written: BTreeMap::new(),
            needed: BTreeSet::new(),
            repaired: Repaired::default(),
        };
        match repair.all(by) {
            Ok(()) => Ok(repair.repaired),
            Err(cause) => Err(RepairError { done: Box::new(repair.repaired), cause: Box::new(cause) }),
        }
    }
}

struct Repair<'a> {
    registry: &'a Registry,
    options: &'a RepairOptions<'a>,
    /// The name of this run's folder in the quarantine.
    run: String,
    /// The entries that are declared lost. They stay as they are.
    lost: Lost,
    /// The entries that were put back, or would be, by number: their digests, or none of one that is lost.
    written: BTreeMap<u64, Option<Digest>>,
    /// The objects that entries need which would be put back, in a dry run: the log does not have them yet.
    needed: BTreeSet<Digest>,
    repaired: Repaired,
}

impl Repair<'_> {
    fn all(&mut self, by: &Signature) -> Result<(), RegistryError> {
        self.run = schema::run(by.time, getrandom::u64().map_err(RegistryError::Random)?);
        self.marker()?;
        self.lost = self.registry.read_log()?.lost;
        let mut sources = Source::all(self.registry, self.options);
        self.entries(&mut sources)?;
        if self.options.accept_loss {
            self.joining_entries(&mut sources)?;
            // What was behind them follows now.
            self.extend_all(&mut sources)?;
            sources.iter_mut().try_for_each(Source::require_read)?;
            self.accept_loss(by)?;
        }
        self.objects()?;
        self.packs()
    }

    /// Puts aside packs that are not what the log says; others are made in their places.
    fn packs(&mut self) -> Result<(), RegistryError> {
        let storage = &self.registry.storage;
        // There are none, and the log need not be read for them.
        if storage.is_local() {
            return Ok(());
        }
        let mut digests = BTreeMap::new();
        for number in log::numbers_found(storage)? {
            digests.extend(log::read(storage, number).ok().flatten().map(|logged| (number, logged.digest)));
        }
        let faults = packs::faults(storage, &digests)?;
        for (pack, _) in &faults {
            self.put_aside(&pack.place())?;
        }
        // Once all are away: a large one is made of small ones.
        for (pack, _) in faults.into_iter().filter(|_| !self.options.dry_run) {
            if packs::remake(storage, pack)? {
                self.repaired.restored.push((pack.place(), "the log".to_owned()));
            }
        }
        Ok(())
    }

    /// Writes a file where none is; `false` where there is one now.
    fn create(&mut self, place: &str, bytes: Vec<u8>, source: String) -> Result<bool, RegistryError> {
        let storage = &self.registry.storage;
        if !self.options.dry_run && storage.create(place, bytes)? == Creation::AlreadyThere {
            return Ok(false);
        }
        self.repaired.restored.push((place.to_owned(), source));
        Ok(true)
    }

    /// Puts the whole file in a place, and keeps what stood there. `false` where another writer was faster, or a link stands where a
    /// folder on the way should be.
    fn put_back(&mut self, place: &str, bytes: Vec<u8>, source: String) -> Result<bool, RegistryError> {
        let storage = &self.registry.storage;
        if !storage.is_reachable(place) {
            return Ok(false);
        }
        let aside = schema::quarantined(&self.run, place);
        match storage.size(place) {
            Ok(None) => return self.create(place, bytes, source),
            // What only holds a place is nothing to be kept.
            Ok(Some(_)) if is_held(storage, place)? => {
                if !self.options.dry_run {
                    storage.replace(place, bytes)?;
                }
                self.repaired.restored.push((place.to_owned(), source));
                return Ok(true);
            }
            _ if self.options.dry_run => {}
            Ok(Some(_)) => {
                storage.preserve(place, &aside)?;
                storage.replace(place, bytes)?;
            }
            Err(error) if error.kind() == ErrorKind::Integrity => {
                if !storage.displace(place, &bytes, &aside)? {
                    self.repaired.quarantined.push((place.to_owned(), aside));
                    return Ok(false);
                }
            }
            Err(error) => return Err(error),
        }
        self.repaired.quarantined.push((place.to_owned(), aside));
        self.repaired.restored.push((place.to_owned(), source));
        Ok(true)
    }

    /// Moves away what stands in the place of an object of which there is no whole copy: publishing the same again then heals
    /// it. The object stays unresolved.
    fn put_aside(&mut self, place: &str) -> Result<(), RegistryError> {
        let storage = &self.registry.storage;
        let aside = schema::quarantined(&self.run, place);
        let is_moved = match self.options.dry_run {
            _ if !storage.is_reachable(place) => false,
            true => !matches!(storage.size(place), Ok(None)),
            false => storage.relocate(place, &aside)?,
        };
        if is_moved {
            self.repaired.quarantined.push((place.to_owned(), aside));
        }
        Ok(())
    }
}

/// Whether what stands in a place only holds it.
fn is_held(storage: &Storage, place: &str) -> Result<bool, RegistryError> {
    match schema::entry_at(place) {
        Some(number) => Ok(Held::read(storage, number)?.is_some()),
        None => Ok(false),
    }
}
