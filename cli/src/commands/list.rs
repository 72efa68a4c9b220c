//! `esmhub list`: what there is.

use clap::Args;
use esmhub_registry::{Esm, Pattern};
use esmhub_store_format::Digest;
use serde::Serialize;

use super::newest::suggestion;
use crate::context::Context;
use crate::document::{Document, bytes, columns, count, time};
use crate::failure::{Outcome, PARTIAL};
use crate::source::SketchSummary;

/// List the ESMs of the registry
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Names to list: `*` and `?` stand for any characters
    pattern: Option<String>,
    /// Include what is yanked
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct ListDocument {
    esms: Vec<Listed>,
    /// Log entries that cannot be read: what they published is missing here.
    damaged: Vec<String>,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    tag: String,
    digest: Digest,
    base: Option<String>,
    dimension: Option<u32>,
    codec: Option<String>,
    rank: Option<u32>,
    #[serde(skip)]
    shape: Option<String>,
    size_bytes: Option<u64>,
    method: Option<String>,
    rows: Option<u64>,
    r2: Option<f64>,
    across: Option<f64>,
    anchors: Option<Digest>,
    sketch: Option<SketchSummary>,
    license: Option<String>,
    yanked: bool,
    published: u64,
    publisher: String,
    /// How many signatures the log holds; whose they are, and whether they verify, `show` says.
    signatures: usize,
    /// Why the card cannot be read, where it cannot.
    problem: Option<String>,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (_, catalog) = context.open_catalog()?;
        let pattern = Pattern::new(self.pattern.as_deref().unwrap_or("*"));
        let esms: Vec<Listed> =
            catalog.matching(&pattern).filter(|esm| self.all || !esm.is_yanked()).map(Listed::of).collect();
        if let Some(pattern) = self.pattern.as_deref().filter(|_| esms.is_empty()) {
            context.note(format!("hint: {}", suggestion(&catalog, pattern)));
        }
        context.emit(&ListDocument { esms, damaged: catalog.damaged().iter().map(ToString::to_string).collect() })
    }
}

impl Listed {
    fn of(esm: &Esm) -> Self {
        let card = esm.card();
        let problem = card.as_ref().err().map(ToString::to_string);
        let card = card.ok();
        Self {
            name: esm.name().to_string(),
            tag: esm.tag().to_string(),
            digest: esm.digest(),
            base: card.as_ref().map(|card| card.base.id.clone()),
            dimension: card.as_ref().map(|card| card.weights.dimension),
            codec: card.as_ref().map(|card| card.weights.codec_name()),
            rank: card.as_ref().and_then(|card| card.weights.rank()),
            shape: card.as_ref().map(|card| card.weights.shape()),
            size_bytes: card.as_ref().map(|card| card.weights.bytes),
            method: card.as_ref().map(|card| card.fit.method.to_string()),
            rows: card.as_ref().and_then(|card| card.source.rows),
            r2: card.as_ref().and_then(|card| card.fit.held_out).map(|held_out| held_out.r2),
            across: card.as_ref().and_then(|card| card.fidelity()).and_then(|fidelity| fidelity.across()),
            anchors: card.as_ref().and_then(|card| card.fit.anchors),
            sketch: card.as_ref().and_then(SketchSummary::of),
            license: card.and_then(|card| card.license),
            yanked: esm.is_yanked(),
            published: esm.time(),
            publisher: format!("{}@{}", esm.writer().user, esm.writer().host),
            signatures: esm.attestations().len(),
            problem,
        }
    }
}

impl Document for ListDocument {
    const SCHEMA: &'static str = "esmhub.list/1";

    fn table(&self) -> String {
        if self.esms.is_empty() {
            return "no ESMs\n".to_owned();
        }
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let rows = self.esms.iter().map(|esm| {
            let mut name = format!("{}:{}", esm.name, esm.tag);
            if esm.yanked {
                name.push_str(" (yanked)");
            }
            let base = esm.base.clone().or_else(|| esm.problem.clone());
            vec![
                name,
                esm.digest.short(),
                or_dash(base),
                or_dash(esm.shape.clone()),
                or_dash(esm.size_bytes.map(bytes)),
                or_dash(esm.r2.map(|r2| format!("{r2:.3}"))),
                time(esm.published).split(' ').next().unwrap_or_default().to_owned(),
            ]
        });
        let header = ["ESM", "DIGEST", "BASE MODEL", "CODEC", "SIZE", "R2", "PUBLISHED"];
        format!("{}\n{}\n", columns(&header, &["SIZE", "R2"], rows), count(self.esms.len() as u64, "ESM"))
    }

    fn lines(&self) -> Vec<String> {
        self.esms.iter().map(|esm| format!("{}:{}", esm.name, esm.tag)).collect()
    }

    fn remarks(&self) -> Vec<String> {
        let unread = self.esms.iter().filter_map(|esm| Some((esm, esm.problem.as_ref()?)));
        unread.map(|(esm, problem)| format!("{}:{} cannot be read: {problem}", esm.name, esm.tag)).collect()
    }

    fn exit_code(&self) -> u8 {
        if self.damaged.is_empty() && self.esms.iter().all(|esm| esm.problem.is_none()) { 0 } else { PARTIAL }
    }
}
