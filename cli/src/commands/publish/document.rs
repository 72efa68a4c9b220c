//! What was published, as a document.

use esmhub_registry::{NewEsm, Outcome as Stored, Publication};
use esmhub_store_format::Digest;
use esmhub_store_format::card::{Fidelity, Fit};
use serde::Serialize;

use super::prepared::Skipped;
use crate::document::{Document, bytes, columns, count};
use crate::failure::PARTIAL;
use crate::source::SketchSummary;

/// What was published.
#[derive(Serialize)]
pub(crate) struct PublishDocument {
    pub(super) registry: String,
    pub(super) entries: Vec<u64>,
    pub(super) dry_run: bool,
    /// Repositories of the hub that could not be used.
    pub(super) skipped: Vec<Skipped>,
    /// How many of the hub's ESMs the registry had already.
    pub(super) known: u64,
    pub(super) published: Vec<PublishedEsm>,
}

#[derive(Serialize)]
pub(super) struct PublishedEsm {
    source: String,
    name: String,
    tag: String,
    digest: Digest,
    weights: Digest,
    codec: String,
    rank: Option<u32>,
    size_bytes: u64,
    stored_bytes: u64,
    status: &'static str,
    yanked: bool,
    /// `added`: its signature is new, `unchanged`: it was there, `null`: nothing was signed.
    signed: Option<&'static str>,
    fit: Fit,
    fidelity: Option<Fidelity>,
    /// The mean R2 over the anchor domains, each left out in turn.
    across: Option<f64>,
    sketch: Option<SketchSummary>,
    #[serde(skip)]
    shape: String,
}

pub(super) fn describe(source: String, esm: &NewEsm, done: Publication) -> PublishedEsm {
    let card = esm.card();
    PublishedEsm {
        source,
        name: done.name.to_string(),
        tag: done.tag.to_string(),
        digest: done.card,
        weights: done.object,
        codec: card.weights.codec_name(),
        rank: card.weights.rank(),
        size_bytes: done.canonical_bytes,
        stored_bytes: done.stored_bytes,
        status: match done.outcome {
            Stored::Added => "added",
            Stored::AddedReference => "added-reference",
            Stored::Restored => "restored",
            Stored::Unchanged => "unchanged",
        },
        yanked: done.yanked,
        signed: done.signed.map(|new| if new { "added" } else { "unchanged" }),
        fit: card.fit.clone(),
        across: card.fidelity().and_then(|fidelity| fidelity.across()),
        fidelity: card.fidelity(),
        sketch: SketchSummary::of(card),
        shape: card.weights.shape(),
    }
}

/// What was made of a source, for whoever asks for details.
pub(super) fn detail(source: &str, esm: &NewEsm) -> String {
    let card = esm.card();
    let rows = card.fit.rows.map_or_else(String::new, |rows| format!(" on {}", count(rows, "pair")));
    format!(
        "{source}: {}, {}{rows}, dimension {}, {}, {}",
        esm.name(),
        card.fit.method,
        card.weights.dimension,
        card.weights.shape(),
        bytes(card.weights.bytes)
    )
}

impl PublishDocument {
    /// One line: how many were added, and how many were there already.
    pub(crate) fn summary(&self) -> String {
        let of = |statuses: &[&str]| self.published.iter().filter(|esm| statuses.contains(&esm.status)).count() as u64;
        let (added, restored) = (of(&["added", "added-reference"]), of(&["restored"]));
        let there = of(&["unchanged"]) + self.known;
        let stored = self.published.iter().filter(|esm| esm.status == "added").map(|esm| esm.stored_bytes).sum();
        let verb = if self.dry_run { "would publish" } else { "published" };
        let mut text = format!("{verb} {} ({}) to {}", count(added, "ESM"), bytes(stored), self.registry);
        if restored > 0 {
            text.push_str(&format!("; weights of {} that were gone are back", count(restored, "ESM")));
        }
        if there > 0 {
            text.push_str(&format!("; {there} already there"));
        }
        match self.published.iter().filter(|esm| esm.signed == Some("added")).count() {
            0 => {}
            signed => text.push_str(&format!("; {signed} signed")),
        }
        text
    }
}

impl Document for PublishDocument {
    const SCHEMA: &'static str = "esmhub.publish/1";

    fn table(&self) -> String {
        if self.published.is_empty() {
            return format!("{}\n", self.summary());
        }
        let rows = self.published.iter().map(|esm| {
            let share = |r2: Option<f64>| r2.map_or_else(|| "-".to_owned(), |r2| format!("{r2:.3}"));
            let r2 = share(esm.fit.held_out.map(|held_out| held_out.r2));
            let mut status = match (esm.status, esm.yanked) {
                ("restored", true) => "weights were gone and are back, yanked",
                ("restored", false) => "weights were gone and are back",
                ("unchanged", true) => "already there, yanked",
                ("unchanged", false) => "already there",
                ("added-reference", _) => "new reference, weights already there",
                _ => "new",
            }
            .to_owned();
            match esm.signed {
                Some("added") => status.push_str(", signed"),
                Some(_) => status.push_str(", signed already"),
                None => {}
            }
            let name = format!("{}:{}", esm.name, esm.tag);
            let size = bytes(esm.size_bytes);
            vec![name, esm.digest.short(), esm.shape.clone(), size, r2, share(esm.across), status]
        });
        let header = ["ESM", "DIGEST", "CODEC", "SIZE", "HELD-OUT R2", "OTHER DOMAINS", "STATUS"];
        let right = ["SIZE", "HELD-OUT R2", "OTHER DOMAINS"];
        format!("{}\n{}\n", columns(&header, &right, rows), self.summary())
    }

    fn lines(&self) -> Vec<String> {
        self.published.iter().map(|esm| esm.digest.to_string()).collect()
    }

    fn remarks(&self) -> Vec<String> {
        self.skipped.iter().map(|Skipped { source, reason }| format!("{source} was skipped: {reason}")).collect()
    }

    fn exit_code(&self) -> u8 {
        if self.skipped.is_empty() { 0 } else { PARTIAL }
    }
}
