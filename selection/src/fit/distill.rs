//! Distilling a dense map: what of it matters where embeddings really lie.
//!
//! A map that was trained elsewhere has weights for directions in which no text varies: noise of its training. Projected on
//! the base model's covariance `G`, it becomes a scaled identity plus the `r` directions in which its outputs vary most:
//!
//! ```text
//! s = trace(W G) / trace(G),   M = W - s I,   V = the leading r eigenvectors of M G M'
//! f(x) = s x + V (V'M x) + b,   b chosen so that both maps agree on the mean embedding
//! ```

use esmhub_store_format::{DenseMap, LowRankMap};
use faer::Mat;

use super::regression::leading;
use super::statistics::{Statistics, trace};
use super::{FitError, Rank};
use crate::Embeddings;
use crate::features::{rows_to_matrix, to_matrix};

/// A dense map, reduced to what it does on real embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct Distilled {
    /// The map.
    pub map: LowRankMap,
    /// The share of the variance of the dense map's outputs, on the embeddings given, that it keeps.
    pub r2: f64,
}

/// Distils a dense map to rank `rank` (at most what the format allows) on base embeddings, N x D.
///
/// # Errors
/// [`FitError::Dimension`], [`FitError::NotFinite`], [`FitError::NoVariance`], [`FitError::Decomposition`].
pub fn distill(map: &DenseMap, x: &Embeddings, rank: usize) -> Result<Distilled, FitError> {
    let dimension = x.dimension();
    if map.dimension() as usize != dimension {
        return Err(FitError::Dimension { expected: dimension, found: map.dimension() as usize });
    }
    if let Some((row, column)) = x.first_non_finite() {
        return Err(FitError::NotFinite { matrix: "x", row, column });
    }
    let embedded = to_matrix(x);
    let centred = Statistics::of(embedded.as_ref(), embedded.as_ref()).centred();
    let (gram, mean) = (&centred.xx, &centred.mean_x);
    if x.rows() < 2 || trace(gram) <= 0.0 {
        return Err(FitError::NoVariance);
    }
    let mut change = rows_to_matrix(dimension, dimension, map.weight());
    let variance = trace(&(&change * gram * change.transpose()));
    let scale = trace(&(&change * gram)) / trace(gram);
    change.diagonal_mut().column_vector_mut().iter_mut().for_each(|value| *value -= scale);

    let outputs: Mat<f64> = &change * gram * change.transpose();
    let directions = leading(outputs.as_ref(), Rank::Exactly(rank).most(dimension))?;
    let coefficients = change.transpose() * &directions;
    let kept = trace(&(directions.transpose() * &outputs * &directions));
    let lost_at_mean = &change * mean - &directions * (coefficients.transpose() * mean);
    let bias = map.bias().iter().zip(lost_at_mean.iter()).map(|(&b, &lost)| (f64::from(b) + lost) as f32).collect();
    let columns = directions.col_iter().chain(coefficients.col_iter());
    let factors = columns.flat_map(|column| column.iter().map(|&v| v as f32)).collect();
    let lost = (trace(&outputs) - kept).max(0.0);
    Ok(Distilled { map: LowRankMap::new(scale as f32, factors, bias)?, r2: super::domains::r2(lost, variance) })
}
