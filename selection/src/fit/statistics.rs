//! Sufficient statistics of a set of pairs: one pass over the rows, then memory O(D^2) however many there were.

use faer::{Col, Mat, MatRef};

/// Sums over n pairs of `x` and `z = y - x`, not centred, so that the statistics of two sets add up to those of both.
#[derive(Clone)]
pub(super) struct Statistics {
    n: f64,
    sum_x: Col<f64>,
    sum_z: Col<f64>,
    /// `X'X`, D x D.
    xx: Mat<f64>,
    /// `X'Z`, D x D.
    xz: Mat<f64>,
    /// `trace(Z'Z)`.
    zz: f64,
}

/// The same, centred.
pub(super) struct Centred {
    pub(super) mean_x: Col<f64>,
    pub(super) mean_z: Col<f64>,
    pub(super) xx: Mat<f64>,
    pub(super) xz: Mat<f64>,
}

impl Statistics {
    pub(super) fn of(x: MatRef<'_, f64>, y: MatRef<'_, f64>) -> Self {
        let z = y - x;
        let ones = Col::<f64>::ones(x.nrows());
        Self {
            n: x.nrows() as f64,
            sum_x: x.transpose() * &ones,
            sum_z: z.transpose() * &ones,
            xx: x.transpose() * x,
            xz: x.transpose() * &z,
            zz: z.squared_norm_l2(),
        }
    }

    pub(super) fn zeros(dimension: usize) -> Self {
        let square = || Mat::zeros(dimension, dimension);
        Self { n: 0.0, sum_x: Col::zeros(dimension), sum_z: Col::zeros(dimension), xx: square(), xz: square(), zz: 0.0 }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.n += other.n;
        self.sum_x += &other.sum_x;
        self.sum_z += &other.sum_z;
        self.xx += &other.xx;
        self.xz += &other.xz;
        self.zz += other.zz;
    }

    /// Centred on the means of these very pairs.
    pub(super) fn centred(&self) -> Centred {
        let mean_x = &self.sum_x * faer::Scale(1.0 / self.n);
        let mean_z = &self.sum_z * faer::Scale(1.0 / self.n);
        Centred {
            xx: &self.xx - &self.sum_x * mean_x.transpose(),
            xz: &self.xz - &self.sum_x * mean_z.transpose(),
            mean_x,
            mean_z,
        }
    }

    /// Centred on the means of other pairs, those that a map was fitted on: then `sum |z - mean_z - B'(x - mean_x)|^2` is
    /// `zz - 2 trace(B' xz) + trace(B' xx B)`.
    pub(super) fn centred_on(&self, fitted: &Centred) -> (Mat<f64>, Mat<f64>, f64) {
        let (a, c) = (&fitted.mean_x, &fitted.mean_z);
        let n = faer::Scale(self.n);
        let xx = &self.xx - &self.sum_x * a.transpose() - a * self.sum_x.transpose() + n * (a * a.transpose());
        let xz = &self.xz - &self.sum_x * c.transpose() - a * self.sum_z.transpose() + n * (a * c.transpose());
        let zz = self.zz - 2.0 * (c.transpose() * &self.sum_z) + self.n * c.squared_norm_l2();
        (xx, xz, zz)
    }
}
