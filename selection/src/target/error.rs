//! Why there is no score.

use crate::Score;

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
    /// The score is one of classes.
    #[error("the score {0} is defined for classes, the target's labels are numbers")]
    NeedsClasses(Score),
    /// The score has no parts that rows contribute.
    #[error("the score {0} is no sum over rows")]
    NotOfRows(Score),
    /// The labels are numbers that do not differ.
    #[error("the target's labels are all one number, expected at least 2")]
    OneNumber,
    /// The eigendecomposition of the features did not converge.
    #[error("the eigendecomposition of the features does not converge")]
    Decomposition,
}
