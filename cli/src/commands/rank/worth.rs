//! What the first scores are worth: intervals, and which of them can be told apart, by resampling the target's rows.

use std::collections::HashMap;

use esmhub_registry::{Esm, Registry};
use esmhub_selection::{Contributions, Formula, Score, Target, Worth, compare};
use esmhub_store_format::Digest;
use rayon::prelude::*;

use super::Rank;
use super::output::Ranked;
use crate::context::Context;
use crate::failure::Outcome;
use crate::progress;

/// What is remembered of one ESM.
const BYTES: usize = 4 * 8 + 4;
/// How many of the first are resampled where nothing else is asked for; each takes about as long as twenty scores.
const DEFAULT: usize = 10;
/// The most where as many are shown, but nobody asked for intervals.
const MOST: usize = 50;
/// With fewer rows, what resampling says is too narrow: intervals that should hold 95 % of the scores of other rows hold about
/// 90 % at 100 rows, 80 % at 50 and far less below.
pub(super) const LEAST_ROWS: usize = 100;

impl Rank {
    /// Whether the score says next to nothing of this target. hfselect counts a term of the evidence for each of the fewer of rows and
    /// dimensions, so that what the others add is left out; its order at 300 rows of 384 dimensions has a Kendall tau near 0 with that
    /// at 1,000 rows. No resampling shows that.
    pub(super) fn is_near_chance(&self, target: &Target) -> bool {
        self.score == Score::LogMe(Formula::Hfselect) && target.rows() <= target.dimension()
    }

    /// Gives the first of the ranked ESMs, which are in order, their intervals and tie groups.
    ///
    /// An ESM whose score was remembered and whose object can no longer be read stays without; these problems are given back.
    pub(super) fn weigh(
        &self,
        context: &Context,
        registry: &Registry,
        esms: &[&Esm],
        (target, digest, baseline): (&Target, &Digest, f64),
        ranked: &mut [Ranked],
    ) -> Outcome<Vec<String>> {
        let shown = match self.top {
            Some(0) => MOST,
            Some(top) => top.min(MOST),
            None => DEFAULT,
        };
        let is_resampled = self.score.is_of_rows() && !self.is_near_chance(target);
        let number = if is_resampled { self.intervals.unwrap_or(shown).min(ranked.len()) } else { 0 };
        let first = ranked.get_mut(..number).unwrap_or_default();
        if first.is_empty() || target.rows() < LEAST_ROWS {
            return Ok(Vec::new());
        }
        let by_digest: HashMap<Digest, &Esm> = esms.iter().map(|esm| (esm.digest(), *esm)).collect();
        let key = self.worth_key(digest, first.iter().filter_map(|ranked| by_digest.get(&ranked.digest).copied()));
        let remembered = registry.recall(&[key]).values.into_iter().flatten().next();
        if let Some(worths) = remembered.and_then(|bytes| decode(&bytes)).filter(|worths| worths.len() == first.len()) {
            first.iter_mut().zip(worths).for_each(|(ranked, worth)| ranked.set_worth(&worth));
            return Ok(Vec::new());
        }
        let bar = progress::bar(context.shows_progress(), first.len() as u64, "resampling rows");
        let contributions: Vec<Outcome<Contributions>> = first
            .par_iter()
            .filter_map(|ranked| Some((by_digest.get(&ranked.digest)?, ranked.score)))
            .map(|(esm, score)| {
                let fetched = registry.fetch(esm)?;
                let contributions = target.contributions(Some(fetched.object.map()), self.score, score)?;
                bar.inc(1);
                Ok(contributions)
            })
            .collect();
        bar.finish_and_clear();
        let base = match target.contributions(None, self.score, baseline) {
            Ok(base) => base,
            Err(error) => {
                context.warn(format!("no intervals, for those of no transfer cannot be computed: {error}"));
                return Ok(Vec::new());
            }
        };
        let mut known = Vec::with_capacity(contributions.len());
        let mut places = Vec::with_capacity(contributions.len());
        let mut problems = Vec::new();
        for (ranked, contributions) in first.iter_mut().zip(contributions) {
            match contributions {
                Ok(contributions) => {
                    known.push(contributions);
                    places.push(ranked);
                }
                Err(failure) => {
                    let message = format!("{}:{} has no interval: {}", ranked.name, ranked.tag, failure.message());
                    context.warn(&message);
                    problems.push(message);
                }
            }
        }
        let worths = compare(&base, &known);
        if worths.len() == number
            && let Some(notice) = registry.remember(vec![(key, encode(&worths))])
        {
            context.detail(notice);
        }
        for (ranked, worth) in places.into_iter().zip(worths) {
            ranked.set_worth(&worth);
        }
        Ok(problems)
    }

    /// All that decides what these ESMs are worth: the target, how it is scored, and the weights in their order.
    fn worth_key<'a>(&self, target: &Digest, esms: impl Iterator<Item = &'a Esm>) -> Digest {
        let mut bytes = b"esmhub worth 1".to_vec();
        bytes.extend(self.scoring_key(target));
        for card in esms.filter_map(|esm| esm.card().ok()) {
            bytes.extend(card.weights.digest.as_bytes());
        }
        Digest::of(&bytes)
    }
}

/// Four f64 and the tie group as u32, little-endian, for each.
fn encode(worths: &[Worth]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(worths.len() * BYTES);
    for Worth { interval, gain_interval, tie_group } in worths {
        bytes.extend(interval.iter().chain(gain_interval).flat_map(|value| value.to_le_bytes()));
        bytes.extend(u32::try_from(*tie_group).unwrap_or(u32::MAX).to_le_bytes());
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<Vec<Worth>> {
    let worths = bytes.chunks(BYTES).map(|bytes| {
        let (numbers, group) = bytes.split_at_checked(BYTES - 4)?;
        let mut numbers = numbers.chunks_exact(8).filter_map(|bytes| Some(f64::from_le_bytes(bytes.try_into().ok()?)));
        let mut pair = || Some([numbers.next()?, numbers.next()?]);
        let (interval, gain_interval) = (pair()?, pair()?);
        Some(Worth { interval, gain_interval, tie_group: u32::from_le_bytes(group.try_into().ok()?) as usize })
    });
    worths.collect()
}
