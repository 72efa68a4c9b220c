//! A row-major matrix of embeddings: one row per text, one column per dimension.

/// N embeddings of D dimensions, row-major (`values[i * dimension + j]`), as a base model gives them: not normalised.
///
/// ```
/// use esmhub_selection::Embeddings;
/// let two = Embeddings::new(3, vec![1.0, 0.0, 0.0, 0.0, 2.0, 0.0]).unwrap();
/// assert_eq!(two.rows(), 2);
/// assert_eq!(two.iter().next().unwrap(), [1.0, 0.0, 0.0]);
/// assert!(Embeddings::new(4, vec![0.0; 6]).is_none());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    dimension: usize,
    values: Vec<f32>,
}

impl Embeddings {
    /// Takes row-major values; `None` where the dimension is 0 or does not divide their number.
    pub fn new(dimension: usize, values: Vec<f32>) -> Option<Self> {
        (dimension > 0 && values.len().is_multiple_of(dimension)).then_some(Self { dimension, values })
    }

    /// D, the number of values per row.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// N, the number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// All values, row-major, N x D.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The rows, each a slice of length D.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.dimension)
    }

    /// The rows at these positions, in this order; positions past the end are left out.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.dimension);
        for &row in rows {
            let start = row.saturating_mul(self.dimension);
            values.extend_from_slice(self.values.get(start..start + self.dimension).unwrap_or_default());
        }
        Self { dimension: self.dimension, values }
    }

    /// The mean of all rows, as a matrix of one row; computed in f64. `None` where there are none.
    pub fn mean(&self) -> Option<Self> {
        if self.rows() == 0 {
            return None;
        }
        let mut sums = vec![0.0f64; self.dimension];
        for row in self {
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let rows = self.rows() as f64;
        Self::new(self.dimension, sums.into_iter().map(|sum| (sum / rows) as f32).collect())
    }

    /// The first NaN or infinite value as (row, column), if there is one.
    pub fn first_non_finite(&self) -> Option<(usize, usize)> {
        let at = self.values.iter().position(|v| !v.is_finite())?;
        Some((at / self.dimension, at % self.dimension))
    }
}

impl<'a> IntoIterator for &'a Embeddings {
    type Item = &'a [f32];
    type IntoIter = std::slice::ChunksExact<'a, f32>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
