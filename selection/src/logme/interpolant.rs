//! A posterior between nodes: what is expensive to know at a `t` is known at some, and interpolated between them.
//!
//! Two functions say everything: `log |F'F + t I|`, and for each label vector the minimum of the ridge objective,
//!
//! ```text
//! u(t) = min over w of |F w - y|^2 + t |w|^2 = y'y - y'F (F'F + t I)^-1 F'y
//! ```
//!
//! Their derivatives by `log t` are what the iteration wants: `d log |F'F + t I| = sum t / (s^2 + t) = D - gamma`, and by the
//! envelope theorem `du = t |m|^2`, so that the squared residual is `u - du`.
//!
//! Both are sums of functions of `t / (s^2 + t)`, whose only singularities are at negative `t`: in `log t` they lie at the distance
//! pi from the real line. So a Chebyshev series on an interval of half-width h converges as `rho^-n` with
//! `log rho = asinh(pi / h)` (Trefethen 2013, "Approximation Theory and Approximation Practice", theorem 8.2), and a dozen nodes
//! give ten digits on a tenfold range of t, for all label vectors.

use super::chebyshev::{Series, nodes};
use super::fixed_point::{Moments, Posterior, Unreliable};

/// What a resolvent `(F'F + t I)^-1` says at one `t`, less what is known of it at any ([`Resolvent`]).
pub(crate) struct Values {
    /// `log |F'F + t I|`.
    pub(crate) log_determinant: f64,
    /// `u(t)` for each label vector.
    pub(crate) ridge: Vec<f64>,
}

/// The resolvent of a matrix of features, one `t` at a time.
pub(crate) trait Resolvent {
    /// N.
    fn rows(&self) -> usize;

    /// D.
    fn dimension(&self) -> usize;

    /// The smallest `t` at which a score can be taken. On the way there, rounding may show.
    fn least(&self) -> f64;

    /// What it says at `t`, which is positive.
    fn at(&mut self, t: f64) -> Result<Values, Unreliable>;

    /// A part of `log |F'F + t I|` that is known at any `t`.
    fn known_determinant(&self, t: f64) -> f64;

    /// Its derivative by `log t`.
    fn known_slope(&self, t: f64) -> f64;

    /// A part of `u(t)` of a label vector that is known at any `t`, and its derivative by `log t`.
    fn known_ridge(&self, label: usize, t: f64) -> (f64, f64);

    /// The smallest squared residual of a label vector in which rounding does not show: that of `u(t)`, where it is a difference,
    /// is in proportion to what it is a difference from.
    fn least_residual(&self, label: usize) -> f64;
}

/// Where the iteration starts, alone: `t = 1` is left at once and nearly always for good. Two nodes beside it give value and slope
/// to nine digits.
const START: (f64, f64, usize) = (-4e-5, 4e-5, 2);
/// How far a panel reaches below the smallest and beyond the largest `log t` that it is made for. From the first round on, t
/// mostly grows.
const MARGINS: (f64, f64) = (0.05, 0.6);
/// A gap to the panel below that is narrower than this is closed.
const GAP: f64 = 0.4;
/// How far beyond the end that the target's own embeddings have an ESM's probably is.
const BEYOND: f64 = 0.5;
/// The widest panel, in `log t`.
const WIDEST: f64 = 6.0;
/// What a series may lack when it ends, so that no more than 1e-9 of it is in a score: in `log |F'F + t I|` for each row, and in `u`
/// as a share of it.
const TAIL: (f64, f64) = (1e-9, 1e-9);
/// The digits (to the base e) that a panel is made for, which suffice nearly always, and how many more where they do not.
const DIGITS: f64 = 17.5;
const MORE_DIGITS: f64 = 4.0;
/// Panels are halved at most this often.
const HALVINGS: u32 = 6;

/// A resolvent and what is known of it.
pub(crate) struct Interpolant<R> {
    resolvent: R,
    /// Where t is expected to end.
    expected: f64,
    /// Disjoint, in no order.
    panels: Vec<Panel>,
}

/// What is known on an interval of `log t`.
struct Panel {
    low: f64,
    high: f64,
    log_determinant: Series,
    /// One for each label vector.
    ridge: Vec<Series>,
}

impl<R: Resolvent> Interpolant<R> {
    /// Knows nothing yet. `expected`: the largest `t` that the iteration will probably visit, by a guess that may be wrong.
    pub(crate) fn new(resolvent: R, expected: f64) -> Self {
        Self { resolvent, expected: expected.ln() + BEYOND, panels: Vec::with_capacity(4) }
    }

    fn panel(&self, log_t: f64) -> Option<&Panel> {
        self.panels.iter().find(|panel| panel.low <= log_t && log_t <= panel.high)
    }

    /// Makes the panels that these `log t` need; ascending.
    fn cover(&mut self, needed: &[f64]) -> Result<(), Unreliable> {
        for &first in needed {
            if self.panel(first).is_some() {
                continue;
            }
            // Neither end reaches into a panel that is there.
            let highs = self.panels.iter().map(|panel| panel.high).filter(|&high| high < first);
            let lows = self.panels.iter().map(|panel| panel.low).filter(|&low| low > first);
            let neighbour = highs.fold(f64::MIN, f64::max);
            let low = if first - neighbour < GAP { neighbour } else { first - MARGINS.0 };
            let bound = lows.fold(first + WIDEST, f64::min);
            let last = needed.iter().copied().filter(|&last| last < bound).fold(first, f64::max);
            let high = (last + MARGINS.1).max(self.expected).min(bound);
            self.add(low, high, DIGITS, HALVINGS)?;
        }
        Ok(())
    }

    /// Adds a panel, or two of half its width with more digits where it has not converged.
    fn add(&mut self, low: f64, high: f64, digits: f64, halvings: u32) -> Result<(), Unreliable> {
        let panel = Panel::new(&mut self.resolvent, low, high, nodes_for(high - low, digits))?;
        if panel.is_settled(&self.resolvent) || halvings == 0 {
            self.panels.push(panel);
            return Ok(());
        }
        let middle = 0.5 * (low + high);
        self.add(low, middle, digits + MORE_DIGITS, halvings - 1)?;
        self.add(middle, high, digits + MORE_DIGITS, halvings - 1)
    }
}

/// By how much each coefficient of a series on a panel of this width is smaller than the one before, as a logarithm: `log rho`,
/// see the module.
fn rate(width: f64) -> f64 {
    (2.0 * std::f64::consts::PI / width).asinh()
}

/// How many nodes leave about `exp(-digits)` on a panel of this width.
fn nodes_for(width: f64, digits: f64) -> usize {
    (digits / rate(width)).ceil() as usize + 1
}

impl Panel {
    fn new(resolvent: &mut impl Resolvent, low: f64, high: f64, count: usize) -> Result<Self, Unreliable> {
        let mut log_determinants = Vec::with_capacity(count);
        let mut ridge: Vec<Vec<f64>> = Vec::new();
        for node in nodes(count, low, high) {
            let values = resolvent.at(node.exp())?;
            log_determinants.push(values.log_determinant);
            ridge.resize_with(values.ridge.len(), || Vec::with_capacity(count));
            ridge.iter_mut().zip(values.ridge).for_each(|(known, value)| known.push(value));
        }
        let series = |values: &Vec<f64>| Series::through(values, low, high);
        Ok(Self { low, high, log_determinant: series(&log_determinants), ridge: ridge.iter().map(series).collect() })
    }

    /// Whether the series have converged.
    fn is_settled(&self, resolvent: &impl Resolvent) -> bool {
        let rate = rate(self.high - self.low);
        // u grows with t: its smallest value is at the panel's lower end.
        let scale =
            |label: usize, series: &Series| resolvent.known_ridge(label, self.low.exp()).0 + series.at(self.low);
        let mut ridge = self.ridge.iter().enumerate();
        self.log_determinant.tail(rate) <= TAIL.0 * resolvent.rows() as f64
            && ridge.all(|(label, series)| series.tail(rate) <= TAIL.1 * scale(label, series))
    }
}

impl<R: Resolvent> Posterior for Interpolant<R> {
    fn prepare(&mut self, ts: &[f64]) -> Result<(), Unreliable> {
        let mut needed: Vec<f64> = ts.iter().map(|t| t.ln()).collect();
        if needed.iter().any(|t| !t.is_finite()) {
            return Err(Unreliable);
        }
        needed.sort_by(f64::total_cmp);
        if self.panels.is_empty() && needed.iter().all(|&t| t == 0.0) {
            let (low, high, count) = START;
            self.panels.push(Panel::new(&mut self.resolvent, low, high, count)?);
            return Ok(());
        }
        self.cover(&needed)
    }

    fn moments(&self, label: usize, t: f64) -> Result<Moments, Unreliable> {
        let log_t = t.ln();
        let panel = self.panel(log_t).ok_or(Unreliable)?;
        let undetermined = self.resolvent.known_slope(t) + panel.log_determinant.slope(log_t);
        let free = self.resolvent.rows() as f64 - self.resolvent.dimension() as f64 + undetermined;
        let series = panel.ridge.get(label).ok_or(Unreliable)?;
        let (ridge, slope) = self.resolvent.known_ridge(label, t);
        let (ridge, slope) = (ridge + series.at(log_t), slope + series.slope(log_t));
        let moments = Moments { free, mean_norm: slope / t, residual: ridge - slope };
        let is_sound =
            free > 0.0 && moments.mean_norm >= 0.0 && moments.residual > self.resolvent.least_residual(label);
        if is_sound { Ok(moments) } else { Err(Unreliable) }
    }

    fn log_determinant(&self, t: f64) -> Result<f64, Unreliable> {
        if t < self.resolvent.least() {
            return Err(Unreliable);
        }
        let log_t = t.ln();
        let panel = self.panel(log_t).ok_or(Unreliable)?;
        Ok(self.resolvent.known_determinant(t) + panel.log_determinant.at(log_t))
    }
}
