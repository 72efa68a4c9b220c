//! Matrix products on the CPU over slices: faer's, on the thread that asks for them.
//!
//! All matrices are row-major. A product's bits depend on its operands and their shapes alone.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// A matrix of rows of this width.
pub(super) fn rows(values: &[f32], width: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(values, values.len() / width, width)
}

/// A matrix of rows of this width, to be written.
pub(super) fn rows_mut(values: &mut [f32], width: usize) -> MatMut<'_, f32> {
    MatMut::from_row_major_slice_mut(values, values.len() / width, width)
}

/// `out = a b`.
pub(super) fn product(out: MatMut<'_, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
    matmul(out, Accum::Replace, a, b, 1.0, Par::Seq);
}

/// `out = out + a b`.
pub(super) fn add_product(out: MatMut<'_, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
    matmul(out, Accum::Add, a, b, 1.0, Par::Seq);
}

/// `out = x weight' + bias` for every row of `x`.
pub(super) fn linear(out: &mut Vec<f32>, x: MatRef<'_, f32>, weight: &[f32], bias: &[f32]) {
    out.clear();
    (0..x.nrows()).for_each(|_| out.extend_from_slice(bias));
    add_product(rows_mut(out, bias.len()), x, rows(weight, x.ncols()).transpose());
}
