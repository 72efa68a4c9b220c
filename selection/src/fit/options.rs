//! What can be chosen about a fit, and what is chosen where nothing is said.

use esmhub_store_format::LowRankMap;

/// The share of the source's rows on which the result is measured: one in five.
pub const HELD_OUT_SHARE: usize = 5;
/// The folds of the source's rows, where there are no anchor domains to leave out.
pub const FOLDS: usize = 5;
/// The penalty of a map that is fitted on anchors as well.
///
/// One constant for all ESMs: a penalty chosen for each of them makes scores differ by how much the maps were shrunk. On 20
/// real tasks and 5 targets, choosing by cross-validation costs 0.04 of Kendall tau; from 0.003 to 0.03 all agree.
pub const WITH_ANCHORS: f64 = 0.01;
/// The penalty of a map that is fitted on its source's rows alone, and has to be more careful elsewhere.
pub const ALONE: f64 = 0.1;

/// How a map is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitOptions {
    /// The seed of the split into held-out and training rows.
    pub seed: u64,
    /// The penalty.
    pub penalty: Penalty,
    /// The rank.
    pub rank: Rank,
}

/// The ridge penalty, in units of the mean eigenvalue of the centred Gram matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Penalty {
    /// [`WITH_ANCHORS`] or [`ALONE`], whichever applies.
    Standard,
    /// That of least error on the domains left out (on folds of the source where there are no anchors), for a dense map.
    CrossValidated,
    /// This one, greater than 0.
    Fixed(f64),
}

/// The rank of the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rank {
    /// The smallest rank up to `most` whose mean R2 on the domains left out is at least `fidelity` times the best one.
    Auto {
        /// The largest that is considered.
        most: usize,
        /// The share that must be kept, 0 to 1.
        fidelity: f64,
    },
    /// This one, or the largest that the dimension allows.
    Exactly(usize),
    /// No factors at all: a dense map.
    Full,
}

impl Rank {
    /// The largest rank by default: a sixth of the dimension. With int4 factors that is 1.5 bits for every weight of a dense map.
    pub fn standard(dimension: usize) -> usize {
        Self::at_most(dimension, dimension / 6)
    }

    /// The largest rank of a small map: a twelfth of the dimension, half the bytes.
    pub fn small(dimension: usize) -> usize {
        Self::at_most(dimension, dimension / 12)
    }

    /// `rank`, at least 1, but no more than the format allows.
    fn at_most(dimension: usize, rank: usize) -> usize {
        rank.max(1).min(LowRankMap::max_rank(u32::try_from(dimension).unwrap_or(u32::MAX)) as usize)
    }

    /// The largest rank that has to be looked at.
    pub(super) fn most(self, dimension: usize) -> usize {
        match self {
            Self::Auto { most, .. } | Self::Exactly(most) => Self::at_most(dimension, most),
            Self::Full => dimension,
        }
    }
}

impl Default for FitOptions {
    fn default() -> Self {
        let rank = Rank::Auto { most: usize::MAX, fidelity: 1.0 };
        Self { seed: 42, penalty: Penalty::Standard, rank }
    }
}
