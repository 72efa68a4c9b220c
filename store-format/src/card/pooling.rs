//! How token embeddings become one embedding, by name.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use serde::Serialize;

/// How the embeddings of a text's tokens become one embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over tokens.
    Mean,
    /// The first token.
    Cls,
    /// The first token through BERT's pooler: a dense layer and tanh.
    Pooler,
}

impl Pooling {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mean, Self::Cls, Self::Pooler];

    /// Its name: `mean`, `cls` or `pooler`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
            Self::Pooler => "pooler",
        }
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A pooling's name was not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a pooling: mean, cls or pooler is expected")]
pub struct PoolingError(String);

impl FromStr for Pooling {
    type Err = PoolingError;

    fn from_str(text: &str) -> Result<Self, PoolingError> {
        Self::ALL.into_iter().find(|p| p.name() == text).ok_or_else(|| PoolingError(text.chars().take(40).collect()))
    }
}
