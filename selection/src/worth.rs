//! What a score is worth: how far it would move with other rows of the same kind, and which of two scores can be told apart.
//!
//! The score is a function of the rows, and at the fixed point its derivative by the weight of one row is known in closed
//! form: alpha, beta and the posterior mean are where the evidence does not change with them, so that only what stands
//! directly in the evidence counts. For one label vector,
//!
//! ```text
//! d log p(y | F) / d w_i = 1/2 (log beta - log 2 pi - beta r_i^2 - h_i),   r = y - F m,   h_i = f_i' (F'F + t I)^-1 f_i
//! ```
//!
//! with the leverage h from the determinant. A resample of the rows (Efron 1979, "Bootstrap methods: another look at the
//! jackknife") then moves the score by the mean of these contributions over the rows that were drawn: the infinitesimal
//! jackknife, resampled. Rows are never fitted again. That would not only take a thousand times as long: a row that is drawn
//! twice can be explained from itself, so that refitted resamples score too high.

use std::f64::consts::TAU;

use faer::{ColRef, Mat, MatRef};

use crate::ScoreError;
use crate::logme::{Basis, Formula, Problem, Spectrum, fixed_points};
use crate::random::SplitMix64;

/// So many resamples are drawn: quantiles at 2.5 % are then known to about a tenth of the interval's width.
const RESAMPLES: usize = 1000;
/// Their seed: the same rows are drawn for every ESM and in every run.
const SEED: u64 = 0x6573_6d68_7562;
/// What an interval leaves out on either side.
const OUTSIDE: f64 = 0.025;

/// What scores are exact to: a smaller difference is none, however steady it is.
const ROUNDING: f64 = 1e-9;

/// A score, and what each row contributes to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// The score.
    pub score: f64,
    /// N values: what the score gains with the weight of each row, mean over the label vectors.
    pub rows: Vec<f64>,
}

/// What resampled rows say of one score among others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// Where 95 % of the resampled scores lie.
    pub interval: [f64; 2],
    /// Where 95 % of the resampled gains over the baseline lie.
    pub gain_interval: [f64; 2],
    /// From 1 on: scores of one group cannot be told apart from the group's first, on the same resampled rows.
    pub tie_group: usize,
}

impl Worth {
    /// Whether the gain over the baseline is above 0 in nearly all resamples.
    pub fn is_gain(&self) -> bool {
        let [low, _] = self.gain_interval;
        low > ROUNDING
    }
}

/// Compares scores of one target, given from the best down, with each other and with the baseline. All have as many rows.
pub fn compare(baseline: &Contributions, scores: &[Contributions]) -> Vec<Worth> {
    let (base, resampled) = resampled(baseline, scores);
    let mut worths = Vec::with_capacity(scores.len());
    let mut leader: Option<(usize, &Vec<f64>)> = None;
    for own in &resampled {
        let (tie_group, first) = match leader {
            Some((group, first)) if includes_zero(interval(difference(first, own))) => (group, first),
            Some((group, _)) => (group + 1, own),
            None => (1, own),
        };
        leader = Some((tie_group, first));
        let gain_interval = interval(difference(own, &base));
        worths.push(Worth { interval: interval(own.clone()), gain_interval, tie_group });
    }
    worths
}

/// The scores on each resample, the same rows being drawn for all of them.
fn resampled(baseline: &Contributions, scores: &[Contributions]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let count = baseline.rows.len();
    let mut random = SplitMix64::new(SEED);
    let mut drawn = vec![0usize; count];
    let moved = |contributions: &Contributions, drawn: &[usize]| {
        let rows = &contributions.rows;
        let mean = rows.iter().sum::<f64>() / count as f64;
        let sum: f64 = drawn.iter().filter_map(|&row| rows.get(row)).sum();
        contributions.score + sum / count as f64 - mean
    };
    let mut base = Vec::with_capacity(RESAMPLES);
    let mut others = vec![Vec::with_capacity(RESAMPLES); scores.len()];
    for _ in 0..RESAMPLES {
        drawn.fill_with(|| random.below(count));
        base.push(moved(baseline, &drawn));
        for (resampled, contributions) in others.iter_mut().zip(scores) {
            resampled.push(moved(contributions, &drawn));
        }
    }
    (base, others)
}

fn includes_zero([low, high]: [f64; 2]) -> bool {
    low <= ROUNDING && -ROUNDING <= high
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn interval(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1) as f64;
    let at = |share: f64| values.get((share * last).round() as usize).copied().unwrap_or_default();
    [at(OUTSIDE), at(1.0 - OUTSIDE)]
}

/// What each row of features (N x D) contributes to the score, mean over the label vectors (N x K).
pub(crate) fn contributions(features: MatRef<'_, f64>, labels: MatRef<'_, f64>) -> Result<Vec<f64>, ScoreError> {
    let basis = Basis::new(features, labels)?;
    let problem = Problem::new(features.shape(), labels.ncols(), Formula::Exact);
    let ends = match fixed_points(&mut &basis, problem) {
        Ok(ends) => ends,
        Err(_) => fixed_points(&mut Spectrum::new(features, labels)?, problem).map_err(|_| ScoreError::NotFinite)?,
    };
    // In the eigenvectors of F'F, where the resolvent is diagonal.
    let along = basis.rotated(features.transpose());
    let along = along.transpose();
    let squares = Mat::from_fn(along.nrows(), along.ncols(), |i, j| along.get(i, j) * along.get(i, j));
    let mut sums = vec![0.0; features.nrows()];
    for ((end, y), explained) in ends.iter().zip(labels.col_iter()).zip(basis.labels.col_iter()) {
        let resolvent: Vec<f64> = basis.eigenvalues.iter().map(|s2| 1.0 / (s2 + end.t)).collect();
        let mean: Vec<f64> = explained.iter().zip(&resolvent).map(|(y, weight)| y * weight).collect();
        let leverages = &squares * ColRef::from_slice(&resolvent);
        let residuals = y - along * ColRef::from_slice(&mean);
        for ((sum, leverage), residual) in sums.iter_mut().zip(leverages.iter()).zip(residuals.iter()) {
            *sum += 0.5 * ((end.beta / TAU).ln() - end.beta * residual * residual - leverage);
        }
    }
    sums.iter_mut().for_each(|sum| *sum /= ends.len() as f64);
    if sums.iter().all(|value| value.is_finite()) { Ok(sums) } else { Err(ScoreError::NotFinite) }
}
