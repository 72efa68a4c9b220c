//! Pairs of embeddings, checked once.

use esmhub_store_format::FormatError;
use faer::MatRef;

use crate::Embeddings;

/// The fewest pairs that are fitted: fewer cannot be split into training folds and held-out rows.
pub const MIN_PAIRS: usize = 20;

/// The same N texts, embedded by the base model and by the tuned one.
pub struct Pairs {
    base: Embeddings,
    tuned: Embeddings,
}

/// Some rows of pairs in f64.
pub(super) struct Rows {
    dimension: usize,
    /// Row-major, n x D.
    base: Vec<f64>,
    tuned: Vec<f64>,
}

impl Rows {
    /// `x`, n x D.
    pub(super) fn base(&self) -> MatRef<'_, f64> {
        self.matrix(&self.base)
    }

    /// `y`, n x D.
    pub(super) fn tuned(&self) -> MatRef<'_, f64> {
        self.matrix(&self.tuned)
    }

    /// The rows of `y`, each a slice of length D.
    pub(super) fn tuned_rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.tuned.chunks_exact(self.dimension)
    }

    fn matrix<'a>(&self, values: &'a [f64]) -> MatRef<'a, f64> {
        MatRef::from_row_major_slice(values, values.len() / self.dimension, self.dimension)
    }
}

/// The anchor texts of one domain, embedded by the base model and by the tuned one.
pub struct AnchorPairs {
    label: String,
    pairs: Pairs,
}

impl AnchorPairs {
    /// Takes a domain's label, and N base and N tuned embeddings, both N x D, N at least 2.
    ///
    /// # Errors
    /// As [`Pairs::new`].
    pub fn new(label: impl Into<String>, base: &Embeddings, tuned: &Embeddings) -> Result<Self, FitError> {
        Ok(Self { label: label.into(), pairs: Pairs::with_at_least(2, base, tuned)? })
    }

    /// What the domain is called.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its pairs.
    pub fn pairs(&self) -> &Pairs {
        &self.pairs
    }
}

/// Why no ESM was fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The two matrices do not belong together.
    #[error("x has the shape {base:?} and y {tuned:?}, expected the same")]
    Shapes {
        /// Rows and dimension of the base embeddings.
        base: (usize, usize),
        /// Rows and dimension of the tuned embeddings.
        tuned: (usize, usize),
    },
    /// Too few to fit and to measure.
    #[error("the number of pairs is {found}, expected at least {least}")]
    TooFew {
        /// The pairs that there are.
        found: usize,
        /// The fewest that are taken.
        least: usize,
    },
    /// An anchor domain's embeddings are not the source's base model's.
    #[error("anchor domain {label:?} has dimension {found}, the source has {expected}")]
    AnchorDimension {
        /// The domain.
        label: String,
        /// The source's.
        expected: usize,
        /// The domain's.
        found: usize,
    },
    /// The map and the embeddings do not belong together.
    #[error("the map has dimension {found}, the embeddings have {expected}")]
    Dimension {
        /// The embeddings'.
        expected: usize,
        /// The map's.
        found: usize,
    },
    /// NaN or infinity.
    #[error("{matrix} is not finite at row {row}, column {column}")]
    NotFinite {
        /// `x` or `y`.
        matrix: &'static str,
        /// The row.
        row: usize,
        /// The column.
        column: usize,
    },
    /// All texts have the same embedding: there is nothing to learn from.
    #[error("all embeddings in x are equal")]
    NoVariance,
    /// The eigendecomposition of the Gram matrix did not converge.
    #[error("the eigendecomposition of the Gram matrix does not converge")]
    Decomposition,
    /// The fitted map cannot be written.
    #[error("the fitted map is not valid")]
    Map(#[from] FormatError),
}

impl Pairs {
    /// Takes N base embeddings and N tuned embeddings, both N x D.
    ///
    /// # Errors
    /// [`FitError::Shapes`], [`FitError::TooFew`], [`FitError::NotFinite`], [`FitError::NoVariance`].
    pub fn new(base: &Embeddings, tuned: &Embeddings) -> Result<Self, FitError> {
        Self::with_at_least(MIN_PAIRS, base, tuned)
    }

    fn with_at_least(least: usize, base: &Embeddings, tuned: &Embeddings) -> Result<Self, FitError> {
        let shapes = [base, tuned].map(|e| (e.rows(), e.dimension()));
        let [base_shape, tuned_shape] = shapes;
        if base_shape != tuned_shape {
            return Err(FitError::Shapes { base: base_shape, tuned: tuned_shape });
        }
        if base.rows() < least {
            return Err(FitError::TooFew { found: base.rows(), least });
        }
        for (matrix, embeddings) in [("x", base), ("y", tuned)] {
            if let Some((row, column)) = embeddings.first_non_finite() {
                return Err(FitError::NotFinite { matrix, row, column });
            }
        }
        let mut rows = base.iter();
        let first = rows.next();
        if rows.all(|row| Some(row) == first) {
            return Err(FitError::NoVariance);
        }
        Ok(Self { base: base.clone(), tuned: tuned.clone() })
    }

    /// N.
    pub fn rows(&self) -> usize {
        self.base.rows()
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.base.dimension()
    }

    /// These rows, in this order.
    pub(super) fn select(&self, rows: impl Iterator<Item = usize> + Clone) -> Rows {
        let select = |embeddings: &Embeddings| {
            let dimension = embeddings.dimension();
            let mut values = Vec::with_capacity(rows.clone().count() * dimension);
            for row in rows.clone() {
                let row = embeddings.values().get(row * dimension..(row + 1) * dimension).unwrap_or_default();
                values.extend(row.iter().map(|&value| f64::from(value)));
            }
            values
        };
        Rows { dimension: self.dimension(), base: select(&self.base), tuned: select(&self.tuned) }
    }

    /// All rows.
    pub(super) fn all(&self) -> Rows {
        self.select(0..self.rows())
    }
}
