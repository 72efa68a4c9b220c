//! The resolvent of a low-rank map's features, from the target's own eigenvectors.
//!
//! With `f(x) = s x + A (B x) + b`, let the columns of Q span those of A and b (p = r + 1 of them, orthonormal). In all directions
//! orthogonal to them the features are s times the base embeddings, and along Q they are p new ones, `E = F Q`. So with
//! `D(t) = s^2 X'X + t I`, diagonal in the eigenvectors of `X'X`, and `h = s X'E`,
//!
//! ```text
//! |F'F + t I| = |D| |P| |Z|     P = Q' D^-1 Q                       (Jacobi: the determinant of a block of D)
//!                               Z = E'E + t I - h' R h              (Schur's complement of that block)
//!                               R = D^-1 - D^-1 Q P^-1 Q' D^-1      (the block's inverse)
//! ```
//!
//! and all else follows by eliminating the same blocks. P and Z are positive definite and p x p; what costs are the products
//! `[Q h]' D^-1 [Q h]`, O(D r^2) for each t. Another way to the same is Woodbury's formula, whose core is indefinite and of
//! twice the size.

use esmhub_store_format::LowRankMap;
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::linalg::solvers::Llt;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Accum, Mat, MatRef, Par, Side};

use super::basis::Basis;
use super::fixed_point::Unreliable;
use super::interpolant::{Resolvent, Values};
use super::panels::{Panels, weighted_gram};
use super::{LEAST_RESIDUAL, RELIABLE};

/// The features of a low-rank map, in the eigenvectors of the target.
pub(crate) struct LowRank<'a> {
    basis: &'a Basis,
    /// `s^2` times the eigenvalues, k values.
    scaled: Vec<f64>,
    /// `V'Q` and `V'h`, k x 2 p.
    left: Panels,
    /// The same and `s V'X'Y`, k x (2 p + K).
    right: Panels,
    /// `s V'X'Y`, k x K.
    labels: Mat<f64>,
    /// `E'E`, p x p.
    gram: Mat<f64>,
    /// `E'Y`, p x K.
    seen: Mat<f64>,
    /// What Q has outside of V: `I - Q'V V'Q`, p x p; `None` where V is the whole space.
    outside: Option<Mat<f64>>,
    /// The smallest t at which rounding does not show.
    least: f64,
    /// Kept for their memory: weighted rows, and the upper half of `left' D^-1 right`.
    scratch: Vec<f64>,
    sums: Mat<f64>,
}

impl<'a> LowRank<'a> {
    /// O(D^2 r).
    pub(crate) fn new(basis: &'a Basis, map: &LowRankMap) -> Self {
        let (dimension, rank) = (map.dimension() as usize, map.rank() as usize);
        let size = rank + 1;
        let scale = f64::from(map.scale());
        let wide = |values: &mut dyn Iterator<Item = &f32>| values.map(|&value| f64::from(value)).collect::<Vec<f64>>();
        let spanning = wide(&mut map.a().iter().chain(map.bias()));
        let qr = MatRef::from_column_major_slice(&spanning, dimension, size).qr();
        let (q, r) = (qr.compute_thin_Q(), qr.thin_R());
        // V'Q and V'B' in one product.
        let b = wide(&mut map.b().iter());
        let mut joined = Mat::zeros(dimension, size + rank);
        joined.subcols_mut(0, size).copy_from(&q);
        joined.subcols_mut(size, rank).copy_from(MatRef::from_column_major_slice(&b, dimension, rank));
        let rotated = basis.rotated(joined.as_ref());
        let (q, b) = rotated.split_at_col(size);
        // E = X (s Q + B' A'Q) + 1 b'Q, in the eigenvectors: A = Q R_a, b = Q r_b.
        let along = r.col(rank);
        let turned = faer::Scale(scale) * q + b * r.subcols(0, rank).transpose();
        let mut stretched = turned.clone();
        for column in stretched.col_iter_mut() {
            column.iter_mut().zip(&basis.eigenvalues).for_each(|(value, s2)| *value *= s2);
        }
        let sums = turned.transpose() * &basis.sum;
        let n = basis.rows as f64;
        let mut gram = turned.transpose() * &stretched + &sums * along.transpose() + along * sums.transpose();
        gram += faer::Scale(n) * along * along.transpose();
        let labels = basis.labels.ncols();
        let h = faer::Scale(scale) * (stretched + &basis.sum * along.transpose());
        let mut columns = Mat::zeros(q.nrows(), 2 * size + labels);
        columns.subcols_mut(0, size).copy_from(q);
        columns.subcols_mut(size, size).copy_from(&h);
        columns.subcols_mut(2 * size, labels).copy_from(faer::Scale(scale) * &basis.labels);
        let outside = (basis.beyond() > 0.0).then(|| Mat::<f64>::identity(size, size) - q.transpose() * q);
        let largest = gram.diagonal().column_vector().iter().copied().fold(scale * scale * basis.largest(), f64::max);
        Self {
            basis,
            scaled: basis.eigenvalues.iter().map(|s2| scale * scale * s2).collect(),
            left: Panels::left(columns.subcols(0, 2 * size)),
            right: Panels::right(columns.as_ref()),
            labels: columns.subcols(2 * size, labels).to_owned(),
            scratch: Vec::new(),
            sums: Mat::new(),
            gram,
            seen: turned.transpose() * &basis.labels + along * basis.label_sums.transpose(),
            outside,
            least: RELIABLE * largest,
        }
    }
}

impl LowRank<'_> {
    fn label_norm(&self, label: usize) -> f64 {
        self.basis.label_norms.get(label).copied().unwrap_or_default()
    }
}

impl Resolvent for LowRank<'_> {
    fn rows(&self) -> usize {
        self.basis.rows
    }

    fn dimension(&self) -> usize {
        self.basis.dimension()
    }

    fn least(&self) -> f64 {
        self.least
    }

    fn at(&mut self, t: f64) -> Result<Values, Unreliable> {
        let size = self.gram.nrows();
        let labels = self.seen.ncols();
        let weights: Vec<f64> = self.scaled.iter().map(|s2| 1.0 / (s2 + t)).collect();
        weighted_gram(&self.left, &self.right, &weights, &mut self.scratch, &mut self.sums);
        let (full, lower) = (BlockStructure::Rectangular, BlockStructure::TriangularLower);
        let (with_q, with_h) = self.sums.subrows(0, 2 * size).split_at_row(size);

        // Eliminate Q: P, and what of h and the labels lies along it.
        let mut p = with_q.subcols(0, size).transpose().to_owned();
        if let Some(outside) = &self.outside {
            p += faer::Scale(1.0 / t) * outside;
        }
        let p = cholesky(&p)?;
        let mut along = with_q.subcols(size, size + labels).to_owned();
        solve_lower_triangular_in_place(p.L(), along.as_mut(), Par::Seq);
        let (along_h, along_y) = along.split_at_col(size);

        // Eliminate the rest of the old directions: Z, and what of the labels only the new features can say.
        let mut z = &self.gram - with_h.subcols(size, size).transpose();
        matmul(z.as_mut(), lower, Accum::Add, along_h.transpose(), full, along_h, full, 1.0, Par::Seq);
        z.diagonal_mut().column_vector_mut().iter_mut().for_each(|value| *value += t);
        let z = cholesky(&z)?;
        let mut new = &self.seen - with_h.subcols(2 * size, labels) + along_h.transpose() * along_y;
        solve_lower_triangular_in_place(z.L(), new.as_mut(), Par::Seq);
        let ridge = along_y.col_iter().zip(new.col_iter()).map(|(y, new)| y.squared_norm_l2() - new.squared_norm_l2());
        let ridge = ridge.collect();
        Ok(Values { log_determinant: log_determinant(&p) + log_determinant(&z), ridge })
    }

    fn known_determinant(&self, t: f64) -> f64 {
        self.basis.beyond() * t.ln() + self.scaled.iter().map(|s2| (s2 + t).ln()).sum::<f64>()
    }

    fn known_slope(&self, t: f64) -> f64 {
        self.basis.beyond() + self.scaled.iter().map(|s2| t / (s2 + t)).sum::<f64>()
    }

    /// `y'y` less what s times the base embeddings explain, were they all of the features.
    fn known_ridge(&self, label: usize, t: f64) -> (f64, f64) {
        let (mut explained, mut slope) = (0.0, 0.0);
        for (y, s2) in self.labels.col(label).iter().zip(&self.scaled) {
            let weight = 1.0 / (s2 + t);
            explained += y * y * weight;
            slope += y * y * weight * weight;
        }
        (self.label_norm(label) - explained, t * slope)
    }

    fn least_residual(&self, label: usize) -> f64 {
        LEAST_RESIDUAL * self.label_norm(label)
    }
}

/// Of the lower half.
fn cholesky(matrix: &Mat<f64>) -> Result<Llt<f64>, Unreliable> {
    Llt::new(matrix.as_ref(), Side::Lower).map_err(|_| Unreliable)
}

fn log_determinant(factor: &Llt<f64>) -> f64 {
    2.0 * factor.L().diagonal().column_vector().iter().map(|pivot| pivot.ln()).sum::<f64>()
}
