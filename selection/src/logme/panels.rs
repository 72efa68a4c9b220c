//! Products of tall matrices by their panels: `A' B`, and `U' diag(w) U` for many weights w.
//!
//! The second is what scoring a low-rank map consists of. A general product must be given the weighted copy of U as a matrix of
//! its own, packs both for its kernel again at every w, and cannot leave out the half that symmetry gives; this one weighs a
//! panel in the first-level cache and skips that half. The columns lie in panels as the kernel reads them: of two registers'
//! width on the left, of [`NARROW`] on the right, so that twelve sums stay in registers (Goto and van de Geijn 2008, "Anatomy
//! of high-performance matrix multiplication").

use faer::{Mat, MatRef};
use pulp::Simd;

use crate::simd::{Vectorised, with_simd};

/// Registers side by side on the left.
const REGISTERS: usize = 2;
/// Columns of a panel on the right.
const NARROW: usize = 6;
/// Rows that are worked on at once: a panel's part then lies in the first-level cache.
const DEPTH: usize = 192;

/// Columns in panels, each row of a panel adjacent; what is missing to a whole panel is zeros.
pub(crate) struct Panels {
    width: usize,
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Panels {
    /// For the left side of a product.
    pub(crate) fn left(matrix: MatRef<'_, f64>) -> Self {
        Self::new(matrix, with_simd(Width))
    }

    /// For the right side of a product.
    pub(crate) fn right(matrix: MatRef<'_, f64>) -> Self {
        Self::new(matrix, NARROW)
    }

    fn new(matrix: MatRef<'_, f64>, width: usize) -> Self {
        let (rows, columns) = matrix.shape();
        let mut values = vec![0.0; rows * columns.next_multiple_of(width)];
        for (panel, first) in values.chunks_exact_mut((rows * width).max(1)).zip((0..columns).step_by(width)) {
            for (place, column) in matrix.subcols(first, width.min(columns - first)).col_iter().enumerate() {
                let target = panel.iter_mut().skip(place).step_by(width);
                target.zip(column.iter()).for_each(|(target, value)| *target = *value);
            }
        }
        Self { width, rows, columns, values }
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns, without those of zeros.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The rows of each panel, one panel after the other.
    fn panels(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact((self.rows * self.width).max(1))
    }
}

/// `left' right`, with the columns of zeros: both have the same number of rows.
pub(crate) fn product(left: &Panels, right: &Panels) -> Mat<f64> {
    let mut sums = Mat::zeros(left.columns.next_multiple_of(left.width), right.columns.next_multiple_of(NARROW));
    with_simd(Product { left, right, weighted: None, sums: &mut sums });
    sums
}

/// The upper half of `left' diag(weights) right` where the columns of `left` are the first ones of `right`, written into `sums`; what
/// is below is undefined. `scratch` is kept for its memory.
pub(crate) fn weighted_gram(
    left: &Panels,
    right: &Panels,
    weights: &[f64],
    scratch: &mut Vec<f64>,
    sums: &mut Mat<f64>,
) {
    let shape = (left.columns.next_multiple_of(left.width), right.columns.next_multiple_of(NARROW));
    if sums.shape() != shape {
        *sums = Mat::zeros(shape.0, shape.1);
    }
    with_simd(Product { left, right, weighted: Some((weights, scratch)), sums });
}

/// How wide a panel on the left is.
struct Width;

impl Vectorised for Width {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        REGISTERS * S::F64_LANES
    }
}

struct Product<'a> {
    left: &'a Panels,
    right: &'a Panels,
    /// Weights of the rows, and memory for weighted ones: then, only the upper half is wanted.
    weighted: Option<(&'a [f64], &'a mut Vec<f64>)>,
    sums: &'a mut Mat<f64>,
}

impl Vectorised for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { left, right, mut weighted, sums } = self;
        let width = left.width;
        for (i, panel) in left.panels().enumerate() {
            let first = if weighted.is_some() { i * width / NARROW } else { 0 };
            for (block, part) in panel.chunks(DEPTH * width).enumerate() {
                let rows = block * DEPTH;
                let part = match &mut weighted {
                    Some((weights, scratch)) => {
                        scratch.resize(part.len(), 0.0);
                        weigh(simd, part, weights.get(rows..).unwrap_or_default(), scratch);
                        scratch.as_slice()
                    }
                    None => part,
                };
                let part = S::as_simd_f64s(part).0.as_chunks::<REGISTERS>().0;
                for (j, other) in right.panels().enumerate().skip(first) {
                    let other = other.as_chunks::<NARROW>().0.get(rows..).unwrap_or_default();
                    let tile = tile(simd, part, other);
                    for (column, tile) in tile.iter().enumerate() {
                        let target = sums.col_mut(j * NARROW + column).subrows_mut(i * width, width);
                        let Some(target) = target.try_as_col_major_mut() else { continue };
                        let target = S::as_mut_simd_f64s(target.as_slice_mut()).0;
                        for (target, tile) in target.iter_mut().zip(tile) {
                            *target = if block == 0 { *tile } else { simd.add_f64s(*target, *tile) };
                        }
                    }
                }
            }
        }
    }
}

/// The sums of products of a panel on the left with one on the right.
#[inline(always)]
fn tile<S: Simd>(simd: S, left: &[[S::f64s; REGISTERS]], right: &[[f64; NARROW]]) -> [[S::f64s; REGISTERS]; NARROW] {
    let mut sums = [[simd.splat_f64s(0.0); REGISTERS]; NARROW];
    for (left, right) in left.iter().zip(right) {
        for (sums, right) in sums.iter_mut().zip(right) {
            let right = simd.splat_f64s(*right);
            for (sum, left) in sums.iter_mut().zip(left) {
                *sum = simd.mul_add_e_f64s(*left, right, *sum);
            }
        }
    }
    sums
}

/// Each row of a panel on the left times its weight.
#[inline(always)]
fn weigh<S: Simd>(simd: S, panel: &[f64], weights: &[f64], weighted: &mut [f64]) {
    let panel = S::as_simd_f64s(panel).0.as_chunks::<REGISTERS>().0;
    let weighted = S::as_mut_simd_f64s(weighted).0.as_chunks_mut::<REGISTERS>().0;
    for ((target, row), weight) in weighted.iter_mut().zip(panel).zip(weights) {
        let weight = simd.splat_f64s(*weight);
        for (target, value) in target.iter_mut().zip(row) {
            *target = simd.mul_f64s(*value, weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without a pattern, different for each seed.
    fn numbers(rows: usize, columns: usize, seed: f64) -> Mat<f64> {
        Mat::from_fn(rows, columns, |i, j| (12.9898 * i as f64 + 78.233 * j as f64 + seed).sin())
    }

    /// Around the widths of panels, and around the rows of a block.
    const SHAPES: [(usize, usize, usize); 7] =
        [(1, 1, 1), (3, 6, 8), (191, 7, 9), (192, 8, 12), (193, 9, 13), (385, 17, 31), (40, 33, 70)];

    /// `sum over the rows of w l r`, in the plain order.
    fn plainly(left: &Mat<f64>, right: &Mat<f64>, weights: &[f64]) -> Mat<f64> {
        Mat::from_fn(left.ncols(), right.ncols(), |i, j| {
            let products = left.col(i).iter().zip(right.col(j).iter()).zip(weights);
            products.map(|((left, right), weight)| left * right * weight).sum()
        })
    }

    #[track_caller]
    fn assert_same(found: &Mat<f64>, expected: &Mat<f64>, is_wanted: impl Fn(usize, usize) -> bool) {
        for (j, column) in expected.col_iter().enumerate() {
            for (i, value) in column.iter().enumerate().filter(|&(i, _)| is_wanted(i, j)) {
                let difference = (found.get(i, j) - value).abs();
                assert!(difference < 1e-12 * expected.nrows().max(400) as f64, "row {i}, column {j}: {difference}");
            }
        }
    }

    #[test]
    fn a_product_is_the_plain_one_where_panels_and_blocks_end_anywhere() {
        for (rows, columns, others) in SHAPES {
            let (left, right) = (numbers(rows, columns, 1.0), numbers(rows, others, 2.0));
            let found = product(&Panels::left(left.as_ref()), &Panels::right(right.as_ref()));
            assert_same(&found, &plainly(&left, &right, &vec![1.0; rows]), |_, _| true);
        }
    }

    #[test]
    fn a_weighted_product_has_its_upper_half_and_nothing_of_the_one_before() {
        let (mut scratch, mut sums) = (Vec::new(), Mat::new());
        for (rows, columns, others) in SHAPES {
            let right = numbers(rows, columns.max(others), 3.0);
            let left = right.subcols(0, columns).to_owned();
            let panels = (Panels::left(left.as_ref()), Panels::right(right.as_ref()));
            for shift in [0.1, 40.0] {
                let weights: Vec<f64> = (0..rows).map(|i| 1.0 / (i as f64 + shift)).collect();
                weighted_gram(&panels.0, &panels.1, &weights, &mut scratch, &mut sums);
                assert_same(&sums, &plainly(&left, &right, &weights), |i, j| i <= j);
            }
        }
    }

    /// Machines without wide registers take the same way with narrower panels.
    #[test]
    fn one_number_to_a_register_gives_the_same() {
        let right = numbers(200, 13, 4.0);
        let left = right.subcols(0, 9).to_owned();
        let weights: Vec<f64> = (0..200).map(|i| 1.0 + f64::from(i)).collect();
        let panels = (Panels::new(left.as_ref(), REGISTERS), Panels::right(right.as_ref()));
        let mut sums = Mat::zeros(10, 18);
        let weighted = Some((weights.as_slice(), &mut Vec::new()));
        Product { left: &panels.0, right: &panels.1, weighted, sums: &mut sums }.run(pulp::Scalar::new());
        assert_same(&sums, &plainly(&left, &right, &weights), |i, j| i <= j);
    }
}
