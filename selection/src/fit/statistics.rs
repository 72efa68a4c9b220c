//! Sufficient statistics of a set of pairs: one pass over the rows, then memory O(D^2) however many there were.

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Col, Mat, MatRef, Par};

/// Sums over n pairs of `x` and `y`, not centred, so that the statistics of two sets add up to those of both.
#[derive(Clone)]
pub(super) struct Statistics {
    n: f64,
    sum_x: Col<f64>,
    sum_y: Col<f64>,
    /// `X'X`, D x D.
    xx: Mat<f64>,
    /// `X'Y`, D x D.
    xy: Mat<f64>,
    /// `trace(Y'Y)`.
    yy: f64,
}

/// The same, centred on some means: `xx` is `(X - m_x)'(X - m_x)`, and so on.
pub(super) struct Centred {
    pub(super) mean_x: Col<f64>,
    pub(super) mean_y: Col<f64>,
    pub(super) xx: Mat<f64>,
    pub(super) xy: Mat<f64>,
    pub(super) yy: f64,
}

impl Statistics {
    pub(super) fn of(x: MatRef<'_, f64>, y: MatRef<'_, f64>) -> Self {
        let ones = Col::<f64>::ones(x.nrows());
        Self {
            n: x.nrows() as f64,
            sum_x: x.transpose() * &ones,
            sum_y: y.transpose() * &ones,
            xx: gram(x),
            xy: x.transpose() * y,
            yy: y.squared_norm_l2(),
        }
    }

    pub(super) fn zeros(dimension: usize) -> Self {
        let square = || Mat::zeros(dimension, dimension);
        Self { n: 0.0, sum_x: Col::zeros(dimension), sum_y: Col::zeros(dimension), xx: square(), xy: square(), yy: 0.0 }
    }

    /// The statistics of all these sets together.
    pub(super) fn total<'a>(dimension: usize, sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut total = Self::zeros(dimension);
        for set in sets {
            total.n += set.n;
            total.sum_x += &set.sum_x;
            total.sum_y += &set.sum_y;
            total.xx += &set.xx;
            total.xy += &set.xy;
            total.yy += set.yy;
        }
        total
    }

    /// n.
    pub(super) fn rows(&self) -> f64 {
        self.n
    }

    /// Centred on the means of these very pairs.
    pub(super) fn centred(&self) -> Centred {
        let mean_x = &self.sum_x * faer::Scale(1.0 / self.n);
        let mean_y = &self.sum_y * faer::Scale(1.0 / self.n);
        self.centred_on(mean_x, mean_y)
    }

    /// Centred on the means of other pairs, those that a map was fitted on.
    pub(super) fn centred_on(&self, mean_x: Col<f64>, mean_y: Col<f64>) -> Centred {
        let (a, c, n) = (&mean_x, &mean_y, faer::Scale(self.n));
        let xx = &self.xx - &self.sum_x * a.transpose() - a * self.sum_x.transpose() + n * (a * a.transpose());
        let xy = &self.xy - &self.sum_x * c.transpose() - a * self.sum_y.transpose() + n * (a * c.transpose());
        let yy = self.yy - 2.0 * (c.transpose() * &self.sum_y) + self.n * c.squared_norm_l2();
        Centred { mean_x, mean_y, xx, xy, yy }
    }

    /// The squared distance of the tuned embeddings from their own mean, over all rows and dimensions.
    pub(super) fn variance(&self) -> f64 {
        (self.yy - self.sum_y.squared_norm_l2() / self.n).max(0.0)
    }
}

impl Centred {
    /// `s = <x, y> / <x, x>`: the multiple of the identity that explains most. 1 where x does not vary.
    pub(super) fn scale(&self) -> f64 {
        let (xx, xy) = (trace(&self.xx), trace(&self.xy));
        if xx > 0.0 { xy / xx } else { 1.0 }
    }

    /// `mu = trace(X'X) / D`: the mean eigenvalue.
    pub(super) fn mean_eigenvalue(&self) -> f64 {
        trace(&self.xx) / self.mean_x.nrows() as f64
    }

    /// `X'Z` for `Z = Y - s X`.
    pub(super) fn xz(&self, scale: f64) -> Mat<f64> {
        &self.xy - faer::Scale(scale) * &self.xx
    }

    /// `trace(Z'Z)`.
    pub(super) fn zz(&self, scale: f64) -> f64 {
        self.yy - 2.0 * scale * trace(&self.xy) + scale * scale * trace(&self.xx)
    }
}

/// `X'X`: one half is computed, the other copied.
fn gram(x: MatRef<'_, f64>) -> Mat<f64> {
    let dimension = x.ncols();
    let mut gram = Mat::zeros(dimension, dimension);
    let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    matmul(&mut gram, lower, Accum::Replace, x.transpose(), full, x, full, 1.0, Par::Seq);
    mirror(&mut gram);
    gram
}

/// Copies what stands below the diagonal to its mirror image above it.
pub(super) fn mirror(matrix: &mut Mat<f64>) {
    let copy = matrix.transpose().to_owned();
    for (j, (column, mirrored)) in matrix.col_iter_mut().zip(copy.col_iter()).enumerate() {
        column.iter_mut().zip(mirrored.iter()).take(j).for_each(|(upper, lower)| *upper = *lower);
    }
}

pub(super) fn trace(matrix: &Mat<f64>) -> f64 {
    matrix.diagonal().column_vector().iter().sum()
}
