//! Choosing the penalty by cross-validation: for every penalty at once, from one eigendecomposition per domain left out.

use faer::linalg::solvers::SelfAdjointEigen;
use faer::{Col, Mat, Side};

use super::FitError;
use super::domains::{LeftOut, r2};
use super::statistics::Statistics;

/// Penalties from 10^-5 to 10^2, eight to a decade.
fn penalties() -> Vec<f64> {
    (-40..=16).map(|step| 10f64.powf(f64::from(step) / 8.0)).collect()
}

/// The penalty of the largest mean R2 over the domains, each predicted by a dense map of the others.
pub(super) fn choose(left_out: &LeftOut<'_>) -> Result<f64, FitError> {
    let lambdas = penalties();
    let mut worth = vec![0.0; lambdas.len()];
    for (others, domain) in left_out.turns() {
        let variance = domain.variance();
        let errors = Spectrum::new(&others)?.errors(domain, &lambdas);
        worth.iter_mut().zip(errors).for_each(|(sum, error)| *sum += r2(error, variance));
    }
    let best = lambdas.into_iter().zip(worth).max_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(lambda, _)| lambda).ok_or(FitError::Decomposition)
}

/// A regression whose Gram matrix `X'X = Q S Q'` is decomposed, so that each penalty costs O(D^2).
struct Spectrum {
    mean_x: Col<f64>,
    mean_y: Col<f64>,
    scale: f64,
    /// Q, D x D.
    basis: Mat<f64>,
    /// S: D values, none negative.
    eigenvalues: Vec<f64>,
    /// `Q' X'Z`, D x D.
    rotated: Mat<f64>,
}

impl Spectrum {
    fn new(statistics: &Statistics) -> Result<Self, FitError> {
        let centred = statistics.centred();
        let (scale, mean_x, mean_y) = (centred.scale(), centred.mean_x.clone(), centred.mean_y.clone());
        let (xx, xz) = centred.into_xx_xz(scale);
        let eigen = SelfAdjointEigen::new(xx.as_ref(), Side::Lower).map_err(|_| FitError::Decomposition)?;
        let eigenvalues: Vec<f64> = eigen.S().column_vector().iter().map(|v| v.max(0.0)).collect();
        let basis = eigen.U().to_owned();
        let rotated = basis.transpose() * xz;
        Ok(Self { mean_x, mean_y, scale, basis, eigenvalues, rotated })
    }

    /// `1 / (s + lambda mu)` per eigenvalue. Where nothing varies at all the coefficient is 0.
    fn shrinkage(&self, lambda: f64) -> Vec<f64> {
        let mean = self.eigenvalues.iter().sum::<f64>() / self.eigenvalues.len() as f64;
        let inverse = |s: &f64| {
            if s + lambda * mean > 0.0 { 1.0 / (s + lambda * mean) } else { 0.0 }
        };
        self.eigenvalues.iter().map(inverse).collect()
    }

    /// The squared error on other pairs, over all rows and dimensions, for each penalty.
    ///
    /// With `B = Q S_lambda R` every term is a weighted sum over D x D products that no penalty changes.
    fn errors(&self, validation: &Statistics, lambdas: &[f64]) -> Vec<f64> {
        let other = validation.seen_from(&self.mean_x, &self.mean_y);
        let identity = Mat::identity(self.basis.nrows(), self.basis.nrows());
        let along = other.xx(&self.basis);
        let cross = self.basis.transpose() * (other.xy(&identity) - faer::Scale(self.scale) * other.xx(&identity));
        let gram = self.basis.transpose() * along;
        let outer = &self.rotated * self.rotated.transpose();
        // Row sums of R * (Q' xz), and the matrix (Q' xx Q) * (R R'), element by element.
        let linear: Vec<f64> =
            self.rotated.row_iter().zip(cross.row_iter()).map(|(r, c)| dot(r.iter(), c.iter())).collect();
        let zz = other.zz(self.scale);
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
}

fn dot<'a>(a: impl Iterator<Item = &'a f64>, b: impl Iterator<Item = &'a f64>) -> f64 {
    a.zip(b).map(|(a, b)| a * b).sum()
}
