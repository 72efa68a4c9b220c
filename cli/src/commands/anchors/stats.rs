//! `esmhub anchors stats`: who was fitted on which anchors, and how well each domain is predicted by the others.

use std::collections::BTreeMap;

use clap::Args;
use esmhub_registry::{Catalog, CurrentSet};
use esmhub_store_format::card::Method;
use esmhub_store_format::{Card, Digest};
use serde::Serialize;

use crate::commands::newest::newest;
use crate::context::Context;
use crate::document::{Document, columns, count, printable, strong};
use crate::failure::{Failure, NOT_FOUND, Outcome};

/// Show which ESMs were fitted on which anchors, and how well their maps predict each domain that is left out
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Only this base model
    #[arg(long, value_name = "MODEL")]
    base: Option<String>,
}

#[derive(Serialize)]
struct StatsDocument {
    bases: Vec<BaseStats>,
}

/// One base model; each name's newest tag counts.
#[derive(Serialize)]
struct BaseStats {
    base: String,
    current: Option<Digest>,
    /// ESMs by the anchors that they were fitted on.
    fitted_on: Vec<Group>,
    domains: Vec<DomainStats>,
}

/// ESMs that were fitted on the same anchors: their scores compare.
#[derive(Serialize)]
struct Group {
    /// `null`: on none.
    anchors: Option<Digest>,
    current: bool,
    esms: usize,
    /// Made elsewhere.
    imported: usize,
}

/// How well maps of the other domains predict one, over the ESMs that were fitted on the current anchors.
#[derive(Serialize)]
struct DomainStats {
    label: String,
    rows: u64,
    esms: usize,
    mean_r2: f64,
    lowest_r2: f64,
}

impl Stats {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (_, catalog) = context.open_catalog()?;
        let mut bases: BTreeMap<String, (String, Vec<Card>)> = BTreeMap::new();
        for set in catalog.all_anchors() {
            bases.entry(set.base().to_ascii_lowercase()).or_insert_with(|| (set.base().to_owned(), Vec::new()));
        }
        for card in newest(catalog.esms()).into_iter().filter_map(|esm| esm.card().ok()) {
            let entry = bases.entry(card.base.id.to_ascii_lowercase());
            entry.or_insert_with(|| (card.base.id.clone(), Vec::new())).1.push(card);
        }
        if let Some(base) = &self.base {
            bases.retain(|key, _| *key == base.to_ascii_lowercase());
            if bases.is_empty() {
                let message = format!("the pool has neither ESMs nor anchors of {base}");
                return Err(Failure::new(NOT_FOUND, message).hint("`esmhub list` shows the base models"));
            }
        }
        let of_base = |(base, cards): (String, Vec<Card>)| BaseStats::new(&catalog, base, &cards);
        context.emit(&StatsDocument { bases: bases.into_values().map(of_base).collect() })
    }
}

impl BaseStats {
    fn new(catalog: &Catalog, base: String, cards: &[Card]) -> Self {
        let current = catalog.known_anchors(&base).map(CurrentSet::digest);
        let mut groups: BTreeMap<Option<Digest>, Group> = BTreeMap::new();
        let mut domains: BTreeMap<String, DomainStats> = BTreeMap::new();
        for card in cards {
            let anchors = card.fit.anchors;
            let is_current = anchors.is_some() && anchors == current;
            let group = groups.entry(anchors).or_insert(Group { anchors, current: is_current, esms: 0, imported: 0 });
            group.esms += 1;
            group.imported += usize::from(card.fit.method == Method::Imported);
            // Without a current set, every set is as good as any other.
            if current.is_none() || is_current {
                for domain in card.fidelity().into_iter().flat_map(|fidelity| fidelity.domains) {
                    let Some(label) = domain.label else { continue };
                    let found = domains.entry(label.clone()).or_insert(DomainStats {
                        label,
                        rows: domain.rows,
                        esms: 0,
                        mean_r2: 0.0,
                        lowest_r2: f64::INFINITY,
                    });
                    found.esms += 1;
                    // A sum until all are in.
                    found.mean_r2 += domain.r2;
                    found.lowest_r2 = found.lowest_r2.min(domain.r2);
                }
            }
        }
        let mean = |domain: DomainStats| DomainStats { mean_r2: domain.mean_r2 / domain.esms as f64, ..domain };
        let domains = domains.into_values().map(mean).collect();
        Self { base, current, fitted_on: groups.into_values().collect(), domains }
    }

    fn table(&self) -> String {
        let current = match self.current {
            Some(digest) => format!("current anchors {}", digest.short()),
            None => "no current anchors".to_owned(),
        };
        let mut text = format!("{}  {current}\n", strong(&printable(&self.base)));
        for group in &self.fitted_on {
            let on = match (group.anchors, group.current) {
                (Some(digest), true) => format!("{}, the current ones", digest.short()),
                (Some(digest), false) => digest.short(),
                (None, _) if group.imported == group.esms => "none: made elsewhere".to_owned(),
                (None, _) => format!("none; {} of them made elsewhere", group.imported),
            };
            text.push_str(&format!("{} fitted on {on}\n", count(group.esms as u64, "ESM")));
        }
        if !self.domains.is_empty() {
            let rows = self.domains.iter().map(|domain| {
                vec![
                    domain.label.clone(),
                    domain.rows.to_string(),
                    format!("{:.3}", domain.mean_r2),
                    format!("{:.3}", domain.lowest_r2),
                ]
            });
            let header = ["DOMAIN", "TEXTS", "MEAN R2 LEFT OUT", "LOWEST"];
            text.push_str(&format!("\n{}", columns(&header, &header[1..], rows)));
        }
        text
    }
}

impl Document for StatsDocument {
    const SCHEMA: &'static str = "esmhub.anchors-stats/1";

    fn table(&self) -> String {
        if self.bases.is_empty() {
            return "neither ESMs nor anchors\n".to_owned();
        }
        let tables: Vec<String> = self.bases.iter().map(BaseStats::table).collect();
        tables.join("\n")
    }

    fn lines(&self) -> Vec<String> {
        self.bases.iter().filter_map(|base| base.current).map(|digest| digest.to_string()).collect()
    }
}
