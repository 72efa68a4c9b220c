//! Loops compiled for the registers that this machine has: the home of the pulp crate.

use pulp::{Arch, Simd, WithSimd};

/// What is done to every row of a matrix.
///
/// A program for x86-64 is compiled for SSE2, whose registers hold 4 numbers; processors have had registers of 8 for ten
/// years. Hence [`each_row`] is compiled for either, and chooses when it runs. That holds for what is inlined into it alone:
/// `row` and all that it calls must be `#[inline(always)]`, and no closure with more than a few operations can be among it.
pub(super) trait RowStep {
    /// Does it to one row.
    fn row(&self, row: &mut [f32]);
}

/// Does `step` to every row of this width.
pub(super) fn each_row(x: &mut [f32], width: usize, step: impl RowStep) {
    Arch::new().dispatch(EachRow { x, width, step });
}

struct EachRow<'a, S> {
    x: &'a mut [f32],
    width: usize,
    step: S,
}

impl<S: RowStep> WithSimd for EachRow<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        for row in self.x.chunks_exact_mut(self.width) {
            self.step.row(row);
        }
    }
}
