//! What an object decodes to: a map of one of the kinds.

use std::borrow::Cow;

use super::{DenseMap, KIND_DENSE, KIND_LOW_RANK, LowRankMap};
use crate::FormatError;

/// An ESM's map, as its object keeps it.
#[derive(Debug, Clone, PartialEq)]
pub enum Map {
    /// `f(x) = W x + b`.
    Dense(DenseMap),
    /// `f(x) = s x + A (B x) + b`.
    LowRank(LowRankMap),
}

impl Map {
    /// The dimension D of the embeddings.
    pub fn dimension(&self) -> u32 {
        match self {
            Self::Dense(map) => map.dimension(),
            Self::LowRank(map) => map.dimension(),
        }
    }

    /// `b`, D values.
    pub fn bias(&self) -> &[f32] {
        match self {
            Self::Dense(map) => map.bias(),
            Self::LowRank(map) => map.bias(),
        }
    }

    /// The number of its kind in an object's header.
    pub fn kind(&self) -> u16 {
        match self {
            Self::Dense(_) => KIND_DENSE,
            Self::LowRank(_) => KIND_LOW_RANK,
        }
    }

    /// The rank r of the factors; `None` for a dense map.
    pub fn rank(&self) -> Option<u32> {
        match self {
            Self::Dense(_) => None,
            Self::LowRank(map) => Some(map.rank()),
        }
    }

    /// The map with its matrix written out, D x D.
    ///
    /// # Errors
    /// As [`LowRankMap::to_dense`].
    pub fn to_dense(&self) -> Result<Cow<'_, DenseMap>, FormatError> {
        match self {
            Self::Dense(map) => Ok(Cow::Borrowed(map)),
            Self::LowRank(map) => map.to_dense().map(Cow::Owned),
        }
    }

    /// How far another map is from this one, as a share of what this one changes: `|W' - W| / |W - I|` (Frobenius).
    ///
    /// # Errors
    /// As [`LowRankMap::to_dense`].
    pub fn relative_error(&self, other: &Self) -> Result<f64, FormatError> {
        let (this, other) = (self.to_dense()?, other.to_dense()?);
        Ok(this.relative_error(&other))
    }
}

impl From<DenseMap> for Map {
    fn from(map: DenseMap) -> Self {
        Self::Dense(map)
    }
}

impl From<LowRankMap> for Map {
    fn from(map: LowRankMap) -> Self {
        Self::LowRank(map)
    }
}
