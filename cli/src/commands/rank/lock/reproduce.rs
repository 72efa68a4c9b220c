//! Following a lock: finding what it pins, and comparing what comes out.

use std::collections::HashMap;
use std::path::Path;

use esmhub_registry::{Catalog, ErrorKind, Esm};
use esmhub_store_format::{Digest, Reference};
use serde::Serialize;

use super::file::{Lock, LockedEsm};
use super::machine::machine;
use super::text::Text;
use crate::commands::rank::PrecisionChoice;
use crate::commands::rank::output::{Ranked, Skipped};
use crate::commands::rank::target::LoadedTarget;
use crate::context::PROGRAM;
use crate::document::count;
use crate::failure::{CONFLICT, Failure, INCOMPATIBLE, NOT_FOUND, Outcome};
use crate::trust::Guard;

/// How far scores up to 1, or what share of larger ones, may be from the locked ones where bits cannot be expected: on another processor, or computed by another
/// version. Twice what each of them may be from the definition.
const DOUBLE: f64 = 2e-9;
/// The same with `--precision single`.
const SINGLE: f64 = 2e-6;
/// The same where the texts are the locked ones and their embeddings differ, as those of another processor or GPU do.
const EMBEDDED_ANEW: f64 = 1e-4;
/// So many differences are named.
const MAX_NAMED: usize = 10;

/// How well a ranking was repeated.
#[derive(Debug, Serialize)]
pub(crate) struct Reproduced {
    file: String,
    esms: usize,
    /// Whether every score has the locked bits.
    identical: bool,
    /// How far scores were allowed to differ; 0 where bits were expected.
    tolerance: f64,
    largest_difference: f64,
}

impl Reproduced {
    /// For people.
    pub(in crate::commands::rank) fn describe(&self) -> String {
        let what = count(self.esms as u64, "score");
        match self.identical {
            true => format!("{what} as locked in {}, bit for bit", self.file),
            false => format!(
                "{what} as locked in {}, within {:.0e}: expected at most {:.0e} between machines",
                self.file, self.largest_difference, self.tolerance
            ),
        }
    }
}

impl Lock {
    /// The ESMs that it pins, yanked or not, in its order.
    ///
    /// # Errors
    /// [`NOT_FOUND`] where some are gone; what a guard refuses.
    pub(in crate::commands::rank) fn pool<'a>(
        &self,
        catalog: &'a Catalog,
        guard: Option<&Guard>,
    ) -> Outcome<Vec<&'a Esm>> {
        let mut esms = Vec::with_capacity(self.esms.len());
        let mut gone = Vec::new();
        for LockedEsm { esm: Text(reference), .. } in &self.esms {
            match catalog.resolve(reference) {
                Ok(esm) => esms.push(esm),
                Err(error) if error.kind() == ErrorKind::NotFound => gone.push(reference.to_string()),
                Err(error) => return Err(Failure::from(error).at(reference)),
            }
        }
        if !gone.is_empty() {
            let message = format!(
                "{} of the lock's {} no longer there: {}",
                gone.len(),
                count(self.esms.len() as u64, "ESM"),
                named(&gone)
            );
            return Err(Failure::new(NOT_FOUND, message)
                .hint("`esmhub log REF` shows who removed what; rank again with --lock to lock what is there now"));
        }
        if let Some(guard) = guard {
            for esm in &esms {
                guard.check(catalog, esm).map_err(|failure| failure.at(esm.reference()))?;
            }
        }
        Ok(esms)
    }

    /// Whether the target is the locked one, embedded by the locked base model.
    ///
    /// # Errors
    /// [`INCOMPATIBLE`] for another base model; [`CONFLICT`] for another target.
    pub(in crate::commands::rank) fn require_target(&self, target: &LoadedTarget, digest: &Digest) -> Outcome<()> {
        let (base, locked) = (&target.base, &self.base);
        let other = |what: &str, expected: &dyn std::fmt::Display, found: &dyn std::fmt::Display| {
            let message = format!("the base model is not the locked one: {what} {found}, locked is {expected}");
            Err(Failure::new(INCOMPATIBLE, message).hint("name the locked one: --base ID, or --base ID=FOLDER"))
        };
        match (base.weights, &locked.digest) {
            (Some(found), Some(Text(expected))) if found != *expected => {
                return other("its weights are", expected, &found);
            }
            (Some(_), Some(_)) => {}
            _ if !base.id.is_empty() && !base.id.eq_ignore_ascii_case(&locked.id) => {
                return other("its id is", &locked.id, &base.id);
            }
            _ => {}
        }
        if target.x.dimension() != locked.dimension {
            return other("its dimension is", &locked.dimension, &target.x.dimension());
        }
        let same_texts = || self.target.texts.as_ref().zip(target.texts_digest).is_some_and(|(Text(a), b)| *a == b);
        if self.target.digest.0 != *digest && !same_texts() {
            let message = format!(
                "{} is not the locked target: the digest of what was used of it is {digest}, locked is {}",
                target.source, self.target.digest.0
            );
            return Err(Failure::new(CONFLICT, message)
                .hint("rows, labels or texts have changed; rank again with --lock to lock the new ones"));
        }
        Ok(())
    }

    /// Whether these ESMs, scored now, have the locked scores. `step` is the smallest change of a score that moves in steps: where
    /// bits cannot be expected, one more or less may be rounding.
    ///
    /// # Errors
    /// [`CONFLICT`] where some differ by more than the tolerance, each named; where some could not be scored, the worst of their
    /// codes.
    pub(in crate::commands::rank) fn compare(
        &self,
        file: &Path,
        (digest, step): (&Digest, f64),
        (baseline, labels_alone): (f64, f64),
        (ranked, skipped): (&[Ranked], &[Skipped]),
    ) -> Outcome<Reproduced> {
        if !skipped.is_empty() {
            let all: Vec<String> = skipped.iter().map(|esm| format!("{}: {}", esm.name, esm.reason)).collect();
            let what = count(skipped.len() as u64, "locked ESM");
            let message = format!("{what} cannot be scored any more: {}", named(&all));
            return Err(Skipped::all_failed(skipped, message));
        }
        let scores: HashMap<String, f64> = ranked
            .iter()
            .map(|esm| (format!("{}:{}@{}", esm.name, esm.tag, esm.digest).to_lowercase(), esm.score))
            .collect();
        let mut pairs = vec![
            ("no transfer".to_owned(), self.baseline.0, baseline),
            ("the labels alone".to_owned(), self.labels_alone.0, labels_alone),
        ];
        for LockedEsm { esm: Text(esm), score } in &self.esms {
            let found = scores.get(&esm.to_string().to_lowercase()).copied().unwrap_or(f64::NAN);
            pairs.push((short(esm), score.0, found));
        }
        let tolerance = self.tolerance(digest);
        let step = if tolerance > 0.0 { step } else { 0.0 };
        let within = |locked: f64, found: f64| {
            locked.to_bits() == found.to_bits() || (found - locked).abs() <= tolerance * locked.abs().max(1.0) + step
        };
        let differing: Vec<String> = pairs
            .iter()
            .filter(|(_, locked, found)| !(within(*locked, *found)))
            .map(|(what, locked, found)| format!("{what} {found:?}, locked {locked:?}"))
            .collect();
        if !differing.is_empty() {
            let expected = if tolerance > 0.0 { format!("within {tolerance:.0e}") } else { "the same bits".to_owned() };
            let message = format!(
                "{} of {} not as locked, {expected} expected: {}",
                differing.len(),
                count(pairs.len() as u64, "score"),
                named(&differing)
            );
            return Err(Failure::new(CONFLICT, message).hint(
                "the lock was edited, or this program scores otherwise; rank again with --lock to lock these scores",
            ));
        }
        let differences = pairs.iter().map(|(_, locked, found)| (found - locked).abs());
        Ok(Reproduced {
            file: file.display().to_string(),
            esms: self.esms.len(),
            identical: pairs.iter().all(|(_, locked, found)| locked.to_bits() == found.to_bits()),
            tolerance,
            largest_difference: differences.fold(0.0, f64::max),
        })
    }

    /// The same program on the same processor takes the same sums in the same order.
    fn tolerance(&self, digest: &Digest) -> f64 {
        let same_machine = self.machine.is_some() && self.machine == machine() && self.program == PROGRAM;
        match (self.target.digest.0 == *digest, same_machine, self.settings.precision.0) {
            (false, ..) => EMBEDDED_ANEW,
            (true, true, _) => 0.0,
            (true, false, PrecisionChoice::Double) => DOUBLE,
            (true, false, PrecisionChoice::Single) => SINGLE,
        }
    }
}

fn short(esm: &Reference) -> String {
    match (esm.name(), esm.tag()) {
        (Some(name), Some(tag)) => format!("{name}:{tag}"),
        _ => esm.to_string(),
    }
}

/// The first few, and how many more there are.
fn named(all: &[String]) -> String {
    let first = all.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join("; ");
    match all.len().saturating_sub(MAX_NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
