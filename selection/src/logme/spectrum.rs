//! The spectrum of the features, and the labels seen in it: all that the evidence needs.

use faer::linalg::solvers::SelfAdjointEigen;
use faer::{Mat, MatRef, Side};

use crate::ScoreError;

/// The eigenvalues of `F'F` that can be other than zero, k = min(N, D) of them, and the labels' coordinates.
pub(crate) struct Spectrum {
    /// N.
    pub(crate) rows: usize,
    /// D.
    pub(crate) dimension: usize,
    /// `s^2`, the squared singular values of F; k values, none negative.
    pub(crate) eigenvalues: Vec<f64>,
    /// One per label vector.
    pub(crate) labels: Vec<Coordinates>,
}

/// One label vector `y` in the singular basis `F = U S V'`.
pub(crate) struct Coordinates {
    /// `(S U'y)_i^2`: k values. Where N >= D these are `(V'F'y)^2`, so that nothing is divided by a small `s`.
    pub(crate) scaled_squares: Vec<f64>,
    /// `(U'y)_i^2` where U is square (N < D), so that no part of y lies outside of it.
    pub(crate) squares: Option<Vec<f64>>,
    /// `|y|^2`.
    pub(crate) norm: f64,
}

impl Spectrum {
    /// Decomposes the smaller of `F'F` and `FF'`.
    ///
    /// # Errors
    /// [`ScoreError::NotFinite`] where the features hold NaN or infinity; [`ScoreError::Decomposition`].
    pub(crate) fn new(features: MatRef<'_, f64>, labels: MatRef<'_, f64>) -> Result<Self, ScoreError> {
        let (rows, dimension) = features.shape();
        let wide = rows < dimension;
        let gram: Mat<f64> = if wide { features * features.transpose() } else { features.transpose() * features };
        if !gram.is_all_finite() {
            return Err(ScoreError::NotFinite);
        }
        let eigen = SelfAdjointEigen::new(gram.as_ref(), Side::Lower).map_err(|_| ScoreError::Decomposition)?;
        // Rounding leaves zeros as numbers of either sign. The peer takes the *singular* values of the same matrix, which are
        // the magnitudes, and counts such a direction; so that its formula is reproduced, magnitudes it is.
        let eigenvalues: Vec<f64> = eigen.S().column_vector().iter().map(|v| v.abs()).collect();
        let projected =
            if wide { eigen.U().transpose() * labels } else { eigen.U().transpose() * (features.transpose() * labels) };
        let labels = projected.col_iter().zip(labels.col_iter()).map(|(projected, y)| {
            let squares: Vec<f64> = projected.iter().map(|v| v * v).collect();
            let norm = y.iter().map(|v| v * v).sum();
            if wide {
                let scaled_squares = squares.iter().zip(&eigenvalues).map(|(x2, s2)| x2 * s2).collect();
                Coordinates { scaled_squares, squares: Some(squares), norm }
            } else {
                Coordinates { scaled_squares: squares, squares: None, norm }
            }
        });
        let labels = labels.collect();
        Ok(Self { rows, dimension, eigenvalues, labels })
    }
}

impl Coordinates {
    /// `|m|^2`, the squared norm of the posterior mean, at `t = alpha / beta`.
    pub(crate) fn mean_norm(&self, eigenvalues: &[f64], t: f64) -> f64 {
        eigenvalues.iter().zip(&self.scaled_squares).map(|(s2, c2)| c2 / ((s2 + t) * (s2 + t))).sum()
    }

    /// `|F m - y|^2`, the squared residual, at `t = alpha / beta`.
    pub(crate) fn residual(&self, eigenvalues: &[f64], t: f64) -> f64 {
        match &self.squares {
            // Every direction of y has a singular vector: sum x^2 (t / (s^2 + t))^2.
            Some(squares) => eigenvalues.iter().zip(squares).map(|(s2, x2)| x2 * (t / (s2 + t)).powi(2)).sum(),
            // |y|^2 less what the model explains, x^2 (1 - (t / (s^2 + t))^2) with x^2 = c^2 / s^2 multiplied out.
            None => {
                let explained = eigenvalues.iter().zip(&self.scaled_squares);
                let explained: f64 = explained.map(|(s2, c2)| c2 * (s2 + 2.0 * t) / ((s2 + t) * (s2 + t))).sum();
                (self.norm - explained).max(0.0)
            }
        }
    }
}
