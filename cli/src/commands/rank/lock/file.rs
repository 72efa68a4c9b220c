//! A lock as a file: JSON, so that it can be read, compared and kept beside the code that uses the ranking.

use std::collections::HashSet;
use std::fmt::Display;
use std::path::Path;

use esmhub_selection::encoder::Pooling;
use esmhub_store_format::{Digest, Reference};
use serde::{Deserialize, Serialize};

use super::machine::machine;
use super::text::Text;
use crate::commands::rank::output::Ranked;
use crate::commands::rank::target::LoadedTarget;
use crate::commands::rank::{PrecisionChoice, Rank};
use crate::context::PROGRAM;
use crate::dataset::{Sampling, Task};
use crate::failure::{Failure, NEWER, OTHER, Outcome};
use crate::files;

const SCHEMA: &str = "esmhub.rank-lock";
const VERSION: u32 = 1;
/// A lock of 100,000 ESMs has about 20 MB.
const MAX_BYTES: u64 = 32 << 20;

/// Everything that decides a ranking, and the ranking.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::commands::rank) struct Lock {
    schema: String,
    version: u32,
    /// What wrote it, and the processor that it ran on: where both are the same, scores agree to the last bit.
    pub(super) program: String,
    pub(super) machine: Option<String>,
    pub(super) target: Target,
    pub(super) base: Base,
    pub(super) settings: Settings,
    pub(super) baseline: Text<f64>,
    pub(super) labels_alone: Text<f64>,
    /// Best first.
    pub(super) esms: Vec<LockedEsm>,
}

/// The target.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    /// Where it came from, for people.
    source: String,
    /// Of the embeddings and the labels.
    pub(super) digest: Text<Digest>,
    /// Of the texts and the labels, where the target is a table of them.
    pub(super) texts: Option<Text<Digest>>,
    rows: usize,
}

/// The base model.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Base {
    pub(super) id: String,
    pub(super) digest: Option<Text<Digest>>,
    pub(super) dimension: usize,
}

/// What was asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    text: Vec<String>,
    label: Option<String>,
    rows: u32,
    sample: Text<Sampling>,
    seed: u64,
    max_length: usize,
    /// A lock without it is one of what the base model's files say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pooling: Option<Text<Pooling>>,
    task: Text<Task>,
    score: Text<esmhub_selection::Score>,
    pub(super) precision: Text<PrecisionChoice>,
}

/// One ESM and its score.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockedEsm {
    /// `name:tag@digest`, all 64 digits.
    pub(super) esm: Text<Reference>,
    pub(super) score: Text<f64>,
}

impl Lock {
    /// Of a ranking that was just made: `scores` are the baseline's and that of the labels alone.
    pub(in crate::commands::rank) fn of(
        rank: &Rank,
        (target, digest): (&LoadedTarget, Digest),
        (baseline, labels_alone): (f64, f64),
        ranked: &[Ranked],
    ) -> Outcome<Self> {
        let esms = ranked.iter().map(|esm| {
            let reference = format!("{}:{}@{}", esm.name, esm.tag, esm.digest);
            let parsed = reference.parse().map_err(|_| Failure::new(OTHER, format!("{reference} cannot be locked")))?;
            Ok(LockedEsm { esm: Text(parsed), score: Text(esm.score) })
        });
        Ok(Self {
            schema: SCHEMA.to_owned(),
            version: VERSION,
            program: PROGRAM.to_owned(),
            machine: machine(),
            target: Target {
                source: target.source.clone(),
                digest: Text(digest),
                texts: target.texts_digest.map(Text),
                rows: target.x.rows(),
            },
            base: Base {
                id: target.base.id.clone(),
                digest: target.base.weights.map(Text),
                dimension: target.x.dimension(),
            },
            settings: Settings {
                text: rank.text.clone(),
                label: rank.label.clone(),
                rows: rank.rows,
                sample: Text(rank.sample),
                seed: rank.seed,
                max_length: rank.max_length,
                pooling: rank.pooling.map(Text),
                task: Text(rank.task),
                score: Text(rank.score),
                precision: Text(rank.precision),
            },
            baseline: Text(baseline),
            labels_alone: Text(labels_alone),
            esms: esms.collect::<Outcome<_>>()?,
        })
    }

    /// Reads a lock.
    ///
    /// # Errors
    /// [`NEWER`] for a later version; [`OTHER`] for what is none.
    pub(in crate::commands::rank) fn read(path: &Path) -> Outcome<Self> {
        let bytes = read_lock(path)?;
        Self::parse(&bytes).map_err(|failure| failure.at(path.display()))
    }

    fn parse(bytes: &[u8]) -> Outcome<Self> {
        let refused = |what: &dyn Display| {
            Failure::new(OTHER, format!("is no lock of a ranking: {what}")).hint("`esmhub rank --lock FILE` writes one")
        };
        // What a later version means by its fields is not known here, so the version comes first.
        let header: Header = serde_json::from_slice(bytes).map_err(|error| refused(&error))?;
        if header.schema != SCHEMA {
            return Err(refused(&format!("its schema is {:?}, expected {SCHEMA:?}", header.schema)));
        }
        if header.version != VERSION {
            let message = format!("a lock of version {}, this program reads version {VERSION}", header.version);
            return Err(Failure::new(NEWER, message).hint("install a newer esmhub"));
        }
        let lock: Self = serde_json::from_slice(bytes).map_err(|error| refused(&error))?;
        lock.check().map_err(|problem| refused(&problem))?;
        Ok(lock)
    }

    /// What the fields' types do not say.
    fn check(&self) -> Result<(), String> {
        if self.settings.rows < 2 {
            return Err(format!("it asks for {} rows, expected at least 2", self.settings.rows));
        }
        if self.esms.is_empty() {
            return Err("it lists no ESM".to_owned());
        }
        let mut seen = HashSet::new();
        for LockedEsm { esm: Text(esm), .. } in &self.esms {
            let is_pinned = esm.tag().is_some() && esm.digest().is_some_and(|digits| digits.to_string().len() == 64);
            if !is_pinned {
                return Err(format!("{esm} is not pinned, expected name:tag@ and 64 digits"));
            }
            if !seen.insert(esm.to_string().to_ascii_lowercase()) {
                return Err(format!("{esm} stands there twice"));
            }
        }
        Ok(())
    }

    /// Writes it beside `path` and puts it there. Another lock is replaced.
    pub(in crate::commands::rank) fn write(&self, path: &Path) -> Outcome<()> {
        Self::require_place(path)?;
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::new(OTHER, format!("{}: {error}", path.display())))?;
        text.push('\n');
        files::replace(path, text.as_bytes()).map_err(|error| files::cannot_write(path, error))
    }

    /// A lock may be replaced, and nothing else: `--lock` beside the name of a table would be the end of it.
    pub(in crate::commands::rank) fn require_place(path: &Path) -> Outcome<()> {
        let is_lock = |bytes: Vec<u8>| serde_json::from_slice::<Header>(&bytes).is_ok_and(|it| it.schema == SCHEMA);
        files::require_place(path, ("--lock", "lock"), || read_lock(path).is_ok_and(is_lock))
    }

    /// The ranking that it asks for, of the same file and with what is no part of a lock.
    pub(in crate::commands::rank) fn applied_to(&self, rank: &Rank) -> Outcome<Rank> {
        let settings = &self.settings;
        let base = match &rank.base {
            Some(base) => base.clone(),
            None => self.base.id.parse()?,
        };
        Ok(Rank {
            text: settings.text.clone(),
            label: settings.label.clone(),
            base: Some(base),
            rows: settings.rows,
            sample: settings.sample.0,
            seed: settings.seed,
            max_length: settings.max_length,
            pooling: settings.pooling.as_ref().map(|Text(pooling)| *pooling),
            task: settings.task.0,
            score: settings.score.0,
            precision: settings.precision.0,
            ..rank.clone()
        })
    }
}

/// What every version has.
#[derive(Deserialize)]
struct Header {
    schema: String,
    version: u32,
}

fn read_lock(path: &Path) -> Outcome<Vec<u8>> {
    files::read_limited(path, MAX_BYTES)?.ok_or_else(|| {
        Failure::new(OTHER, format!("{} has more than {MAX_BYTES} bytes, too many for a lock", path.display()))
    })
}
