//! The resolvent of a dense map's features, from a band matrix.
//!
//! Where rows exceed dimensions, the rows are first reduced to D + 1, once per target: `[1 X] = Q R`, so that
//! `F = [1 X] [b W]' = Q (R [b W]')`, and Q never matters again. R's first row is what the mean of the embeddings gives; the others
//! are of the centred ones. So `F'F = B + g g'` with g the mean feature times sqrt(N), and `B = W R'R W'` over the others, whose
//! largest eigenvalue is a fraction of that of `F'F`: this is what makes an f32 path possible. `g g'` joins by the formula of
//! Sherman and Morrison.
//!
//! Where rows do not exceed dimensions, the same is asked of `F F'` of N x N, from which everything else follows.

use esmhub_store_format::{DenseMap, Map};
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, ColRef, Mat, MatRef, Par};

use super::band::Band;
use super::fixed_point::Unreliable;
use super::interpolant::{Resolvent, Values};
use super::reduction::{Real, to_band};
use super::{LEAST_RESIDUAL, LEAST_RESIDUAL_IN_SINGLE, RELIABLE, RELIABLE_IN_SINGLE};
use crate::features::transposed_weight;

/// A target of more rows than dimensions, reduced to D + 1 rows.
pub(crate) struct Reduced {
    rows: usize,
    /// The first row of R: D + 1 values, of the column of ones and the embeddings.
    mean: Vec<f64>,
    /// The other rows of R without their first column, which is 0: D x D, upper triangular.
    centred: Mat<f64>,
    /// The same in f32.
    narrow: Mat<f32>,
    /// `Q'Y`, (D + 1) x K.
    labels: Mat<f64>,
    /// `|y|^2` of each label vector.
    label_norms: Vec<f64>,
}

impl Reduced {
    /// Takes embeddings (N x D, N > D) and label vectors (N x K). O(N D^2).
    pub(crate) fn new(x: MatRef<'_, f64>, y: MatRef<'_, f64>) -> Self {
        let (rows, dimension) = x.shape();
        // The R of [1 X Y] holds Q'Y in its last columns.
        let joined = Mat::from_fn(rows, 1 + dimension + y.ncols(), |i, j| match j.checked_sub(1) {
            None => 1.0,
            Some(j) if j < dimension => *x.get(i, j),
            Some(j) => *y.get(i, j - dimension),
        });
        let qr = joined.qr();
        let r = qr.thin_R().subrows(0, dimension + 1);
        let centred = r.submatrix(1, 1, dimension, dimension).to_owned();
        let narrow = Mat::from_fn(dimension, dimension, |i, j| *centred.get(i, j) as f32);
        Self {
            rows,
            mean: r.row(0).subcols(0, dimension + 1).iter().copied().collect(),
            labels: Mat::from_fn(dimension + 1, y.ncols(), |i, k| *r.get(i, 1 + dimension + k)),
            label_norms: y.col_iter().map(|y| y.squared_norm_l2()).collect(),
            centred,
            narrow,
        }
    }

    /// The features of a map.
    pub(crate) fn features(&self, map: &Map) -> Dense {
        self.reduce(self.centred.as_ref(), transposed_weight(map).as_ref(), map.bias(), (RELIABLE, LEAST_RESIDUAL))
    }

    /// Those of a dense map, reduced in f32.
    pub(crate) fn features_in_single(&self, map: &DenseMap) -> Dense {
        // Row-major W is column-major W': no copy.
        let size = map.dimension() as usize;
        let weight = MatRef::from_column_major_slice(map.weight(), size, size);
        self.reduce(self.narrow.as_ref(), weight, map.bias(), (RELIABLE_IN_SINGLE, LEAST_RESIDUAL_IN_SINGLE))
    }

    /// Takes `W'` (D x D) and b.
    fn reduce<T: Real>(
        &self,
        centred: MatRef<'_, T>,
        weight: MatRef<'_, T>,
        bias: &[f32],
        (reliable, least_residual): (f64, f64),
    ) -> Dense {
        let (size, count) = (centred.nrows(), self.labels.ncols());
        let (full, lower, upper) =
            (BlockStructure::Rectangular, BlockStructure::TriangularLower, BlockStructure::TriangularUpper);
        let (zero, one) = (T::of(0.0), T::of(1.0));
        let mut features = Mat::from_fn(size, size, |_, _| zero);
        matmul(features.as_mut(), full, Accum::Replace, centred, upper, weight, full, one, Par::Seq);
        let mut gram = Mat::from_fn(size, size, |_, _| zero);
        matmul(gram.as_mut(), lower, Accum::Replace, features.transpose(), full, &features, full, one, Par::Seq);
        // Side by side the mean feature times sqrt(N), and what the centred features say of the labels.
        let mean = self.mean_feature(weight, bias);
        let labels = Mat::from_fn(size, count, |i, k| T::of(*self.labels.get(i + 1, k)));
        let mut vectors = Mat::from_fn(size, 1 + count, |i, _| T::of(mean.get(i).copied().unwrap_or_default()));
        vectors.subcols_mut(1, count).copy_from(features.transpose() * labels);
        let band = to_band(gram.as_mut(), vectors.as_mut());
        Dense {
            shape: (self.rows, size),
            least: reliable * band.largest(),
            least_residual,
            band,
            vectors: rows_of(vectors.as_ref()),
            kind: Kind::Columns {
                means: self.labels.row(0).iter().copied().collect(),
                norms: self.label_norms.clone(),
            },
        }
    }

    /// `sqrt(N) (b + W m)`, where m is the mean of the embeddings; up to the sign that R has. In f64 whatever W is in.
    fn mean_feature<T: Real>(&self, weight: MatRef<'_, T>, bias: &[f32]) -> Vec<f64> {
        let (ones, sums) = self.mean.split_first().map_or((0.0, &[][..]), |(&ones, sums)| (ones, sums));
        let dot = |row: ColRef<'_, T>| row.iter().zip(sums).map(|(&w, x)| w.into() * x).sum::<f64>();
        weight.col_iter().zip(bias).map(|(row, &bias)| ones * f64::from(bias) + dot(row)).collect()
    }
}

/// The features of a dense map, reduced to a band.
pub(crate) struct Dense {
    /// N and D.
    shape: (usize, usize),
    /// The smallest t at which rounding does not show.
    least: f64,
    /// The smallest residual, as a share of the labels, at which it does not.
    least_residual: f64,
    band: Band,
    /// A row for each row of the band: the mean feature, if it stands alone, then what is asked of each label vector.
    vectors: Vec<f64>,
    kind: Kind,
}

/// Which matrix became the band.
enum Kind {
    /// `B`, with `F'F = B + g g'`; the labels' coordinates along the ones (K), and their `|y|^2`.
    Columns { means: Vec<f64>, norms: Vec<f64> },
    /// `F F'`, for so many label vectors.
    Rows(usize),
}

impl Dense {
    /// Takes features (N x D, N <= D) and label vectors (N x K).
    pub(crate) fn of_rows(features: MatRef<'_, f64>, y: MatRef<'_, f64>) -> Self {
        let (rows, dimension) = features.shape();
        let (full, lower) = (BlockStructure::Rectangular, BlockStructure::TriangularLower);
        let mut gram = Mat::zeros(rows, rows);
        matmul(gram.as_mut(), lower, Accum::Replace, features, full, features.transpose(), full, 1.0, Par::Seq);
        let mut vectors = y.to_owned();
        let band = to_band(gram.as_mut(), vectors.as_mut());
        let (least, vectors) = (RELIABLE * band.largest(), rows_of(vectors.as_ref()));
        Self {
            shape: (rows, dimension),
            least,
            least_residual: LEAST_RESIDUAL,
            band,
            vectors,
            kind: Kind::Rows(y.ncols()),
        }
    }

    /// With `L L' = B + t I`: `log |L L'|`, and a row for each row of `L^-1 V`, where V are the vectors.
    fn solved(&self, t: f64, count: usize) -> Result<(f64, Vec<f64>), Unreliable> {
        let factor = self.band.factor(t)?;
        let mut solved = self.vectors.clone();
        factor.solve_lower_in_place(&mut solved, count);
        Ok((factor.log_determinant(), solved))
    }
}

impl Resolvent for Dense {
    fn rows(&self) -> usize {
        self.shape.0
    }

    fn dimension(&self) -> usize {
        self.shape.1
    }

    fn least(&self) -> f64 {
        self.least
    }

    fn at(&mut self, t: f64) -> Result<Values, Unreliable> {
        match &self.kind {
            // I - F (F'F + t I)^-1 F' = t (F F' + t I)^-1.
            Kind::Rows(count) => {
                let (log_determinant, solved) = self.solved(t, *count)?;
                let ridge = sums(&solved, *count, |_, value| value * value).into_iter().map(|sum| t * sum);
                Ok(Values { log_determinant, ridge: ridge.collect() })
            }
            Kind::Columns { means, norms } => {
                let count = 1 + means.len();
                let (log_determinant, solved) = self.solved(t, count)?;
                let own = sums(&solved, count, |_, value| value * value);
                let across = sums(&solved, count, |row, value| row.first().map_or(0.0, |mean| mean * value));
                let own_mean = own.first().copied().unwrap_or_default();
                // The labels are c + g y, and (B + t I + g g')^-1 = R - R g g'R / (1 + g'R g) with R = (B + t I)^-1:
                // y'F (F'F + t I)^-1 F'y = c'R c + y^2 - (y - g'R c)^2 / (1 + g'R g).
                let labels = own.iter().zip(&across).skip(1).zip(means).zip(norms);
                let ridge = labels.map(|(((explained, across), mean), norm)| {
                    norm - explained - mean * mean + (mean - across) * (mean - across) / (1.0 + own_mean)
                });
                Ok(Values { log_determinant: log_determinant + own_mean.ln_1p(), ridge: ridge.collect() })
            }
        }
    }

    fn known_determinant(&self, t: f64) -> f64 {
        self.known_slope(t) * t.ln()
    }

    fn known_slope(&self, _t: f64) -> f64 {
        match self.kind {
            Kind::Columns { .. } => 0.0,
            Kind::Rows(_) => (self.shape.1 - self.shape.0) as f64,
        }
    }

    fn known_ridge(&self, _label: usize, _t: f64) -> (f64, f64) {
        (0.0, 0.0)
    }

    fn least_residual(&self, label: usize) -> f64 {
        match &self.kind {
            Kind::Columns { norms, .. } => self.least_residual * norms.get(label).copied().unwrap_or_default(),
            Kind::Rows(_) => 0.0,
        }
    }
}

/// The sum of `term` over the rows, for each of `count` columns; it is given a row and a value of it.
fn sums(rows: &[f64], count: usize, term: impl Fn(&[f64], f64) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; count];
    for row in rows.chunks_exact(count) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += term(row, value));
    }
    sums
}

/// Row after row, in f64.
fn rows_of<T: Real>(matrix: MatRef<'_, T>) -> Vec<f64> {
    matrix.row_iter().flat_map(|row| row.iter().map(|&value| value.into())).collect()
}
