//! What shape an array must have, and how much of it is decoded at most.

use super::super::limits::{MAX_ARRAY_BYTES, MAX_DIMENSION, MAX_ROWS, expanded};
use super::problem::ArrayProblem;

/// N x D of an array of embeddings: 1 to 10 million rows of 1 to 8,192 dimensions.
pub(super) fn matrix(array: &str, shape: &[u64]) -> Result<(usize, usize), ArrayProblem> {
    let &[rows, dimension] = shape else {
        return Err(ArrayProblem::Shape { array: array.to_owned(), shape: shape.to_vec(), expected: "(N, D)" });
    };
    let rows = checked_rows(array, rows)?;
    if dimension == 0 || dimension > MAX_DIMENSION {
        return Err(ArrayProblem::Dimension { array: array.to_owned(), dimension });
    }
    Ok((rows, dimension as usize))
}

/// N of an array of labels: 1 to 10 million.
pub(super) fn vector(array: &str, shape: &[u64]) -> Result<usize, ArrayProblem> {
    let &[rows] = shape else {
        return Err(ArrayProblem::Shape { array: array.to_owned(), shape: shape.to_vec(), expected: "(N,)" });
    };
    checked_rows(array, rows)
}

fn checked_rows(array: &str, rows: u64) -> Result<usize, ArrayProblem> {
    match usize::try_from(rows) {
        Ok(0) => Err(ArrayProblem::NoRows { array: array.to_owned() }),
        Ok(rows) if rows <= MAX_ROWS => Ok(rows),
        _ => Err(ArrayProblem::TooManyRows { array: array.to_owned(), rows }),
    }
}

/// What may still be decoded of a file.
pub(super) struct Budget {
    limit: u64,
    left: u64,
}

impl Budget {
    /// For a file of so many bytes.
    pub(super) fn new(file: u64) -> Self {
        let limit = expanded(file, MAX_ARRAY_BYTES);
        Self { limit, left: limit }
    }

    /// Takes `count` values of `width` bytes, in the file or in memory, whichever is more.
    pub(super) fn take(&mut self, array: &str, count: usize, width: u64) -> Result<(), ArrayProblem> {
        let left = (count as u64).checked_mul(width).and_then(|bytes| self.left.checked_sub(bytes));
        self.left = left.ok_or_else(|| ArrayProblem::TooManyBytes { array: array.to_owned(), limit: self.limit })?;
        Ok(())
    }
}
