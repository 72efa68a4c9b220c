//! What the first scores are worth: intervals, and which of them can be told apart, by resampling the target's rows.

use std::collections::HashMap;

use esmhub_registry::{Esm, Registry};
use esmhub_selection::{Contributions, Formula, Score, Target, Worth, compare};
use esmhub_store_format::Digest;
use rayon::prelude::*;

use super::Rank;
use super::output::Ranked;
use super::part::FirstOfPart;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
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
        let number = self.to_compare(target).min(ranked.len());
        let first = ranked.get_mut(..number).unwrap_or_default();
        if first.is_empty() {
            return Ok(Vec::new());
        }
        let by_digest = by_digest(esms);
        let key = self.worth_key(digest, first.iter().filter_map(|ranked| by_digest.get(&ranked.digest).copied()));
        let remembered = registry.recall(&[key]).values.into_iter().flatten().next();
        if let Some(worths) = remembered.and_then(|bytes| decode(&bytes)).filter(|worths| worths.len() == first.len()) {
            first.iter_mut().zip(worths).for_each(|(ranked, worth)| ranked.set_worth(&worth));
            return Ok(Vec::new());
        }
        let contributions = self.contributions(context, registry, &by_digest, target, first);
        let Some(base) = self.contributions_of_none(context, target, baseline) else { return Ok(Vec::new()) };
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
                    let message = without_interval(ranked, &failure);
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

    /// What the rows contribute to the scores of the first ESMs of a part, which are in order.
    pub(super) fn contributions_of_part(
        &self,
        context: &Context,
        registry: &Registry,
        esms: &[&Esm],
        (target, baseline): (&Target, f64),
        ranked: &[Ranked],
    ) -> FirstOfPart {
        let wanted = self.to_compare(target);
        let baseline = if wanted > 0 { self.contributions_of_none(context, target, baseline) } else { None };
        let first = ranked.get(..wanted.min(ranked.len())).filter(|_| baseline.is_some()).unwrap_or_default();
        let found = self.contributions(context, registry, &by_digest(esms), target, first);
        let found = first
            .iter()
            .zip(found)
            .map(|(ranked, found)| (ranked.digest, found.map_err(|failure| without_interval(ranked, &failure))));
        FirstOfPart { wanted, baseline, esms: found.collect() }
    }

    /// How many of the first are compared, where there are as many.
    fn to_compare(&self, target: &Target) -> usize {
        let shown = match self.top {
            Some(0) => MOST,
            Some(top) => top.min(MOST),
            None => DEFAULT,
        };
        let is_resampled = self.score.is_of_rows() && !self.is_near_chance(target) && target.rows() >= LEAST_ROWS;
        if is_resampled { self.intervals.unwrap_or(shown) } else { 0 }
    }

    /// What the rows contribute to the scores of these ESMs.
    fn contributions(
        &self,
        context: &Context,
        registry: &Registry,
        by_digest: &HashMap<Digest, &Esm>,
        target: &Target,
        first: &[Ranked],
    ) -> Vec<Outcome<Contributions>> {
        let bar = progress::bar(context.shows_progress(), first.len() as u64, "resampling rows");
        let contributions = first
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
        contributions
    }

    /// The same for the score of no transfer; a warning where that cannot be.
    fn contributions_of_none(&self, context: &Context, target: &Target, baseline: f64) -> Option<Contributions> {
        match target.contributions(None, self.score, baseline) {
            Ok(base) => Some(base),
            Err(error) => {
                context.warn(format!("no intervals, for those of no transfer cannot be computed: {error}"));
                None
            }
        }
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

fn by_digest<'a>(esms: &[&'a Esm]) -> HashMap<Digest, &'a Esm> {
    esms.iter().map(|esm| (esm.digest(), *esm)).collect()
}

fn without_interval(ranked: &Ranked, failure: &Failure) -> String {
    format!("{}:{} has no interval: {}", ranked.name, ranked.tag, failure.message())
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
