//! Ridge regression from statistics, for every penalty at once.

use esmhub_store_format::DenseMap;
use faer::linalg::solvers::SelfAdjointEigen;
use faer::{Mat, Scale, Side};

use super::FitError;
use super::statistics::{Centred, Statistics};

/// A regression whose Gram matrix `X'X = Q S Q'` is decomposed, so that each penalty costs O(D^2).
pub(super) struct Ridge {
    centred: Centred,
    /// Q, D x D.
    basis: Mat<f64>,
    /// S: D values, none negative.
    eigenvalues: Vec<f64>,
    /// `Q' X'Z`, D x D.
    rotated: Mat<f64>,
}

impl Ridge {
    pub(super) fn new(statistics: &Statistics) -> Result<Self, FitError> {
        let centred = statistics.centred();
        let eigen = SelfAdjointEigen::new(centred.xx.as_ref(), Side::Lower).map_err(|_| FitError::Decomposition)?;
        let eigenvalues: Vec<f64> = eigen.S().column_vector().iter().map(|v| v.max(0.0)).collect();
        let basis = eigen.U().to_owned();
        let rotated = basis.transpose() * &centred.xz;
        Ok(Self { centred, basis, eigenvalues, rotated })
    }

    /// `1 / (s + lambda mu)` per eigenvalue. Where nothing varies at all, and nothing is penalised, the coefficient is 0.
    fn shrinkage(&self, lambda: f64) -> Vec<f64> {
        let mean = self.eigenvalues.iter().sum::<f64>() / self.eigenvalues.len() as f64;
        let inverse = |s: &f64| {
            if s + lambda * mean > 0.0 { 1.0 / (s + lambda * mean) } else { 0.0 }
        };
        self.eigenvalues.iter().map(inverse).collect()
    }

    /// The squared error on other pairs, summed over rows and dimensions, for each penalty.
    ///
    /// With `B = Q S_lambda R` every term is a weighted sum over D x D products that no penalty changes.
    pub(super) fn errors(&self, validation: &Statistics, lambdas: &[f64]) -> Vec<f64> {
        let (xx, xz, zz) = validation.centred_on(&self.centred);
        let cross = self.basis.transpose() * xz;
        let gram = self.basis.transpose() * (xx * &self.basis);
        let outer = &self.rotated * self.rotated.transpose();
        // Row sums of R * (Q' xz), and the matrix (Q' xx Q) * (R R'), element by element.
        let linear: Vec<f64> =
            self.rotated.row_iter().zip(cross.row_iter()).map(|(r, c)| dot(r.iter(), c.iter())).collect();
        lambdas
            .iter()
            .map(|&lambda| {
                let shrinkage = self.shrinkage(lambda);
                let explained = dot(shrinkage.iter(), linear.iter());
                let columns = gram.col_iter().zip(outer.col_iter()).zip(&shrinkage);
                let quadratic: f64 = columns
                    .map(|((g, o), sj)| {
                        sj * g.iter().zip(o.iter()).zip(&shrinkage).map(|((g, o), si)| g * o * si).sum::<f64>()
                    })
                    .sum();
                zz - 2.0 * explained + quadratic
            })
            .collect()
    }

    /// The map at one penalty: `W = I + B'`, `b = mean_z - B' mean_x`, rounded to f32.
    pub(super) fn map(&self, lambda: f64) -> Result<DenseMap, FitError> {
        let mut shrunk = self.rotated.clone();
        for (i, scale) in self.shrinkage(lambda).into_iter().enumerate() {
            let mut row = shrunk.row_mut(i);
            row *= Scale(scale);
        }
        let coefficients = &self.basis * shrunk;
        let bias = &self.centred.mean_z - coefficients.transpose() * &self.centred.mean_x;
        // W is the transpose of I + B, so the columns of B are the rows of W.
        let weight = coefficients.col_iter().enumerate().flat_map(|(i, column)| {
            column.iter().enumerate().map(move |(j, &b)| if i == j { (b + 1.0) as f32 } else { b as f32 })
        });
        Ok(DenseMap::new(weight.collect(), bias.iter().map(|&b| b as f32).collect())?)
    }
}

fn dot<'a>(a: impl Iterator<Item = &'a f64>, b: impl Iterator<Item = &'a f64>) -> f64 {
    a.zip(b).map(|(a, b)| a * b).sum()
}
