//! The leakage guard: which share of the target's texts a source holds, as far as the sketch in its card tells.
//!
//! A source that was trained on the target's own texts scores well for a reason that is worth nothing.

use std::collections::{HashMap, HashSet};

use esmhub_registry::Esm;
use esmhub_store_format::Digest;
use esmhub_store_format::card::Source;
use esmhub_store_format::sketch::{Overlap, TextSet};
use rayon::prelude::*;
use serde::Serialize;

use super::output::Ranked;
use crate::context::Context;
use crate::data::DataOrigin;
use crate::document::{count, listed};
use crate::failure::{Failure, OTHER, Outcome};
use crate::values::refusal;

/// Above this share of the target's texts, a source's score is warned of.
const NOTABLE: f64 = 0.05;
/// So many texts must have been found for a warning: one may be a short text that is common anywhere, or a mistake.
const LEAST_FOUND: u64 = 2;
/// An estimate from fewer texts than this is coarse, and says so.
const FEW: u64 = 100;

/// What the cards of a pool tell of the target's texts.
pub(super) struct Overlaps {
    /// By the card's digest; those of which nothing is known are missing.
    known: HashMap<Digest, Overlap>,
    /// Those of which that is not known, but whose card names the target's own data set.
    same_data: HashSet<Digest>,
    /// The target's data set, as warnings call it.
    data: String,
}

/// An ESM that `--max-overlap` leaves out of the ranking.
#[derive(Serialize)]
pub(crate) struct LeftOut {
    pub(crate) name: String,
    pub(crate) tag: String,
    pub(crate) digest: Digest,
    /// `None` where only the data set is known to be the same.
    pub(crate) overlap: Option<f64>,
    pub(crate) overlap_compared: Option<u64>,
    /// Whether its source is the target's own data set, as far as the cards say.
    pub(crate) same_data: bool,
}

/// Those of the target's own data set first, then those that share most with it.
pub(super) fn in_order(left_out: &mut [LeftOut]) {
    let share = |esm: &LeftOut| esm.overlap.unwrap_or(f64::INFINITY);
    left_out.sort_by(|a, b| share(b).total_cmp(&share(a)).then_with(|| (&a.name, &a.tag).cmp(&(&b.name, &b.tag))));
}

impl Overlaps {
    /// Looks the target's texts up in every sketch, and its data set up in the cards that have none.
    pub(super) fn of(esms: &[&Esm], target: Option<&TextSet>, origin: Option<&DataOrigin>) -> Self {
        let look_up = |esm: &&Esm| {
            let target = target?;
            let overlap = esm.card().ok()?.sketch()?.overlap(target);
            overlap.share().map(|_| (esm.digest(), overlap))
        };
        let known: HashMap<Digest, Overlap> = esms.par_iter().filter_map(look_up).collect();
        let is_same = |esm: &&&Esm| {
            let card = origin.filter(|_| !known.contains_key(&esm.digest())).and_then(|_| esm.card().ok());
            card.zip(origin).is_some_and(|(card, origin)| is_same_data(&card.source, origin))
        };
        let same_data = esms.iter().filter(is_same).map(|esm| esm.digest()).collect();
        let data = origin.map_or_else(String::new, |origin| origin.id.clone());
        Self { known, same_data, data }
    }

    /// The ESMs without those whose source holds more than a share of `most`, where that is asked for.
    ///
    /// # Errors
    /// Where none remains.
    pub(super) fn leave_out<'a>(
        &self,
        context: &Context,
        esms: &[&'a Esm],
        most: Option<f64>,
    ) -> Outcome<(Vec<&'a Esm>, Vec<LeftOut>)> {
        let Some(most) = most else { return Ok((esms.to_vec(), Vec::new())) };
        let (mut kept, mut left_out) = (Vec::new(), Vec::new());
        for &esm in esms {
            match self.known.get(&esm.digest()).and_then(|overlap| Some((overlap.share()?, overlap.compared))) {
                Some((overlap, compared)) if overlap > most => {
                    left_out.push(LeftOut::new(esm, Some(overlap), Some(compared)));
                }
                None if most < 1.0 && self.same_data.contains(&esm.digest()) => {
                    left_out.push(LeftOut::new(esm, None, None))
                }
                _ => kept.push(esm),
            }
        }
        in_order(&mut left_out);
        if kept.is_empty() && !left_out.is_empty() {
            let message =
                format!("every ESM holds more than {} of the target's texts, or is of its data set", percent(most));
            return Err(Failure::new(OTHER, format!("{message}: {}", listed(&left_out, LeftOut::described)))
                .hint("rank without --max-overlap to see them all the same"));
        }
        let unknown = kept.iter().filter(|esm| !self.known.contains_key(&esm.digest())).count();
        if unknown > 0 {
            let what = count(unknown as u64, "ESM");
            context.note(format!(
                "{what} kept whose overlap with the target is not known: no sketch in the card, or none of the target's texts in its sample"
            ));
        }
        Ok((kept, left_out))
    }

    /// Writes what is known to the ESMs that were scored, and warns of those whose source holds more than 5 %, or is the target's own
    /// data set.
    pub(super) fn mark(&self, context: &Context, ranked: &mut [Ranked]) {
        let mut notable: Vec<(f64, String)> = Vec::new();
        let mut same = Vec::new();
        for esm in ranked {
            esm.same_data = self.same_data.contains(&esm.digest);
            if esm.same_data {
                same.push(format!("{}:{}", esm.name, esm.tag));
            }
            let Some(overlap) = self.known.get(&esm.digest) else { continue };
            let Some(share) = overlap.share() else { continue };
            (esm.overlap, esm.overlap_compared) = (Some(share), Some(overlap.compared));
            if share > NOTABLE && overlap.found >= LEAST_FOUND {
                esm.overlap_notable = true;
                notable.push((share, described(&esm.name, &esm.tag, share, overlap.compared)));
            }
        }
        if !same.is_empty() {
            same.sort();
            context.warn(format!(
                "the source of {} is called as the target's own data set, {}, which flatters the score: {}; --max-overlap 5% leaves such out",
                count(same.len() as u64, "ESM"),
                self.data,
                listed(&same, Clone::clone)
            ));
        }
        if notable.is_empty() {
            return;
        }
        notable.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let what = count(notable.len() as u64, "ESM");
        context.warn(format!(
            "the source of {what} holds more than 5 % of the target's texts, which flatters the score: {}; --max-overlap 5% leaves such out",
            listed(&notable, |(_, text)| text.clone())
        ));
    }
}

/// Whether a source is the data set that the target is from. Another subset is another data set; another split is the same.
fn is_same_data(source: &Source, target: &DataOrigin) -> bool {
    // Those that are older than owners on the hub are known by their bare names as well.
    let (bare, last) = (|id: &str| !id.contains('/'), |id: &str| id.rsplit('/').next().map(str::to_ascii_lowercase));
    let is_it = source.dataset.as_ref().is_some_and(|id| {
        id.eq_ignore_ascii_case(&target.id) || (bare(id) || bare(&target.id)) && last(id) == last(&target.id)
    });
    let is_known = |subset: &&str| !["", "default"].contains(subset);
    let subsets = source.subset.as_deref().filter(is_known).zip(Some(&*target.subset).filter(is_known));
    is_it && subsets.is_none_or(|(source, target)| source.eq_ignore_ascii_case(target))
}

impl LeftOut {
    fn new(esm: &Esm, overlap: Option<f64>, overlap_compared: Option<u64>) -> Self {
        Self {
            name: esm.name().to_string(),
            tag: esm.tag().to_string(),
            digest: esm.digest(),
            overlap,
            overlap_compared,
            same_data: overlap.is_none(),
        }
    }

    fn described(&self) -> String {
        match (self.overlap, self.overlap_compared) {
            (Some(share), Some(compared)) => described(&self.name, &self.tag, share, compared),
            _ => format!("{}:{} (the same data set)", self.name, self.tag),
        }
    }
}

/// What was left out, for people.
pub(super) fn summary(left_out: &[LeftOut]) -> String {
    let what = count(left_out.len() as u64, "ESM");
    format!(
        "{what} left out by --max-overlap, holding texts of the target or made from its data set: {}",
        listed(left_out, LeftOut::described)
    )
}

fn described(name: &str, tag: &str, share: f64, compared: u64) -> String {
    format!("{name}:{tag} (about {}, {compared} compared)", percent(share))
}

/// An overlap in a table; where it was estimated from few texts, from how many.
pub(crate) fn cell(overlap: Option<f64>, compared: Option<u64>) -> String {
    match (overlap, compared) {
        (Some(share), Some(compared)) if compared < FEW => format!("{} of {compared}", percent(share)),
        (Some(share), _) => percent(share),
        (None, _) => "-".to_owned(),
    }
}

/// Whether an overlap is more than nothing, as it is shown.
pub(crate) fn shows(overlap: Option<f64>) -> bool {
    overlap.is_some_and(|share| share >= 0.005)
}

/// A share for people: an estimate, so no more than whole percents.
fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.005 { "<1 %".to_owned() } else { format!("{:.0} %", 100.0 * share) }
}

/// `--max-overlap`: `0.05`, or `5%`.
pub(super) fn parse_overlap(text: &str) -> Result<f64, String> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number.trim_end(), 100.0));
    let share = number.parse::<f64>().ok().map(|number| number / scale).filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| {
        let expected = "expected a share from 0 to 1, or from 0% to 100%";
        match text.parse::<f64>() {
            Ok(number) if number > 1.0 && number <= 100.0 => {
                refusal(expected, format!("{number} % is written {number}%, or {}", number / 100.0))
            }
            _ => refusal(expected, "5 % is written 5%, or 0.05"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_not_read_as_a_share() {
        for (text, share) in [("5%", 0.05), ("5 %", 0.05), ("0.05", 0.05), ("0", 0.0), ("100%", 1.0), ("1", 1.0)] {
            assert_eq!(parse_overlap(text), Ok(share), "{text}");
        }
        for text in ["5", "101%", "-1%", "-0.1", "", "%", "nan", "inf", "1.0001", "five", "5%%"] {
            assert!(parse_overlap(text).is_err_and(|said| said.contains("\n\nhint: ")), "{text}");
        }
    }

    /// Whoever writes 5 means 5 %, and must not get 500 %, nor be left to guess.
    #[test]
    fn whole_number_is_answered_with_the_percent_that_it_means() {
        for (text, said) in [("5", "5%, or 0.05"), ("2.5", "2.5%, or 0.025"), ("100", "100%, or 1")] {
            let refused = parse_overlap(text).is_err_and(|refused| refused.ends_with(&format!(" is written {said}")));
            assert!(refused, "{text}");
        }
    }

    #[test]
    fn little_is_not_shown_as_nothing() {
        assert_eq!(
            [None, Some(0.0), Some(0.001), Some(0.049), Some(1.0)].map(|share| cell(share, Some(1000))),
            ["-", "0 %", "<1 %", "5 %", "100 %"]
        );
        assert_eq!([None, Some(0.0), Some(0.004), Some(0.005)].map(shows), [false, false, false, true]);
    }
}
