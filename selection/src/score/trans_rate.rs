//! TransRate: how much shorter the code of the features gets where the class is known.
//!
//! Huang, Huang, Rong, Yang, Wei 2022, "Frustratingly Easy Transferability Estimation" (ICML, arXiv 2106.09362). With the
//! features centred over all rows, and `Z_c` those of the rows of class c,
//!
//! ```text
//! R(Z, eps) = 1/2 log |I + Z'Z / (n eps)|,   eps = 1e-4
//! TrR = R(Z, eps) - 1/K sum_c R(Z_c, eps)
//! ```
//!
//! in nats, as in the code that the authors print: n is the number of rows of Z or `Z_c`, features are not scaled, every class
//! counts alike however many rows it has, and no class is centred by itself. So the score depends on the scale of the features;
//! where all are doubled, it grows. Classes without any row are left out. It is not defined for numbers as labels.
//!
//! About the common mean, two classes of one size have the same second moments as all rows together, however far apart their
//! means lie: of two classes, it sees little more than how differently they are spread.
//!
//! `|I + Z'Z / (n eps)| = |I + Z Z' / (n eps)|`, so each takes a Gram matrix of size min(n, D).

use esmhub_store_format::Map;
use faer::{Mat, MatRef};

use super::blocks::{Block, Centred, log_determinant, rounding_of, trace};
use crate::ScoreError;

/// The distortion.
const EPSILON: f64 = 1e-4;
/// Where `Z'Z / (n eps)` has a trace in here, its Gram matrix has all the digits that matter beside I: above, rounding in the
/// large directions would show in the small ones; below, I would swallow all of it.
const RELIABLE: std::ops::Range<f64> = 1e-3..1e7;

/// A target's classes, each with its rows.
pub(crate) struct TransRate {
    /// The rows of each class, and how many there are.
    classes: Vec<(Block, f64)>,
}

impl TransRate {
    /// Takes embeddings (N x D) and for each class the positions of its rows.
    pub(crate) fn new(x: MatRef<'_, f64>, centred: &Centred, classes: &[Vec<usize>]) -> Self {
        let of_class = |rows: &Vec<usize>| (Block::reduced(centred.select(x, rows)), rows.len() as f64);
        Self { classes: classes.iter().filter(|rows| !rows.is_empty()).map(of_class).collect() }
    }

    /// The score of a map, or of no transfer.
    pub(crate) fn score(&self, centred: &Centred, map: Option<&Map>) -> Result<f64, ScoreError> {
        let whole = rate(&centred.block, centred.q.nrows() as f64, map)?;
        let mut sum = 0.0;
        for (block, rows) in &self.classes {
            sum += rate(block, *rows, map)?;
        }
        Ok(whole - sum / self.classes.len().max(1) as f64)
    }
}

/// `R(Z, eps)` of a block that stands for so many rows.
fn rate(block: &Block, rows: f64, map: Option<&Map>) -> Result<f64, ScoreError> {
    let share = 1.0 / (rows * EPSILON);
    let mut gram: Mat<f64> = faer::Scale(share) * block.gram(map)?;
    if RELIABLE.contains(&trace(&gram)) {
        gram.diagonal_mut().column_vector_mut().iter_mut().for_each(|value| *value += 1.0);
        if let Some(log_determinant) = log_determinant(&gram) {
            return Ok(0.5 * log_determinant);
        }
    }
    let values = block.mapped(map).singular_values().map_err(|_| ScoreError::Decomposition)?;
    let least = rounding_of(&values);
    Ok(0.5 * values.iter().filter(|value| **value > least).map(|value| (share * value * value).ln_1p()).sum::<f64>())
}
