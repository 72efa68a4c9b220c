//! `esmhub coverage`: the base models that the Hugging Face Hub has ESMs of.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::document::{Document, columns, count};
use crate::failure::Outcome;
use crate::hub::{self, BASE_TAG, ESM_TAG};
use crate::progress;

/// List the base models that the Hugging Face Hub has ESMs of, those with the most first
///
/// `esmhub publish --from-hub --base MODEL` takes all of a base model into the registry.
#[derive(Debug, Args)]
pub(crate) struct Coverage {}

#[derive(Serialize)]
struct CoverageDocument {
    /// All ESMs, those without a base model included.
    esms: u64,
    bases: Vec<Covered>,
    /// ESMs that do not say what their base model is.
    without_base: u64,
}

#[derive(Serialize)]
struct Covered {
    base: String,
    esms: u64,
}

impl Coverage {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let hub = hub::open(context)?;
        let spinner = progress::spinner(context.shows_progress(), "asking the hub for ESMs");
        let found = hub.find_models(&[ESM_TAG], &|count| spinner.set_message(format!("{count} ESMs found")))?;
        spinner.finish_and_clear();
        let mut by_base: BTreeMap<&str, u64> = BTreeMap::new();
        let mut without_base = 0;
        for model in &found {
            let bases: BTreeSet<&str> = model.tags.iter().filter_map(|tag| base_of(tag)).collect();
            without_base += u64::from(bases.is_empty());
            for base in bases {
                *by_base.entry(base).or_default() += 1;
            }
        }
        let covered = by_base.into_iter().map(|(base, esms)| Covered { base: base.to_owned(), esms });
        let mut bases: Vec<Covered> = covered.collect();
        bases.sort_by_key(|covered| Reverse(covered.esms));
        context.emit(&CoverageDocument { esms: found.len() as u64, bases, without_base })
    }
}

/// The base model that a tag names. The hub adds tags of the same kind that say how one model became another, as in
/// `base_model:finetune:owner/name`.
fn base_of(tag: &str) -> Option<&str> {
    tag.strip_prefix(BASE_TAG).filter(|base| !base.contains(':'))
}

impl Document for CoverageDocument {
    const SCHEMA: &'static str = "esmhub.coverage/1";

    fn table(&self) -> String {
        let rows = self.bases.iter().map(|covered| vec![covered.base.clone(), covered.esms.to_string()]);
        let mut text = columns(&["BASE MODEL", "ESMS"], &["ESMS"], rows);
        let all = (count(self.esms, "ESM"), count(self.bases.len() as u64, "base model"));
        text.push_str(&format!("\n{} of {}", all.0, all.1));
        if self.without_base > 0 {
            text.push_str(&format!("; {} of them without a base model", self.without_base));
        }
        text.push('\n');
        text
    }

    fn lines(&self) -> Vec<String> {
        self.bases.iter().map(|covered| covered.base.clone()).collect()
    }
}
