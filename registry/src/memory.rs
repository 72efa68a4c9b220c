//! The memory: what a user's commands have computed before, by digests of all that decides it.
//!
//! It is as disposable as the index, and beside it: a ranking that writes scores down keeps nobody from the index, and
//! opening the index does not take longer for all that is remembered. Whatever goes wrong, a value is computed again. What
//! is recalled is what was remembered, to the bit, or nothing.
//!
//! It is bounded by two generations: values go into the younger one, and when that is full the older one is dropped.

use std::path::PathBuf;

use esmhub_store_format::Digest;

use crate::Registry;
use crate::database::{Database, DatabaseError, Table, Tables, WRITING_PATIENCE};

/// The most bytes of a value. Longer ones are not remembered.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// What the values of a generation may cost: 131,072 of 8 bytes each. Measured with 600,000 such values, remembered one
/// after the other: never more than 50 MB on disk, and 20,000 of them recalled in 0.2 to 0.6 seconds.
const GENERATION_BYTES: u64 = 10 * 1024 * 1024;
/// What the database adds to a value, with its key: an estimate.
const OVERHEAD: u64 = 64;

/// The two generations, by whether their number is odd.
const GENERATIONS: [&str; 2] = ["even", "odd"];
/// Where the number of the younger one stands, and what is in it.
const STATE: (&str, &[u8]) = ("state", b"generation");
const CHECK_BYTES: usize = 8;

/// A user's memory for one registry at one place.
pub(crate) struct Memory {
    database: Database,
    generation_bytes: u64,
}

/// What was remembered of the values that were asked for.
#[derive(Debug, Default)]
pub struct Recalled {
    /// A value, or that there is none, for each key in turn.
    pub values: Vec<Option<Vec<u8>>>,
    /// Why the memory could not be used, where it could not.
    pub notice: Option<String>,
}

impl Registry {
    /// What this user's commands have remembered under these keys. Without a cache, nothing.
    pub fn recall(&self, keys: &[Digest]) -> Recalled {
        self.memory.as_ref().map_or_else(|| Recalled::nothing(keys, None), |memory| memory.recall(keys))
    }

    /// Remembers values for this user's later commands. A key must be a digest of all that decides its value.
    ///
    /// The answer is why it was not possible, where it was not; nothing but time is lost by that. Values of more than
    /// [`MAX_VALUE_BYTES`] are not remembered, and without a cache none is.
    pub fn remember(&self, values: Vec<(Digest, Vec<u8>)>) -> Option<String> {
        let memory = self.memory.as_ref().filter(|_| !values.is_empty())?;
        memory.remember(values).err().map(|error| format!("what was computed could not be remembered: {error}"))
    }
}

impl Recalled {
    fn nothing(keys: &[Digest], notice: Option<String>) -> Self {
        Self { values: vec![None; keys.len()], notice }
    }
}

impl Memory {
    /// The memory in this folder, which need not exist.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { database: Database::at(folder), generation_bytes: GENERATION_BYTES }
    }

    fn recall(&self, keys: &[Digest]) -> Recalled {
        match self.look_up(keys) {
            Ok(values) => Recalled { values, notice: None },
            Err(error) => {
                let outcome = match error.is_passing() {
                    true => "was not used",
                    false if self.database.discard().is_ok() => "was deleted",
                    false => "could be neither used nor deleted",
                };
                Recalled::nothing(keys, Some(format!("what earlier commands remembered {outcome}: {error}")))
            }
        }
    }

    fn look_up(&self, keys: &[Digest]) -> Result<Vec<Option<Vec<u8>>>, DatabaseError> {
        if keys.is_empty() || !self.database.exists()? {
            return Ok(vec![None; keys.len()]);
        }
        let keys = keys.to_vec();
        let job = self.database.start(move |tables| {
            let generations = [tables.table(GENERATIONS[0])?, tables.table(GENERATIONS[1])?];
            // In the order of the keys, each page of the database is read once.
            let mut order: Vec<(usize, &Digest)> = keys.iter().enumerate().collect();
            order.sort_unstable_by_key(|&(_, key)| key);
            let mut values = Vec::with_capacity(keys.len());
            for (at, key) in order {
                values.push((at, find(&generations, key)?));
            }
            values.sort_unstable_by_key(|&(at, _)| at);
            Ok(values.into_iter().map(|(_, value)| value).collect())
        })?;
        // It is worth waiting for: what is not found is computed again.
        job.outcome(WRITING_PATIENCE)
    }

    fn remember(&self, values: Vec<(Digest, Vec<u8>)>) -> Result<(), DatabaseError> {
        let limit = self.generation_bytes;
        let job = self.database.start(move |tables| {
            let state = tables.table(STATE.0)?;
            let mut generation = Generation::read(&state)?;
            let mut table = tables.table(generation.name())?;
            for (key, value) in values.iter().filter(|(_, value)| value.len() <= MAX_VALUE_BYTES) {
                if generation.bytes >= limit {
                    generation = generation.next(tables)?;
                    table = tables.table(generation.name())?;
                }
                if table.insert(key.as_bytes(), &sealed(key, value))? {
                    generation.bytes += value.len() as u64 + CHECK_BYTES as u64 + OVERHEAD;
                }
            }
            state.insert(STATE.1, &generation.to_bytes())?;
            tables.flush()
        })?;
        job.outcome(WRITING_PATIENCE)
    }
}

fn find(generations: &[Table], key: &Digest) -> Result<Option<Vec<u8>>, DatabaseError> {
    for table in generations {
        if let Some(value) = table.get(key.as_bytes())?.and_then(|value| opened(key, value)) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// The value behind its check, which holds for this key alone.
fn sealed(key: &Digest, value: &[u8]) -> Vec<u8> {
    [&check(key, value), value].concat()
}

/// The value, if it is the one that was sealed.
fn opened(key: &Digest, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let (expected, value) = sealed.split_at_checked(CHECK_BYTES)?;
    (expected == check(key, value)).then(|| sealed.split_off(CHECK_BYTES))
}

fn check(key: &Digest, value: &[u8]) -> [u8; CHECK_BYTES] {
    let digest = Digest::of(&[b"esmhub memory 1".as_slice(), key.as_bytes(), value].concat());
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// The younger generation: its number, and what its values cost.
#[derive(Default)]
struct Generation {
    number: u64,
    bytes: u64,
}

impl Generation {
    /// One that cannot be read is the first: the bound is then met a little later.
    fn read(state: &Table) -> Result<Self, DatabaseError> {
        let read = |bytes: Vec<u8>| {
            let (number, bytes) = bytes.split_first_chunk()?;
            let bytes = bytes.try_into().ok()?;
            Some(Self { number: u64::from_le_bytes(*number), bytes: u64::from_le_bytes(bytes) })
        };
        Ok(state.get(STATE.1)?.and_then(read).unwrap_or_default())
    }

    fn to_bytes(&self) -> Vec<u8> {
        [self.number.to_le_bytes(), self.bytes.to_le_bytes()].concat()
    }

    fn name(&self) -> &'static str {
        let [even, odd] = GENERATIONS;
        if self.number.is_multiple_of(2) { even } else { odd }
    }

    /// An empty one, in the place of the one before this.
    fn next(&self, tables: &Tables) -> Result<Self, DatabaseError> {
        let next = Self { number: self.number.wrapping_add(1), bytes: 0 };
        tables.drop_table(next.name())?;
        Ok(next)
    }
}

#[cfg(test)]
mod tests;
