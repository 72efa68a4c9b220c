//! `esmhub stats`: totals, and how much smaller the pool is than the models that it stands for.

use std::collections::BTreeMap;

use clap::Args;
use esmhub_registry::Catalog;
use serde::Serialize;

use crate::context::Context;
use crate::document::{Document, bytes, columns, count, fields, printable};
use crate::failure::Outcome;
use crate::values::parse_bytes;

/// Show totals: objects, bytes, and the reduction factor against keeping the fine-tuned models
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// The size in bytes of one fine-tuned model, where the cards do not say
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    model_bytes: Option<u64>,
}

#[derive(Serialize)]
struct StatsDocument {
    registry: String,
    references: u64,
    names: u64,
    yanked: u64,
    removed: u64,
    objects: u64,
    canonical_bytes: u64,
    stored_bytes: u64,
    log_entries: u64,
    log_bytes: u64,
    /// Objects and log, against one fine-tuned model per object.
    reduction: Option<f64>,
    bases: Vec<BaseTotals>,
}

#[derive(Serialize)]
struct BaseTotals {
    base: String,
    references: u64,
    objects: u64,
    canonical_bytes: u64,
    bytes_per_object: u64,
    model_bytes: Option<u64>,
    /// One fine-tuned model against one object.
    reduction: Option<f64>,
}

impl Stats {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (registry, catalog) = context.open_catalog()?;
        let stats = registry.stats(&catalog)?;
        let known = model_bytes(&catalog);
        let bases: Vec<BaseTotals> = stats
            .bases
            .iter()
            .map(|(base, totals)| {
                let model_bytes = known.get(base).copied().or(self.model_bytes);
                let bytes_per_object = totals.canonical_bytes.checked_div(totals.objects).unwrap_or(0);
                let reduction =
                    model_bytes.filter(|_| bytes_per_object > 0).map(|b| b as f64 / bytes_per_object as f64);
                BaseTotals {
                    base: base.clone(),
                    references: totals.references,
                    objects: totals.objects,
                    canonical_bytes: totals.canonical_bytes,
                    bytes_per_object,
                    model_bytes,
                    reduction,
                }
            })
            .collect();
        let models: Option<u64> =
            bases.iter().map(|b| b.model_bytes.map(|bytes| bytes.saturating_mul(b.objects))).sum();
        let stored = stats.stored_bytes + stats.log_bytes;
        context.emit(&StatsDocument {
            registry: registry.location().to_string(),
            references: stats.references,
            names: stats.names,
            yanked: stats.yanked,
            removed: stats.removed,
            objects: stats.objects,
            canonical_bytes: stats.canonical_bytes,
            stored_bytes: stats.stored_bytes,
            log_entries: stats.log_entries,
            log_bytes: stats.log_bytes,
            reduction: models.filter(|models| *models > 0 && stored > 0).map(|models| models as f64 / stored as f64),
            bases,
        })
    }
}

/// What cards say of the size of their base models.
fn model_bytes(catalog: &Catalog) -> BTreeMap<String, u64> {
    let cards = catalog.esms().filter_map(|esm| esm.card().ok());
    cards.filter_map(|card| Some((card.base.id, card.base.bytes?))).collect()
}

impl Document for StatsDocument {
    const SCHEMA: &'static str = "esmhub.stats/1";

    fn table(&self) -> String {
        let factor = |reduction: Option<f64>| reduction.map(|factor| format!("{factor:.0} times"));
        let mut text = fields(&[
            ("registry", Some(self.registry.clone())),
            ("references", Some(format!("{}, under {}", self.references, count(self.names, "name")))),
            ("yanked", (self.yanked > 0).then(|| self.yanked.to_string())),
            ("removed", (self.removed > 0).then(|| self.removed.to_string())),
            ("objects", Some(format!("{} ({} on disk)", self.objects, bytes(self.stored_bytes)))),
            ("log entries", Some(format!("{} ({})", self.log_entries, bytes(self.log_bytes)))),
            ("smaller than the models", factor(self.reduction)),
        ]);
        if !self.bases.is_empty() {
            let rows = self.bases.iter().map(|base| {
                vec![
                    base.base.clone(),
                    base.references.to_string(),
                    bytes(base.bytes_per_object),
                    base.model_bytes.map_or_else(|| "unknown".to_owned(), bytes),
                    factor(base.reduction).unwrap_or_else(|| "-".to_owned()),
                ]
            });
            let header = ["BASE MODEL", "ESMS", "BYTES PER ESM", "BYTES PER MODEL", "SMALLER"];
            text.push('\n');
            text.push_str(&columns(&header, &header[1..], rows));
            if self.bases.iter().any(|base| base.model_bytes.is_none()) {
                text.push_str("\nno card says how large the model is: --model-bytes BYTES does\n");
            }
        }
        text
    }

    fn lines(&self) -> Vec<String> {
        self.bases.iter().map(|base| printable(&base.base)).collect()
    }
}
