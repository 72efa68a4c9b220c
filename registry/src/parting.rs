//! Where the log and a user's index of it part: the registry was restored from an older backup and went on from there, or
//! somebody replaced entries.
//!
//! What the index holds beyond that point is nowhere else, perhaps. So it is put aside and not deleted, and its owner is told
//! what is gone.

use std::path::PathBuf;

use crate::catalog::Catalog;
use crate::error::ErrorKind;
use crate::index::{Index, IndexError};
use crate::log::{self, Logged};
use crate::storage::Storage;
use crate::{Esm, RegistryError};

/// References that a notice names.
const NAMED: usize = 3;

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
        let is_gone = |esm: &&Esm| {
            esm.entry() >= *first && now.tagged(esm.name(), esm.tag()).is_none_or(|held| held.digest() != esm.digest())
        };
        let gone: Vec<String> = remembered.esms().filter(is_gone).map(|esm| esm.reference().to_string()).collect();
        let shown = gone.get(..NAMED).unwrap_or(&gone).join(", ");
        let what = match gone.len() {
            0 => String::new(),
            1..=NAMED => format!(", which had published {shown}: publish that again"),
            more => format!(", which had published {shown} and {} more: publish them again", more - NAMED),
        };
        format!(
            "the registry goes another way from log entry {first} on than this user has seen it go, as after an older backup was \
             restored. It no longer has what were its entries {first} to {}{what}. The index that remembers them was put aside in {}",
            remembered.last,
            folder.display()
        )
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
