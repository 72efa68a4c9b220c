//! Packs: log entries as they are, 8, 64, 512 or 4,096 to a file, so that a first visit over a network does not cost a request for
//! each.
//!
//! A pack is derived: whoever writes the last entry of one makes it afterwards, and nothing that is acknowledged depends on it. It is
//! believed no more than the entries are: each is verified in itself and against the one before it, and where anything does not fit,
//! the entries themselves are read.
//!
//! Directories have none: there, a file costs little.

use std::collections::BTreeMap;

use esmhub_store_format::Digest;
use esmhub_store_format::frame::{self, Content};

use crate::log::{self, Logged};
use crate::storage::Storage;
use crate::workers::{SYNCS, each};
use crate::{RegistryError, schema};

/// How many entries a pack has; each size is eight of the one before.
const SIZES: [u64; 4] = [8, 64, 512, 4096];
/// How many of the next smaller make a pack.
const FAN: u64 = 8;
/// How many packs of hundreds of entries and more are made at a time.
const LARGE_AT_A_TIME: usize = 4;
/// The largest pack that is made or read, in bytes: thousands of entries of one ESM each, or a few of the largest.
const MOST_BYTES: u64 = 64 << 20;

/// A pack by its first entry and how many it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pack {
    pub(crate) first: u64,
    pub(crate) count: u64,
}

impl Pack {
    /// The pack of this size that holds an entry.
    fn around(entry: u64, count: u64) -> Self {
        Self { first: (entry - 1) / count * count + 1, count }
    }

    /// Where it lies.
    pub(crate) fn place(self) -> String {
        schema::pack(self.first, self.count)
    }

    fn last(self) -> u64 {
        self.first + (self.count - 1)
    }

    /// Whether it is one that is made: of a known size, and beginning where such a pack begins.
    fn is_aligned(self) -> bool {
        SIZES.contains(&self.count)
            && (self.first - 1).is_multiple_of(self.count)
            && self.first.checked_add(self.count).is_some()
    }

    /// The eight that it is made of; none of the smallest.
    fn parts(self) -> impl Iterator<Item = Self> {
        let count = self.count / FAN;
        (0..FAN).filter(move |_| count >= FAN).map(move |at| Self { first: self.first + at * count, count })
    }

    /// Its file's bytes, one frame of each entry in their order; `None` where it is not one, whole and verified in itself.
    fn frames(self, bytes: &[u8]) -> Option<Vec<Logged>> {
        let mut rest = bytes;
        let mut entries: Vec<Logged> = Vec::new();
        for number in self.first..=self.last() {
            let (_, _, behind) = frame::decode_prefix(Content::Entry, rest).ok()?;
            let (own, _) = rest.split_at_checked(rest.len() - behind.len())?;
            let logged = Logged::from_frame(number, own.to_vec()).ok()?;
            if entries.last().is_some_and(|before| before.digest != logged.entry.previous) {
                return None;
            }
            entries.push(logged);
            rest = behind;
        }
        rest.is_empty().then_some(entries)
    }
}

/// The packs that there are, the smallest number first.
fn listed(storage: &Storage) -> Result<Vec<Pack>, RegistryError> {
    let names = storage.names(schema::PACKS)?;
    let packs = names.iter().filter_map(|listed| schema::pack_of(&listed.name));
    let mut packs: Vec<Pack> =
        packs.map(|(first, count)| Pack { first, count }).filter(|pack| pack.is_aligned()).collect();
    packs.sort_unstable();
    Ok(packs)
}

/// Entries from `after` + 1 to before the last of `numbers`, which were listed, as far as packs have them, so that few requests
/// give many. None where that saves nothing, or packs cannot be listed; those of a pack that is damaged are left out.
///
/// The last entry is not among them: it is read from the log, and pins all before it. So a pack of another history, as one that was
/// made before the log was set back to a backup, does not join, and is not believed.
pub(crate) fn read(storage: &Storage, after: u64, numbers: &[u64]) -> BTreeMap<u64, Logged> {
    let last = numbers.last().copied().unwrap_or_default();
    // Fewer than that are soon read one by one.
    if storage.is_local() || last.saturating_sub(after) < FAN {
        return BTreeMap::new();
    }
    let Ok(there) = listed(storage) else { return BTreeMap::new() };
    let wanted = cover(&there, after, last);
    let read = each(&wanted, SYNCS, |pack| {
        // Whatever is wrong with it, the entries are there.
        let bytes = storage.read(&pack.place(), MOST_BYTES).ok().flatten();
        Ok(bytes.and_then(|bytes| pack.frames(&bytes)).unwrap_or_default())
    });
    let entries = read.unwrap_or_default().into_iter().flatten();
    entries
        .map(|logged| (logged.entry.number, logged))
        .filter(|(number, _)| (after + 1..last).contains(number) && numbers.binary_search(number).is_ok())
        .collect()
}

/// Of the packs that there are, those to read for the entries from `after` + 1 to `last`: from the first entry on the largest that has
/// it, as long as at least half of it is wanted.
fn cover(there: &[Pack], after: u64, last: u64) -> Vec<Pack> {
    let mut packs = Vec::new();
    let mut next = after + 1;
    while next <= last {
        let of_size = |count: &u64| Some(Pack::around(next, *count)).filter(|pack| there.binary_search(pack).is_ok());
        let wanted = |pack: &Pack| 2 * (pack.last().min(last) + 1 - next) >= pack.count;
        match SIZES.iter().rev().filter_map(of_size).find(wanted) {
            Some(pack) => {
                packs.push(pack);
                next = pack.last() + 1;
            }
            // On to the next pack, however far off: a name in the log can hold any number.
            None => match there.get(there.partition_point(|pack| pack.first <= next)) {
                Some(pack) => next = pack.first,
                None => break,
            },
        }
    }
    packs
}

/// The packs that are not what the log says, each with what is wrong: of entries that are not known nothing is said.
///
/// # Errors
/// Where they cannot be listed.
pub(crate) fn faults(storage: &Storage, digests: &BTreeMap<u64, Digest>) -> Result<Vec<(Pack, String)>, RegistryError> {
    if storage.is_local() {
        return Ok(Vec::new());
    }
    let there = listed(storage)?;
    let looked_at = each(&there, SYNCS, |pack| {
        let place = pack.place();
        let fault = match storage.read(&place, MOST_BYTES) {
            // Somebody has removed it.
            Ok(None) => None,
            Ok(Some(bytes)) => match pack.frames(&bytes) {
                None => Some("it does not hold the entries that its name says".to_owned()),
                Some(entries) => entries.iter().find_map(|logged| {
                    let number = logged.entry.number;
                    let there = digests.get(&number)?;
                    (*there != logged.digest)
                        .then(|| format!("entry {number} is {} in it, and {there} in the log", logged.digest))
                }),
            },
            Err(error) => Some(error.detail_at(&place)),
        };
        Ok(fault.map(|fault| (*pack, fault)))
    })?;
    let mut faults: Vec<(Pack, String)> = looked_at.into_iter().flatten().collect();
    faults.sort_unstable();
    Ok(faults)
}

/// Makes the packs that end with an entry, as far as they are not there; `at_hand` are frames that need not be read.
///
/// # Errors
/// Where one could not be made. Nothing depends on it.
pub(crate) fn make(storage: &Storage, last: u64, at_hand: &BTreeMap<u64, Vec<u8>>) -> Result<(), RegistryError> {
    if storage.is_local() {
        return Ok(());
    }
    for count in SIZES.into_iter().filter(|count| last.is_multiple_of(*count)) {
        if obtain(storage, Pack::around(last, count), at_hand)?.is_none() {
            break;
        }
    }
    Ok(())
}

/// Makes a pack in the place of one that was put aside; whether there is one now.
///
/// # Errors
/// As [`make`].
pub(crate) fn remake(storage: &Storage, pack: Pack) -> Result<bool, RegistryError> {
    Ok(obtain(storage, pack, &BTreeMap::new())?.is_some())
}

/// Makes all packs of a log of so many entries that are not there.
///
/// # Errors
/// As [`make`].
pub(crate) fn complete(storage: &Storage, entries: u64) -> Result<(), RegistryError> {
    if storage.is_local() {
        return Ok(());
    }
    let there = listed(storage)?;
    for count in SIZES {
        let all = (0..entries / count).map(|at| Pack { first: at * count + 1, count });
        let missing: Vec<Pack> = all.filter(|pack| there.binary_search(pack).is_err()).collect();
        // The largest take memory; the smaller ones that they are made of are there by then.
        let at_a_time = if count > FAN * FAN { LARGE_AT_A_TIME } else { SYNCS };
        each(&missing, at_a_time, |pack| remake(storage, *pack))?;
    }
    Ok(())
}

/// A pack's bytes, which are made where they are not there; `None` where entries are missing or do not join, or it would be too large.
fn obtain(storage: &Storage, pack: Pack, at_hand: &BTreeMap<u64, Vec<u8>>) -> Result<Option<Vec<u8>>, RegistryError> {
    let place = pack.place();
    if let Some(bytes) = storage.read(&place, MOST_BYTES)? {
        return Ok(pack.frames(&bytes).is_some().then_some(bytes));
    }
    let mut bytes = Vec::new();
    let parts: Vec<Pack> = pack.parts().collect();
    if parts.is_empty() {
        for number in pack.first..=pack.last() {
            match at_hand.get(&number) {
                Some(frame) => bytes.extend_from_slice(frame),
                None => match log::read(storage, number) {
                    Ok(Some(logged)) => bytes.extend(logged.frame),
                    // Of a log that cannot be read whole there is nothing to pack.
                    Ok(None) | Err(_) => return Ok(None),
                },
            }
        }
    }
    for part in parts {
        match obtain(storage, part, at_hand)? {
            Some(part) => bytes.extend(part),
            None => return Ok(None),
        }
    }
    if bytes.len() as u64 > MOST_BYTES || pack.frames(&bytes).is_none() {
        return Ok(None);
    }
    storage.create(&place, bytes.clone())?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests;
