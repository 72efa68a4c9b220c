//! Where a score stands between the edges of a chart.

use super::number::tick;
use crate::commands::rank::Ranked;

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// From 0, the left edge, to 1.
    pub(super) at: f64,
    /// What stands beside it.
    pub(super) label: String,
}

/// The scores that a chart covers: those of the ESMs in it with their intervals, and no transfer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    baseline: f64,
}

/// Room beside the outermost values, as a share of what they span.
const MARGIN: f64 = 0.04;
/// How many times as far as from no transfer (or the middle ESM, where that is lower) to the best an axis goes down. One that is
/// hopeless would push all others together.
const DEPTH: f64 = 3.0;
/// The narrowest span, where all scores are one.
const LEAST: f64 = 1e-6;

impl Axis {
    /// For these ESMs, which are in order.
    pub(super) fn of(esms: &[Ranked], baseline: f64) -> Self {
        let ends = |esm: &Ranked| esm.interval.unwrap_or([esm.score; 2]);
        let highest = esms.iter().map(|esm| ends(esm)[1].max(esm.score)).fold(baseline, f64::max);
        let lowest = esms.iter().map(|esm| ends(esm)[0].min(esm.score)).fold(baseline, f64::min);
        let middle = esms.get(esms.len() / 2).map_or(baseline, |esm| ends(esm)[0].min(esm.score)).min(baseline);
        let lowest = lowest.max(middle - DEPTH * (highest - middle));
        let margin = MARGIN * (highest - lowest).max(LEAST);
        Self { low: lowest - margin, high: highest + margin, baseline }
    }

    /// Where a score stands, from 0 to 1; one beyond an edge stands on it.
    pub(super) fn at(&self, score: f64) -> f64 {
        ((score - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Where no transfer stands.
    pub(super) fn zero(&self) -> f64 {
        self.at(self.baseline)
    }

    /// Whether a score lies beyond the left edge.
    pub(super) fn cuts(&self, score: f64) -> bool {
        score < self.low
    }

    /// About so many marks at round gains.
    pub(super) fn gains(&self, about: usize) -> Vec<Tick> {
        self.ticks(about, self.baseline, true)
    }

    /// About so many marks at round scores.
    pub(super) fn scores(&self, about: usize) -> Vec<Tick> {
        self.ticks(about, 0.0, false)
    }

    /// Marks at multiples of a step that is 1, 2 or 5 times a power of ten, counted from an origin.
    fn ticks(&self, about: usize, origin: f64, with_plus: bool) -> Vec<Tick> {
        let wanted = (self.high - self.low) / about.max(1) as f64;
        let power = 10f64.powi(wanted.log10().floor() as i32);
        let step = [1.0, 2.0, 5.0, 10.0].map(|by| by * power).into_iter().find(|step| *step >= wanted).unwrap_or(power);
        let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        let first = ((self.low - origin) / step).ceil() as i64;
        let last = ((self.high - origin) / step).floor() as i64;
        let tick = |number: i64| {
            let value = number as f64 * step;
            Tick { at: self.at(origin + value), label: tick(value, digits, with_plus) }
        };
        (first..=last.min(first.saturating_add(50))).map(tick).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(low: f64, high: f64, baseline: f64) -> Axis {
        Axis { low, high, baseline }
    }

    #[test]
    fn marks_are_round_and_in_their_place() {
        let axis = axis(-0.37, -0.28, -0.3491);
        let gains = axis.gains(6);
        assert_eq!(
            gains.iter().map(|t| t.label.as_str()).collect::<Vec<_>>(),
            ["−0.02", "0", "+0.02", "+0.04", "+0.06"]
        );
        assert!(gains.iter().any(|tick| tick.label == "0" && (tick.at - axis.zero()).abs() < 1e-12));
        let scores = axis.scores(4);
        assert_eq!(scores.iter().map(|t| t.label.as_str()).collect::<Vec<_>>(), ["−0.35", "−0.30"]);
        assert!((scores.first().map_or(0.0, |tick| tick.at) - 0.02 / 0.09).abs() < 1e-9);
    }

    #[test]
    fn scores_of_any_size_have_some_marks() {
        for (low, high) in [(-1e-7, 1e-7), (-1e6, 1e6), (-0.5, -0.4999), (3.0, 17.0)] {
            let found = axis(low, high, low).gains(6).len();
            assert!((2..=12).contains(&found), "{low} to {high}: {found}");
        }
    }

    #[test]
    fn what_lies_beyond_stands_on_the_edge() {
        let axis = axis(0.0, 1.0, 0.5);
        assert_eq!([axis.at(-3.0), axis.at(0.25), axis.at(7.0)], [0.0, 0.25, 1.0]);
        assert!(axis.cuts(-0.1) && !axis.cuts(0.0));
    }
}
