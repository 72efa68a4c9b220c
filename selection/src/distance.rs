//! How far two maps are apart.
//!
//! An ESM is what fine-tuning changes: `f(x) - x = (W - I) x + b`. So maps are compared by their residuals `R = W - I`, on which
//! the identity, which nearly all of every `W` is, has no say. Distances are relative to the root mean square of the two
//! lengths,
//!
//! ```text
//! d(P, Q) = |P - Q| / sqrt((|P|^2 + |Q|^2) / 2)      0 equal, sqrt 2 orthogonal and equally long, 2 opposite
//! ```
//!
//! in the Frobenius norm: symmetric, and from 0 to 2 whatever the maps. For lengths a and b and the cosine c between them,
//! `d^2 = 2 (1 - 2 a b c / (a^2 + b^2))`.
//!
//! Rows of both residuals are formed a few at a time and subtracted, in O(D^2 r) for a rank r. Traces of the factors' products
//! would take O(D r^2), but as a difference of squares: two maps that agree to eight digits would look equal, and equal ones
//! as far apart as that.

use esmhub_store_format::Map;
use faer::Mat;

use crate::features::rows_to_matrix;

/// Rows that are formed at a time.
const BLOCK: usize = 64;

/// How far two maps of one dimension are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// `d(W1, W2)` by their residuals, 0 to 2; 0 where both are the identity.
    pub matrix: f64,
    /// `d(b1, b2)`, 0 to 2; 0 where both are 0.
    pub bias: f64,
    /// The cosine between the residuals `W1 - I` and `W2 - I`, -1 to 1: how alike the maps act, however strongly. `None` where
    /// one is the identity.
    pub cosine: Option<f64>,
    /// `|W1 - I|` and `|W2 - I|`: how much each changes.
    pub changes: [f64; 2],
}

impl Distance {
    /// Between two maps, computed in f64; `None` where their dimensions differ.
    ///
    /// ```
    /// use esmhub_selection::Distance;
    /// use esmhub_store_format::{LowRankMap, Map};
    /// let scaled = |s: f32| Map::from(LowRankMap::new(s, Vec::new(), vec![0.0; 8]).unwrap());
    /// let distance = Distance::between(&scaled(1.5), &scaled(0.5)).unwrap();
    /// // One stretches, the other shrinks.
    /// assert!((distance.cosine.unwrap() + 1.0).abs() < 1e-12 && (distance.matrix - 2.0).abs() < 1e-12);
    /// ```
    pub fn between(one: &Map, other: &Map) -> Option<Self> {
        if one.dimension() != other.dimension() {
            return None;
        }
        let dimension = one.dimension() as usize;
        let (one_rows, other_rows) = (Residual::of(one), Residual::of(other));
        let mut matrix = Sums::default();
        for first in (0..dimension).step_by(BLOCK) {
            let rows = BLOCK.min(dimension - first);
            let (p, q) = (one_rows.rows(first, rows), other_rows.rows(first, rows));
            for (p, q) in p.col_iter().zip(q.col_iter()) {
                matrix.add(p.iter().zip(q.iter()).map(|(p, q)| (*p, *q)));
            }
        }
        let mut bias = Sums::default();
        bias.add(one.bias().iter().zip(other.bias()).map(|(p, q)| (f64::from(*p), f64::from(*q))));
        Some(Self {
            matrix: matrix.distance(),
            bias: bias.distance(),
            cosine: matrix.cosine(),
            changes: [matrix.one.sqrt(), matrix.other.sqrt()],
        })
    }
}

/// Sums over all values of two matrices.
#[derive(Default)]
struct Sums {
    one: f64,
    other: f64,
    product: f64,
    apart: f64,
}

impl Sums {
    fn add(&mut self, values: impl Iterator<Item = (f64, f64)>) {
        for (p, q) in values {
            self.one += p * p;
            self.other += q * q;
            self.product += p * q;
            self.apart += (p - q) * (p - q);
        }
    }

    fn distance(&self) -> f64 {
        let mean = 0.5 * (self.one + self.other);
        // Rounding can carry it past the end.
        if mean > 0.0 { (self.apart / mean).sqrt().min(2.0) } else { 0.0 }
    }

    fn cosine(&self) -> Option<f64> {
        let lengths = self.one.sqrt() * self.other.sqrt();
        (lengths > 0.0).then(|| (self.product / lengths).clamp(-1.0, 1.0))
    }
}

/// `W - I`, of which a few rows are formed at a time.
enum Residual<'a> {
    /// D x D, row-major, still with the identity in it.
    Dense(&'a [f32], usize),
    /// The columns of A and the rows of B, both r x D, and what stands on the diagonal besides.
    LowRank { a: Mat<f64>, b: Mat<f64>, diagonal: f64 },
}

impl<'a> Residual<'a> {
    fn of(map: &'a Map) -> Self {
        let dimension = map.dimension() as usize;
        match map {
            Map::Dense(map) => Self::Dense(map.weight(), dimension),
            Map::LowRank(map) => {
                let rank = map.rank() as usize;
                let (a, b) = (rows_to_matrix(rank, dimension, map.a()), rows_to_matrix(rank, dimension, map.b()));
                Self::LowRank { a, b, diagonal: f64::from(map.scale()) - 1.0 }
            }
        }
    }

    /// Some of its rows, n x D.
    fn rows(&self, first: usize, number: usize) -> Mat<f64> {
        let (mut rows, diagonal) = match self {
            Self::Dense(weight, dimension) => {
                let values = weight.get(first * dimension..(first + number) * dimension).unwrap_or_default();
                (rows_to_matrix(number, *dimension, values), -1.0)
            }
            Self::LowRank { a, b, diagonal } => (a.subcols(first, number).transpose() * b, *diagonal),
        };
        let own = rows.subcols_mut(first, number).diagonal_mut().column_vector_mut();
        own.iter_mut().for_each(|value| *value += diagonal);
        rows
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use esmhub_store_format::{DenseMap, LowRankMap};

    use super::*;
    use crate::SplitMix64;

    const D: usize = 150; // more than two blocks, and no whole number of them

    fn values(random: &mut SplitMix64, number: usize, scale: f32) -> Vec<f32> {
        (0..number).map(|_| scale * (random.below(2001) as f32 / 1000.0 - 1.0)).collect()
    }

    fn dense(seed: u64) -> Map {
        let mut random = SplitMix64::new(seed);
        let mut weight = values(&mut random, D * D, 0.1);
        weight.iter_mut().step_by(D + 1).for_each(|value| *value += 1.0);
        DenseMap::new(weight, values(&mut random, D, 0.5)).unwrap().into()
    }

    fn low_rank(seed: u64, rank: usize, scale: f32) -> Map {
        let mut random = SplitMix64::new(seed);
        let factors = values(&mut random, 2 * rank * D, 0.2);
        LowRankMap::new(scale, factors, values(&mut random, D, 0.5)).unwrap().into()
    }

    /// `W - I`, by its definition and element by element.
    fn residual(map: &Map) -> Vec<f64> {
        let element = |i: usize, j: usize| match map {
            Map::Dense(map) => f64::from(map.weight()[i * D + j]),
            Map::LowRank(map) => {
                let scaled = if i == j { f64::from(map.scale()) } else { 0.0 };
                let products =
                    (0..map.rank() as usize).map(|k| f64::from(map.a()[k * D + i]) * f64::from(map.b()[k * D + j]));
                scaled + products.sum::<f64>()
            }
        };
        let identity = |i, j| if i == j { 1.0 } else { 0.0 };
        (0..D * D).map(|at| element(at / D, at % D) - identity(at / D, at % D)).collect()
    }

    #[test]
    fn blocks_leave_no_row_out_and_count_none_twice() {
        let maps = [dense(1), dense(2), low_rank(3, 7, 0.9), low_rank(4, 75, 1.2), low_rank(5, 0, 0.5)];
        let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
        let close = |found: f64, expected: f64, what: &str| {
            assert!(
                (found - expected).abs() <= 1e-12 * expected.abs().max(1.0),
                "{what}: {found}, expected {expected}"
            );
        };
        for one in &maps {
            for other in &maps {
                let found = Distance::between(one, other).unwrap();
                let (p, q) = (residual(one), residual(other));
                let apart: Vec<f64> = p.iter().zip(&q).map(|(p, q)| p - q).collect();
                let (a, b) = (norm(&p), norm(&q));
                close(found.matrix, norm(&apart) / ((a * a + b * b) / 2.0).sqrt(), "matrix");
                let dot: f64 = p.iter().zip(&q).map(|(p, q)| p * q).sum();
                close(found.cosine.unwrap(), dot / (a * b), "cosine");
                close(found.changes[0], a, "change");
                close(found.changes[1], b, "change");
                let wide = |map: &Map| map.bias().iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
                let (p, q) = (wide(one), wide(other));
                let apart: Vec<f64> = p.iter().zip(&q).map(|(p, q)| p - q).collect();
                close(found.bias, norm(&apart) / ((norm(&p).powi(2) + norm(&q).powi(2)) / 2.0).sqrt(), "bias");
                let back = Distance::between(other, one).unwrap();
                assert_eq!((back.matrix, back.cosine), (found.matrix, found.cosine), "symmetric");
            }
        }
    }

    #[test]
    fn equal_maps_are_not_a_rounding_error_apart() {
        for map in [dense(1), low_rank(2, 40, 0.9)] {
            let found = Distance::between(&map, &map.clone()).unwrap();
            assert_eq!((found.matrix, found.bias), (0.0, 0.0));
            assert!((found.cosine.unwrap() - 1.0).abs() < 1e-12);
            // The same matrix written out differs by the rounding to f32 alone, in which it would drown as squares.
            let written = Map::from(map.to_dense().unwrap().into_owned());
            assert!(Distance::between(&map, &written).unwrap().matrix < 1e-6);
        }
    }

    #[test]
    fn identity_acts_like_nothing() {
        let identity = Map::from(LowRankMap::new(1.0, Vec::new(), vec![0.0; D]).unwrap());
        let found = Distance::between(&identity, &identity).unwrap();
        assert_eq!((found.matrix, found.bias, found.cosine), (0.0, 0.0, None));
        let found = Distance::between(&identity, &dense(1)).unwrap();
        assert_eq!((found.cosine, found.changes[0]), (None, 0.0));
        assert!((found.matrix - 2f64.sqrt()).abs() < 1e-12);
        let smaller = Map::from(LowRankMap::new(1.0, Vec::new(), vec![0.0; D - 1]).unwrap());
        assert_eq!(Distance::between(&identity, &smaller), None);
    }
}
