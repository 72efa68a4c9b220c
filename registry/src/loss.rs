//! Accepting a loss: entries of which no copy is left are declared void, so that the registry can be written to again.
//!
//! What they did is gone, and must not come back: somebody may have published under a tag that one of them took. So a
//! declaration is for ever, and holds whatever is found in their place later.

use std::thread;
use std::time::Duration;

use esmhub_store_format::limits::MAX_LOST_ENTRIES;
use esmhub_store_format::log::{Action, Entry, Loss};

use crate::append::Signature;
use crate::fence::Held;
use crate::load::{Packs, follow};
use crate::storage::{Creation, Storage};
use crate::{Catalog, Damage, Registry, RegistryError, log, schema};

/// Runs that one record takes; more of them are declared in several entries. A record has room for some 600.
const MAX_RUNS: usize = 256;
/// How often the number of the entry may be lost to others.
const ATTEMPTS: u32 = 500;
/// How often what can be read may change while it is waited for.
const MAX_WAITS: u32 = 20;

impl Registry {
    /// Declares every log entry lost that cannot be read now, and gives their numbers as runs from the first to the last; once more
    /// those that only entries declare lost which were lost later.
    ///
    /// This is the end of what they did, for everybody and for ever, even if a copy is found later: try
    /// [`Registry::repair`] first, with every copy of the registry and with every user's index. Unless `pause` is zero, only
    /// those are declared that can be read neither now nor after it.
    ///
    /// # Errors
    /// [`RegistryError::Unsound`] where more entries are missing in a row than any registry can have lost: somebody planted
    /// a file under a high number; where an entry can be read but does not fit the one before it; and where the registry has
    /// lost [`MAX_LOST_ENTRIES`] already. [`RegistryError::Newer`], [`RegistryError::UnknownRecord`],
    /// [`RegistryError::Busy`], [`RegistryError::Io`].
    pub fn accept_loss(&self, by: &Signature, pause: Duration) -> Result<Vec<(u64, u64)>, RegistryError> {
        let mut accepted = Vec::new();
        self.give_up(by, pause, &mut accepted)?;
        Ok(accepted)
    }

    /// The same; what was declared lost before an error is told as well.
    pub(crate) fn give_up(
        &self,
        by: &Signature,
        pause: Duration,
        accepted: &mut Vec<(u64, u64)>,
    ) -> Result<(), RegistryError> {
        let mut raced = 0;
        let (mut seen, mut waited) = (Vec::new(), 0);
        loop {
            let catalog = self.read_log()?;
            let runs = to_declare(&catalog, catalog.damaged.iter().cloned())?;
            if runs.is_empty() {
                return hold_places(&self.storage, catalog.lost()).map(|_| ());
            }
            if let Some((first, _)) = runs.first().filter(|_| !pause.is_zero() && seen != runs) {
                if waited == MAX_WAITS {
                    return Err(RegistryError::Unsound {
                        place: schema::entry(*first),
                        detail: format!(
                            "what can be read from it on is never the same: it was looked at {waited} times"
                        ),
                        advice: Some("find out who or what changes the files of the log, and try again".into()),
                    });
                }
                thread::sleep(pause);
                (seen, waited) = (runs, waited + 1);
                continue;
            }
            if let Some((first, _)) = runs.iter().find(|run| accepted.contains(run)) {
                return Err(RegistryError::Unsound {
                    place: schema::entry(*first),
                    detail: format!("a registry can lose {MAX_LOST_ENTRIES} entries, and it would be one more"),
                    advice: Some("restore the registry from a backup".into()),
                });
            }
            // Before the declaration: who sees no file there takes it for the end of the log. And where there is one after all,
            // which was not to be seen yet, nothing is lost.
            if hold_places(&self.storage, runs.iter().copied())?
                && log::create(&self.storage, &declaration(&catalog, runs.clone(), by)?)?.is_some()
            {
                accepted.extend(runs);
                (raced, waited) = (0, 0);
                continue;
            }
            raced += 1;
            if raced >= ATTEMPTS {
                return Err(RegistryError::Busy { entry: catalog.last.saturating_add(1), attempts: raced });
            }
        }
    }

    /// The log entries that [`Registry::accept_loss`] would declare lost if these could be read, as far as one record takes them.
    pub(crate) fn lost_for_good(&self, is_readable: impl Fn(u64) -> bool) -> Result<Vec<(u64, u64)>, RegistryError> {
        let catalog = self.read_log()?;
        // One after the other: a few files can claim that very many are missing.
        let is_readable = &is_readable;
        let each = catalog.damaged.iter().flat_map(|damage| {
            let is_run = damage.through - damage.entry < MAX_LOST_ENTRIES;
            let apart = (damage.entry..=damage.through).filter(move |_| is_run).filter(|number| !is_readable(*number));
            let apart = apart.map(|number| Damage { entry: number, through: number, ..damage.clone() });
            apart.chain((!is_run).then(|| damage.clone()))
        });
        to_declare(&catalog, each)
    }

    /// The log as it stands in the registry, without the index; one without its folder is empty.
    pub(crate) fn read_log(&self) -> Result<Catalog, RegistryError> {
        let mut catalog = Catalog::empty(&self.marker.id);
        follow(&mut catalog, &self.storage, &log::numbers_found(&self.storage)?, Packs::Unused)?;
        Ok(catalog)
    }
}

/// What is to be declared lost: what is damaged, and then what is lost already, but would not be any more if an entry could not
/// be read that is lost too.
fn to_declare(catalog: &Catalog, damaged: impl Iterator<Item = Damage>) -> Result<Vec<(u64, u64)>, RegistryError> {
    match runs(damaged)? {
        runs if runs.is_empty() => Ok(catalog.unconfirmed().take(MAX_RUNS).collect()),
        runs => Ok(runs),
    }
}

/// The numbers of the damaged entries, as many as one record takes.
fn runs(damaged: impl Iterator<Item = Damage>) -> Result<Vec<(u64, u64)>, RegistryError> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    let mut left = MAX_LOST_ENTRIES;
    for Damage { entry, through, detail, is_readable } in damaged {
        if is_readable {
            return Err(RegistryError::Unsound {
                place: schema::entry(entry),
                detail,
                advice: Some(
                    "both can be read, and nobody here knows which is right: move the wrong one out of the registry"
                        .into(),
                ),
            });
        }
        let missing = through - entry + 1;
        if missing > MAX_LOST_ENTRIES {
            return Err(RegistryError::Unsound {
                place: schema::entry(through.saturating_add(1)),
                detail: format!(
                    "the {missing} entries before it are missing, no more than {MAX_LOST_ENTRIES} can be lost"
                ),
                advice: Some("somebody planted it; move it out of the registry".into()),
            });
        }
        if missing > left {
            break;
        }
        left -= missing;
        let is_full = runs.len() == MAX_RUNS;
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == entry => *last = through,
            _ if is_full => break,
            _ => runs.push((entry, through)),
        }
    }
    Ok(runs)
}

/// The entry that declares these lost.
fn declaration(catalog: &Catalog, runs: Vec<(u64, u64)>, by: &Signature) -> Result<Entry, RegistryError> {
    if let Some((entry, kind)) = catalog.stops_writers {
        return Err(RegistryError::UnknownRecord { entry, kind, stops: "writers" });
    }
    let refused = |source| RegistryError::Refused { what: "a loss record".into(), source };
    let record = Loss::new(runs).and_then(|loss| Action::Loss(loss).to_record()).map_err(refused)?;
    let Some(number) = catalog.last.checked_add(1) else {
        return Err(RegistryError::Unsound {
            place: schema::entry(catalog.last),
            detail: "no entry can follow it".into(),
            advice: Some("somebody planted it; move it out of the registry".into()),
        });
    };
    let mut transaction = [0; 16];
    getrandom::fill(&mut transaction).map_err(RegistryError::Random)?;
    // Behind a lost entry any digest will do: nobody knows the right one.
    let previous = catalog.head().unwrap_or(catalog.genesis);
    Ok(Entry { number, previous, transaction, time: by.time, writer: by.writer.clone(), records: vec![record] })
}

/// Holds the place of every one of these entries that is missing, so that nobody takes the gap for the end of the log; `false` where
/// one turned out to be there.
fn hold_places(storage: &Storage, runs: impl Iterator<Item = (u64, u64)>) -> Result<bool, RegistryError> {
    let listed = log::numbers_found(storage)?;
    let mut were_missing = true;
    for number in runs.flat_map(|(first, last)| first..=last).filter(|number| listed.binary_search(number).is_err()) {
        were_missing &= storage.create(&schema::entry(number), Held::Lost.to_bytes())? == Creation::Created;
    }
    Ok(were_missing)
}
