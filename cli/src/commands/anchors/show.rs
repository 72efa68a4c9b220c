//! `esmhub anchors show`: the texts.

use clap::Args;
use esmhub_store_format::{AnchorSet, Digest};
use serde::Serialize;

use crate::context::Context;
use crate::document::{Document, columns, count, fields, time};
use crate::failure::Outcome;

/// Show the anchors of a base model; with --json, every text
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The base model [default: the one that has anchors]
    #[arg(long, value_name = "MODEL")]
    base: Option<String>,
}

#[derive(Serialize)]
struct ShowDocument {
    base: String,
    digest: Digest,
    entry: u64,
    set_at: u64,
    set_by: String,
    #[serde(flatten)]
    set: AnchorSet,
}

impl Show {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (registry, catalog) = context.open_catalog()?;
        let current = super::current(&catalog, self.base.as_deref())?;
        context.emit(&ShowDocument {
            base: current.base().to_owned(),
            digest: current.digest(),
            entry: current.entry(),
            set_at: current.time(),
            set_by: format!("{}@{}", current.writer().user, current.writer().host),
            set: registry.fetch_anchors(&current.digest())?,
        })
    }
}

impl Document for ShowDocument {
    const SCHEMA: &'static str = "esmhub.anchors-show/1";

    fn table(&self) -> String {
        let set = &self.set;
        let head = fields(&[
            ("base model", Some(self.base.clone())),
            ("digest", Some(self.digest.to_string())),
            ("texts", Some(format!("{} in {}", set.len(), count(set.domains.len() as u64, "domain")))),
            ("licence", set.license.clone()),
            ("origin", set.origin.clone()),
            ("set", Some(format!("{} by {}, log entry {}", time(self.set_at), self.set_by, self.entry))),
        ]);
        let rows = set.domains.iter().map(|domain| {
            let words: usize = domain.texts.iter().map(|text| text.split_whitespace().count()).sum();
            let first = domain.texts.first().map(String::as_str).unwrap_or_default();
            vec![
                domain.label.clone(),
                domain.texts.len().to_string(),
                format!("{:.1}", words as f64 / domain.texts.len().max(1) as f64),
                excerpt(first),
            ]
        });
        format!("{head}\n{}", columns(&["DOMAIN", "TEXTS", "WORDS", "FIRST TEXT"], &["TEXTS", "WORDS"], rows))
    }

    fn lines(&self) -> Vec<String> {
        vec![self.digest.to_string()]
    }
}

/// The beginning of a text, on one line.
fn excerpt(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 60 { line } else { line.chars().take(59).chain(['…']).collect() }
}
