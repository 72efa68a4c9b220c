//! A part of a ranking as a file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use esmhub_registry::{Catalog, Registry};
use esmhub_selection::Score;
use esmhub_store_format::Digest;
use serde::{Deserialize, Serialize};

use super::floats::Floats;
use super::rows::{First, Omitted, Overlapping, Scored};
use super::{FirstOfPart, MOST, Shard};
use crate::commands::rank::Rank;
use crate::commands::rank::lock::Text;
use crate::commands::rank::output::{BaseSummary, RankDocument, TargetSummary};
use crate::failure::{Failure, NEWER, OTHER, Outcome};
use crate::files;
use crate::trust::KeyringSummary;

const SCHEMA: &str = "esmhub.rank-part";
const VERSION: u32 = 1;
/// A part of 100,000 ESMs has about 40 MB, and 50 ESMs of 100,000 rows have another 55.
const MAX_BYTES: u64 = 512 << 20;

/// A part of a ranking: its scores, and all that the whole needs beside them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    schema: String,
    version: u32,
    shard: u32,
    of: u32,
    /// What has to be the same in all parts, beside the target.
    pub(super) common: Common,
    pub(super) target: TargetSummary,
    pub(super) base: BaseSummary,
    pub(super) baseline: Text<f64>,
    pub(super) labels_alone: Text<f64>,
    /// How many to show, where that was said.
    pub(super) top: Option<usize>,
    pub(super) has_texts: bool,
    pub(super) other_base: usize,
    pub(super) unsigned: usize,
    pub(super) cached: usize,
    pub(super) results: Vec<Scored>,
    pub(super) skipped: Vec<Omitted>,
    pub(super) left_out: Vec<Overlapping>,
    pub(super) trusted_keys: Option<KeyringSummary>,
    pub(super) doubts: Vec<String>,
    pub(super) damaged: Vec<String>,
    /// What the rows contribute to the score of no transfer.
    pub(super) rows: Option<Floats>,
    pub(super) first: Vec<First>,
    #[serde(skip)]
    pub(super) file: PathBuf,
}

/// What decides a ranking, beside the target.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Common {
    /// Which state of which registry was ranked: its id, the last log entry, and that entry's digest.
    pub(super) registry: String,
    pub(super) entries: u64,
    pub(super) head: Option<String>,
    pub(super) score: String,
    pub(super) precision: String,
    pub(super) filter: String,
    pub(super) all_tags: bool,
    pub(super) max_overlap: Option<String>,
    /// How many of the first are compared.
    pub(super) compared: usize,
    /// The keys one of which had to sign, where that was asked for.
    pub(super) required_keys: Option<String>,
}

impl Part {
    pub(super) fn of(
        rank: &Rank,
        shard: Shard,
        (registry, catalog): (&Registry, &Catalog),
        keyring: Option<Digest>,
        (document, first): (RankDocument, FirstOfPart),
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: VERSION,
            shard: shard.index,
            of: shard.of,
            common: Common {
                registry: registry.id().to_string(),
                entries: catalog.entries(),
                head: catalog.head().map(|digest| digest.to_string()),
                score: rank.score.name().to_owned(),
                precision: crate::values::choice_name(&rank.precision),
                filter: rank.filter.to_string(),
                all_tags: rank.all_tags,
                max_overlap: rank.max_overlap.map(|share| format!("{share:?}")),
                compared: first.wanted,
                required_keys: keyring.map(|digest| digest.to_string()),
            },
            target: document.target,
            base: document.base,
            baseline: Text(document.baseline.score),
            labels_alone: Text(document.labels_alone.score),
            top: rank.top,
            has_texts: document.has_texts,
            other_base: document.other_base,
            unsigned: document.unsigned,
            cached: document.cached,
            results: document.results.into_iter().map(Scored::of).collect(),
            skipped: document.skipped.into_iter().map(Omitted::of).collect(),
            left_out: document.left_out.into_iter().map(Overlapping::of).collect(),
            trusted_keys: document.trusted_keys,
            doubts: document.doubts,
            damaged: document.damaged,
            rows: first.baseline.map(|contributions| Floats(contributions.rows)),
            first: first.esms.into_iter().map(First::of).collect(),
            file: PathBuf::new(),
        }
    }

    pub(super) fn write(&self, file: &Path) -> Outcome<()> {
        let text = serde_json::to_vec(self).map_err(|error| Failure::new(OTHER, format!("the part: {error}")))?;
        files::replace(file, &text).map_err(|error| files::cannot_write(file, error))
    }

    /// Reads a part.
    ///
    /// # Errors
    /// Where it is none; [`NEWER`] where a later version of this program wrote it.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let place = path.display().to_string();
        let refused = |what: String| {
            Failure::usage(format!("{place}: {what}"))
                .hint("a part is what `esmhub rank --shard I/N --part FILE` wrote")
        };
        let bytes = files::read_limited(path, MAX_BYTES)?;
        let bytes = bytes.ok_or_else(|| refused(format!("more than {MAX_BYTES} bytes")))?;
        #[derive(Deserialize)]
        struct Head {
            schema: String,
            version: u32,
        }
        let head: Head = serde_json::from_slice(&bytes).map_err(|_| refused("no part of a ranking".to_owned()))?;
        if head.schema != SCHEMA {
            return Err(refused("no part of a ranking".to_owned()));
        }
        if head.version != VERSION {
            let message = format!("{place}: a part of version {}, this program knows {VERSION}", head.version);
            return Err(Failure::new(NEWER, message).hint("install a newer esmhub"));
        }
        let part: Self =
            serde_json::from_slice(&bytes).map_err(|error| refused(format!("a part that is damaged: {error}")))?;
        let rows = part.target.rows;
        let lengths = part.rows.iter().chain(part.first.iter().filter_map(|first| first.rows.as_ref()));
        let is_sound = (1..=part.of.min(MOST)).contains(&part.shard)
            && lengths.into_iter().all(|floats| floats.0.len() == rows && rows > 0 && floats.is_moderate())
            && part.holds_its_own();
        match is_sound {
            true => Ok(Self { file: path.to_owned(), ..part }),
            false => Err(refused("a part that contradicts itself".to_owned())),
        }
    }

    /// Whether its ESMs are those of this part, each once, and its numbers fit each other.
    fn holds_its_own(&self) -> bool {
        let of_part = |digest: &Digest| self.shard().has(digest);
        let mut seen = HashSet::new();
        let scored = self.results.iter().all(|esm| {
            let gain = esm.score.0 - self.baseline.0;
            of_part(&esm.digest.0)
                && seen.insert((&esm.name, &esm.tag))
                && (esm.gain.0 - gain).abs() <= 1e-9 * gain.abs().max(1.0)
                && esm.overlap.as_ref().is_none_or(|share| (0.0..=1.0).contains(&share.0))
        });
        let is_compared = self.score().is_none_or(Score::is_of_rows);
        scored
            && self.skipped.iter().all(|esm| of_part(&esm.digest.0))
            && self.left_out.iter().all(|esm| of_part(&esm.digest.0))
            && (is_compared || (self.common.compared == 0 && self.rows.is_none() && self.first.is_empty()))
            && (self.common.compared == 0 || self.rows.is_some() || self.first.is_empty())
    }

    /// A part may be replaced, and nothing else.
    pub(super) fn require_place(path: &Path) -> Outcome<()> {
        files::require_place(path, ("--part", "part of a ranking"), || Self::read(path).is_ok())
    }

    /// The first thing that decides a ranking, beside target and pool, and is not the same in another part; and what it is in both.
    pub(super) fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let of = |part: &Self| {
            let common = &part.common;
            [
                ("--score", common.score.clone()),
                ("--precision", common.precision.clone()),
                ("--filter", common.filter.clone()),
                ("--all-tags", common.all_tags.to_string()),
                ("--max-overlap", common.max_overlap.clone().unwrap_or_default()),
                ("--intervals", common.compared.to_string()),
                ("base model", part.base.id.clone()),
                ("base model's digest", part.base.digest.map_or_else(String::new, |digest| digest.to_string())),
                ("trusted keys", common.required_keys.clone().unwrap_or_else(|| "not required".to_owned())),
                ("score of the labels alone", format!("{:?}", part.labels_alone.0)),
                ("number of unsigned ESMs", part.unsigned.to_string()),
                ("number of ESMs of other base models", part.other_base.to_string()),
            ]
        };
        let mut pairs = of(self).into_iter().zip(of(other));
        pairs.find(|(one, other)| one != other).map(|((what, one), (_, other))| (what, one, other))
    }

    pub(super) fn shard(&self) -> Shard {
        Shard { index: self.shard, of: self.of }
    }

    /// Which score, where it is known here.
    pub(super) fn score(&self) -> Option<Score> {
        self.common.score.parse().ok()
    }
}
