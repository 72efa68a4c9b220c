//! `--codec`, `--rank`, `--fidelity` and `--penalty`: how small a map becomes, and how it is fitted.

use std::str::FromStr;

use esmhub_selection::fit::{FitOptions, Penalty, Rank};
use esmhub_store_format::Codec;

/// `--codec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodecChoice {
    /// Low-rank maps with int4 factors for what is fitted here, dense int8 for what was made elsewhere.
    Auto,
    /// Half the rank; dense int4 for what was made elsewhere.
    Small,
    /// This codec, for matrices and factors alike.
    Exactly(Codec),
}

/// `--rank`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RankChoice {
    /// As many directions as cross-validation over domains asks for, up to a share of the dimension.
    Auto,
    /// So many.
    Exactly(usize),
    /// A dense map.
    Full,
}

/// `--penalty`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PenaltyChoice(pub(crate) Penalty);

/// How small a map becomes, and how it is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quality {
    /// `--codec`.
    pub(crate) codec: CodecChoice,
    /// `--rank`.
    pub(crate) rank: RankChoice,
    /// `--fidelity`.
    pub(crate) fidelity: f64,
    /// `--penalty`.
    pub(crate) penalty: Penalty,
}

impl Quality {
    /// What is chosen where nothing is said.
    pub(crate) const STANDARD: Self =
        Self { codec: CodecChoice::Auto, rank: RankChoice::Auto, fidelity: 1.0, penalty: Penalty::Standard };

    /// The codec of a dense map.
    pub(crate) fn dense_codec(&self) -> Codec {
        match self.codec {
            CodecChoice::Auto => Codec::Int8,
            CodecChoice::Small => Codec::Int4,
            CodecChoice::Exactly(codec) => codec,
        }
    }

    /// The codec of the factors of a low-rank map.
    pub(crate) fn factor_codec(&self) -> Codec {
        match self.codec {
            CodecChoice::Auto | CodecChoice::Small => Codec::Int4,
            CodecChoice::Exactly(codec) => codec,
        }
    }

    /// The largest rank of a map of this dimension that nobody has asked a rank for.
    pub(crate) fn most(&self, dimension: usize) -> usize {
        match self.codec {
            CodecChoice::Small => Rank::small(dimension),
            CodecChoice::Auto | CodecChoice::Exactly(_) => Rank::standard(dimension),
        }
    }

    /// The rank of a distilled map that nobody has asked a rank for: beyond a 24th of the dimension, what a trained map does is
    /// noise of its training.
    pub(crate) fn distilled_rank(&self, dimension: usize) -> usize {
        Rank::small(dimension).div_ceil(2)
    }

    /// How a map of this dimension is fitted.
    pub(crate) fn fit_options(&self, dimension: usize, seed: u64) -> FitOptions {
        let rank = match self.rank {
            RankChoice::Auto => Rank::Auto { most: self.most(dimension), fidelity: self.fidelity },
            RankChoice::Exactly(rank) => Rank::Exactly(rank),
            RankChoice::Full => Rank::Full,
        };
        FitOptions { seed, penalty: self.penalty, rank }
    }
}

impl CodecChoice {
    /// Every value that there is.
    pub(crate) const WORDS: [&str; 6] = ["auto", "small", "f32", "f16", "int8", "int4"];
}

impl FromStr for CodecChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "small" => Ok(Self::Small),
            _ => text.parse().map(Self::Exactly).map_err(|_| "expected auto, small, f32, f16, int8 or int4".to_owned()),
        }
    }
}

impl RankChoice {
    /// The values that are no numbers.
    pub(crate) const WORDS: [&str; 2] = ["auto", "full"];
}

impl FromStr for RankChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self::Auto),
            ("full", _) => Ok(Self::Full),
            (_, Ok(rank)) if rank > 0 => Ok(Self::Exactly(rank)),
            _ => Err("expected auto, full or a number from 1 on".to_owned()),
        }
    }
}

impl PenaltyChoice {
    /// The values that are no numbers.
    pub(crate) const WORDS: [&str; 2] = ["standard", "auto"];
}

impl FromStr for PenaltyChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<f64>()) {
            ("standard", _) => Ok(Self(Penalty::Standard)),
            ("auto", _) => Ok(Self(Penalty::CrossValidated)),
            (_, Ok(penalty)) if (1e-8..=1e8).contains(&penalty) => Ok(Self(Penalty::Fixed(penalty))),
            _ => Err("expected standard, auto or a number from 1e-8 to 1e8".to_owned()),
        }
    }
}

/// `--fidelity`: a share.
pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}
