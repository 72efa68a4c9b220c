//! Verifying a registry: every byte of it, past every damage.
//!
//! The index plays no part, but for the one thing that only it can know: that the log was longer once. Objects are read,
//! re-hashed and decoded; log entries are read and joined to each other; every card is decoded, and its object must be
//! there and be what the card says; every anchor set that the log names must be there.

mod objects;
mod references;
mod report;

use std::cell::Cell;
use std::collections::BTreeMap;

use esmhub_store_format::Digest;

use self::objects::Found;
pub use self::report::{Problem, Report, VerifyProgress};
use crate::catalog::Catalog;
use crate::error::ErrorKind;
use crate::listing::Listing;
use crate::registry::fault_of_marker;
use crate::trash::{self, Run};
use crate::{Registry, RegistryError, log, packs, schema};

/// What to do about entries that do not join, and that can all be read.
const MISFIT_ADVICE: &str = "both can be read: two histories meet here, as where a backup was continued after the registry had been set back. \
                             Begin a new backup, or move the entries of the wrong history out of the registry";

impl Registry {
    /// Reads everything, and lists what is wrong. `progress` is told after every file.
    ///
    /// # Errors
    /// Only what keeps the rest from being checked: a log that is newer than this program, or a folder that cannot be
    /// listed. Damage is no error here but a [`Problem`].
    pub fn verify(&self, progress: &dyn Fn(VerifyProgress)) -> Result<Report, RegistryError> {
        let mut report = Report::default();
        let numbers = log::numbers_found(&self.storage)?;
        let total = Cell::new(numbers.len() as u64);
        let mut done = 0;
        let mut tick = || {
            done += 1;
            // A log of which something was lost is read twice.
            progress(VerifyProgress { done, total: total.get().max(done) });
        };
        self.verify_marker(&mut report)?;
        self.verify_folder(&numbers, &mut report)?;
        let mut digests = BTreeMap::new();
        let catalog = self.verify_log(&numbers, &mut report, &mut digests, &mut tick)?;
        for (pack, detail) in packs::faults(&self.storage, &digests)? {
            let hint = Some("nobody believes it; `esmhub verify --repair` puts it aside and makes it anew".to_owned());
            report.problems.push(Problem { hint, ..Problem::new("pack", pack.place(), detail) });
        }
        self.verify_memory(&mut report);
        // Objects are listed after the log was read: whoever published meanwhile put the objects there first (R62).
        let listing = Listing::new(&self.storage)?;
        let trash = listed(trash::runs(&self.storage), &mut report)?;
        let in_trash = trash.iter().map(|run| run.objects.len());
        total.update(|total| total + (listing.objects.len() + in_trash.sum::<usize>()) as u64);
        let detail = "something else stands where a folder is expected";
        report.problems.extend(listing.obstacles.iter().map(|folder| Problem::new("folder", folder, detail)));
        report.quarantined = listed(self.count_quarantined(), &mut report)?;
        let found = objects::verify(&self.storage, &listing.objects, &mut report, &mut tick);
        let trashed = objects::verify_trash(&self.storage, &trash, &mut report, &mut tick);
        references::verify(&catalog, (&found, &trashed), &self.storage, &mut report);
        let others = trash.into_iter().flat_map(|run: Run| run.others);
        let (staged, strays): (Vec<String>, Vec<String>) = others.partition(|place| schema::is_staged(place));
        report.staged = [listing.staged, staged].concat();
        report.strays = [listing.strays, strays].concat();
        for problem in report.problems.iter_mut().filter(|problem| problem.what != "card") {
            problem.modified = self.storage.modified(&problem.place).ok().flatten();
        }
        Ok(report)
    }

    /// A registry that is to be repaired was opened without it.
    fn verify_marker(&self, report: &mut Report) -> Result<(), RegistryError> {
        let fault = fault_of_marker(&self.storage)?;
        report.problems.extend(fault.map(|fault| Problem::new("marker", schema::MARKER, fault)));
        Ok(())
    }

    /// Without its folder the log is not empty but gone.
    fn verify_folder(&self, numbers: &[u64], report: &mut Report) -> Result<(), RegistryError> {
        if numbers.is_empty() && !self.storage.has_folder(schema::LOG)? {
            let missing = log::folder_missing();
            let problem = Problem::new("folder", schema::LOG, missing.detail_at(schema::LOG));
            report.problems.push(Problem { hint: missing.hint(), ..problem });
        }
        Ok(())
    }

    fn count_quarantined(&self) -> Result<u64, RegistryError> {
        let mut files = 0;
        for run in self.storage.names(schema::QUARANTINE)? {
            files += match run.is_folder {
                true => self.storage.names(&format!("{}/{}", schema::QUARANTINE, run.name))?.len() as u64,
                false => 1,
            };
        }
        Ok(files)
    }

    fn verify_log(
        &self,
        numbers: &[u64],
        report: &mut Report,
        digests: &mut BTreeMap<u64, Digest>,
        tick: &mut dyn FnMut(),
    ) -> Result<Catalog, RegistryError> {
        let mut catalog = Catalog::empty(&self.marker.id);
        // Of entries that the system did not let be read: they need not be damaged.
        let mut advice: BTreeMap<u64, Option<String>> = BTreeMap::new();
        loop {
            let mut stopped = None;
            (report.entries, report.entry_bytes) = (0, 0);
            while let Some((number, read)) = log::next(&self.storage, catalog.last, numbers) {
                let place = schema::entry(catalog.last + 1);
                // What the system cannot read is a problem here, and not the end.
                let first = catalog.last + 1;
                let is_listed = numbers.last().is_some_and(|&last| first <= last);
                let read = read.map_err(|error| match error.kind() {
                    ErrorKind::Other if is_listed => {
                        advice.insert(first, error.hint());
                        RegistryError::unsound(&*place, error.detail_at(&place))
                    }
                    _ => error,
                });
                let bytes = read.as_ref().ok().map_or(0, |logged| logged.frame.len() as u64);
                digests.extend(read.as_ref().ok().map(|logged| (first, logged.digest)));
                match catalog.take(number, read) {
                    Ok(true) => report.entry_bytes += bytes,
                    Ok(false) => {}
                    // A later entry may declare it lost.
                    Err(error) if is_listed => {
                        stopped.get_or_insert(error);
                    }
                    Err(error) => return Err(error),
                }
                if numbers.binary_search(&number).is_ok() {
                    report.entries += 1;
                    tick();
                }
            }
            match stopped {
                _ if !catalog.is_settled() => catalog = catalog.without_lost(),
                Some(error) => return Err(error),
                None => break,
            }
        }
        report.lost = catalog.lost().collect();
        let lost = report.lost.iter().flat_map(|(first, last)| *first..=*last);
        for number in lost.filter(|number| numbers.binary_search(number).is_err()) {
            let detail = "it is declared lost, and no file holds its place, as one should";
            let hint = Some("`esmhub verify --repair` puts one there".to_owned());
            report.problems.push(Problem { hint, ..Problem::new("log entry", schema::entry(number), detail) });
        }
        for (first, last) in catalog.unconfirmed() {
            let detail = match first == last {
                true => "only an entry that is lost itself declares it lost".to_owned(),
                false => format!("only entries that are lost themselves declare it and those up to {last} lost"),
            };
            let hint = Some("`esmhub verify --repair --accept-loss` declares it once more".to_owned());
            report.problems.push(Problem { hint, ..Problem::new("log entry", schema::entry(first), detail) });
        }
        let damaged = catalog.damaged().iter().map(|damage| ("log entry", damage));
        let void = catalog.void.iter().map(|damage| ("record", damage));
        let problems = damaged.chain(void).map(|(what, damage)| {
            let mut problem = Problem::new(what, schema::entry(damage.entry), damage.detail.clone());
            if damage.is_readable && what == "log entry" {
                problem.hint = Some(MISFIT_ADVICE.to_owned());
            }
            match advice.get(&damage.entry) {
                Some(hint) => Problem { hint: hint.clone(), ..problem },
                None => problem,
            }
        });
        report.problems.extend(problems);
        Ok(catalog)
    }

    /// A log that ends early looks whole; only an index that has seen more of it can tell.
    fn verify_memory(&self, report: &mut Report) {
        match self.catalog() {
            Ok(catalog) => report.notice = catalog.notice,
            Err(RegistryError::Unsound { place, detail, advice }) => {
                if !report.problems.iter().any(|problem| problem.place == place) {
                    let problem = Problem::new("log entry", place, detail);
                    report.problems.push(Problem { hint: advice, ..problem });
                }
            }
            // What keeps the log from being read was said before.
            Err(_) => {}
        }
    }
}

/// What stands in the place of a folder that verification can do without is a problem, and not the end.
fn listed<T: Default>(listed: Result<T, RegistryError>, report: &mut Report) -> Result<T, RegistryError> {
    match listed {
        Err(RegistryError::Unsound { place, detail, .. }) => {
            report.problems.push(Problem::new("folder", place, detail));
            Ok(T::default())
        }
        listed => listed,
    }
}
