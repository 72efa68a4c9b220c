//! The ranking as a document.

mod measure;
mod picture;
mod table;

use std::borrow::Cow;

use esmhub_registry::{Catalog, Esm};
use esmhub_selection::{Labels, Score, Worth};
use esmhub_store_format::Digest;
use serde::{Deserialize, Serialize};

use super::Rank;
use super::lock::Reproduced;
use super::overlap::LeftOut;
use super::scoring::Scores;
use super::target::LoadedTarget;
use crate::document::Document;
use crate::failure::{Failure, INCOMPATIBLE, OTHER, PARTIAL};
use crate::trust::KeyringSummary;

pub(crate) use table::letters;

/// A ranking.
#[derive(Serialize)]
pub(crate) struct RankDocument {
    pub(crate) target: TargetSummary,
    pub(crate) base: BaseSummary,
    pub(crate) score: Cow<'static, str>,
    pub(crate) baseline: Baseline,
    /// The score of a feature that is 1 in every row: what the labels' frequencies or mean say by themselves.
    pub(crate) labels_alone: Baseline,
    pub(crate) results: Vec<Ranked>,
    /// How many ESMs were ranked; `results` can hold fewer.
    pub(crate) ranked: usize,
    pub(crate) other_base: usize,
    pub(crate) cached: usize,
    pub(crate) skipped: Vec<Skipped>,
    /// What `--max-overlap` left out.
    pub(crate) left_out: Vec<LeftOut>,
    /// How many `--require-signature` left out: no signature, or none by a trusted key.
    pub(crate) unsigned: usize,
    /// The trusted keys, where a signature was required.
    pub(crate) trusted_keys: Option<KeyringSummary>,
    /// The lock that was written.
    pub(crate) lock: Option<String>,
    /// The lock that was followed, and how well.
    pub(crate) locked: Option<Reproduced>,
    /// What was warned of: why scores may compare badly, or say less than they seem to.
    #[serde(skip)]
    pub(crate) doubts: Vec<String>,
    /// Log entries and objects that were found damaged on the way.
    pub(crate) damaged: Vec<String>,
    /// How many of all that were ranked score above the baseline.
    pub(crate) above: usize,
    /// How many of the first were compared on resampled rows.
    pub(crate) compared: usize,
    /// How many of those are better than the baseline in nearly all resamples.
    pub(crate) better: usize,
    #[serde(skip)]
    pub(super) shown: usize,
    #[serde(skip)]
    pub(super) kind: Score,
    /// Whether the target came as texts.
    #[serde(skip)]
    pub(crate) has_texts: bool,
    /// Whether `--max-overlap` was given, which says itself what it could not judge.
    #[serde(skip)]
    pub(super) is_overlap_limited: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct TargetSummary {
    pub(crate) source: String,
    /// The commit of a data set on the hub, and which part of it.
    pub(crate) revision: Option<String>,
    pub(crate) subset: Option<String>,
    pub(crate) split: Option<String>,
    pub(crate) digest: Digest,
    pub(crate) rows: usize,
    pub(crate) unlabelled: usize,
    pub(crate) classes: Option<usize>,
    pub(crate) task: Cow<'static, str>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct BaseSummary {
    pub(crate) id: String,
    pub(crate) revision: Option<String>,
    pub(crate) digest: Option<Digest>,
    pub(crate) dimension: usize,
    pub(crate) pooling: Option<String>,
    pub(crate) max_length: Option<u32>,
}

#[derive(Serialize)]
pub(crate) struct Baseline {
    pub(crate) score: f64,
}

/// One ESM's place.
#[derive(Serialize)]
pub(crate) struct Ranked {
    pub(crate) rank: usize,
    pub(crate) name: String,
    pub(crate) tag: String,
    pub(crate) digest: Digest,
    pub(crate) score: f64,
    /// Where 95 % of the scores on resampled rows lie; the first ESMs have one.
    pub(crate) interval: Option<[f64; 2]>,
    /// From 1 on: ESMs of one group cannot be told apart from the group's first.
    pub(crate) tie_group: Option<usize>,
    pub(crate) gain: f64,
    /// Where 95 % of the gains on the same resampled rows lie.
    pub(crate) gain_interval: Option<[f64; 2]>,
    /// Whether it is better than no transfer in nearly all resamples.
    #[serde(skip)]
    pub(crate) is_better: bool,
    /// The estimated share of the target's texts that the source holds.
    pub(crate) overlap: Option<f64>,
    /// How many of the target's texts that was estimated from.
    pub(crate) overlap_compared: Option<u64>,
    /// Whether that share is worth a warning.
    #[serde(skip)]
    pub(crate) overlap_notable: bool,
    /// Whether its source is the target's own data set, as far as the cards say and no sketch says more.
    pub(crate) same_data: bool,
    pub(crate) size_bytes: u64,
}

/// Puts ESMs in the order of their scores, best first, and counts them; equal scores in that of their names, so that two runs
/// print the same.
pub(super) fn put_in_order(ranked: &mut [Ranked]) {
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| (&a.name, &a.tag).cmp(&(&b.name, &b.tag))));
    for (place, esm) in ranked.iter_mut().enumerate() {
        esm.rank = place + 1;
    }
}

/// An ESM that could not be scored.
#[derive(Clone, Serialize)]
pub(crate) struct Skipped {
    pub(crate) name: String,
    pub(crate) tag: String,
    pub(crate) digest: Digest,
    pub(crate) reason: String,
    #[serde(skip)]
    pub(super) code: u8,
    /// What can be done about it.
    #[serde(skip)]
    pub(super) hint: Option<String>,
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
            gain_interval: None,
            is_better: false,
            overlap: None,
            overlap_compared: None,
            overlap_notable: false,
            same_data: false,
            size_bytes,
        }
    }

    pub(super) fn set_worth(&mut self, worth: &Worth) {
        self.interval = Some(worth.interval);
        self.gain_interval = Some(worth.gain_interval);
        self.tie_group = Some(worth.tie_group);
        self.is_better = worth.is_gain();
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
            hint: None,
        }
    }

    pub(super) fn failed(esm: &Esm, failure: &Failure) -> Self {
        let hint = failure.advice().map(str::to_owned);
        Self { hint, ..Self::new(esm, failure.code(), failure.message()) }
    }

    /// The failure of a ranking that has nothing but these: the worst of their codes.
    pub(super) fn all_failed(skipped: &[Self], message: String) -> Failure {
        let codes = || skipped.iter().map(|esm| esm.code);
        // What is only unreadable, for want of rights say, does not fit any worse for it.
        let otherwise = if codes().any(|code| code == INCOMPATIBLE) { INCOMPATIBLE } else { OTHER };
        let failure = Failure::new(Failure::worst(codes(), otherwise), message);
        match skipped.iter().find_map(|esm| esm.hint.clone()) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl RankDocument {
    pub(super) fn new(
        rank: &Rank,
        (target, digest): (LoadedTarget, Digest),
        (baseline, labels_alone): (f64, f64),
        scores: Scores,
        other_base: usize,
        catalog: &Catalog,
    ) -> Self {
        let Scores { ranked: results, mut skipped, cached } = scores;
        skipped.sort_by(|a, b| (&a.name, &a.tag).cmp(&(&b.name, &b.tag)));
        let ranked = results.len();
        let above = results.iter().filter(|esm| esm.gain > 0.0).count();
        let compared = results.iter().filter(|esm| esm.gain_interval.is_some()).count();
        let better = results.iter().filter(|esm| esm.is_better).count();
        let (classes, task) = match &target.labels {
            Labels::Classes { names, .. } => (Some(names.len()), "classification"),
            Labels::Numbers(_) => (None, "regression"),
        };
        let mut document = Self {
            has_texts: target.texts.is_some(),
            is_overlap_limited: rank.max_overlap.is_some(),
            shown: 0,
            target: TargetSummary {
                digest,
                rows: target.x.rows(),
                unlabelled: target.unlabelled,
                classes,
                task: task.into(),
                source: target.source,
                revision: target.origin.as_ref().map(|origin| origin.commit.clone()),
                subset: target.origin.as_ref().map(|origin| origin.subset.clone()),
                split: target.origin.map(|origin| origin.split),
            },
            base: BaseSummary {
                id: target.base.id,
                revision: target.base.revision,
                digest: target.base.weights,
                dimension: target.x.dimension(),
                pooling: target.base.pooling.map(|pooling| pooling.to_string()),
                max_length: target.base.max_length,
            },
            score: rank.score.name().into(),
            kind: rank.score,
            baseline: Baseline { score: baseline },
            labels_alone: Baseline { score: labels_alone },
            results,
            ranked,
            above,
            compared,
            better,
            other_base,
            cached,
            skipped,
            left_out: Vec::new(),
            unsigned: 0,
            trusted_keys: None,
            lock: None,
            locked: None,
            doubts: Vec::new(),
            damaged: catalog.damaged().iter().map(ToString::to_string).collect(),
        };
        // A part holds all of its own.
        document.show(if rank.sharding.wanted().is_some() { Some(0) } else { rank.top });
        document
    }

    /// Leaves out what is not to be shown: all but so many of the first, 0 for none.
    pub(super) fn show(&mut self, top: Option<usize>) {
        if let Some(top) = top.filter(|top| *top > 0) {
            self.results.truncate(top);
        }
        self.shown = if top.is_none() { 10 } else { self.results.len() };
    }

    /// The reference of the first place.
    pub(crate) fn winner(&self) -> Option<String> {
        self.results.first().map(|esm| format!("{}:{}", esm.name, esm.tag))
    }
}

impl Document for RankDocument {
    const SCHEMA: &'static str = "esmhub.rank/1";

    fn table(&self) -> String {
        self.to_table()
    }

    fn lines(&self) -> Vec<String> {
        self.results.iter().take(self.shown).map(|esm| format!("{}:{}", esm.name, esm.tag)).collect()
    }

    fn remarks(&self) -> Vec<String> {
        self.skipped.iter().map(|esm| format!("{}:{} skipped: {}", esm.name, esm.tag, esm.reason)).collect()
    }

    fn hints(&self) -> Vec<String> {
        self.skipped.iter().filter_map(|esm| esm.hint.clone()).collect()
    }

    fn exit_code(&self) -> u8 {
        if self.skipped.is_empty() && self.damaged.is_empty() { 0 } else { PARTIAL }
    }
}
