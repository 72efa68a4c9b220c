//! Outcomes as a document, and as CSV.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::groups::{FIRST, Group, Told};
use crate::document::{Document, columns, count, printable, strong};
use crate::failure::{Failure, OTHER, Outcome};

#[derive(Serialize)]
pub(super) struct OutcomesDocument {
    /// How many outcomes there are.
    outcomes: usize,
    groups: Vec<Group>,
    /// The means over all groups, by kind of score.
    means: Vec<Told>,
    /// The file that was written.
    csv: Option<String>,
}

impl OutcomesDocument {
    pub(super) fn new(groups: Vec<Group>, outcomes: usize, csv: Option<&Path>) -> Self {
        Self { outcomes, means: means(&groups), groups, csv: csv.map(|file| file.display().to_string()) }
    }

    /// A line for every run.
    pub(super) fn to_csv(&self) -> Outcome<Vec<u8>> {
        let failed = |error: csv::Error| Failure::new(OTHER, format!("the outcomes cannot be written as CSV: {error}"));
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = [
            "target",
            "data",
            "base",
            "metric",
            "lower_is_better",
            "name",
            "tag",
            "digest",
            "value",
            "score_kind",
            "score",
            "entry",
        ];
        writer.write_record(header).map_err(failed)?;
        for group in &self.groups {
            let start = [
                group.target.clone(),
                group.data.map(|digest| digest.to_string()).unwrap_or_default(),
                group.base.clone(),
                group.metric.clone(),
                group.lower_is_better.to_string(),
            ];
            let mut lines = Vec::new();
            let none = ["", "", ""].map(str::to_owned);
            lines.extend(group.no_transfer.iter().map(|runs| (none.clone(), runs, BTreeMap::new())));
            lines.extend(group.esms.iter().map(|esm| {
                ([esm.name.clone(), esm.tag.clone(), esm.digest.to_string()], &esm.runs, esm.scores.clone())
            }));
            for (esm, runs, scores) in lines {
                let (kind, score) = scores
                    .into_iter()
                    .next_back()
                    .map_or_else(Default::default, |(kind, score)| (kind, score.to_string()));
                for (value, entry) in runs.values.iter().zip(&runs.entries) {
                    let end = [value.to_string(), kind.clone(), score.clone(), entry.to_string()];
                    writer.write_record(start.iter().chain(&esm).chain(&end)).map_err(failed)?;
                }
            }
        }
        writer.into_inner().map_err(|error| failed(error.into_error().into()))
    }
}

/// The mean over groups of what each has.
fn means(groups: &[Group]) -> Vec<Told> {
    let mut by_kind: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
    for told in groups.iter().flat_map(|group| &group.rankings) {
        by_kind.entry(&told.score).or_default().push(told);
    }
    let mean = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let of = |(kind, all): (&str, Vec<&Told>)| Told {
        score: kind.to_owned(),
        esms: all.iter().map(|told| told.esms).sum(),
        kendall_tau: mean(all.iter().filter_map(|told| told.kendall_tau).collect()),
        regret: FIRST
            .iter()
            .map(|k| k.to_string())
            .map(|k| (k.clone(), mean(all.iter().filter_map(|told| *told.regret.get(&k)?).collect())))
            .collect(),
    };
    by_kind.into_iter().map(of).collect()
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

fn told(told: &Told) -> Vec<String> {
    let tau = told.kendall_tau.map_or_else(|| "-".to_owned(), |tau| format!("{tau:.3}"));
    let regrets = FIRST.iter().map(|k| percent(told.regret.get(&k.to_string()).copied().flatten()));
    [told.score.clone(), told.esms.to_string(), tau].into_iter().chain(regrets).collect()
}

impl Group {
    fn table(&self) -> String {
        let better = if self.lower_is_better { " (lower is better)" } else { " (higher is better)" };
        let about = format!("{}{better}, {}", self.metric, self.base);
        let mut text = format!("{}  {}\n\n", strong(&printable(&self.target)), printable(&about));
        let with_scores = !self.rankings.is_empty();
        let score = |scores: &BTreeMap<String, f64>| {
            let shown = scores.iter().map(|(kind, score)| format!("{kind} {score:.4}"));
            shown.collect::<Vec<_>>().join(", ")
        };
        let mut rows: Vec<(f64, Vec<String>)> = Vec::new();
        for esm in &self.esms {
            let name = format!("{}:{}", esm.name, esm.tag);
            let mut row = vec![name, format!("{:.4}", esm.runs.mean), esm.runs.values.len().to_string()];
            row.extend(with_scores.then(|| score(&esm.scores)));
            rows.push((esm.runs.mean, row));
        }
        if let Some(runs) = &self.no_transfer {
            let mut row = vec!["(no transfer)".to_owned(), format!("{:.4}", runs.mean), runs.values.len().to_string()];
            row.extend(with_scores.then(String::new));
            rows.push((runs.mean, row));
        }
        rows.sort_by(|a, b| if self.lower_is_better { a.0.total_cmp(&b.0) } else { b.0.total_cmp(&a.0) });
        let mut header = vec!["ESM", "VALUE", "RUNS"];
        header.extend(with_scores.then_some("SCORE"));
        text.push_str(&columns(&header, &["VALUE", "RUNS"], rows.into_iter().map(|(_, row)| row)));
        if with_scores {
            text.push('\n');
            text.push_str(&agreement(&self.rankings));
        }
        text
    }
}

fn agreement(rankings: &[Told]) -> String {
    let header = ["SCORE", "ESMS", "TAU", "REGRET@1", "REGRET@3", "REGRET@5"];
    columns(&header, &["ESMS", "TAU", "REGRET@1", "REGRET@3", "REGRET@5"], rankings.iter().map(told))
}

impl Document for OutcomesDocument {
    const SCHEMA: &'static str = "esmhub.outcomes/1";

    fn table(&self) -> String {
        if self.groups.is_empty() {
            return "no outcome is recorded yet: `esmhub record` keeps what came out\n".to_owned();
        }
        let mut text = self.groups.iter().map(Group::table).collect::<Vec<_>>().join("\n");
        if self.groups.len() > 1 && !self.means.is_empty() {
            text.push_str(&format!("\n{}\n\n", strong("mean over all")));
            text.push_str(&agreement(&self.means));
        }
        text.push_str(&format!("\n{}\n", count(self.outcomes as u64, "outcome")));
        if let Some(file) = &self.csv {
            text.push_str(&format!("written to {}\n", printable(file)));
        }
        text
    }

    fn lines(&self) -> Vec<String> {
        let mut targets: Vec<String> = self.groups.iter().map(|group| printable(&group.target)).collect();
        targets.dedup();
        targets
    }
}
