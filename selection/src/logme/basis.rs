//! The target in the directions of its own embeddings: computed once, for all ESMs.

use faer::linalg::solvers::SelfAdjointEigen;
use faer::{Col, Mat, MatRef, Side};

use super::fixed_point::{Moments, Posterior, Unreliable};
use super::panels::{Panels, product};
use super::{LEAST_RESIDUAL, RELIABLE};
use crate::ScoreError;
use crate::gram::gram;

/// The eigenvectors of `X'X` that can have another eigenvalue than 0, k = min(N, D) of them, and what labels and mean are in
/// them.
pub(crate) struct Basis {
    /// N.
    pub(crate) rows: usize,
    /// V, D x k, orthonormal; for the left of products.
    vectors: Panels,
    /// k values, none negative.
    pub(crate) eigenvalues: Vec<f64>,
    /// `V'X'Y`, k x K.
    pub(crate) labels: Mat<f64>,
    /// `V'X'1`, k values.
    pub(crate) sum: Col<f64>,
    /// `Y'1`, K values.
    pub(crate) label_sums: Col<f64>,
    /// `|y|^2` of each label vector.
    pub(crate) label_norms: Vec<f64>,
}

impl Basis {
    /// Takes embeddings (N x D) and label vectors (N x K). O(N D^2) and an eigendecomposition of size min(N, D).
    ///
    /// # Errors
    /// [`ScoreError::NotFinite`] where a sum of squares is beyond f64; [`ScoreError::Decomposition`].
    pub(crate) fn new(x: MatRef<'_, f64>, y: MatRef<'_, f64>) -> Result<Self, ScoreError> {
        let (rows, dimension) = x.shape();
        // With fewer rows than dimensions, X' = Q R and X'X = Q (R R') Q': the rest of the space has no variance at all.
        let (span, gram) = if rows < dimension {
            let qr = x.transpose().qr();
            let r = qr.thin_R();
            (Some(qr.compute_thin_Q()), gram(r.transpose(), 1.0))
        } else {
            (None, gram(x, 1.0))
        };
        if !gram.is_all_finite() {
            return Err(ScoreError::NotFinite);
        }
        let eigen = SelfAdjointEigen::new(gram.as_ref(), Side::Lower).map_err(|_| ScoreError::Decomposition)?;
        let vectors = match span {
            Some(span) => span * eigen.U(),
            None => eigen.U().to_owned(),
        };
        let eigenvalues = eigen.S().column_vector().iter().map(|value| value.max(0.0)).collect();
        let ones = Col::from_fn(rows, |_| 1.0);
        Ok(Self {
            rows,
            eigenvalues,
            labels: vectors.transpose() * (x.transpose() * y),
            sum: vectors.transpose() * (x.transpose() * &ones),
            label_sums: y.transpose() * &ones,
            label_norms: y.col_iter().map(|y| y.squared_norm_l2()).collect(),
            vectors: Panels::left(vectors.as_ref()),
        })
    }

    /// D.
    pub(crate) fn dimension(&self) -> usize {
        self.vectors.rows()
    }

    /// `V'A` of a D x m matrix, k x m.
    pub(crate) fn rotated(&self, matrix: MatRef<'_, f64>) -> Mat<f64> {
        let mut rotated = product(&self.vectors, &Panels::right(matrix));
        rotated.resize_with(self.vectors.columns(), matrix.ncols(), |_, _| 0.0);
        rotated
    }

    /// The directions without any variance whatever the embeddings, D - k.
    pub(crate) fn beyond(&self) -> f64 {
        (self.vectors.rows() - self.vectors.columns()) as f64
    }

    /// The largest eigenvalue.
    pub(crate) fn largest(&self) -> f64 {
        self.eigenvalues.iter().copied().fold(0.0, f64::max)
    }
}

/// The posterior of the base embeddings as they are: no transfer.
impl Posterior for &Basis {
    fn moments(&self, label: usize, t: f64) -> Result<Moments, Unreliable> {
        if t < RELIABLE * self.largest() {
            return Err(Unreliable);
        }
        let (mut gamma, mut explained, mut mean_norm) = (0.0, 0.0, 0.0);
        for (s2, c) in self.eigenvalues.iter().zip(self.labels.col(label).iter()) {
            let weight = 1.0 / (s2 + t);
            gamma += s2 * weight;
            explained += c * c * weight;
            mean_norm += (c * weight) * (c * weight);
        }
        let norm = self.label_norms.get(label).copied().unwrap_or_default();
        let residual = norm - explained - t * mean_norm;
        if residual < LEAST_RESIDUAL * norm {
            return Err(Unreliable);
        }
        Ok(Moments { free: self.rows as f64 - gamma, mean_norm, residual })
    }

    fn log_determinant(&self, t: f64) -> Result<f64, Unreliable> {
        Ok(self.eigenvalues.iter().map(|s2| (s2 + t).ln()).sum::<f64>() + self.beyond() * t.ln())
    }
}
