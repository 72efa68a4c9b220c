//! The ranking as a document.

use esmhub_registry::{Catalog, Esm};
use esmhub_selection::Labels;
use esmhub_store_format::Digest;
use serde::Serialize;

use super::Rank;
use super::target::LoadedTarget;
use crate::document::{Document, columns, count, printable, strong};
use crate::failure::PARTIAL;

/// A ranking.
#[derive(Serialize)]
pub(crate) struct RankDocument {
    target: TargetSummary,
    base: BaseSummary,
    score: &'static str,
    baseline: Baseline,
    results: Vec<Ranked>,
    /// How many ESMs were ranked; `results` can hold fewer.
    ranked: usize,
    other_base: usize,
    cached: usize,
    skipped: Vec<Skipped>,
    damaged: Vec<String>,
    /// How many of all that were ranked score above the baseline.
    above: usize,
    #[serde(skip)]
    shown: usize,
}

#[derive(Serialize)]
struct TargetSummary {
    source: String,
    digest: Digest,
    rows: usize,
    unlabelled: usize,
    classes: Option<usize>,
    task: &'static str,
}

#[derive(Serialize)]
struct BaseSummary {
    id: String,
    revision: Option<String>,
    digest: Option<Digest>,
    dimension: usize,
    pooling: Option<String>,
    max_length: Option<u32>,
}

#[derive(Serialize)]
struct Baseline {
    score: f64,
}

/// One ESM's place.
#[derive(Serialize)]
pub(crate) struct Ranked {
    rank: usize,
    name: String,
    tag: String,
    digest: Digest,
    score: f64,
    interval: Option<[f64; 2]>,
    tie_group: Option<usize>,
    gain: f64,
    overlap: Option<f64>,
    size_bytes: u64,
}

/// An ESM that could not be scored.
#[derive(Serialize)]
pub(crate) struct Skipped {
    pub(super) name: String,
    tag: String,
    digest: Digest,
    pub(super) reason: String,
    #[serde(skip)]
    pub(super) code: u8,
}

impl Ranked {
    pub(super) fn new(esm: &Esm, score: f64, gain: f64, size_bytes: u64) -> Self {
        Self {
            rank: 0,
            name: esm.name().to_string(),
            tag: esm.tag().to_string(),
            digest: esm.digest(),
            score,
            interval: None,
            tie_group: None,
            gain,
            overlap: None,
            size_bytes,
        }
    }
}

impl Skipped {
    pub(super) fn new(esm: &Esm, code: u8, reason: &str) -> Self {
        Self {
            code,
            name: esm.name().to_string(),
            tag: esm.tag().to_string(),
            digest: esm.digest(),
            reason: reason.to_owned(),
        }
    }
}

impl RankDocument {
    pub(super) fn new(
        rank: &Rank,
        target: LoadedTarget,
        baseline: f64,
        mut results: Vec<Ranked>,
        mut skipped: Vec<Skipped>,
        other_base: usize,
        catalog: &Catalog,
    ) -> Self {
        // Equal scores are in the order of their names, so that two runs print the same.
        results.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| (&a.name, &a.tag).cmp(&(&b.name, &b.tag))));
        skipped.sort_by(|a, b| (&a.name, &a.tag).cmp(&(&b.name, &b.tag)));
        for (place, esm) in results.iter_mut().enumerate() {
            esm.rank = place + 1;
        }
        let ranked = results.len();
        let above = results.iter().filter(|esm| esm.gain > 0.0).count();
        match rank.top {
            Some(0) | None => {}
            Some(top) => results.truncate(top),
        }
        let (classes, task) = match &target.labels {
            Labels::Classes { names, .. } => (Some(names.len()), "classification"),
            Labels::Numbers(_) => (None, "regression"),
        };
        Self {
            shown: if rank.top.is_none() { 10 } else { results.len() },
            target: TargetSummary {
                digest: target.digest(),
                rows: target.x.rows(),
                unlabelled: target.unlabelled,
                classes,
                task,
                source: target.source,
            },
            base: BaseSummary {
                id: target.base.id,
                revision: target.base.revision,
                digest: target.base.weights,
                dimension: target.x.dimension(),
                pooling: target.base.pooling.map(|pooling| pooling.to_string()),
                max_length: target.base.max_length,
            },
            score: rank.score.name(),
            baseline: Baseline { score: baseline },
            results,
            ranked,
            above,
            other_base,
            cached: 0,
            skipped,
            damaged: catalog.damaged().iter().map(ToString::to_string).collect(),
        }
    }

    /// The reference of the first place.
    pub(crate) fn winner(&self) -> Option<String> {
        self.results.first().map(|esm| format!("{}:{}", esm.name, esm.tag))
    }
}

impl Document for RankDocument {
    const SCHEMA: &'static str = "esmhub.rank/1";

    fn table(&self) -> String {
        let task = match self.target.classes {
            Some(classes) => format!("{classes} classes"),
            None => "regression".to_owned(),
        };
        let mut text = format!(
            "{}  {} rows, {task}, {} ({} dimensions)\n\n",
            strong(&printable(&self.target.source)),
            self.target.rows,
            self.base.id,
            self.base.dimension
        );
        let above = self.above;
        let baseline =
            || vec!["-".to_owned(), "(no transfer)".to_owned(), format!("{:.4}", self.baseline.score), String::new()];
        let more = |number: usize| vec!["…".to_owned(), format!("{number} more"), String::new(), String::new()];
        let mut rows = Vec::new();
        for (place, esm) in self.results.iter().take(self.shown).enumerate() {
            if place == above {
                rows.push(baseline());
            }
            let name = format!("{}:{}", esm.name, esm.tag);
            rows.push(vec![esm.rank.to_string(), name, format!("{:.4}", esm.score), format!("{:+.4}", esm.gain)]);
        }
        // The baseline stands in its place even where the ESMs around it are not shown.
        let shown = self.shown.min(self.results.len());
        if above > shown {
            rows.push(more(above - shown));
        }
        if above >= shown {
            rows.push(baseline());
        }
        let below = self.ranked - above.max(shown);
        if below > 0 {
            rows.push(more(below));
        }
        text.push_str(&columns(&["RANK", "ESM", "SCORE", "GAIN"], &["RANK", "SCORE", "GAIN"], rows));
        text.push('\n');
        text.push_str(&match above {
            0 => "no source scores above no transfer: fine-tune on the target alone".to_owned(),
            above => format!("{above} of {} score above no transfer", count(self.ranked as u64, "ESM")),
        });
        text.push_str(if self.ranked > shown { " (--top 0 shows all)\n" } else { "\n" });
        if self.target.unlabelled > 0 {
            text.push_str(&format!("{} without a label left out\n", count(self.target.unlabelled as u64, "row")));
        }
        if self.other_base > 0 {
            text.push_str(&format!("{} of other base models left out\n", count(self.other_base as u64, "ESM")));
        }
        text
    }

    fn lines(&self) -> Vec<String> {
        self.results.iter().take(self.shown).map(|esm| format!("{}:{}", esm.name, esm.tag)).collect()
    }

    fn remarks(&self) -> Vec<String> {
        self.skipped.iter().map(|esm| format!("{}:{} skipped: {}", esm.name, esm.tag, esm.reason)).collect()
    }

    fn exit_code(&self) -> u8 {
        if self.skipped.is_empty() && self.damaged.is_empty() { 0 } else { PARTIAL }
    }
}
