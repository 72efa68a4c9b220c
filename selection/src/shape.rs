//! What a map makes of a target, as a point in space, so that maps can be compared by what they do and not by their weights.
//!
//! With mapped rows F (n x D) and `H = I - 1 1' / n`, the point of a map is its centred Gram matrix at length 1,
//!
//! ```text
//! K = H F F' H,   p = K / |K|
//! ```
//!
//! Two points are `|p - q| = sqrt(2 - 2 CKA)` apart, with linear CKA, the centred kernel alignment of Kornblith, Norouzi, Lee, Hinton
//! 2019, "Similarity of Neural Network Representations Revisited" (arXiv 1905.00414, section 3). It is the likeness that a score
//! sees: the evidence knows the rows through `F F'` alone, and its fixed point takes up any factor. So rotations and scalings of
//! the mapped space, and here constant directions, make no difference, and no transfer has a point as any map has.
//!
//! Rejected: displacements `f(x) - x` at length 1. No transfer has none, and on the demo's pool their distances say nothing of
//! differences of scores (rank correlation -0.02; 0.25 here).

use esmhub_store_format::Map;
use faer::{Mat, MatRef};

use crate::ScoreError;
use crate::features::apply;
use crate::random::SplitMix64;

/// So many rows are compared. On the demo's pool they order the distances as 1,000 rows do (rank correlation 0.99).
pub(crate) const ROWS: usize = 128;
/// Their seed: the same rows for every map and in every run.
const SEED: u64 = 0x0073_6861_7065;
/// Of rows that vary by less than this share of their squared length, what is left is rounding.
const NOTHING: f64 = 1e-24;

/// At most [`ROWS`] of the rows of x (N x D).
pub(crate) fn sample(x: MatRef<'_, f64>) -> Mat<f64> {
    let mut rows = SplitMix64::new(SEED).permutation(x.nrows());
    rows.truncate(ROWS);
    Mat::from_fn(rows.len(), x.ncols(), |i, j| rows.get(i).map_or(0.0, |&row| *x.get(row, j)))
}

/// The point of a map, or of no transfer, on n rows: the n (n + 1) / 2 entries of the upper half of `K / |K|`, those beside the
/// diagonal times sqrt(2), so that distances are those of the matrices. All are 0 where every row is mapped to the same.
pub(crate) fn shape(map: Option<&Map>, rows: MatRef<'_, f64>) -> Result<Vec<f64>, ScoreError> {
    let mut features = map.map_or_else(|| rows.to_owned(), |map| apply(map, rows));
    let whole = features.squared_norm_l2();
    let means: Vec<f64> = features.col_iter().map(|column| column.iter().sum::<f64>() / rows.nrows() as f64).collect();
    for (column, mean) in features.col_iter_mut().zip(means) {
        column.iter_mut().for_each(|value| *value -= mean);
    }
    let gram = &features * features.transpose();
    let varies = gram.diagonal().column_vector().iter().sum::<f64>();
    if !whole.is_finite() || !gram.is_all_finite() {
        return Err(ScoreError::NotFinite);
    }
    let length = gram.norm_l2();
    let scale = if varies > NOTHING * whole && length > 0.0 { 1.0 / length } else { 0.0 };
    let half = gram.col_iter().enumerate().flat_map(|(j, column)| {
        column.iter().take(j + 1).enumerate().map(move |(i, value)| (i == j, value)).collect::<Vec<_>>()
    });
    Ok(half.map(|(diagonal, value)| scale * value * if diagonal { 1.0 } else { 2f64.sqrt() }).collect())
}
