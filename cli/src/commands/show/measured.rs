//! What came out on target tasks after fine-tuning on an ESM's source task first.

use std::collections::BTreeMap;

use esmhub_registry::{Catalog, Esm};
use serde::Serialize;

use crate::document::count;

/// One metric on one target.
#[derive(Serialize)]
pub(super) struct Measured {
    target: String,
    metric: String,
    lower_is_better: bool,
    /// Of all runs.
    mean: f64,
    runs: u64,
}

impl Measured {
    /// By target and metric; none where nothing was recorded.
    pub(super) fn of(catalog: &Catalog, esm: &Esm) -> Vec<Self> {
        let mut values: BTreeMap<(&str, &str, bool), Vec<f64>> = BTreeMap::new();
        for (_, outcome) in catalog.outcomes() {
            let is_it = |target: &esmhub_store_format::log::Target| {
                (&target.name, &target.tag, target.digest) == (esm.name(), esm.tag(), esm.digest())
            };
            if let Some(value) = outcome.value.filter(|_| outcome.esm.as_ref().is_some_and(is_it)) {
                values.entry((&outcome.target, &outcome.metric, outcome.lower_is_better)).or_default().push(value);
            }
        }
        let measured = values.into_iter().map(|((target, metric, lower_is_better), values)| Self {
            target: target.to_owned(),
            metric: metric.to_owned(),
            lower_is_better,
            mean: values.iter().sum::<f64>() / values.len() as f64,
            runs: values.len() as u64,
        });
        measured.collect()
    }

    /// For people.
    pub(super) fn describe(&self) -> String {
        let better = if self.lower_is_better { " (lower is better)" } else { "" };
        format!("{} {:.4}{better} on {}, {}", self.metric, self.mean, self.target, count(self.runs, "run"))
    }
}
