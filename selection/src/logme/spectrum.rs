//! The plain way: the singular values of the features, and the labels in the basis of the left singular vectors.
//!
//! The other ways start from `F'F`, whose rounding is that of the largest eigenvalue; where `t` is so small that this shows,
//! they say so, and this one is taken.

use faer::MatRef;

use super::fixed_point::{Moments, Posterior, Unreliable};
use crate::ScoreError;

/// `F = U S V'`, as far as the evidence needs it; k = min(N, D).
pub(crate) struct Spectrum {
    rows: usize,
    dimension: usize,
    /// `s^2`, k values.
    squares: Vec<f64>,
    /// For each label vector `(U'y)^2`, k values, and the squared norm of what lies outside of U.
    labels: Vec<(Vec<f64>, f64)>,
}

impl Spectrum {
    /// Decomposes features (N x D) and takes label vectors (N x K).
    ///
    /// # Errors
    /// [`ScoreError::NotFinite`] where the features hold NaN or infinity; [`ScoreError::Decomposition`].
    pub(crate) fn new(features: MatRef<'_, f64>, labels: MatRef<'_, f64>) -> Result<Self, ScoreError> {
        let (rows, dimension) = features.shape();
        if !features.is_all_finite() {
            return Err(ScoreError::NotFinite);
        }
        let svd = features.thin_svd().map_err(|_| ScoreError::Decomposition)?;
        let squares = svd.S().column_vector().iter().map(|s| s * s).collect();
        let inside = svd.U().transpose() * labels;
        let outside = labels - svd.U() * &inside;
        let labels = inside.col_iter().zip(outside.col_iter());
        let labels = labels.map(|(inside, outside)| {
            let outside = if rows > dimension { outside.squared_norm_l2() } else { 0.0 };
            (inside.iter().map(|x| x * x).collect(), outside)
        });
        let labels = labels.collect();
        Ok(Self { rows, dimension, squares, labels })
    }
}

impl Posterior for Spectrum {
    fn moments(&self, label: usize, t: f64) -> Result<Moments, Unreliable> {
        let (labels, outside) = self.labels.get(label).ok_or(Unreliable)?;
        let mut free = (self.rows - self.squares.len()) as f64;
        let (mut mean_norm, mut residual) = (0.0, *outside);
        for (s2, x2) in self.squares.iter().zip(labels) {
            let weight = 1.0 / (s2 + t);
            free += t * weight;
            mean_norm += s2 * x2 * weight * weight;
            residual += x2 * (t * weight) * (t * weight);
        }
        Ok(Moments { free, mean_norm, residual })
    }

    fn log_determinant(&self, t: f64) -> Result<f64, Unreliable> {
        let beyond = (self.dimension - self.squares.len()) as f64;
        Ok(self.squares.iter().map(|s2| (s2 + t).ln()).sum::<f64>() + beyond * t.ln())
    }
}
