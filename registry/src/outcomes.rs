//! Outcomes: what really came out on target tasks (R46, R47).

use std::collections::BTreeMap;

use esmhub_store_format::FormatError;
use esmhub_store_format::log::{Action, Outcome, Target};

use crate::anchors;
use crate::append::{Signature, Transaction, first_entry};
use crate::catalog::Catalog;
use crate::esm::Stamp;
use crate::{Happening, Notice, Registry, RegistryError};

/// What outcomes are about: target, base model's id in lower case, `name:tag` in lower case (empty: no transfer), metric.
type Subject = (String, String, String, String);

/// The outcomes that were not taken back, by what they are about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcomes(BTreeMap<Subject, Vec<(u64, Outcome)>>);

/// What became of an outcome that was to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The log entry that was written; `None` in a dry run, and where there was nothing to take back.
    pub entry: Option<u64>,
    /// How many values this takes back.
    pub withdrawn: usize,
    /// Why the index could not be used, where it could not.
    pub notice: Option<Notice>,
}

impl Catalog {
    /// The outcomes that count, each with the log entry that holds it: by target, base model, ESM and metric, and of the same of all
    /// four in the order of the log. Each has a value.
    pub fn outcomes(&self) -> impl Iterator<Item = (u64, &Outcome)> {
        self.outcomes.0.values().flatten().map(|(entry, outcome)| (*entry, outcome))
    }

    /// Adds an outcome, or takes back those like it; or why it does nothing.
    pub(crate) fn note(&mut self, outcome: Outcome, stamp: &Stamp) -> Result<Happening, String> {
        if let Some(esm) = outcome.esm.as_ref().filter(|esm| !self.published(esm)) {
            return Err(format!(
                "an outcome of {}:{}@{}, which does not stand for that",
                esm.name, esm.tag, esm.digest
            ));
        }
        let subject = subject(&outcome);
        match outcome.value {
            Some(_) => self.outcomes.0.entry(subject).or_default().push((stamp.entry, outcome.clone())),
            None if self.outcomes.0.remove(&subject).is_none() => {
                return Err(format!("outcomes on {:?} are taken back, and there are none", outcome.target));
            }
            None => {}
        }
        Ok(Happening::Outcome(Box::new(outcome)))
    }

    /// What is recorded of the same metric on the same target, and says the contrary of which values are better.
    pub(crate) fn contradicting(&self, wanted: &Outcome) -> Option<RegistryError> {
        let (target, base, _, metric) = subject(wanted);
        let first = (target.clone(), base.clone(), String::new(), String::new());
        let same_target = self.outcomes.0.range(first..).take_while(|((of, on, ..), _)| (of, on) == (&target, &base));
        let mut same_metric = same_target.filter(|((.., of), _)| *of == metric).flat_map(|(_, recorded)| recorded);
        let (entry, other) = same_metric.find(|(_, recorded)| recorded.lower_is_better != wanted.lower_is_better)?;
        let lower_is_better = other.lower_is_better;
        Some(RegistryError::Direction { target, metric, lower_is_better, entry: *entry })
    }

    /// Whether a tag stands for this card, or did until it was removed.
    pub(crate) fn published(&self, esm: &Target) -> bool {
        self.tagged(&esm.name, &esm.tag).is_some_and(|held| held.digest == esm.digest)
    }
}

impl Registry {
    /// Records outcomes in one log entry: all of them, or none. Those without a value take back what was recorded like them, and do
    /// nothing where there is nothing.
    ///
    /// When this returns, the log entry is on stable storage. `dry_run`: everything is checked, nothing written.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] where one breaks a rule or is about what is not there; [`RegistryError::Direction`];
    /// [`RegistryError::Busy`], [`RegistryError::Newer`], [`RegistryError::Unsound`], [`RegistryError::Io`].
    pub fn record(&self, outcomes: &[Outcome], by: &Signature, dry_run: bool) -> Result<Recorded, RegistryError> {
        let refused = |what: &Outcome, source| RegistryError::Refused {
            what: format!("an outcome on {:?}", what.target),
            source,
        };
        for outcome in outcomes {
            outcome.check().map_err(|source| refused(outcome, source))?;
        }
        let mut transaction = Transaction::begin(self, by)?;
        loop {
            let catalog = transaction.catalog();
            if let Some(outcome) =
                outcomes.iter().find(|outcome| outcome.esm.as_ref().is_some_and(|esm| !catalog.published(esm)))
            {
                let detail = "its ESM was never published under that name and tag".to_owned();
                let source = FormatError::Invalid { what: "outcome record", detail };
                return Err(refused(outcome, source));
            }
            let mut measured = outcomes.iter().filter(|outcome| outcome.value.is_some());
            if let Some(error) = measured.find_map(|outcome| catalog.contradicting(outcome)) {
                return Err(error);
            }
            let held = |outcome: &Outcome| catalog.outcomes.0.get(&subject(outcome)).map_or(0, Vec::len);
            let takes_back = |outcome: &&Outcome| outcome.value.is_none();
            let withdrawn = outcomes.iter().filter(takes_back).map(held).sum();
            let does_something = |outcome: &&Outcome| !takes_back(outcome) || held(outcome) > 0;
            let actions: Vec<Action> = outcomes.iter().filter(does_something).cloned().map(Action::Outcome).collect();
            if actions.is_empty() || dry_run {
                if !dry_run {
                    transaction.settle()?;
                }
                return Ok(Recorded { entry: None, withdrawn, notice: transaction.finish() });
            }
            let wanted = actions.len();
            let records = first_entry(actions.into_iter().map(|action| [action]))?;
            if records.len() < wanted {
                let detail = format!("{wanted} outcomes, one entry has room for {}", records.len());
                let source = FormatError::Invalid { what: "outcome record", detail };
                return Err(RegistryError::Refused { what: "a log entry".to_owned(), source });
            }
            if let Some(entry) = transaction.append(records)? {
                return Ok(Recorded { entry: Some(entry), withdrawn, notice: transaction.finish() });
            }
        }
    }
}

fn subject(outcome: &Outcome) -> Subject {
    let esm = outcome.esm.as_ref().map(|esm| format!("{}:{}", esm.name.key(), esm.tag.key()));
    let (target, base, metric) = (outcome.target.clone(), anchors::key(&outcome.base), outcome.metric.clone());
    (target, base, esm.unwrap_or_default(), metric)
}
