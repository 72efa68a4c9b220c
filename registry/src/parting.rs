//! Where the log and a user's index of it part: the registry was restored from an older backup and went on from there, or
//! somebody replaced entries.
//!
//! What the index holds beyond that point is nowhere else, perhaps. So it is put aside and not deleted, and its owner is told
//! what is gone.

use std::fs;
use std::path::PathBuf;

use esmhub_store_format::log::RegistryId;

use crate::catalog::Catalog;
use crate::error::ErrorKind;
use crate::index::{Index, IndexError};
use crate::log::{self, Logged};
use crate::storage::Storage;
use crate::{Event, Happening, RegistryError};

/// Events that a notice names.
const NAMED: usize = 6;

/// An index that was put aside.
pub(crate) struct Aside {
    /// The first entry that is another one in the registry.
    pub(crate) first: u64,
    /// What the index says.
    pub(crate) remembered: Catalog,
    /// Where it lies now.
    pub(crate) folder: PathBuf,
}

impl Aside {
    /// What its owner should know, beside what the registry says now.
    pub(crate) fn notice(&self, now: &Catalog) -> String {
        let Self { first, remembered, folder } = self;
        let entries = match *first == remembered.last {
            true => format!("entry {first}"),
            false => format!("entries {first} to {}", remembered.last),
        };
        format!(
            "the registry was continued in another way from log entry {first} on than this user has seen, as after an older backup was \
             restored. What its {entries} did is gone{}. The index that remembers it was put aside in {}",
            gone(remembered, now, |entry| entry >= *first),
            folder.display()
        )
    }
}

/// What is gone because entries that this user had read were declared lost; `None` where nothing of theirs is.
pub(crate) fn lost_since(remembered: &Catalog, now: &Catalog) -> Option<String> {
    let is_lost = |entry| now.lost.end_of(entry).is_some() && remembered.lost.end_of(entry).is_none();
    let gone = gone(remembered, now, is_lost);
    (!gone.is_empty()).then(|| {
        format!("log entries that this user had read were declared lost since, and what they did is gone{gone}. `esmhub log` says who did that")
    })
}

/// What this user should know on their first visit where they have seen another registry in the same place.
pub(crate) fn stood_before(index: &Index, id: &RegistryId) -> Option<String> {
    let own = index.folder().parent()?;
    let (_, place) = own.file_name()?.to_str()?.rsplit_once('-')?;
    let other = fs::read_dir(own.parent()?).ok()?.filter_map(Result::ok).find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let (other, at) = name.rsplit_once('-')?;
        let is_other = at == place && other != id.to_string() && entry.path().join("index").is_dir();
        is_other.then(|| other.to_owned())
    })?;
    Some(format!(
        "another registry stood in this place when this user last looked: its id was {other}, that of this one is {id}"
    ))
}

/// What these entries had done, and is not so any more: who did what, and what to do about it.
fn gone(remembered: &Catalog, now: &Catalog, entries: impl Fn(u64) -> bool) -> String {
    let is_gone = |event: &&Event| {
        entries(event.entry)
            && event.what.target().is_none_or(|(name, tag, digest)| {
                let state = |catalog: &Catalog| {
                    let held = catalog.tagged(name, tag).filter(|held| held.digest() == digest);
                    held.map(|held| std::mem::discriminant(&held.state()))
                };
                state(remembered) != state(now)
            })
    };
    let mut all = Vec::new();
    for event in remembered.events.iter().filter(is_gone) {
        let what = match (&event.what, event.what.target()) {
            (_, Some((name, tag, _))) => format!("{name}:{tag}"),
            (Happening::Anchors(anchors), None) => anchors.base.clone(),
            _ => continue,
        };
        all.push(format!("{} {what} ({})", event.what.verb(), event.writer.user));
    }
    let shown = all.get(..NAMED).unwrap_or(&all).join(", ");
    match all.len() {
        0 => String::new(),
        1..=NAMED => format!(": {shown}; do that again"),
        more => format!(": {shown} and {} more; do them again", more - NAMED),
    }
}

/// The first entry that both have, each readable, and that is not the same; `None` where one log is the beginning of the other.
///
/// # Errors
/// Outside, of the index; inside, of the registry.
pub(crate) fn part(
    index: &Index,
    storage: &Storage,
    remembered: &Catalog,
    numbers: &[u64],
) -> Result<Result<Option<u64>, RegistryError>, IndexError> {
    let mut found = Ok(None);
    index.read(|number, frame| {
        if numbers.binary_search(&number).is_ok() && remembered.lost.end_of(number).is_none() {
            found = differs(storage, number, frame);
        }
        matches!(found, Ok(None))
    })?;
    Ok(found)
}

/// The number, where the registry's entry is another one.
fn differs(storage: &Storage, number: u64, frame: Vec<u8>) -> Result<Option<u64>, RegistryError> {
    let Ok(remembered) = Logged::from_frame(number, frame) else { return Ok(None) };
    match log::read(storage, number) {
        Ok(Some(there)) if there.digest != remembered.digest => Ok(Some(number)),
        Err(error) if error.kind() != ErrorKind::Integrity => Err(error),
        _ => Ok(None),
    }
}
