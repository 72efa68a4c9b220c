//! The files of the log: reading entry n, and creating it.

use esmhub_store_format::log::{Action, Entry};
use esmhub_store_format::{Digest, frame, limits};

use crate::RegistryError;
use crate::fence::Held;
use crate::schema;
use crate::storage::{Creation, Storage};

/// The largest file of an entry that is read.
pub(crate) const LIMIT: u64 = limits::MAX_ENTRY_BYTES + frame::HEADER_BYTES as u64;

/// An entry, verified in itself; whether it follows the entry before it is for [`crate::replay`] to check.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) entry: Entry,
    pub(crate) digest: Digest,
    /// Its bytes on disk.
    pub(crate) frame: Vec<u8>,
}

impl Logged {
    /// Reads the bytes of entry `number`.
    pub(crate) fn from_frame(number: u64, frame: Vec<u8>) -> Result<Self, RegistryError> {
        let place = schema::entry(number);
        if let Some(held) = Held::from_bytes(&frame) {
            return Err(RegistryError::unsound(place, held.detail()));
        }
        let (entry, digest) = Entry::from_frame(&frame).map_err(|error| RegistryError::format(&*place, error))?;
        if entry.number != number {
            let detail = format!("it holds entry {}, its name says {number}", entry.number);
            return Err(RegistryError::unsound(place, detail));
        }
        Ok(Self { entry, digest, frame })
    }

    /// The runs of entries that it declares lost: those before it. None where one of its records breaks a rule.
    pub(crate) fn losses(&self) -> Vec<(u64, u64)> {
        let actions: Result<Vec<Action>, _> = self.entry.actions().collect();
        losses(&actions.unwrap_or_default(), self.entry.number).collect()
    }
}

/// The runs of entries that these actions of an entry declare lost: those before it.
pub(crate) fn losses(actions: &[Action], entry: u64) -> impl Iterator<Item = (u64, u64)> {
    let runs = actions.iter().flat_map(|action| match action {
        Action::Loss(loss) => loss.ranges(),
        _ => &[],
    });
    runs.copied().filter(move |(_, last)| *last < entry)
}

/// Entry `number`; `None` where there is no such file.
///
/// # Errors
/// [`crate::ErrorKind::Integrity`] where the file does not hold it.
pub(crate) fn read(storage: &Storage, number: u64) -> Result<Option<Logged>, RegistryError> {
    storage.read(&schema::entry(number), LIMIT)?.map(|frame| Logged::from_frame(number, frame)).transpose()
}

/// What follows entry `last`: up to which number, and the entry, or why there is none. `None` at the end of the log.
///
/// A missing entry is the end unless one of `numbers`, which are listed in ascending order, is higher: then all entries up
/// to that one are missing, and are reported at once.
pub(crate) fn next(storage: &Storage, last: u64, numbers: &[u64]) -> Option<(u64, Result<Logged, RegistryError>)> {
    let number = last.checked_add(1)?;
    match read(storage, number) {
        Ok(Some(logged)) => return Some((number, Ok(logged))),
        Ok(None) => {}
        Err(error) => return Some((number, Err(error))),
    }
    let (_, higher) = numbers.split_at(numbers.partition_point(|&listed| listed <= number));
    let there = higher.first()?;
    let detail = match there - number {
        1 => format!("it is missing, although entry {there} is there"),
        several => format!("it and the next {} are missing, although entry {there} is there", several - 1),
    };
    Some((there - 1, Err(RegistryError::unsound(schema::entry(number), detail))))
}

/// The numbers of which there are files, in ascending order.
///
/// # Errors
/// [`RegistryError::Unsound`] where their folder is missing: without it a registry looks as if nothing was ever published.
pub(crate) fn numbers(storage: &Storage) -> Result<Vec<u64>, RegistryError> {
    let numbers = numbers_found(storage)?;
    match numbers.is_empty() && !storage.has_folder(schema::LOG)? {
        true => Err(folder_missing()),
        false => Ok(numbers),
    }
}

/// The same for who goes on without the folder. A web server gives no list: there the log ends where an entry is missing.
pub(crate) fn numbers_found(storage: &Storage) -> Result<Vec<u64>, RegistryError> {
    if !storage.can_list() {
        return Ok(Vec::new());
    }
    let names = storage.names(schema::LOG)?;
    Ok(names.iter().filter_map(|listed| schema::entry_of(&listed.name)).collect())
}

/// The numbers from `known` on, where a store lists what is there and that entry is; else all of them. Of a long log that was read
/// before, the first thousands need not be listed again.
pub(crate) fn numbers_from(storage: &Storage, known: u64) -> Result<Vec<u64>, RegistryError> {
    if known > 1 && storage.lists_all() {
        let names = storage.names_behind(schema::LOG, &schema::entry_name(known - 1))?;
        let numbers: Vec<u64> = names.iter().filter_map(|name| schema::entry_of(name)).collect();
        if numbers.first() == Some(&known) {
            return Ok(numbers);
        }
    }
    numbers(storage)
}

/// A registry has the folder of its log before it has its marker.
pub(crate) fn folder_missing() -> RegistryError {
    RegistryError::Unsound {
        place: schema::LOG.into(),
        detail: "the folder of the log is missing; every registry has it from the beginning".into(),
        advice: Some(
            "put it back before anything else: `esmhub verify --repair` takes the log from this user's index, with `--from \
             COPY` from a backup or a copy of this registry"
                .into(),
        ),
    }
}

/// Creates an entry's file. `None` where another writer's entry stands there.
///
/// A writer that got no answer, or the answer "it is there" (a network file system may repeat a request that succeeded),
/// reads the number back: the transaction id says whose entry it is.
///
/// # Errors
/// Where it cannot be known that the entry stands there and lasts.
pub(crate) fn create(storage: &Storage, entry: &Entry) -> Result<Option<Logged>, RegistryError> {
    let place = schema::entry(entry.number);
    let refused = |source| RegistryError::Refused { what: place.clone(), source };
    let (frame, digest) = entry.to_frame().map_err(refused)?;
    let failure = match storage.create(&place, frame.clone()) {
        Ok(Creation::Created) => None,
        Ok(Creation::AlreadyThere) => match read(storage, entry.number)? {
            Some(there) if there.entry.transaction == entry.transaction => None,
            _ => return Ok(None),
        },
        // The system may tell of what could not be written only once: a sync that works now would prove nothing.
        Err(error) if error.is_failed_sync() => return Err(error),
        Err(error) => Some(error),
    };
    if let Some(error) = failure {
        match read(storage, entry.number) {
            Ok(Some(there)) if there.entry.transaction == entry.transaction => storage.settle(&place)?,
            Ok(Some(_)) => return Ok(None),
            Ok(None) | Err(_) => return Err(error),
        }
    }
    let entry = entry.clone();
    Ok(Some(Logged { entry, digest, frame }))
}
