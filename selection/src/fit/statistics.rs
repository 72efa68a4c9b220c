//! Sufficient statistics of a set of pairs: one pass over the rows, then memory O(D^2) however many there were.

use faer::{Col, Mat, MatRef};

use crate::gram::gram;

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

/// The same, centred: `xx` is `(X - m_x)'(X - m_x)`, and so on.
pub(super) struct Centred {
    pub(super) mean_x: Col<f64>,
    pub(super) mean_y: Col<f64>,
    pub(super) xx: Mat<f64>,
    pub(super) xy: Mat<f64>,
}

/// The same, centred on other means. Only products with a few columns are computed, not the D x D matrices themselves.
pub(super) struct SeenFrom<'a> {
    statistics: &'a Statistics,
    mean_x: &'a Col<f64>,
    mean_y: &'a Col<f64>,
}

impl Statistics {
    pub(super) fn of(x: MatRef<'_, f64>, y: MatRef<'_, f64>) -> Self {
        let ones = Col::<f64>::ones(x.nrows());
        Self {
            n: x.nrows() as f64,
            sum_x: x.transpose() * &ones,
            sum_y: y.transpose() * &ones,
            xx: gram(x, 1.0),
            xy: x.transpose() * y,
            // Rows lie one after the other, so the transpose is what lies in columns.
            yy: y.transpose().squared_norm_l2(),
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

    /// The statistics of these pairs without some of them.
    pub(super) fn without(&self, some: &Self) -> Self {
        let mut rest = self.clone();
        rest.n -= some.n;
        rest.sum_x -= &some.sum_x;
        rest.sum_y -= &some.sum_y;
        rest.xx -= &some.xx;
        rest.xy -= &some.xy;
        rest.yy -= some.yy;
        rest
    }

    /// n.
    pub(super) fn rows(&self) -> f64 {
        self.n
    }

    /// Centred on the means of these very pairs.
    pub(super) fn centred(&self) -> Centred {
        let mean_x = &self.sum_x * faer::Scale(1.0 / self.n);
        let mean_y = &self.sum_y * faer::Scale(1.0 / self.n);
        let centred = |products: &Mat<f64>, mean: &Col<f64>| {
            let mut centred = products.clone();
            for (column, mean) in centred.col_iter_mut().zip(mean.iter()) {
                column.iter_mut().zip(self.sum_x.iter()).for_each(|(value, sum)| *value -= sum * mean);
            }
            centred
        };
        Centred { xx: centred(&self.xx, &mean_x), xy: centred(&self.xy, &mean_y), mean_x, mean_y }
    }

    /// These pairs as seen from the means of others, those that a map was fitted on.
    pub(super) fn seen_from<'a>(&'a self, mean_x: &'a Col<f64>, mean_y: &'a Col<f64>) -> SeenFrom<'a> {
        SeenFrom { statistics: self, mean_x, mean_y }
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

    /// `X'X` and, for `Z = Y - s X`, `X'Z`.
    pub(super) fn into_xx_xz(self, scale: f64) -> (Mat<f64>, Mat<f64>) {
        let Self { xx, xy: mut xz, .. } = self;
        for (column, xx) in xz.col_iter_mut().zip(xx.col_iter()) {
            column.iter_mut().zip(xx.iter()).for_each(|(value, xx)| *value -= scale * xx);
        }
        (xx, xz)
    }
}

impl SeenFrom<'_> {
    /// `X'X C` for C of D x r.
    pub(super) fn xx(&self, columns: &Mat<f64>) -> Mat<f64> {
        let Statistics { sum_x, xx, .. } = self.statistics;
        self.moved(xx * columns, columns, (sum_x, self.mean_x))
    }

    /// `X'Y C`.
    pub(super) fn xy(&self, columns: &Mat<f64>) -> Mat<f64> {
        let Statistics { sum_y, xy, .. } = self.statistics;
        self.moved(xy * columns, columns, (sum_y, self.mean_y))
    }

    /// `trace(Z'Z)` for `Z = Y - s X`.
    pub(super) fn zz(&self, scale: f64) -> f64 {
        let Statistics { n, sum_x, sum_y, xx, xy, yy } = self.statistics;
        let (a, c) = (self.mean_x, self.mean_y);
        let yy = yy - 2.0 * (c.transpose() * sum_y) + n * c.squared_norm_l2();
        let xy = trace(xy) - c.transpose() * sum_x - a.transpose() * sum_y + n * (a.transpose() * c);
        let xx = trace(xx) - 2.0 * (a.transpose() * sum_x) + n * a.squared_norm_l2();
        yy - 2.0 * scale * xy + scale * scale * xx
    }

    /// `sum over rows of (x - a)(v - c)' C` from `sum x v' C`.
    fn moved(&self, product: Mat<f64>, columns: &Mat<f64>, (v, c): (&Col<f64>, &Col<f64>)) -> Mat<f64> {
        let (u, a) = (&self.statistics.sum_x, self.mean_x);
        let (v, c) = (v.transpose() * columns, c.transpose() * columns);
        let n = self.statistics.n;
        product - u * &c + a * (faer::Scale(n) * &c - v)
    }
}

pub(super) fn trace(matrix: &Mat<f64>) -> f64 {
    matrix.diagonal().column_vector().iter().sum()
}
