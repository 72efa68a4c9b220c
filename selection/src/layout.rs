//! Points of many dimensions in a plane, so that distances are kept as well as a plane can.
//!
//! Classical multidimensional scaling (Torgerson 1952, "Multidimensional scaling: I. Theory and method"): with squared distances
//! D and `J = I - 1 1' / n`, the two leading eigenvectors of `B = -1/2 J D J`, each at the length of the root of its eigenvalue. As
//! the distances are those of points, B is the Gram matrix of the centred points, and no eigenvalue is negative.

use faer::linalg::solvers::SelfAdjointEigen;
use faer::{ColRef, Mat, Side};

use crate::ScoreError;
use crate::gram::gram;

/// Points in a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// n positions around (0, 0), in the unit of the points: the first axis shows most. The first point lies on the positive side
    /// of both axes, which would otherwise be known up to their signs.
    pub positions: Vec<[f64; 2]>,
    /// The share of the points' variance that the plane shows, from 0 to 1: 1 where they all lie in it.
    pub share: f64,
}

/// Lays n points of p dimensions each out in a plane; coordinates that one lacks count as 0. O(n^2 p) and an eigendecomposition of size n.
///
/// ```
/// use esmhub_selection::layout;
/// let square = [[0.0, 0.0, 5.0], [0.0, 2.0, 5.0], [2.0, 2.0, 5.0], [2.0, 0.0, 5.0]].map(Vec::from);
/// let flat = layout(&square).unwrap();
/// assert!((flat.share - 1.0).abs() < 1e-12);
/// let [[ax, ay], _, [cx, cy], _] = flat.positions[..] else { unreachable!() };
/// assert!(((ax - cx).hypot(ay - cy) - 8f64.sqrt()).abs() < 1e-12);
/// ```
///
/// # Errors
/// [`ScoreError::NotFinite`], [`ScoreError::Decomposition`].
pub fn layout(points: &[Vec<f64>]) -> Result<Layout, ScoreError> {
    let count = points.len();
    let dimension = points.iter().map(Vec::len).max().unwrap_or_default();
    if count == 0 || dimension == 0 {
        return Ok(Layout { positions: vec![[0.0; 2]; count], share: 1.0 });
    }
    let value = |i: usize, j: usize| points.get(j).and_then(|point| point.get(i)).copied().unwrap_or_default();
    let mean: Vec<f64> = (0..dimension).map(|i| (0..count).map(|j| value(i, j)).sum::<f64>() / count as f64).collect();
    let mean = ColRef::from_slice(&mean);
    let centred = Mat::from_fn(dimension, count, |i, j| value(i, j) - mean.get(i));
    let inner = gram(centred.as_ref(), 1.0);
    if !inner.is_all_finite() {
        return Err(ScoreError::NotFinite);
    }
    let eigen = SelfAdjointEigen::new(inner.as_ref(), Side::Lower).map_err(|_| ScoreError::Decomposition)?;
    // In ascending order.
    let leading = eigen.S().column_vector().iter().zip(eigen.U().col_iter()).rev().take(2);
    let mut positions = vec![[0.0; 2]; count];
    let mut shown = 0.0;
    for (axis, (&variance, vector)) in leading.enumerate() {
        let variance = variance.max(0.0);
        shown += variance;
        let first = vector.iter().next().copied().unwrap_or_default();
        let length = if first < 0.0 { -variance.sqrt() } else { variance.sqrt() };
        for (position, value) in positions.iter_mut().zip(vector.iter()) {
            if let Some(coordinate) = position.get_mut(axis) {
                *coordinate = length * value;
            }
        }
    }
    let all = inner.diagonal().column_vector().iter().sum::<f64>();
    Ok(Layout { positions, share: if all > 0.0 { (shown / all).min(1.0) } else { 1.0 } })
}
