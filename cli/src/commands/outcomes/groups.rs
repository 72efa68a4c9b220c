//! Outcomes that can be compared: of one target, data, base model and metric.

use std::collections::{BTreeMap, BTreeSet};

use esmhub_selection::{kendall_tau, regret};
use esmhub_store_format::Digest;
use esmhub_store_format::log::Outcome as Measured;
use serde::Serialize;

/// What the regret is told of: how many of the first.
pub(super) const FIRST: [usize; 3] = [1, 3, 5];

/// Outcomes that can be compared.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) target: String,
    /// Of the embeddings and labels that were scored.
    pub(super) data: Option<Digest>,
    pub(super) base: String,
    pub(super) metric: String,
    pub(super) lower_is_better: bool,
    /// The mean of the runs without transfer.
    pub(super) no_transfer: Option<Runs>,
    /// Best first.
    pub(super) esms: Vec<Tried>,
    /// How well each kind of score had told it.
    pub(super) rankings: Vec<Told>,
}

/// What came out, once or several times.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Runs {
    pub(super) mean: f64,
    pub(super) values: Vec<f64>,
    /// The log entries that hold them.
    pub(super) entries: Vec<u64>,
}

/// An ESM that was tried.
#[derive(Debug, Serialize)]
pub(super) struct Tried {
    pub(super) name: String,
    pub(super) tag: String,
    pub(super) digest: Digest,
    #[serde(flatten)]
    pub(super) runs: Runs,
    /// What rankings said of it, by kind.
    pub(super) scores: BTreeMap<String, f64>,
}

/// How well a kind of score had told what came out.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    pub(super) score: String,
    /// ESMs that have both a score of this kind and an outcome.
    pub(super) esms: usize,
    pub(super) kendall_tau: Option<f64>,
    /// At 1, 3 and 5, as shares.
    pub(super) regret: BTreeMap<String, Option<f64>>,
}

type Key = (String, String, String, bool);

/// The groups in the order of their targets. What was recorded without a ranking goes with the rest, unless the same name stands for
/// several data.
pub(super) fn groups(recorded: &[(u64, &Measured)]) -> Vec<Group> {
    let mut by_key: BTreeMap<Key, Vec<(u64, &Measured)>> = BTreeMap::new();
    for (entry, outcome) in recorded {
        let base = outcome.base.to_ascii_lowercase();
        let key = (outcome.target.clone(), base, outcome.metric.clone(), outcome.lower_is_better);
        by_key.entry(key).or_default().push((*entry, outcome));
    }
    let mut groups = Vec::new();
    for of in by_key.into_values() {
        let data: BTreeSet<Digest> = of.iter().filter_map(|(_, outcome)| outcome.data).collect();
        if data.len() <= 1 {
            groups.extend(Group::of(&of, data.first().copied()));
            continue;
        }
        for data in data.into_iter().map(Some).chain([None]) {
            let same: Vec<_> = of.iter().filter(|(_, outcome)| outcome.data == data).copied().collect();
            groups.extend(Group::of(&same, data));
        }
    }
    groups
}

impl Group {
    fn of(outcomes: &[(u64, &Measured)], data: Option<Digest>) -> Option<Self> {
        let (_, first) = outcomes.first()?;
        let lower_is_better = first.lower_is_better;
        let without: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.esm.is_none()).copied().collect();
        let mut by_esm: BTreeMap<(String, String), Vec<(u64, &Measured)>> = BTreeMap::new();
        for (entry, outcome) in outcomes {
            if let Some(esm) = &outcome.esm {
                by_esm.entry((esm.name.to_string(), esm.tag.to_string())).or_default().push((*entry, outcome));
            }
        }
        let mut esms: Vec<Tried> =
            by_esm.into_iter().filter_map(|((name, tag), of)| Tried::of(name, tag, &of)).collect();
        esms.sort_by(|a, b| {
            let (a, b) = (a.runs.mean, b.runs.mean);
            if lower_is_better { a.total_cmp(&b) } else { b.total_cmp(&a) }
        });
        let mut kinds: Vec<&String> = esms.iter().flat_map(|esm| esm.scores.keys()).collect();
        kinds.sort();
        kinds.dedup();
        let rankings = kinds.into_iter().map(|kind| Told::of(kind, &esms, lower_is_better)).collect();
        Some(Self {
            target: first.target.clone(),
            data,
            base: first.base.clone(),
            metric: first.metric.clone(),
            lower_is_better,
            no_transfer: Runs::of(&without),
            esms,
            rankings,
        })
    }
}

impl Runs {
    fn of(outcomes: &[(u64, &Measured)]) -> Option<Self> {
        let (entries, values): (Vec<u64>, Vec<f64>) =
            outcomes.iter().filter_map(|(entry, outcome)| Some((*entry, outcome.value?))).unzip();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (!values.is_empty()).then_some(Self { mean, values, entries })
    }
}

impl Tried {
    fn of(name: String, tag: String, outcomes: &[(u64, &Measured)]) -> Option<Self> {
        let digest = outcomes.first()?.1.esm.as_ref()?.digest;
        // Of the same data and ESM every ranking says the same, but for the last bits; the last one counts.
        let scores = outcomes.iter().filter_map(|(_, outcome)| outcome.score.clone()).collect();
        Some(Self { name, tag, digest, runs: Runs::of(outcomes)?, scores })
    }
}

impl Told {
    fn of(kind: &str, esms: &[Tried], lower_is_better: bool) -> Self {
        let both: Vec<(f64, f64)> =
            esms.iter().filter_map(|esm| Some((*esm.scores.get(kind)?, esm.runs.mean))).collect();
        let (scores, values): (Vec<f64>, Vec<f64>) = both.into_iter().unzip();
        let goodness: Vec<f64> = values.iter().map(|value| if lower_is_better { -value } else { *value }).collect();
        let regret = FIRST.iter().map(|k| (k.to_string(), regret(&scores, &values, *k, lower_is_better)));
        Self {
            score: kind.to_owned(),
            esms: scores.len(),
            kendall_tau: kendall_tau(&scores, &goodness),
            regret: regret.collect(),
        }
    }
}
