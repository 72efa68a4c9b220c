//! The features of an ESM: the target's base embeddings, mapped.

use esmhub_store_format::DenseMap;
use faer::{Mat, MatRef};

use crate::Embeddings;

/// An embedding matrix in f64, N x D, column-major as faer keeps it.
pub(crate) fn to_matrix(x: &Embeddings) -> Mat<f64> {
    rows_to_matrix(x.rows(), x.dimension(), x.values())
}

/// A row-major f32 matrix in f64.
pub(crate) fn rows_to_matrix(rows: usize, columns: usize, values: &[f32]) -> Mat<f64> {
    let view = MatRef::from_row_major_slice(values, rows, columns);
    Mat::from_fn(rows, columns, |i, j| f64::from(*view.get(i, j)))
}

/// `F = X W' + 1 b'`, N x D: what fine-tuning on the ESM's task would make of these embeddings (arXiv 2410.15148, section 3).
///
/// In f64 throughout; the peer maps in f32, which moves a score by about 1e-8.
pub(crate) fn apply(map: &DenseMap, x: MatRef<'_, f64>) -> Mat<f64> {
    let dimension = map.bias().len();
    let weight = rows_to_matrix(dimension, dimension, map.weight());
    let mut features = x * weight.transpose();
    for (column, &bias) in features.col_iter_mut().zip(map.bias()) {
        column.iter_mut().for_each(|value| *value += f64::from(bias));
    }
    features
}

impl Embeddings {
    /// The embeddings after an ESM: `W x + b` for every row, computed in f64 and rounded to f32.
    ///
    /// `None` where the dimensions differ.
    pub fn mapped(&self, map: &DenseMap) -> Option<Self> {
        if map.dimension() as usize != self.dimension() {
            return None;
        }
        let features = apply(map, to_matrix(self).as_ref());
        let values = features.row_iter().flat_map(|row| row.iter().map(|&v| v as f32)).collect();
        Self::new(self.dimension(), values)
    }
}
