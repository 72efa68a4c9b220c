//! `esmhub anchors set`: makes a set current.

use std::path::PathBuf;

use clap::Args;
use esmhub_store_format::{AnchorSet, Digest};
use serde::Serialize;

use crate::anchors::{Selection, built_in, from_files};
use crate::context::Context;
use crate::document::{Document, bytes, count};
use crate::failure::Outcome;
use crate::model::Model;
use crate::values::parse_texts;

/// Make a set of texts the anchors of a base model
///
/// ESMs that are published from then on are fitted on it. Those that are there keep theirs: fit them again, or expect `rank` to
/// warn that scores compare badly.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// One file per domain, which is called as the file is: .txt with one text to a line, .csv, .tsv, .jsonl or .parquet
    #[arg(value_name = "FILE", required_unless_present_any = ["built_in", "none"], conflicts_with_all = ["built_in", "none"])]
    files: Vec<PathBuf>,
    /// The base model: a Hugging Face id, or ID=FOLDER
    #[arg(long, value_name = "MODEL")]
    base: Model,
    /// The set that ships with esmhub
    #[arg(long, conflicts_with = "none")]
    built_in: bool,
    /// No set any more: later ESMs are fitted on their own texts alone
    #[arg(long)]
    none: bool,
    /// The columns of tables that hold the texts, joined by ` [SEP] `
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    text: Vec<String>,
    /// The most texts of each file
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = parse_texts)]
    rows: usize,
    /// Seed of the sample where a file has more
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// The licence of the texts, an SPDX expression
    #[arg(long, value_name = "SPDX", conflicts_with_all = ["built_in", "none"])]
    license: Option<String>,
    /// Where the texts come from
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["built_in", "none"])]
    origin: Option<String>,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct SetDocument {
    base: String,
    digest: Option<Digest>,
    domains: usize,
    texts: usize,
    stored_bytes: u64,
    entry: Option<u64>,
    /// Whether it was current already.
    unchanged: bool,
    dry_run: bool,
}

impl Set {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        self.base.require_id()?;
        let base = self.base.to_string();
        let registry = context.open()?;
        let set = self.read()?;
        let catalog = registry.catalog()?;
        context.notice(catalog.notice());
        let known = || catalog.esms().filter_map(|esm| esm.card().ok()).map(|card| card.base.id);
        if known().next().is_some() && !known().any(|id| id.eq_ignore_ascii_case(&base)) {
            context.warn(format!("no ESM of this pool has the base model {base}"));
        }
        let changed = registry.set_anchors(&base, set.as_ref(), &context.signature(), self.dry_run)?;
        context.emit(&SetDocument {
            base,
            digest: changed.set,
            domains: set.as_ref().map_or(0, |set| set.domains.len()),
            texts: set.as_ref().map_or(0, AnchorSet::len),
            stored_bytes: changed.stored_bytes,
            entry: changed.entry,
            unchanged: !changed.changed,
            dry_run: self.dry_run,
        })
    }

    fn read(&self) -> Outcome<Option<AnchorSet>> {
        if self.none {
            return Ok(None);
        }
        if self.built_in {
            return Ok(Some(built_in()));
        }
        let selection = Selection { columns: &self.text, rows: self.rows, seed: self.seed };
        from_files(&self.files, &selection, self.license.clone(), self.origin.clone()).map(Some)
    }
}

impl Document for SetDocument {
    const SCHEMA: &'static str = "esmhub.anchors-set/1";

    fn table(&self) -> String {
        let Some(digest) = self.digest else {
            let what = match (self.unchanged, self.dry_run) {
                (true, _) => "had no anchors, and has none",
                (false, true) => "would have no anchors any more",
                (false, false) => "has no anchors any more",
            };
            return format!("{} {what}\n", self.base);
        };
        let (texts, domains) = (count(self.texts as u64, "text"), count(self.domains as u64, "domain"));
        let what = match (self.unchanged, self.dry_run) {
            (true, _) => "are its anchors already".to_owned(),
            (false, true) => "would be its anchors".to_owned(),
            (false, false) => format!("are its anchors from now on ({} on disk)", bytes(self.stored_bytes)),
        };
        format!("{}: {}, {texts} of {domains}, {what}\n", self.base, digest.short())
    }

    fn lines(&self) -> Vec<String> {
        self.digest.iter().map(ToString::to_string).collect()
    }
}
