//! A target task, ready to be scored against any number of ESMs.

use esmhub_store_format::Map;
use faer::{Mat, MatRef};

use crate::features::{apply, to_matrix};
use crate::logme::{Formula, Spectrum, log_evidence};
use crate::{Embeddings, Labels};

/// The target's base embeddings (N x D) and its label vectors (N x K: one per class, or one of numbers), in f64.
pub struct Target {
    x: Mat<f64>,
    y: Mat<f64>,
}

/// Why there is no score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// The target has as many embeddings as labels, or it is none.
    #[error("the target has {embeddings} embeddings and {labels} labels, expected the same number, at least 2")]
    Rows {
        /// Its embeddings.
        embeddings: usize,
        /// Its labels.
        labels: usize,
    },
    /// One class, or none.
    #[error("the target's labels have {0} class, expected at least 2")]
    OneClass(usize),
    /// The ESM maps embeddings of another dimension.
    #[error("the ESM has dimension {found}, the target's embeddings have {expected}")]
    Dimension {
        /// The target's.
        expected: usize,
        /// The ESM's.
        found: usize,
    },
    /// NaN or infinity where a number is expected.
    #[error("the score is not a finite number")]
    NotFinite,
    /// The eigendecomposition of the features did not converge.
    #[error("the eigendecomposition of the features does not converge")]
    Decomposition,
}

impl Target {
    /// Takes N embeddings and N labels.
    ///
    /// # Errors
    /// [`ScoreError::Rows`], [`ScoreError::OneClass`], [`ScoreError::NotFinite`].
    pub fn new(x: &Embeddings, labels: &Labels) -> Result<Self, ScoreError> {
        let rows = x.rows();
        if rows != labels.len() || rows < 2 {
            return Err(ScoreError::Rows { embeddings: rows, labels: labels.len() });
        }
        if x.first_non_finite().is_some() {
            return Err(ScoreError::NotFinite);
        }
        let y = match labels {
            Labels::Classes { names, y } => {
                if names.len() < 2 {
                    return Err(ScoreError::OneClass(names.len()));
                }
                let is_class = |row: usize, class: usize| y.get(row).is_some_and(|&c| c as usize == class);
                Mat::from_fn(rows, names.len(), |row, class| if is_class(row, class) { 1.0 } else { 0.0 })
            }
            Labels::Numbers(values) => {
                if values.iter().any(|v| !v.is_finite()) {
                    return Err(ScoreError::NotFinite);
                }
                MatRef::from_column_major_slice(values, rows, 1).to_owned()
            }
        };
        Ok(Self { x: to_matrix(x), y })
    }

    /// N.
    pub fn rows(&self) -> usize {
        self.x.nrows()
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.x.ncols()
    }

    /// The score of an ESM: the log evidence per row of the target's labels, given the mapped embeddings.
    ///
    /// # Errors
    /// [`ScoreError::Dimension`], [`ScoreError::NotFinite`], [`ScoreError::Decomposition`].
    pub fn score(&self, map: &Map, formula: Formula) -> Result<f64, ScoreError> {
        if map.dimension() as usize != self.dimension() {
            return Err(ScoreError::Dimension { expected: self.dimension(), found: map.dimension() as usize });
        }
        self.score_features(apply(map, self.x.as_ref()).as_ref(), formula)
    }

    /// The score with no transfer at all: the base model's embeddings as they are.
    ///
    /// # Errors
    /// [`ScoreError::NotFinite`], [`ScoreError::Decomposition`].
    pub fn baseline(&self, formula: Formula) -> Result<f64, ScoreError> {
        self.score_features(self.x.as_ref(), formula)
    }

    fn score_features(&self, features: MatRef<'_, f64>, formula: Formula) -> Result<f64, ScoreError> {
        log_evidence(&Spectrum::new(features, self.y.as_ref())?, formula)
    }
}
