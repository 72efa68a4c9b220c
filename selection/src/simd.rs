//! Loops compiled for the registers that this machine has: the home of the pulp crate.

use pulp::{Arch, Simd, WithSimd};

/// A loop over numbers.
///
/// A program for x86-64 is compiled for SSE2, whose registers hold 4 numbers in f32; processors have had registers of 8 for ten
/// years. Hence [`in_wide_registers`] is compiled for either, and chooses when it runs. That holds for what is inlined into it
/// alone: `run` and all that it calls must be `#[inline(always)]`, and no closure with more than a few operations can be
/// among it.
pub(crate) trait Loop {
    /// What it gives.
    type Output;

    /// Runs it.
    fn run(self) -> Self::Output;
}

/// Runs a loop in the widest registers that there are.
pub(crate) fn in_wide_registers<L: Loop>(work: L) -> L::Output {
    Arch::new().dispatch(Wide(work))
}

struct Wide<L>(L);

impl<L: Loop> WithSimd for Wide<L> {
    type Output = L::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> L::Output {
        self.0.run()
    }
}

/// What is done to every row of a matrix; as [`Loop`], it must be `#[inline(always)]`.
pub(crate) trait RowStep {
    /// Does it to one row.
    fn row(&self, row: &mut [f32]);
}

/// Does `step` to every row of this width.
pub(crate) fn each_row(x: &mut [f32], width: usize, step: impl RowStep) {
    in_wide_registers(EachRow { x, width, step });
}

struct EachRow<'a, S> {
    x: &'a mut [f32],
    width: usize,
    step: S,
}

impl<S: RowStep> Loop for EachRow<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for row in self.x.chunks_exact_mut(self.width) {
            self.step.row(row);
        }
    }
}

/// Work that names registers itself, where the compiler would not find them; `run` must be `#[inline(always)]`, as in [`Loop`].
pub(crate) trait Vectorised {
    /// What it gives.
    type Output;

    /// Runs it.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Runs work in the widest registers that there are.
pub(crate) fn with_simd<V: Vectorised>(work: V) -> V::Output {
    Arch::new().dispatch(Named(work))
}

struct Named<V>(V);

impl<V: Vectorised> WithSimd for Named<V> {
    type Output = V::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> V::Output {
        self.0.run(simd)
    }
}
