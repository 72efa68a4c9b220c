//! Symmetric band matrices: factored and solved at any shift in O(D b^2), where b is the half-width of the band.

use super::fixed_point::Unreliable;
use crate::simd::{Loop, in_wide_registers};

/// A symmetric matrix whose entries further than b from the diagonal are 0.
///
/// Column j is kept from the diagonal down, b + 1 values; the last columns end in zeros.
pub(crate) struct Band {
    width: usize,
    columns: Vec<f64>,
}

/// `L` of a band matrix `L L'`, kept alike.
pub(crate) struct BandFactor {
    width: usize,
    columns: Vec<f64>,
}

impl Band {
    /// All zeros. `half_width`: b.
    pub(crate) fn zeros(size: usize, half_width: usize) -> Self {
        let width = half_width + 1;
        Self { width, columns: vec![0.0; size * width] }
    }

    /// Sets an entry on or below the diagonal; one outside of the band is left out.
    pub(crate) fn set(&mut self, row: usize, column: usize, value: f64) {
        let below = row.wrapping_sub(column);
        if below < self.width
            && let Some(entry) = self.columns.get_mut(column * self.width + below)
        {
            *entry = value;
        }
    }

    /// The largest entry of the diagonal.
    pub(crate) fn largest(&self) -> f64 {
        self.columns.iter().step_by(self.width).fold(0.0, |largest, &entry| largest.max(entry))
    }

    /// Cholesky's factor of the matrix with `t` added to its diagonal.
    ///
    /// # Errors
    /// [`Unreliable`] where a pivot is not positive.
    pub(crate) fn factor(&self, t: f64) -> Result<BandFactor, Unreliable> {
        let mut columns = self.columns.clone();
        in_wide_registers(Factoring { width: self.width, columns: &mut columns, t })?;
        Ok(BandFactor { width: self.width, columns })
    }
}

/// Cholesky's factorisation, column after column, in place.
struct Factoring<'a> {
    width: usize,
    columns: &'a mut [f64],
    t: f64,
}

impl Loop for Factoring<'_> {
    type Output = Result<(), Unreliable>;

    #[inline(always)]
    fn run(self) -> Result<(), Unreliable> {
        let width = self.width;
        let mut rest = self.columns;
        while let Some((column, after)) = rest.split_at_mut_checked(width) {
            let pivot = column.first().copied().unwrap_or_default() + self.t;
            if !(pivot > 0.0 && pivot.is_finite()) {
                return Err(Unreliable);
            }
            let root = pivot.sqrt();
            column.iter_mut().for_each(|entry| *entry /= root);
            if let Some(diagonal) = column.first_mut() {
                *diagonal = root;
            }
            for (target, from) in after.chunks_exact_mut(width).zip(1..width) {
                let source = column.get(from..).unwrap_or_default();
                let factor = source.first().copied().unwrap_or_default();
                target.iter_mut().zip(source).for_each(|(entry, value)| *entry -= factor * value);
            }
            rest = after;
        }
        Ok(())
    }
}

impl BandFactor {
    /// `log |L L'|`.
    pub(crate) fn log_determinant(&self) -> f64 {
        2.0 * self.columns.iter().step_by(self.width).map(|pivot| pivot.ln()).sum::<f64>()
    }

    /// Solves `L X = B` in place; B has a row of `m` values for each row of L, one after the other.
    pub(crate) fn solve_lower_in_place(&self, rows: &mut [f64], m: usize) {
        in_wide_registers(Solving { factor: self, rows, m });
    }
}

/// Forward substitution, row after row, in place.
struct Solving<'a> {
    factor: &'a BandFactor,
    rows: &'a mut [f64],
    m: usize,
}

impl Loop for Solving<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut rest = self.rows;
        for column in self.factor.columns.chunks_exact(self.factor.width) {
            let Some((row, after)) = rest.split_at_mut_checked(self.m) else { return };
            let Some((&pivot, below)) = column.split_first() else { return };
            row.iter_mut().for_each(|value| *value /= pivot);
            for (target, factor) in after.chunks_exact_mut(self.m).zip(below) {
                target.iter_mut().zip(row.iter()).for_each(|(entry, value)| *entry -= factor * value);
            }
            rest = after;
        }
    }
}
