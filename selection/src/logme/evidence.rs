//! The fixed point of alpha and beta, and the evidence there.

use std::f64::consts::TAU;
use std::fmt;
use std::str::FromStr;

use super::Spectrum;
use super::spectrum::Coordinates;
use crate::ScoreError;

/// The most rounds of the iteration, as the reference implementation has it.
const ROUNDS: usize = 50;
/// The iteration ends when `t` changes by at most this share.
const TOLERANCE: f64 = 1e-3;
/// Added to both denominators, so that labels that are explained perfectly, or not at all, divide by something.
const EPSILON: f64 = 1e-5;
/// Below this, the reference implementation takes a singular value for zero (where N > D).
const ZERO_SINGULAR_VALUE: f64 = 1e-10;

/// Which directions count in the determinant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Formula {
    /// All D: the evidence as it is defined.
    #[default]
    Exact,
    /// Those with a singular value that is not zero: what thuml/LogME and hfselect compute.
    Hfselect,
}

impl Formula {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Hfselect => "hfselect",
        }
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A formula's name was not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a score: exact or hfselect is expected")]
pub struct FormulaError(String);

impl FromStr for Formula {
    type Err = FormulaError;

    fn from_str(text: &str) -> Result<Self, FormulaError> {
        let all = [Self::Exact, Self::Hfselect];
        all.into_iter().find(|f| f.name() == text).ok_or_else(|| FormulaError(text.chars().take(40).collect()))
    }
}

/// The score: the log evidence per row, mean over the label vectors.
///
/// # Errors
/// [`ScoreError::NotFinite`] where an evidence is not a finite number.
pub(crate) fn log_evidence(spectrum: &Spectrum, formula: Formula) -> Result<f64, ScoreError> {
    let sum: f64 = spectrum.labels.iter().map(|y| evidence_of(spectrum, y, formula)).sum();
    let score = sum / (spectrum.labels.len() as f64 * spectrum.rows as f64);
    if score.is_finite() { Ok(score) } else { Err(ScoreError::NotFinite) }
}

/// The log evidence of one label vector, over all rows.
fn evidence_of(spectrum: &Spectrum, y: &Coordinates, formula: Formula) -> f64 {
    let (rows, dimension) = (spectrum.rows as f64, spectrum.dimension as f64);
    let eigenvalues = spectrum.eigenvalues.as_slice();
    let (mut alpha, mut beta) = (1.0, 1.0);
    let (mut mean_norm, mut residual) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        let t: f64 = alpha / beta;
        let gamma: f64 = eigenvalues.iter().map(|s2| s2 / (s2 + t)).sum();
        mean_norm = y.mean_norm(eigenvalues, t);
        residual = y.residual(eigenvalues, t);
        alpha = gamma / (mean_norm + EPSILON);
        beta = (rows - gamma) / (residual + EPSILON);
        if (alpha / beta - t).abs() <= TOLERANCE * t {
            break;
        }
    }
    let counts = |s2: &&f64| spectrum.rows <= spectrum.dimension || s2.sqrt() > ZERO_SINGULAR_VALUE;
    let log_determinant = match formula {
        Formula::Exact => {
            let zeros = dimension - eigenvalues.len() as f64;
            eigenvalues.iter().map(|s2| (alpha + beta * s2).ln()).sum::<f64>() + zeros * alpha.ln()
        }
        Formula::Hfselect => eigenvalues.iter().filter(counts).map(|s2| (alpha + beta * s2).ln()).sum(),
    };
    // The norms are those of the last round's t, as in the reference implementation.
    0.5 * (dimension * alpha.ln() + rows * beta.ln()
        - log_determinant
        - beta * residual
        - alpha * mean_norm
        - rows * TAU.ln())
}
