//! The ESMs of a part as its file has them. Numbers are texts: a JSON number may come back with another last bit.

use esmhub_selection::Contributions;
use esmhub_store_format::Digest;
use serde::{Deserialize, Serialize};

use super::floats::Floats;
use crate::commands::rank::lock::Text;
use crate::commands::rank::output::{Ranked, Skipped};
use crate::commands::rank::overlap::LeftOut;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scored {
    pub(super) name: String,
    pub(super) tag: String,
    pub(super) digest: Text<Digest>,
    pub(super) score: Text<f64>,
    pub(super) gain: Text<f64>,
    pub(super) overlap: Option<Text<f64>>,
    pub(super) overlap_compared: Option<u64>,
    pub(super) overlap_notable: bool,
    pub(super) same_data: bool,
    pub(super) size_bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Omitted {
    pub(super) name: String,
    pub(super) tag: String,
    pub(super) digest: Text<Digest>,
    pub(super) reason: String,
    pub(super) code: u8,
    pub(super) hint: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Overlapping {
    pub(super) name: String,
    pub(super) tag: String,
    pub(super) digest: Text<Digest>,
    pub(super) overlap: Option<Text<f64>>,
    pub(super) overlap_compared: Option<u64>,
    pub(super) same_data: bool,
}

/// What the rows contribute to one ESM's score, or why that is not known.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct First {
    pub(super) digest: Text<Digest>,
    pub(super) rows: Option<Floats>,
    pub(super) problem: Option<String>,
}

impl Scored {
    pub(super) fn of(esm: Ranked) -> Self {
        Self {
            name: esm.name,
            tag: esm.tag,
            digest: Text(esm.digest),
            score: Text(esm.score),
            gain: Text(esm.gain),
            overlap: esm.overlap.map(Text),
            overlap_compared: esm.overlap_compared,
            overlap_notable: esm.overlap_notable,
            same_data: esm.same_data,
            size_bytes: esm.size_bytes,
        }
    }

    pub(super) fn into_ranked(self) -> Ranked {
        Ranked {
            rank: 0,
            name: self.name,
            tag: self.tag,
            digest: self.digest.0,
            score: self.score.0,
            interval: None,
            tie_group: None,
            gain: self.gain.0,
            gain_interval: None,
            is_better: false,
            overlap: self.overlap.map(|share| share.0),
            overlap_compared: self.overlap_compared,
            overlap_notable: self.overlap_notable,
            same_data: self.same_data,
            size_bytes: self.size_bytes,
        }
    }
}

impl Omitted {
    pub(super) fn of(esm: Skipped) -> Self {
        let Skipped { name, tag, digest, reason, code, hint } = esm;
        Self { name, tag, digest: Text(digest), reason, code, hint }
    }

    pub(super) fn into_skipped(self) -> Skipped {
        let Self { name, tag, digest, reason, code, hint } = self;
        Skipped { name, tag, digest: digest.0, reason, code, hint }
    }
}

impl Overlapping {
    pub(super) fn of(esm: LeftOut) -> Self {
        let LeftOut { name, tag, digest, overlap, overlap_compared, same_data } = esm;
        Self { name, tag, digest: Text(digest), overlap: overlap.map(Text), overlap_compared, same_data }
    }

    pub(super) fn into_left_out(self) -> LeftOut {
        let Self { name, tag, digest, overlap, overlap_compared, same_data } = self;
        LeftOut { name, tag, digest: digest.0, overlap: overlap.map(|share| share.0), overlap_compared, same_data }
    }
}

impl First {
    pub(super) fn of((digest, contributions): (Digest, Result<Contributions, String>)) -> Self {
        let (rows, problem) = match contributions {
            Ok(contributions) => (Some(Floats(contributions.rows)), None),
            Err(problem) => (None, Some(problem)),
        };
        Self { digest: Text(digest), rows, problem }
    }
}
