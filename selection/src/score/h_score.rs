//! The H-score: how much of the features' variance is between the classes.
//!
//! Bao, Li, Huang, Zhang, Zheng, Zamir, Guibas 2019, "An Information-Theoretic Approach to Transferability in Task Transfer
//! Learning" (ICIP, arXiv 2212.10082): `tr(cov(f)^-1 cov(E[f | y]))`. With rows not many times the dimensions, the inverse of a sample covariance
//! is mostly noise, and where they are fewer it does not exist: every label is then explained, whatever the map. So it is always
//! the regularised one of Ibrahim, Ponomareva, Mazumder 2021, "Newer is not always better: Rethinking transferability metrics,
//! their peculiarities, stability and performance" (arXiv 2110.06893),
//!
//! ```text
//! H = (1 - a) tr(S_a^-1 cov(E[f | y])),   S_a = (1 - a) S + a tr(S)/D I
//! ```
//!
//! with S the covariance of the features (over N), and a the shrinkage of Ledoit and Wolf 2004, "A well-conditioned estimator for
//! large-dimensional covariance matrices", lemma 3.3. With many rows, a goes to 0 and H to the first H-score, so that there is no
//! number of rows at which one would have to be exchanged for the other. The score does not change with the scale of the
//! features. The authors' code divides `cov(E[f | y])` by N - 1, which multiplies every score by N / (N - 1).

use esmhub_store_format::Map;
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::prelude::Solve;
use faer::{Accum, Mat, MatRef, Par, Side};

use super::blocks::{Centred, rounding_of, trace};
use crate::ScoreError;

/// The smallest ridge `a tr(S)/D`, beside tr(S), with which a Gram matrix can be relied on.
const RELIABLE: f64 = 1e-9;

/// The means of a target's classes.
pub(crate) struct HScore {
    /// In the coordinates of Q, k x K: the mean of class c times `sqrt(n_c / N)`.
    means: Mat<f64>,
}

/// How the covariance is regularised.
#[derive(Debug, Clone, Copy)]
struct Shrinkage {
    /// a.
    share: f64,
    /// What is added to the Gram matrix of unit trace, over `(1 - a) / N`.
    ridge: f64,
}

impl HScore {
    /// Takes for each class the positions of its rows.
    pub(crate) fn new(centred: &Centred, classes: &[Vec<usize>]) -> Self {
        let (rows, size) = centred.q.shape();
        let mut means = Mat::zeros(size, classes.len());
        for (mut mean, members) in means.col_iter_mut().zip(classes).filter(|(_, members)| !members.is_empty()) {
            for &row in members {
                mean += centred.q.row(row).transpose();
            }
            let scale = 1.0 / (members.len() as f64 * rows as f64).sqrt();
            mean.iter_mut().for_each(|value| *value *= scale);
        }
        Self { means }
    }

    /// The score of a map, or of no transfer. Beside the Gram matrix, it takes the lengths of all N features: O(N k^2).
    pub(crate) fn score(&self, centred: &Centred, map: Option<&Map>) -> Result<f64, ScoreError> {
        let mut gram = centred.block.gram(map)?;
        let whole = trace(&gram);
        if whole <= 0.0 {
            // Constant features say nothing of any label.
            return Ok(0.0);
        }
        gram *= faer::Scale(1.0 / whole);
        let shrinkage = Shrinkage::of(&gram, centred.q.as_ref(), centred.block.rows().ncols());
        if shrinkage.share >= 1.0 {
            return Ok(0.0);
        }
        let rows = centred.q.nrows() as f64;
        if shrinkage.ridge < RELIABLE {
            return self.plainly(centred, map, shrinkage, rows / whole);
        }
        // tr(P'F S_a^-1 F'P) with F F' = K: (1 - a) tr(P'K ((1 - a) K / N + ridge)^-1 P) = N tr((K + ridge)^-1 P (K P)').
        let between = &gram * &self.means;
        gram.diagonal_mut().column_vector_mut().iter_mut().for_each(|value| *value += shrinkage.ridge);
        let factor = gram.llt(Side::Lower).map_err(|_| ScoreError::Decomposition)?;
        let solved = factor.solve(&self.means);
        let sums = solved.col_iter().zip(between.col_iter()).map(|(solved, between)| solved.transpose() * between);
        Ok(rows * sums.sum::<f64>())
    }

    /// The same from singular values, where next to nothing is added to them: directions without variance are left out.
    fn plainly(
        &self,
        centred: &Centred,
        map: Option<&Map>,
        shrinkage: Shrinkage,
        scale: f64,
    ) -> Result<f64, ScoreError> {
        let features = centred.block.mapped(map);
        let svd = features.thin_svd().map_err(|_| ScoreError::Decomposition)?;
        let values: Vec<f64> = svd.S().column_vector().iter().copied().collect();
        let least = rounding_of(&values);
        let along = svd.U().transpose() * &self.means;
        let rows = centred.q.nrows() as f64;
        let mut sum = 0.0;
        for (value, along) in values.iter().zip(along.row_iter()).filter(|(value, _)| **value > least) {
            let square = value * value * (scale / rows);
            sum += along.squared_norm_l2() * square / (square + shrinkage.ridge);
        }
        Ok(rows * sum)
    }
}

impl Shrinkage {
    /// Of features with this Gram matrix (k x k, of trace 1) in the coordinates Q (N x k), in D dimensions.
    fn of(gram: &Mat<f64>, q: MatRef<'_, f64>, dimension: usize) -> Self {
        let (rows, dimension) = (q.nrows() as f64, dimension as f64);
        // The mean of S's eigenvalues is 1 / (N D). Everything below is in units of 1 / N^2.
        let spread = gram.squared_norm_l2();
        let fourth: f64 = lengths(gram, q).into_iter().map(|length| length * length).sum();
        let noise = (fourth * rows - spread) / rows;
        let distance = spread - 1.0 / dimension;
        let noise = noise.min(distance).max(0.0);
        let share = if noise > 0.0 { noise / distance } else { 0.0 };
        Self { share, ridge: share / ((1.0 - share) * dimension) }
    }
}

/// `q_i' K q_i` of every row: the features' squared lengths.
fn lengths(gram: &Mat<f64>, q: MatRef<'_, f64>) -> Vec<f64> {
    // With half of the diagonal, the lower half of K gives half of each.
    let mut half = gram.clone();
    half.diagonal_mut().column_vector_mut().iter_mut().for_each(|value| *value *= 0.5);
    let mut product = Mat::zeros(q.nrows(), q.ncols());
    let (full, lower) = (BlockStructure::Rectangular, BlockStructure::TriangularLower);
    matmul(product.as_mut(), full, Accum::Replace, q, full, half.as_ref(), lower, 1.0, Par::Seq);
    let mut lengths = vec![0.0; q.nrows()];
    for (product, q) in product.col_iter().zip(q.col_iter()) {
        for ((length, product), q) in lengths.iter_mut().zip(product.iter()).zip(q.iter()) {
            *length += 2.0 * product * q;
        }
    }
    lengths
}
