//! The fixed point of alpha and beta, and the evidence there.

use std::f64::consts::TAU;

use super::Formula;

/// The most rounds of the iteration, as the reference implementation has it.
const ROUNDS: usize = 50;
/// The iteration ends when `t` changes by at most this share.
const TOLERANCE: f64 = 1e-3;
/// Added to both denominators, so that labels that are explained perfectly, or not at all, divide by something.
const EPSILON: f64 = 1e-5;

/// What the iteration asks of one label vector at one `t = alpha / beta`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    /// `N - gamma`, where gamma is the number of directions that the labels determine: `sum s^2 / (s^2 + t)`.
    pub(crate) free: f64,
    /// `|m|^2`, the squared norm of the posterior mean.
    pub(crate) mean_norm: f64,
    /// `|F m - y|^2`, the squared residual.
    pub(crate) residual: f64,
}

/// A `t` so small beside the features that rounding has eaten what is asked for; another way must be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreliable;

/// What features say of their labels at any `t`: all that the evidence needs.
pub(crate) trait Posterior {
    /// Told of every `t` of a round before the round asks for it.
    fn prepare(&mut self, _ts: &[f64]) -> Result<(), Unreliable> {
        Ok(())
    }

    /// The moments of one label vector.
    fn moments(&self, label: usize, t: f64) -> Result<Moments, Unreliable>;

    /// `log |F'F + t I|`, over all D directions.
    fn log_determinant(&self, t: f64) -> Result<f64, Unreliable>;
}

/// The features' shape, and what is to be made of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Problem {
    /// N.
    pub(crate) rows: usize,
    /// D.
    pub(crate) dimension: usize,
    /// K, the label vectors.
    pub(crate) labels: usize,
    /// Directions without any variance, which the formula leaves out of the determinant.
    pub(crate) left_out: usize,
}

impl Problem {
    /// [`Formula::Hfselect`] leaves out what is beyond the rows. It would leave out zero singular values as well where rows exceed
    /// dimensions, but sees those of `F'F`, in which rounding leaves none.
    pub(crate) fn new((rows, dimension): (usize, usize), labels: usize, formula: Formula) -> Self {
        let left_out = match formula {
            Formula::Exact => 0,
            Formula::Hfselect => dimension.saturating_sub(rows),
        };
        Self { rows, dimension, labels, left_out }
    }
}

/// Where the iteration has got to with one label vector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    /// The precision of the prior.
    pub(crate) alpha: f64,
    /// The precision of the noise.
    pub(crate) beta: f64,
    /// The `t` that the moments are those of: one round behind `alpha / beta`, as in the reference implementation.
    pub(crate) t: f64,
    moments: Moments,
    done: bool,
}

impl State {
    const START: Self = Self {
        alpha: 1.0,
        beta: 1.0,
        t: 1.0,
        moments: Moments { free: 0.0, mean_norm: 0.0, residual: 0.0 },
        done: false,
    };

    fn step(&mut self, rows: f64, moments: Moments) {
        let Moments { free, mean_norm, residual } = moments;
        self.moments = moments;
        self.alpha = (rows - free) / (mean_norm + EPSILON);
        self.beta = free / (residual + EPSILON);
        self.done = (self.alpha / self.beta - self.t).abs() <= TOLERANCE * self.t;
    }
}

/// Iterates all label vectors side by side, so that a posterior can prepare for what a round needs.
pub(crate) fn fixed_points(posterior: &mut impl Posterior, problem: Problem) -> Result<Vec<State>, Unreliable> {
    let mut states = vec![State::START; problem.labels];
    let mut ts = Vec::with_capacity(states.len());
    for _ in 0..ROUNDS {
        ts.clear();
        for state in states.iter_mut().filter(|state| !state.done) {
            state.t = state.alpha / state.beta;
            ts.push(state.t);
        }
        if ts.is_empty() {
            break;
        }
        posterior.prepare(&ts)?;
        for (label, state) in states.iter_mut().enumerate().filter(|(_, state)| !state.done) {
            state.step(problem.rows as f64, posterior.moments(label, state.t)?);
        }
    }
    ts.clear();
    ts.extend(states.iter().map(|state| state.alpha / state.beta));
    posterior.prepare(&ts)?;
    Ok(states)
}

/// The score: the log evidence per row, mean over the label vectors. It may be infinite or NaN.
pub(crate) fn log_evidence(posterior: &mut impl Posterior, problem: Problem) -> Result<f64, Unreliable> {
    let Problem { rows, dimension, labels, left_out } = problem;
    let (rows, dimension, left_out) = (rows as f64, dimension as f64, left_out as f64);
    let mut sum = 0.0;
    for State { alpha, beta, moments: Moments { mean_norm, residual, .. }, .. } in fixed_points(posterior, problem)? {
        // |alpha I + beta F'F| = beta^D |F'F + (alpha / beta) I|; each direction that is left out has alpha in it.
        let log_determinant = dimension * beta.ln() + posterior.log_determinant(alpha / beta)? - left_out * alpha.ln();
        // The norms are those of the last round's t, as in the reference implementation.
        sum += 0.5
            * (dimension * alpha.ln() + rows * beta.ln()
                - log_determinant
                - beta * residual
                - alpha * mean_norm
                - rows * TAU.ln());
    }
    Ok(sum / (labels as f64 * rows))
}
