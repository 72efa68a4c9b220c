//! The numbers by which a pool can be ranked.

pub(crate) mod blocks;
mod h_score;
pub(crate) mod ridge;
mod trans_rate;

use std::fmt;
use std::str::FromStr;

use crate::Formula;

pub(crate) use blocks::Centred;
pub(crate) use h_score::HScore;
pub(crate) use ridge::Ridge;
pub(crate) use trans_rate::TransRate;

/// What is computed of a target's labels and its mapped embeddings. Of every score, higher is better; scores of two kinds
/// cannot be compared.
///
/// ```
/// use esmhub_selection::{Formula, Score};
/// assert_eq!("ridge".parse(), Ok(Score::Ridge));
/// assert_eq!(Score::from(Formula::Exact).name(), "exact");
/// assert!(!Score::HScore.takes_numbers());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Score {
    /// LogME: the log evidence per row of a Bayesian linear model (You et al. 2021, arXiv 2110.10545).
    LogMe(Formula),
    /// What ridge regression tells right of rows that it has not seen, in five folds: the share of the rows whose class it
    /// names (0 to 1), or R2 of the numbers (at most 1; below 0 where the mean of the others would have been closer).
    Ridge,
    /// The H-score (Bao et al. 2019, "An information-theoretic approach to transferability in task transfer learning", ICIP, arXiv 2212.10082)
    /// with a regularised covariance (Ibrahim et al. 2021, arXiv 2110.06893): how much of the features' variance is between
    /// the classes, summed over directions of unit variance. From 0 to K - 1. Classes alone.
    HScore,
    /// TransRate (Huang et al. 2022, arXiv 2106.09362): by how many nats the features need less to be coded where the class is
    /// known. Classes alone.
    TransRate,
}

impl Score {
    /// All of them; the first is the default.
    pub const ALL: [Self; 5] =
        [Self::LogMe(Formula::Exact), Self::LogMe(Formula::Hfselect), Self::Ridge, Self::HScore, Self::TransRate];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogMe(formula) => formula.name(),
            Self::Ridge => "ridge",
            Self::HScore => "hscore",
            Self::TransRate => "transrate",
        }
    }

    /// Whether the labels may be numbers, too.
    pub const fn takes_numbers(self) -> bool {
        matches!(self, Self::LogMe(_) | Self::Ridge)
    }

    /// Whether every row contributes a part that is known, so that resampled rows say what the score is worth. Determinants and
    /// inverses of whole covariances have no such parts.
    pub const fn is_of_rows(self) -> bool {
        matches!(self, Self::LogMe(_) | Self::Ridge)
    }
}

impl Default for Score {
    fn default() -> Self {
        Self::LogMe(Formula::default())
    }
}

impl From<Formula> for Score {
    fn from(formula: Formula) -> Self {
        Self::LogMe(formula)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A score's name was not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a score: exact, hfselect, ridge, hscore or transrate is expected")]
pub struct ScoreNameError(String);

impl FromStr for Score {
    type Err = ScoreNameError;

    fn from_str(text: &str) -> Result<Self, ScoreNameError> {
        let known = Self::ALL.into_iter().find(|score| score.name() == text);
        known.ok_or_else(|| ScoreNameError(text.chars().take(40).collect()))
    }
}
