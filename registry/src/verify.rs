//! Verifying a registry: every byte of it, past every damage.
//!
//! The index plays no part, but for the one thing that only it can know: that the log was longer once. Objects are read,
//! re-hashed and decoded; log entries are read and joined to each other; every card is decoded, and its object must be
//! there and be what the card says; every anchor set that the log names must be there.

mod listing;
mod objects;
mod references;

use std::fmt;

use esmhub_store_format::Digest;

use self::listing::Listing;
use self::objects::Found;
use crate::catalog::Catalog;
use crate::error::ErrorKind;
use crate::{Registry, RegistryError, log, schema};

/// What was checked, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Object files that were read.
    pub objects: u64,
    /// Their bytes on disk, of those that are sound.
    pub object_bytes: u64,
    /// Log entries that were read.
    pub entries: u64,
    /// Their bytes on disk, of those that are sound.
    pub entry_bytes: u64,
    /// References whose cards were checked.
    pub references: u64,
    /// Sound objects that neither a reference nor an anchors record needs: left by a publish that was interrupted, or by a removal.
    pub unreferenced: Vec<Digest>,
    /// Files that a killed writer left half-written. Nothing reads them.
    pub staged: Vec<String>,
    /// Files that are no part of a registry. Nothing reads them.
    pub strays: Vec<String>,
    /// What is intact but newer than this program, and so could not be checked to the end.
    pub newer: Vec<String>,
    /// What is damaged, missing, or does not fit together.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is: "object", "log entry", "card", "record" or "folder".
    pub what: &'static str,
    /// Which file of the registry, or which reference.
    pub place: String,
    /// What was expected, and what was found.
    pub detail: String,
    /// What cannot be used because of it: references, `name:tag`, and `anchors of BASE`.
    pub used_by: Vec<String>,
    /// What can be done about it.
    pub hint: Option<String>,
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Files that are done.
    pub done: u64,
    /// Files that there are.
    pub total: u64,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.what, self.place, self.detail)
    }
}

impl Problem {
    fn new(what: &'static str, place: impl Into<String>, detail: impl Into<String>) -> Self {
        let hint = match what {
            "object" => Some(
                "move the file away and publish the same ESM or set the same anchors again, or copy it from another registry",
            ),
            "log entry" => Some("copy the file from a backup, or from a copy of this registry"),
            _ => None,
        };
        Self { what, place: place.into(), detail: detail.into(), used_by: Vec::new(), hint: hint.map(str::to_owned) }
    }
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Registry {
    /// Reads everything, and lists what is wrong. `progress` is told after every file.
    ///
    /// # Errors
    /// Only what keeps the rest from being checked: a log that is newer than this program, or a folder that cannot be
    /// listed. Damage is no error here but a [`Problem`].
    pub fn verify(&self, progress: &dyn Fn(VerifyProgress)) -> Result<Report, RegistryError> {
        let mut report = Report::default();
        let listing = Listing::new(&self.storage, &mut report)?;
        let total = (listing.entries.len() + listing.objects.len()) as u64;
        let mut done = 0;
        let mut tick = || {
            done += 1;
            progress(VerifyProgress { done, total });
        };
        let catalog = self.verify_log(&listing.entries, &mut report, &mut tick)?;
        self.verify_memory(&mut report);
        let found = objects::verify(&self.storage, &listing.objects, &mut report, &mut tick);
        references::verify(&catalog, &found, &mut report);
        Ok(report)
    }

    fn verify_log(
        &self,
        numbers: &[u64],
        report: &mut Report,
        tick: &mut dyn FnMut(),
    ) -> Result<Catalog, RegistryError> {
        let mut catalog = Catalog::empty(&self.marker.id);
        while let Some((number, read)) = log::next(&self.storage, catalog.last, numbers) {
            let place = schema::entry(catalog.last + 1);
            // What the system cannot read is a problem here, and not the end.
            let read = read.map_err(|error| match error.kind() {
                ErrorKind::Other => RegistryError::unsound(&*place, error.detail_at(&place)),
                _ => error,
            });
            let bytes = read.as_ref().ok().map_or(0, |logged| logged.frame.len() as u64);
            if catalog.take(number, read)? {
                report.entry_bytes += bytes;
            }
            if numbers.binary_search(&number).is_ok() {
                report.entries += 1;
                tick();
            }
        }
        let damaged = catalog.damaged().iter().map(|damage| ("log entry", damage));
        let void = catalog.void.iter().map(|damage| ("record", damage));
        let problems = damaged
            .chain(void)
            .map(|(what, damage)| Problem::new(what, schema::entry(damage.entry), damage.detail.clone()));
        report.problems.extend(problems);
        Ok(catalog)
    }

    /// A log that ends early looks whole; only an index that has seen more of it can tell.
    fn verify_memory(&self, report: &mut Report) {
        if let Err(error) = self.catalog()
            && error.kind() == ErrorKind::Integrity
        {
            let place = schema::entry(report.entries + 1);
            let detail = error.detail_at(&place);
            if !report.problems.iter().any(|problem| problem.detail == detail) {
                report.problems.push(Problem::new("log entry", place, detail));
            }
        }
    }
}
