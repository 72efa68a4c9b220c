//! One ridge regression from statistics: its coefficients, the directions of its fitted values, and its map at any rank.

use esmhub_store_format::{DenseMap, LowRankMap, Map};
use faer::linalg::solvers::{Llt, SelfAdjointEigen, Solve};
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::traits::RealField;
use faer::{Col, Mat, MatRef, Par, Side};

use super::FitError;
use super::statistics::Statistics;
use crate::gram::gram;

/// Steps of subspace iteration. The spectrum of what fine-tuning does falls so fast that the first does nearly everything.
const STEPS: usize = 2;
/// Below this dimension the whole spectrum costs next to nothing.
const ITERATE_FROM: usize = 256;

/// The regression of `z = y - s x` on `x`, whose normal equations are factored.
pub(super) struct Regression {
    mean_x: Col<f64>,
    mean_y: Col<f64>,
    scale: f64,
    /// `X'Z`, D x D.
    xz: Mat<f64>,
    /// `X'X + lambda mu I = L L'`.
    factor: Llt<f64>,
}

/// The form of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A scaled identity and so many directions at most.
    LowRank(usize),
    /// A matrix.
    Dense,
}

/// What a regression explains: directions in the output space, and the coefficients along them.
pub(super) struct Explained {
    /// V, D x r: orthonormal, the direction that explains most first.
    pub(super) directions: Mat<f64>,
    /// `W'V`, D x r: the coefficients of each direction.
    pub(super) coefficients: Mat<f64>,
}

impl Regression {
    /// `lambda` is greater than 0.
    pub(super) fn new(statistics: &Statistics, lambda: f64) -> Result<Self, FitError> {
        let centred = statistics.centred();
        let scale = centred.scale();
        let ridge = lambda * centred.mean_eigenvalue();
        let (mean_x, mean_y) = (centred.mean_x.clone(), centred.mean_y.clone());
        let (mut system, xz) = centred.into_xx_xz(scale);
        system.diagonal_mut().column_vector_mut().iter_mut().for_each(|value| *value += ridge);
        let factor = Llt::new(system.as_ref(), Side::Lower).map_err(|_| FitError::Decomposition)?;
        Ok(Self { mean_x, mean_y, scale, xz, factor })
    }

    /// The leading `rank` directions of the fitted values, from the whole spectrum: O(D^3).
    ///
    /// The spectrum is computed in f32: directions that are off by 1e-6 explain 1e-12 less. They are made orthonormal, and
    /// the coefficients along them computed, in f64.
    fn explained(&self, rank: usize) -> Result<Explained, FitError> {
        // W (X'X + lambda mu I) W' = |L^-1 X'Z|^2, since (X'X + lambda mu I) W' = L L' W' = X'Z.
        let mut half = narrowed(self.xz.as_ref());
        solve_lower_triangular_in_place(narrowed(self.factor.L()).as_ref(), half.as_mut(), Par::Seq);
        let directions = leading(gram(half.as_ref(), 1.0).as_ref(), rank)?;
        let directions = Mat::from_fn(directions.nrows(), directions.ncols(), |i, j| f64::from(*directions.get(i, j)));
        let directions = directions.qr().compute_thin_Q();
        let coefficients = self.factor.solve(&self.xz * &directions);
        Ok(Explained { directions, coefficients })
    }

    /// What a map of this form explains.
    pub(super) fn explained_as(&self, shape: Shape) -> Result<Explained, FitError> {
        match shape {
            Shape::LowRank(most) => self.explained(most),
            Shape::Dense => Ok(self.explained_fully()),
        }
    }

    /// The same, from what a regression on almost the same rows explains.
    pub(super) fn explained_after(&self, earlier: &Explained, shape: Shape) -> Result<Explained, FitError> {
        match shape {
            Shape::LowRank(_) => self.explained_near(&earlier.directions),
            Shape::Dense => Ok(self.explained_fully()),
        }
    }

    /// Nearly the same, from the directions of a regression on almost the same rows: [`STEPS`] of subspace iteration, and the
    /// best directions within the result (Rayleigh and Ritz). O(D^2 r) after the factorisation.
    fn explained_near(&self, directions: &Mat<f64>) -> Result<Explained, FitError> {
        if self.xz.nrows() < ITERATE_FROM {
            return self.explained(directions.ncols());
        }
        let mut basis = directions.clone();
        for _ in 0..STEPS {
            let applied = self.xz.transpose() * self.factor.solve(&self.xz * &basis);
            basis = applied.qr().compute_thin_Q();
        }
        let along = &self.xz * &basis;
        let weights = self.factor.solve(&along);
        let rotation = leading((weights.transpose() * &along).as_ref(), basis.ncols())?;
        Ok(Explained { directions: basis * &rotation, coefficients: weights * rotation })
    }

    /// The same for a dense map: every output is a direction of its own.
    fn explained_fully(&self) -> Explained {
        let dimension = self.xz.nrows();
        Explained { directions: Mat::identity(dimension, dimension), coefficients: self.factor.solve(&self.xz) }
    }

    /// The squared error on other pairs, over all rows and dimensions, at rank 0, 1, 2 … of what is explained.
    ///
    /// The directions are orthonormal, so that each takes its own part away:
    /// `|z - V V'W x|^2 = |z|^2 - sum over k of (2 z'v_k w_k'x - (w_k'x)^2)`.
    pub(super) fn errors(&self, explained: &Explained, validation: &Statistics) -> Vec<f64> {
        let other = validation.seen_from(&self.mean_x, &self.mean_y);
        let along = other.xy(&explained.directions) - faer::Scale(self.scale) * other.xx(&explained.directions);
        let applied = other.xx(&explained.coefficients);
        let mut error = other.zz(self.scale);
        let mut errors = vec![error];
        for ((weight, along), applied) in
            explained.coefficients.col_iter().zip(along.col_iter()).zip(applied.col_iter())
        {
            error -= 2.0 * (weight.transpose() * along) - weight.transpose() * applied;
            errors.push(error);
        }
        errors
    }

    /// The mean of the base embeddings that it was fitted on.
    pub(super) fn centre(&self) -> &Col<f64> {
        &self.mean_x
    }

    /// The map of the first `rank` directions, rounded to f32.
    pub(super) fn low_rank(&self, explained: &Explained, rank: usize) -> Result<Map, FitError> {
        let Explained { directions, coefficients } = explained;
        let rank = rank.min(directions.ncols());
        let (a, b) = (directions.subcols(0, rank), coefficients.subcols(0, rank));
        let bias = &self.mean_y - faer::Scale(self.scale) * &self.mean_x - a * (b.transpose() * &self.mean_x);
        let factors = a.col_iter().chain(b.col_iter()).flat_map(|column| column.iter().map(|&v| v as f32)).collect();
        Ok(LowRankMap::new(self.scale as f32, factors, round(&bias))?.into())
    }

    /// The dense map `W = s I + W_z`, rounded to f32.
    pub(super) fn dense(&self, explained: &Explained) -> Result<Map, FitError> {
        let Explained { directions, coefficients } = explained;
        let mut weight = directions * coefficients.transpose();
        weight.diagonal_mut().column_vector_mut().iter_mut().for_each(|value| *value += self.scale);
        let bias = &self.mean_y - &weight * &self.mean_x;
        let rows = weight.row_iter().flat_map(|row| row.iter().map(|&v| v as f32)).collect();
        Ok(DenseMap::new(rows, round(&bias))?.into())
    }
}

fn round(values: &Col<f64>) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// A matrix in f32, divided by its largest magnitude so that it is within f32's range: directions do not depend on scale.
fn narrowed(matrix: MatRef<'_, f64>) -> Mat<f32> {
    let largest = matrix.norm_max();
    let scale = if largest > 0.0 { largest.recip() } else { 1.0 };
    Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| (matrix.get(i, j) * scale) as f32)
}

/// The eigenvectors of the `rank` largest eigenvalues of a symmetric matrix, the largest first.
pub(super) fn leading<T: RealField>(matrix: MatRef<'_, T>, rank: usize) -> Result<Mat<T>, FitError> {
    let eigen = SelfAdjointEigen::new(matrix, Side::Lower).map_err(|_| FitError::Decomposition)?;
    // They come in ascending order.
    let first = matrix.ncols().saturating_sub(rank);
    Ok(eigen.U().subcols(first, matrix.ncols() - first).reverse_cols().to_owned())
}
