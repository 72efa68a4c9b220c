//! How the hidden states of a text's tokens become its one embedding.

use std::fmt;
use std::str::FromStr;

use super::config::Architecture;

/// How an embedding is taken from the hidden states of the last layer. Its names are stable: cards record them.
///
/// hfselect's rule (its `get_pooled_output`): BERT gives its pooler output, DistilBERT and RoBERTa the state of their
/// first token. A sentence-transformers folder says itself what it wants; hfselect obeys it for BERT only, and only the
/// mean.
///
/// ```
/// use esmhub_selection::encoder::Pooling;
/// assert_eq!("mean".parse(), Ok(Pooling::Mean));
/// assert_eq!(Pooling::Pooler.to_string(), "pooler");
/// assert!("max".parse::<Pooling>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The mean over all tokens, special ones included: `mean`.
    Mean,
    /// The first token's state: `cls`.
    Cls,
    /// The first token's state through BERT's pooler, `tanh(W h + b)`: `pooler`.
    Pooler,
}

impl Pooling {
    /// What a folder without sentence-transformers files gives.
    pub(super) fn of_plain(architecture: Architecture) -> Self {
        match architecture {
            Architecture::Bert => Self::Pooler,
            Architecture::DistilBert | Architecture::Roberta | Architecture::XlmRoberta | Architecture::Camembert => {
                Self::Cls
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
            Self::Pooler => "pooler",
        }
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A pooling's name was not one of those that there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown pooling {found:?}, expected mean, cls or pooler")]
pub struct PoolingError {
    found: String,
}

impl FromStr for Pooling {
    type Err = PoolingError;

    fn from_str(text: &str) -> Result<Self, PoolingError> {
        [Self::Mean, Self::Cls, Self::Pooler]
            .into_iter()
            .find(|pooling| pooling.name() == text)
            .ok_or_else(|| PoolingError {
                found: text.chars().take(64).collect(),
            })
    }
}
