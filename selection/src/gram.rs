//! A symmetric product at half the cost.

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::traits::RealField;
use faer::{Accum, Mat, MatRef, Par};

/// Columns that are mirrored at a time: a block of them fits into the cache.
const BLOCK: usize = 64;

/// `X'X`: one half is computed, the other copied. `one` is 1 in the matrix's own type.
pub(crate) fn gram<T: RealField>(x: MatRef<'_, T>, one: T) -> Mat<T> {
    let dimension = x.ncols();
    let mut gram = Mat::<T>::zeros(dimension, dimension);
    let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    matmul(&mut gram, lower, Accum::Replace, x.transpose(), full, x, full, one, Par::Seq);
    for start in (0..dimension).step_by(BLOCK) {
        let width = BLOCK.min(dimension - start);
        let (left, right) = gram.as_mut().split_at_col_mut(start);
        // What stands left of the block's diagonal belongs above it; the diagonal block is mirrored by itself.
        let mut block = right.subcols_mut(0, width);
        block.rb_mut().subrows_mut(0, start).copy_from(left.rb().subrows(start, width).transpose());
        let mut corner = block.subrows_mut(start, width);
        let computed = corner.rb().transpose().to_owned();
        for (j, (column, mirrored)) in corner.rb_mut().col_iter_mut().zip(computed.col_iter()).enumerate() {
            column.iter_mut().zip(mirrored.iter()).take(j).for_each(|(upper, lower)| upper.clone_from(lower));
        }
    }
    gram
}
