//! Blocks of a target's rows in as few rows as say the same, and what a map makes of them.
//!
//! The scores beside LogME do not change when a constant is added to all features, so that no map's bias matters to them, and
//! all follow from Gram matrices of centred features. Of a block of n rows, `F'F` is that of its R alone, `X = Q R`, which has
//! min(n, D) rows: it is computed once per target, and then the map is applied to it instead of the rows.

use std::sync::OnceLock;

use esmhub_store_format::{LowRankMap, Map};
use faer::{Mat, MatRef, Scale};

use crate::ScoreError;
use crate::features::{apply_linear, factors};
use crate::gram::gram;

/// Of rows that vary by less than this share of their squared length, what is left is rounding.
const NOTHING: f64 = 1e-24;
/// Of a Gram matrix that is a smaller share of the terms that it is a sum of, too many digits have cancelled.
const CANCELLED: f64 = 1e-3;

/// Singular values up to this share of the largest one are rounding.
const UNSEEN: f64 = 1e-13;

/// Rows, and their Gram matrix once a low-rank map asks for it.
pub(crate) struct Block {
    /// k x D.
    rows: Mat<f64>,
    /// `rows rows'`, k x k.
    own: OnceLock<Mat<f64>>,
}

/// What a low-rank map `s x + A (B x)` makes of a block, without multiplying it out.
struct Parts {
    scale: f64,
    /// `rows B'`, k x r.
    inside: Mat<f64>,
    /// `rows A`, k x r.
    along: Mat<f64>,
    /// `A'A`, r x r.
    core: Mat<f64>,
}

impl Block {
    /// Takes rows that are as few as can be.
    fn new(rows: Mat<f64>) -> Self {
        Self { rows, own: OnceLock::new() }
    }

    /// Reduces rows (n x D) to min(n, D).
    pub(crate) fn reduced(rows: Mat<f64>) -> Self {
        if rows.nrows() <= rows.ncols() { Self::new(rows) } else { Self::new(rows.qr().thin_R().to_owned()) }
    }

    /// The rows, k x D.
    pub(crate) fn rows(&self) -> MatRef<'_, f64> {
        self.rows.as_ref()
    }

    /// The rows after a map without its bias, or as they are, k x D.
    pub(crate) fn mapped(&self, map: Option<&Map>) -> Mat<f64> {
        map.map_or_else(|| self.rows.clone(), |map| apply_linear(map, self.rows.as_ref()))
    }

    /// `F F'` of these features, k x k. O(k D^2 + k^2 D); for a low-rank map O(k D r + k^2 r).
    ///
    /// # Errors
    /// [`ScoreError::NotFinite`] where a sum of squares is beyond f64.
    pub(crate) fn gram(&self, map: Option<&Map>) -> Result<Mat<f64>, ScoreError> {
        let own = || self.own.get_or_init(|| gram(self.rows.transpose(), 1.0));
        let structured = match map {
            None => Some(own().clone()),
            Some(Map::LowRank(map)) if 4 * map.rank() <= map.dimension() => self.structured_gram(own(), map),
            Some(_) => None,
        };
        let found = structured.unwrap_or_else(|| gram(self.mapped(map).transpose(), 1.0));
        if found.is_all_finite() { Ok(found) } else { Err(ScoreError::NotFinite) }
    }

    /// `s^2 X X' + s T U' + s U T' + U C U'` with `U = X B'`, `T = X A`, `C = A'A`; `None` where little is left of these terms.
    fn structured_gram(&self, own: &Mat<f64>, map: &LowRankMap) -> Option<Mat<f64>> {
        let Parts { scale, inside, along, core } = self.parts(map);
        // Half of the middle terms, and half of the last.
        let half = Scale(scale) * along + Scale(0.5) * (&inside * &core);
        let product = &inside * half.transpose();
        let mut sum = Scale(scale * scale) * own;
        let largest = trace(&sum) + trace(&(inside.transpose() * &inside * core)).abs();
        sum += &product;
        sum += product.transpose();
        (trace(&sum) > CANCELLED * largest).then_some(sum)
    }

    fn parts(&self, map: &LowRankMap) -> Parts {
        let (a, b) = factors(map);
        Parts {
            scale: f64::from(map.scale()),
            inside: &self.rows * b.transpose(),
            along: &self.rows * a.transpose(),
            core: &a * a.transpose(),
        }
    }
}

/// A target's rows without their mean: `X - 1 m' = Q R`.
pub(crate) struct Centred {
    /// N x k, k = min(N - 1, D): orthonormal, and orthogonal to the ones.
    pub(crate) q: Mat<f64>,
    /// R, k x D.
    pub(crate) block: Block,
    /// m, D values.
    mean: Vec<f64>,
}

impl Centred {
    /// Takes embeddings (N x D). O(N D min(N, D)).
    pub(crate) fn new(x: MatRef<'_, f64>) -> Self {
        let (rows, dimension) = x.shape();
        let joined = Mat::from_fn(rows, 1 + dimension, |i, j| j.checked_sub(1).map_or(1.0, |j| *x.get(i, j)));
        let qr = joined.qr();
        let size = rows.min(1 + dimension).saturating_sub(1);
        let mut r = qr.thin_R().submatrix(1, 1, size, dimension).to_owned();
        if r.squared_norm_l2() <= NOTHING * x.squared_norm_l2() {
            r.fill(0.0);
        }
        let mean = x.col_iter().map(|column| column.iter().sum::<f64>() / rows as f64).collect();
        Self { q: qr.compute_thin_Q().subcols(1, size).to_owned(), block: Block::new(r), mean }
    }

    /// Some rows of the embeddings without the mean of all, n x D.
    pub(crate) fn select(&self, x: MatRef<'_, f64>, rows: &[usize]) -> Mat<f64> {
        Mat::from_fn(rows.len(), x.ncols(), |i, j| {
            let mean = self.mean.get(j).copied().unwrap_or_default();
            rows.get(i).map_or(0.0, |&row| x.get(row, j) - mean)
        })
    }
}

/// How large a singular value can be by rounding alone, beside these.
pub(crate) fn rounding_of(values: &[f64]) -> f64 {
    UNSEEN * values.iter().copied().fold(0.0, f64::max)
}

/// The sum of the diagonal.
pub(crate) fn trace(matrix: &Mat<f64>) -> f64 {
    matrix.diagonal().column_vector().iter().sum()
}

/// `log |L L'|` of the lower half of a positive definite matrix; `None` where it is none.
pub(crate) fn log_determinant(matrix: &Mat<f64>) -> Option<f64> {
    let factor = matrix.llt(faer::Side::Lower).ok()?;
    Some(2.0 * factor.L().diagonal().column_vector().iter().map(|pivot| pivot.ln()).sum::<f64>())
}
