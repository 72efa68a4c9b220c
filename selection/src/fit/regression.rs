//! One ridge regression from statistics: its coefficients, the directions of its fitted values, and its map at any rank.

use esmhub_store_format::{DenseMap, LowRankMap, Map};
use faer::linalg::solvers::{Llt, SelfAdjointEigen, Solve};
use faer::{Col, Mat, MatRef, Side};

use super::FitError;
use super::statistics::{Centred, Statistics};

/// Steps of subspace iteration. The spectrum of what fine-tuning does falls so fast that the first does nearly everything.
const STEPS: usize = 2;

/// The regression of `z = y - s x` on `x`, whose normal equations are factored.
pub(super) struct Regression {
    centred: Centred,
    scale: f64,
    /// `X'Z`, D x D.
    xz: Mat<f64>,
    /// `X'X + lambda mu I = L L'`.
    factor: Llt<f64>,
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
        let mut system = centred.xx.clone();
        system.diagonal_mut().column_vector_mut().iter_mut().for_each(|value| *value += ridge);
        let factor = Llt::new(system.as_ref(), Side::Lower).map_err(|_| FitError::Decomposition)?;
        Ok(Self { xz: centred.xz(scale), centred, scale, factor })
    }

    /// The leading `rank` directions of the fitted values, from the whole spectrum: O(D^3).
    pub(super) fn explained(&self, rank: usize) -> Result<Explained, FitError> {
        let weights = self.factor.solve(&self.xz);
        // W (X'X + lambda mu I) W' = W X'Z, since (X'X + lambda mu I) W' = X'Z.
        let fitted = weights.transpose() * &self.xz;
        let directions = leading(fitted.as_ref(), rank)?;
        let coefficients = weights * &directions;
        Ok(Explained { directions, coefficients })
    }

    /// Nearly the same, from the directions of a regression on almost the same rows: [`STEPS`] of subspace iteration, and the
    /// best directions within the result (Rayleigh and Ritz). O(D^2 r) after the factorisation.
    pub(super) fn explained_near(&self, directions: &Mat<f64>) -> Result<Explained, FitError> {
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
    pub(super) fn explained_fully(&self) -> Explained {
        let dimension = self.xz.nrows();
        Explained { directions: Mat::identity(dimension, dimension), coefficients: self.factor.solve(&self.xz) }
    }

    /// The squared error on other pairs, over all rows and dimensions, at rank 0, 1, 2 … of what is explained.
    ///
    /// The directions are orthonormal, so that each takes its own part away:
    /// `|z - V V'W x|^2 = |z|^2 - sum over k of (2 z'v_k w_k'x - (w_k'x)^2)`.
    pub(super) fn errors(&self, explained: &Explained, validation: &Statistics) -> Vec<f64> {
        let other = validation.centred_on(self.centred.mean_x.clone(), self.centred.mean_y.clone());
        let along = other.xz(self.scale) * &explained.directions;
        let applied = &other.xx * &explained.coefficients;
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
        &self.centred.mean_x
    }

    /// The map of the first `rank` directions, rounded to f32.
    pub(super) fn low_rank(&self, explained: &Explained, rank: usize) -> Result<Map, FitError> {
        let Explained { directions, coefficients } = explained;
        let rank = rank.min(directions.ncols());
        let (a, b) = (directions.subcols(0, rank), coefficients.subcols(0, rank));
        let bias = &self.centred.mean_y
            - faer::Scale(self.scale) * &self.centred.mean_x
            - a * (b.transpose() * &self.centred.mean_x);
        let factors = a.col_iter().chain(b.col_iter()).flat_map(|column| column.iter().map(|&v| v as f32)).collect();
        Ok(LowRankMap::new(self.scale as f32, factors, round(&bias))?.into())
    }

    /// The dense map `W = s I + W_z`, rounded to f32.
    pub(super) fn dense(&self, explained: &Explained) -> Result<Map, FitError> {
        let Explained { directions, coefficients } = explained;
        let mut weight = directions * coefficients.transpose();
        weight.diagonal_mut().column_vector_mut().iter_mut().for_each(|value| *value += self.scale);
        let bias = &self.centred.mean_y - &weight * &self.centred.mean_x;
        let rows = weight.row_iter().flat_map(|row| row.iter().map(|&v| v as f32)).collect();
        Ok(DenseMap::new(rows, round(&bias))?.into())
    }
}

fn round(values: &Col<f64>) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// The eigenvectors of the `rank` largest eigenvalues of a symmetric matrix, the largest first.
pub(super) fn leading(matrix: MatRef<'_, f64>, rank: usize) -> Result<Mat<f64>, FitError> {
    let eigen = SelfAdjointEigen::new(matrix, Side::Lower).map_err(|_| FitError::Decomposition)?;
    // They come in ascending order.
    let first = matrix.ncols().saturating_sub(rank);
    Ok(eigen.U().subcols(first, matrix.ncols() - first).reverse_cols().to_owned())
}
