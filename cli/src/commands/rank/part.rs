//! A ranking in parts: `--shard I/N` ranks every n-th ESM of the pool on its own, and `esmhub merge` joins what came out.
//!
//! Whatever the number of shards, the merged ranking is that of one command. A score depends on the target and the ESM alone. What the
//! first scores are worth depends on all of them together, on the same resampled rows: so each part holds what the rows contribute to
//! its own first ESMs, among which those of the whole ranking are.

mod file;
mod floats;
mod joined;
mod rows;

use std::path::{Path, PathBuf};

use clap::Args;
use esmhub_selection::Contributions;
use esmhub_store_format::Digest;
use serde::Serialize;

pub(crate) use self::file::Part;
pub(crate) use self::joined::join;
use super::Rank;
use super::contest::Contest;
use crate::context::Context;
use crate::document::{Document, count};
use crate::failure::{Outcome, PARTIAL};
use crate::values::refusal;

/// Whether to rank a part of the pool.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ShardOptions {
    /// Rank only the I-th of N parts of the pool and write what `esmhub merge` needs into --part: for pools of which each machine ranks
    /// some
    #[arg(long, value_name = "I/N", value_parser = Shard::parse, requires = "part", hide_short_help = true)]
    #[arg(conflicts_with_all = ["lock", "locked", "report", "plot"])]
    shard: Option<Shard>,
    /// With --shard: the file to write
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, requires = "shard", hide_short_help = true)]
    part: Option<PathBuf>,
}

impl ShardOptions {
    /// Which part, and where it goes.
    pub(super) fn wanted(&self) -> Option<(Shard, &Path)> {
        self.shard.zip(self.part.as_deref())
    }
}

/// One of so many parts of any pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    /// From 1 on.
    pub(super) index: u32,
    pub(super) of: u32,
}

/// More files than that nobody merges.
const MOST: u32 = 100_000;

impl Shard {
    fn parse(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|number: &u32| (1..=MOST).contains(number));
        let parsed = text.split_once('/').and_then(|(index, of)| Some((number(index)?, number(of)?)));
        match parsed {
            Some((index, of)) if index <= of => Ok(Self { index, of }),
            _ => Err(refusal("expected I/N, the I-th of N parts".to_owned(), "1/4, 2/4, 3/4 and 4/4 are a whole")),
        }
    }

    /// Whether an ESM belongs to it: its digest alone says that, so that it does not depend on what else there is.
    pub(super) fn has(&self, esm: &Digest) -> bool {
        let [a, b, c, d, e, f, g, h, ..] = *esm.as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h]) % u64::from(self.of) == u64::from(self.index - 1)
    }
}

/// What the rows contribute to the first scores of a part.
#[derive(Default)]
pub(super) struct FirstOfPart {
    /// How many of the first of the whole ranking are compared.
    pub(super) wanted: usize,
    /// To the score of no transfer; `None` where nothing is compared.
    pub(super) baseline: Option<Contributions>,
    /// By the card's digest; or why an ESM has none.
    pub(super) esms: Vec<(Digest, Result<Contributions, String>)>,
}

/// What a command that ranked a part prints.
#[derive(Serialize)]
pub(super) struct PartDocument {
    shard: u32,
    of: u32,
    file: String,
    ranked: usize,
    skipped: usize,
    cached: usize,
}

impl Rank {
    /// Ranks one part of the pool, and writes it.
    pub(super) fn rank_part(&self, context: &Context, (shard, file): (Shard, &Path)) -> Outcome<PartDocument> {
        // Before the work, not after.
        Part::require_place(file)?;
        self.check_score()?;
        let (registry, catalog) = context.open_catalog()?;
        let guard = self.require.guard(context, &registry)?;
        let mut pool = self.pool(&catalog, guard.as_ref())?;
        let contest = Contest::of(self, context, &pool.esms, None)?;
        pool.skipped.retain(|esm| shard.has(&esm.digest));
        let scores = contest.score(self, context, &registry, pool.skipped)?;
        let first = contest.contributions(self, context, &registry, &scores.ranked);
        let mut document = contest.into_document(self, scores, &catalog);
        document.unsigned = pool.unsigned;
        document.trusted_keys = guard.as_ref().and_then(|guard| guard.keyring().summary().cloned());
        let told = PartDocument {
            shard: shard.index,
            of: shard.of,
            file: file.display().to_string(),
            ranked: document.ranked,
            skipped: document.skipped.len(),
            cached: document.cached,
        };
        let keyring = guard.as_ref().and_then(|guard| guard.keyring().digest());
        Part::of(self, shard, (&registry, &catalog), keyring, (document, first)).write(file)?;
        Ok(told)
    }
}

impl Document for PartDocument {
    const SCHEMA: &'static str = "esmhub.rank-shard/1";

    fn table(&self) -> String {
        let Self { shard, of, file, .. } = self;
        format!("part {shard} of {of}, {}, is in {file}\n", count(self.ranked as u64, "ESM"))
    }

    fn lines(&self) -> Vec<String> {
        vec![self.file.clone()]
    }

    fn remarks(&self) -> Vec<String> {
        let what = count(self.skipped as u64, "ESM");
        if self.skipped == 0 { Vec::new() } else { vec![format!("{what} skipped; `esmhub merge` says which and why")] }
    }

    fn hints(&self) -> Vec<String> {
        vec![format!("`esmhub merge` joins all {} parts", self.of)]
    }

    fn exit_code(&self) -> u8 {
        if self.skipped == 0 { 0 } else { PARTIAL }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_esm_is_in_one_part_whatever_their_number() {
        let digests: Vec<Digest> = (0..500_u32).map(|at| Digest::of(&at.to_le_bytes())).collect();
        for of in [1, 2, 3, 7, 64] {
            let shards: Vec<Shard> = (1..=of).map(|index| Shard::parse(&format!("{index}/{of}")).unwrap()).collect();
            let sizes: Vec<usize> =
                shards.iter().map(|shard| digests.iter().filter(|digest| shard.has(digest)).count()).collect();
            assert_eq!(sizes.iter().sum::<usize>(), digests.len());
            assert!(digests.iter().all(|digest| shards.iter().filter(|shard| shard.has(digest)).count() == 1));
            assert!(of > 7 || sizes.iter().all(|size| *size > digests.len() / of as usize / 2), "{sizes:?}");
        }
        for odd in ["0/4", "5/4", "1", "1/0", "a/b", "1/4/2", "-1/4", "1/100001"] {
            assert!(Shard::parse(odd).is_err(), "{odd}");
        }
    }
}
