//! The features of an ESM: the target's base embeddings, mapped.

use esmhub_store_format::{LowRankMap, Map};
use faer::{Col, Mat, MatMut, MatRef};

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
/// A low-rank map never becomes a matrix: `F = s X + (X B') A' + 1 b'` takes O(N D r). In f64 throughout; the peer maps in
/// f32, which moves a score by about 1e-8.
pub(crate) fn apply(map: &Map, x: MatRef<'_, f64>) -> Mat<f64> {
    let mut features = apply_linear(map, x);
    for (column, &bias) in features.col_iter_mut().zip(map.bias()) {
        column.iter_mut().for_each(|value| *value += f64::from(bias));
    }
    features
}

/// The same without the bias.
pub(crate) fn apply_linear(map: &Map, x: MatRef<'_, f64>) -> Mat<f64> {
    let dimension = map.dimension() as usize;
    match map {
        Map::Dense(map) => x * rows_to_matrix(dimension, dimension, map.weight()).transpose(),
        Map::LowRank(map) => {
            let (a, b) = factors(map);
            faer::Scale(f64::from(map.scale())) * x + (x * b.transpose()) * a
        }
    }
}

/// `W'`, D x D, in f64: a low-rank map's is not rounded to f32 on the way.
pub(crate) fn transposed_weight(map: &Map) -> Mat<f64> {
    let dimension = map.dimension() as usize;
    match map {
        Map::Dense(map) => {
            // Row-major W is column-major W'.
            let weight = MatRef::from_column_major_slice(map.weight(), dimension, dimension);
            Mat::from_fn(dimension, dimension, |j, i| f64::from(*weight.get(j, i)))
        }
        Map::LowRank(map) => {
            let (a, b) = factors(map);
            let mut weight = b.transpose() * a;
            let diagonal = weight.diagonal_mut().column_vector_mut();
            diagonal.iter_mut().for_each(|value| *value += f64::from(map.scale()));
            weight
        }
    }
}

/// Features whose rows lie one after the other.
pub(crate) struct FeatureRows {
    dimension: usize,
    values: Vec<f64>,
}

impl FeatureRows {
    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.dimension)
    }
}

/// The same as [`apply`], for what is then read row by row.
pub(crate) fn apply_by_rows(map: &Map, x: MatRef<'_, f64>) -> FeatureRows {
    let features = apply(map, x);
    let mut values = vec![0.0; features.nrows() * features.ncols()];
    MatMut::from_row_major_slice_mut(&mut values, features.nrows(), features.ncols()).copy_from(&features);
    FeatureRows { dimension: features.ncols(), values }
}

/// The same for one embedding.
pub(crate) fn apply_to(map: &Map, x: &Col<f64>) -> Col<f64> {
    apply(map, x.transpose().as_mat()).row(0).transpose().to_owned()
}

/// The columns of A and the rows of B, both r x D.
pub(crate) fn factors(map: &LowRankMap) -> (Mat<f64>, Mat<f64>) {
    let (rank, dimension) = (map.rank() as usize, map.dimension() as usize);
    (rows_to_matrix(rank, dimension, map.a()), rows_to_matrix(rank, dimension, map.b()))
}

impl Embeddings {
    /// The embeddings after an ESM: `f(x)` for every row, computed in f64 and rounded to f32.
    ///
    /// `None` where the dimensions differ.
    pub fn mapped(&self, map: &Map) -> Option<Self> {
        if map.dimension() as usize != self.dimension() {
            return None;
        }
        let features = apply(map, to_matrix(self).as_ref());
        let values = features.row_iter().flat_map(|row| row.iter().map(|&v| v as f32)).collect();
        Self::new(self.dimension(), values)
    }
}
