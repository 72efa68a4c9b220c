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

/// List the ESMs of the registry, by name; tags of a name in the order in which they were published
///
/// SIZE is that of an ESM's weights before they are packed; R2 is that on pairs that the fit did not see. SIGNATURES are counted as the log holds
/// them: `esmhub show` says whose they are and whether they verify.
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
    /// The pattern, where there is one.
    #[serde(skip)]
    pattern: Option<String>,
    /// How many fit and are not shown.
    #[serde(skip)]
    yanked: usize,
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
        let (esms, hidden): (Vec<&Esm>, Vec<&Esm>) =
            catalog.matching(&pattern).partition(|esm| self.all || !esm.is_yanked());
        let mut esms = esms;
        // Equal keys stay in the log's order.
        esms.sort_by_cached_key(|esm| esm.name().key());
        if let Some(pattern) = self.pattern.as_deref().filter(|_| esms.is_empty() && hidden.is_empty()) {
            context.note(format!("hint: {}", suggestion(&catalog, pattern)));
        }
        context.emit(&ListDocument {
            // From the log alone: a request for each ESM would take long on a network.
            esms: esms.into_iter().map(Listed::of).collect(),
            damaged: catalog.damaged().iter().map(ToString::to_string).collect(),
            pattern: self.pattern,
            yanked: hidden.len(),
        })
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

impl ListDocument {
    /// That there is nothing, and where it may be.
    fn nothing(&self) -> String {
        let what = match &self.pattern {
            Some(pattern) => format!("no ESM's name matches {pattern:?}"),
            None => "no ESMs".to_owned(),
        };
        match self.yanked {
            0 => format!("{what}\n"),
            yanked => format!("{what} but {yanked} yanked: --all lists them\n"),
        }
    }
}

impl Document for ListDocument {
    const SCHEMA: &'static str = "esmhub.list/1";

    fn table(&self) -> String {
        if self.esms.is_empty() {
            return self.nothing();
        }
        let any_signed = self.esms.iter().any(|esm| esm.signatures > 0);
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let rows = self.esms.iter().map(|esm| {
            let mut name = format!("{}:{}", esm.name, esm.tag);
            if esm.yanked {
                name.push_str(" (yanked)");
            }
            let base = esm.base.clone().or_else(|| esm.problem.clone());
            let mut row = vec![
                name,
                esm.digest.short(),
                or_dash(base),
                or_dash(esm.shape.clone()),
                or_dash(esm.size_bytes.map(bytes)),
                or_dash(esm.r2.map(|r2| format!("{r2:.3}"))),
                time(esm.published).split(' ').next().unwrap_or_default().to_owned(),
            ];
            row.extend(any_signed.then(|| or_dash(Some(esm.signatures).filter(|n| *n > 0).map(|n| n.to_string()))));
            row
        });
        let mut header = vec!["ESM", "DIGEST", "BASE MODEL", "CODEC", "SIZE", "R2", "PUBLISHED"];
        header.extend(any_signed.then_some("SIGNATURES"));
        let right = ["SIZE", "R2", "SIGNATURES"];
        format!("{}\n{}\n", columns(&header, &right, rows), count(self.esms.len() as u64, "ESM"))
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
