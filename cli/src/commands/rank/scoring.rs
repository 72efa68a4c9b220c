//! Scoring a pool: what an earlier ranking of the same target scored is recalled, and the rest is read and computed, one
//! object in memory per thread.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use esmhub_registry::{Esm, Registry};
use esmhub_selection::Target;
use esmhub_store_format::Digest;
use rayon::prelude::*;

use super::Rank;
use super::output::{Ranked, Skipped};
use crate::context::Context;
use crate::document::count;
use crate::failure::Outcome;
use crate::progress;

/// The version of what a score is. Whoever changes the number that comes out for the same map, target and formula, be it in
/// the last bit, counts it up: scores that were remembered under another version are not believed.
const SCORING: u32 = 1;

/// Scores are remembered when there are this many, or when this much time has passed: an interrupted ranking has not worked
/// in vain.
const BATCH: usize = 1000;
const INTERVAL: Duration = Duration::from_secs(5);
/// Another command can keep the memory to itself for a moment; whoever fails this often does without.
const TRIES: usize = 2;

/// What became of the ESMs of a pool.
#[derive(Default)]
pub(super) struct Scores {
    /// Those that have a score, in no order.
    pub(super) ranked: Vec<Ranked>,
    /// Those that could not be scored, in no order.
    pub(super) skipped: Vec<Skipped>,
    /// How many of the scores were remembered from an earlier ranking.
    pub(super) cached: usize,
}

/// An ESM that has no score yet, and the key under which its score is remembered; none where its card cannot be read.
type Unscored<'a> = (&'a Esm, Option<Digest>);

impl Rank {
    /// The scores of these ESMs for the target, which has this digest.
    pub(super) fn score_all(
        &self,
        context: &Context,
        registry: &Registry,
        esms: &[&Esm],
        (digest, target): (&Digest, &Target),
        baseline: f64,
    ) -> Scores {
        let (mut scores, unscored) = self.recall_scores(context, registry, esms, digest, baseline);
        if scores.cached > 0 {
            context.detail(format!("{} from the cache", count(scores.cached as u64, "score")));
        }
        let bar = progress::bar(context.shows_progress(), unscored.len() as u64, "scoring ESMs");
        let (done, computed) = channel();
        let (results, notice) = thread::scope(|scope| {
            let memory = scope.spawn(move || remember(registry, &computed));
            let results: Vec<Result<Ranked, Box<Skipped>>> = unscored
                .into_par_iter()
                .map_with(done, |done, (esm, key)| {
                    let scored = self.score_one(registry, esm, target);
                    bar.inc(1);
                    let (score, size) = scored.map_err(|failure| Box::new(Skipped::failed(esm, &failure)))?;
                    // Where nothing can be remembered, nobody receives it.
                    let _ = key.map(|key| done.send((key, score)));
                    Ok(Ranked::new(esm, score, score - baseline, size))
                })
                .collect();
            (results, memory.join().ok().flatten())
        });
        bar.finish_and_clear();
        if let Some(notice) = notice {
            context.detail(notice);
        }
        for result in results {
            match result {
                Ok(esm) => scores.ranked.push(esm),
                Err(esm) => scores.skipped.push(*esm),
            }
        }
        scores
    }

    /// The scores that are remembered, whose objects are not read at all, and the ESMs that are left.
    fn recall_scores<'a>(
        &self,
        context: &Context,
        registry: &Registry,
        esms: &[&'a Esm],
        target: &Digest,
        baseline: f64,
    ) -> (Scores, Vec<Unscored<'a>>) {
        if self.locking.locked().is_some() {
            // A score that was only remembered would reproduce itself.
            return (Scores::default(), esms.iter().map(|&esm| (esm, None)).collect());
        }
        let weights: Vec<_> = esms.iter().map(|esm| esm.card().ok().map(|card| card.weights)).collect();
        let keys: Vec<Digest> =
            weights.iter().flatten().map(|weights| self.score_key(target, &weights.digest)).collect();
        let recalled = registry.recall(&keys);
        if let Some(notice) = recalled.notice {
            context.detail(notice);
        }
        let mut remembered = keys.into_iter().zip(recalled.values);
        let mut scores = Scores::default();
        let mut unscored = Vec::new();
        for (&esm, weights) in esms.iter().zip(weights) {
            let remembered = weights.and_then(|weights| Some((weights, remembered.next()?)));
            match remembered.map(|(weights, (key, value))| (weights.bytes, key, value.and_then(score_of))) {
                Some((size, _, Some(score))) => scores.ranked.push(Ranked::new(esm, score, score - baseline, size)),
                Some((_, key, None)) => unscored.push((esm, Some(key))),
                None => unscored.push((esm, None)),
            }
        }
        scores.cached = scores.ranked.len();
        (scores, unscored)
    }

    /// All that decides a score. The weights' digest, not the card's: the same weights under another tag score the same.
    fn score_key(&self, target: &Digest, weights: &Digest) -> Digest {
        let mut bytes = b"esmhub score 1".to_vec();
        bytes.extend(self.scoring_key(target));
        bytes.extend(weights.as_bytes());
        Digest::of(&bytes)
    }

    /// The target, and how it is scored.
    pub(super) fn scoring_key(&self, target: &Digest) -> Vec<u8> {
        let mut bytes = SCORING.to_le_bytes().to_vec();
        bytes.extend(target.as_bytes());
        bytes.extend(format!("{} {:?}", self.score, self.precision).as_bytes());
        bytes
    }

    /// An ESM's score, and the size of its weights in bytes.
    fn score_one(&self, registry: &Registry, esm: &Esm, target: &Target) -> Outcome<(f64, u64)> {
        let fetched = registry.fetch(esm)?;
        let score = target.score(fetched.object.map(), self.score)?;
        Ok((score, fetched.card.weights.bytes))
    }
}

/// A score as it is remembered: f64, little-endian.
fn score_of(value: Vec<u8>) -> Option<f64> {
    value.try_into().ok().map(f64::from_le_bytes).filter(|score| score.is_finite())
}

/// Remembers scores as they come; why it could not, where it could not.
fn remember(registry: &Registry, computed: &Receiver<(Digest, f64)>) -> Option<String> {
    let mut waiting: Vec<(Digest, Vec<u8>)> = Vec::new();
    let mut last = Instant::now();
    let mut notice = None;
    let mut failures = 0;
    while failures < TRIES {
        let finished = match computed.recv_timeout(INTERVAL.saturating_sub(last.elapsed())) {
            Ok((key, score)) => {
                waiting.push((key, score.to_le_bytes().to_vec()));
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        if finished || waiting.len() >= BATCH || last.elapsed() >= INTERVAL {
            notice = registry.remember(waiting.clone());
            last = Instant::now();
            match &notice {
                None => waiting.clear(),
                Some(_) => failures += 1,
            }
        }
        if finished {
            break;
        }
    }
    notice
}
