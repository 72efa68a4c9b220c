//! Pairs of embeddings, checked once.

use esmhub_store_format::FormatError;
use faer::{Mat, MatRef};

use crate::Embeddings;
use crate::features::to_matrix;

/// The fewest pairs that are fitted: fewer cannot be split into training folds and held-out rows.
pub const MIN_PAIRS: usize = 20;

/// The same N texts, embedded by the base model and by the tuned one.
pub struct Pairs {
    base: Mat<f64>,
    tuned: Mat<f64>,
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
        Ok(Self { base: to_matrix(base), tuned: to_matrix(tuned) })
    }

    /// N.
    pub fn rows(&self) -> usize {
        self.base.nrows()
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.base.ncols()
    }

    /// `x`, N x D.
    pub(super) fn base(&self) -> MatRef<'_, f64> {
        self.base.as_ref()
    }

    /// `y`, N x D.
    pub(super) fn tuned(&self) -> MatRef<'_, f64> {
        self.tuned.as_ref()
    }

    /// `x` and `y` of these rows.
    pub(super) fn select(&self, rows: &[usize]) -> (Mat<f64>, Mat<f64>) {
        let select = |matrix: &Mat<f64>| {
            let at =
                |i: usize, j: usize| rows.get(i).and_then(|&row| matrix.as_ref().get(row..row + 1, j).iter().next());
            Mat::from_fn(rows.len(), matrix.ncols(), |i, j| at(i, j).copied().unwrap_or_default())
        };
        (select(&self.base), select(&self.tuned))
    }
}
