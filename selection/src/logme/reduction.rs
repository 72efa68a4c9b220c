//! From a symmetric matrix to a band matrix with the same eigenvalues.
//!
//! What LogME asks of a matrix of features, it can ask of `Q' (F'F) Q` for any orthogonal Q. A diagonal one takes an
//! eigendecomposition; a tridiagonal one half of it, most of that in products of a matrix with a single vector, which wait for
//! memory. A band matrix is reached by products of matrices alone (the first stage of Bischof, Lang and Sun 2000, "A framework
//! for symmetric band reduction"), in `4/3 D^3` operations, and at any shift it is factored in `O(D b^2)`. So the second stage
//! is never needed.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::linalg::qr::no_pivoting::factor::{qr_in_place, qr_in_place_scratch};
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::traits::RealField;
use faer::{Accum, Mat, MatMut, Par};

use super::band::Band;

/// The half-width b of the band: wide enough for fast products, narrow enough for fast factorisations.
pub(crate) const HALF_WIDTH: usize = 24;

/// A real number type that scores are computed in.
pub(crate) trait Real: RealField + Copy + Into<f64> {
    /// The nearest value.
    fn of(value: f64) -> Self;
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }
}

/// Reduces a symmetric matrix (D x D, its lower half is read and overwritten) to a band, and rotates vectors (D x m) with it.
pub(crate) fn to_band<T: Real>(mut matrix: MatMut<'_, T>, mut vectors: MatMut<'_, T>) -> Band {
    let size = matrix.nrows();
    let mut band = Band::zeros(size, HALF_WIDTH);
    for start in (0..size).step_by(HALF_WIDTH) {
        let columns = HALF_WIDTH.min(size - start);
        let below = start + columns;
        if below < size {
            let (left, mut right) = matrix.rb_mut().subrows_mut(below, size - below).split_at_col_mut(below);
            let block = Block::reflecting(left.subcols_mut(start, columns));
            block.apply_on_both_sides(right.rb_mut());
            block.apply_transposed(vectors.rb_mut().subrows_mut(below, size - below));
        }
        for column in start..below {
            for row in column..size.min(column + HALF_WIDTH + 1) {
                band.set(row, column, (*matrix.rb().get(row, column)).into());
            }
        }
    }
    band
}

/// A product of reflections, `Q = I - V T^-1 V'`, where V is unit lower trapezoidal and T upper triangular.
struct Block<T> {
    v: Mat<T>,
    t: Mat<T>,
}

impl<T: Real> Block<T> {
    /// The reflections that make a panel upper triangular; the panel becomes that, and zero below.
    fn reflecting(mut panel: MatMut<'_, T>) -> Self {
        let (rows, columns) = panel.shape();
        let count = rows.min(columns);
        let (zero, one) = (T::of(0.0), T::of(1.0));
        let mut t = Mat::from_fn(count, count, |_, _| zero);
        let scratch = qr_in_place_scratch::<T>(rows, columns, count, Par::Seq, Default::default());
        let mut memory = MemBuffer::new(scratch);
        qr_in_place(panel.rb_mut(), t.as_mut(), Par::Seq, MemStack::new(&mut memory), Default::default());
        let v = Mat::from_fn(rows, count, |i, j| match i.cmp(&j) {
            std::cmp::Ordering::Less => zero,
            std::cmp::Ordering::Equal => one,
            std::cmp::Ordering::Greater => *panel.rb().get(i, j),
        });
        for (j, column) in panel.col_iter_mut().enumerate() {
            column.iter_mut().skip(j + 1).for_each(|entry| *entry = zero);
        }
        Self { v, t }
    }

    /// `A <- Q' A Q` for a symmetric A of which the lower half is kept: a symmetric update of rank `2 b`.
    fn apply_on_both_sides(&self, mut a: MatMut<'_, T>) {
        let (size, count) = self.v.shape();
        let one = T::of(1.0);
        let (full, lower) = (BlockStructure::Rectangular, BlockStructure::TriangularLower);
        let strict = BlockStructure::StrictTriangularUpper;
        // X = A V T^-1.
        let mut x = Mat::from_fn(size, count, |_, _| T::of(0.0));
        matmul(x.as_mut(), full, Accum::Replace, a.rb(), lower, self.v.as_ref(), full, one, Par::Seq);
        matmul(x.as_mut(), full, Accum::Add, a.rb().transpose(), strict, self.v.as_ref(), full, one, Par::Seq);
        solve_lower_triangular_in_place(self.t.transpose(), x.as_mut().transpose_mut(), Par::Seq);
        // W = X - V (T^-T V' X) / 2, and A <- A - W V' - V W'.
        let mut core = self.v.transpose() * &x;
        solve_lower_triangular_in_place(self.t.transpose(), core.as_mut(), Par::Seq);
        faer::linalg::matmul::matmul(x.as_mut(), Accum::Add, self.v.as_ref(), core.as_ref(), T::of(-0.5), Par::Seq);
        let minus = T::of(-1.0);
        matmul(a.rb_mut(), lower, Accum::Add, x.as_ref(), full, self.v.transpose(), full, minus, Par::Seq);
        matmul(a, lower, Accum::Add, self.v.as_ref(), full, x.transpose(), full, minus, Par::Seq);
    }

    /// `B <- Q' B`.
    fn apply_transposed(&self, b: MatMut<'_, T>) {
        let mut along = self.v.transpose() * b.rb();
        solve_lower_triangular_in_place(self.t.transpose(), along.as_mut(), Par::Seq);
        faer::linalg::matmul::matmul(b, Accum::Add, self.v.as_ref(), along.as_ref(), T::of(-1.0), Par::Seq);
    }
}
