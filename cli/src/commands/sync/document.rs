//! What a sync did.

use std::fmt::Write;

use esmhub_registry::Synced;
use serde::Serialize;

use super::rows::{AnchorsLeft, Conflict, Esm, LeftOut, Measured};

use crate::document::{Document, bytes, columns, count, listed};
use crate::failure::{INTEGRITY, PARTIAL};

/// From where to where.
pub(super) struct Places {
    pub(super) from: String,
    pub(super) to: String,
    /// Whether there was no registry yet.
    pub(super) created: bool,
}

#[derive(Serialize)]
pub(super) struct SyncDocument {
    dry_run: bool,
    from: String,
    to: String,
    /// Whether TO is a copy of FROM, with the same id, and got its log entries as they are.
    copy: bool,
    /// Whether TO was made, or would be.
    created: bool,
    /// How many log entries were written; in a dry run between registries of their own not known.
    entries: Option<usize>,
    published: Vec<Esm>,
    yanked: Vec<Esm>,
    unyanked: Vec<Esm>,
    signatures: usize,
    outcomes: usize,
    /// The base models whose anchors were set.
    anchors: Vec<String>,
    /// How many objects were copied, and their bytes as they are stored; in a dry run these are not known.
    objects: usize,
    bytes: Option<u64>,
    conflicts: Vec<Conflict>,
    left: Vec<LeftOut>,
    /// How many ESMs are removed in FROM, and stay.
    kept: usize,
    /// How many signatures were left: of another spelling, or too many.
    signatures_left: usize,
    /// How many outcomes were left: their ESMs are not in TO.
    outcomes_left: usize,
    /// Outcomes that were taken back in FROM, and stay.
    outcomes_kept: Vec<Measured>,
    /// Targets and metrics of outcomes that did not come: what is better is the other way round in TO.
    contrary: Vec<Measured>,
    /// Base models that have other anchors in TO.
    other_anchors: Vec<String>,
    /// Base models whose anchors are damaged in FROM.
    anchors_left: Vec<AnchorsLeft>,
    /// How many log entries a copy has that FROM lacks.
    ahead: u64,
    /// Whether a copy's `trusted-keys` is another file than FROM's.
    other_keys: bool,
}

impl SyncDocument {
    pub(super) fn new(dry_run: bool, places: Places, synced: Synced) -> Self {
        let Places { from, to, created } = places;
        let changed = |yanked: bool| {
            let of_kind = synced.yanked.iter().filter(move |(_, is_yanked)| *is_yanked == yanked);
            of_kind.map(|(target, _)| Esm::of(target)).collect()
        };
        Self {
            dry_run,
            from,
            to,
            copy: synced.is_copy,
            created,
            entries: (synced.is_copy || !dry_run).then_some(synced.entries),
            published: synced.published.iter().map(Esm::of).collect(),
            yanked: changed(true),
            unyanked: changed(false),
            signatures: synced.signatures,
            outcomes: synced.outcomes,
            anchors: synced.anchors,
            objects: synced.objects,
            bytes: (!dry_run).then_some(synced.bytes),
            conflicts: synced.conflicts.iter().map(Conflict::of).collect(),
            left: synced.left.iter().map(LeftOut::of).collect(),
            kept: synced.kept,
            signatures_left: synced.signatures_left,
            outcomes_left: synced.outcomes_left,
            outcomes_kept: synced.outcomes_kept.iter().map(Measured::of).collect(),
            contrary: synced.contrary.iter().map(Measured::of).collect(),
            other_anchors: synced.other_anchors,
            anchors_left: synced.anchors_left.into_iter().map(|(base, reason)| AnchorsLeft { base, reason }).collect(),
            ahead: synced.ahead,
            other_keys: synced.other_keys,
        }
    }

    fn is_nothing(&self) -> bool {
        let of_others = self.published.len() + self.yanked.len() + self.unyanked.len() + self.anchors.len();
        of_others + self.signatures + self.outcomes + self.entries.unwrap_or(0) == 0
    }

    fn log_entries(&self) -> String {
        match self.entries {
            Some(1) => "1 log entry".to_owned(),
            entries => format!("{} log entries", entries.unwrap_or(0)),
        }
    }

    /// What came, in words.
    fn come(&self) -> String {
        let named = [(&self.published, "ESM"), (&self.yanked, "yank"), (&self.unyanked, "undone yank")];
        let named = named.into_iter().filter(|(esms, _)| !esms.is_empty());
        let mut parts: Vec<String> = named
            .map(|(esms, noun)| format!("{} ({})", count(esms.len() as u64, noun), listed(esms, Esm::reference)))
            .collect();
        let counted = [(self.signatures, "signature"), (self.outcomes, "outcome")].into_iter();
        parts.extend(counted.filter(|(number, _)| *number > 0).map(|(number, noun)| count(number as u64, noun)));
        if !self.anchors.is_empty() {
            parts.push(format!("the anchors of {}", listed(&self.anchors, Clone::clone)));
        }
        if self.entries.is_some() {
            parts.push(self.log_entries());
        }
        if let Some(size) = self.bytes.filter(|_| self.objects > 0) {
            parts.push(format!("{} ({})", count(self.objects as u64, "object"), bytes(size)));
        }
        parts.join(", ")
    }
}

impl Document for SyncDocument {
    const SCHEMA: &'static str = "esmhub.sync/1";

    fn table(&self) -> String {
        let mut text = String::new();
        if !self.conflicts.is_empty() {
            let rows = self.conflicts.iter().map(|conflict| {
                vec![format!("{}:{}", conflict.name, conflict.tag), conflict.held.short(), conflict.offered.short()]
            });
            text.push_str(&columns(&["CONFLICT", "IN TO", "IN FROM"], &[], rows));
            text.push('\n');
        }
        if !self.left.is_empty() {
            let rows = self.left.iter().map(|left| vec![format!("{}:{}", left.name, left.tag), left.reason.clone()]);
            text.push_str(&columns(&["LEFT", "WHY"], &[], rows));
            text.push('\n');
        }
        let Self { from, to, .. } = self;
        let _ = match (self.is_nothing(), self.dry_run, self.copy) {
            (true, ..) if self.conflicts.is_empty() => writeln!(text, "{to} lacks nothing of {from}"),
            (true, ..) => writeln!(text, "besides, {to} lacks nothing of {from}"),
            (_, true, true) => {
                let made = if self.created { "become a copy of" } else { "get what it lacks of" };
                writeln!(text, "{to} would {made} {from}: {}", self.come())
            }
            (_, true, false) => writeln!(text, "{to} would get from {from}: {}", self.come()),
            (_, false, is_copy) => {
                let made = match (is_copy, self.created) {
                    (true, true) => "is a copy of",
                    (true, false) => "has all of",
                    (false, _) => "got what it lacked of",
                };
                writeln!(text, "{to} {made} {from}: {}", self.come())
            }
        };
        text
    }

    fn lines(&self) -> Vec<String> {
        self.published.iter().map(|esm| esm.digest.to_string()).collect()
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.kept > 0 {
            remarks.push(format!(
                "removed in {} and still in {}: {}",
                self.from,
                self.to,
                count(self.kept as u64, "ESM")
            ));
        }
        if self.signatures_left > 0 {
            let what = count(self.signatures_left as u64, "signature");
            remarks.push(format!("{what} left: of another spelling than in {}, or more than an ESM can have", self.to));
        }
        if self.outcomes_left > 0 {
            remarks.push(format!(
                "{} left: their ESMs are not in {}",
                count(self.outcomes_left as u64, "outcome"),
                self.to
            ));
        }
        if !self.outcomes_kept.is_empty() {
            remarks.push(format!(
                "taken back in {} since they came, and still in {}: {}; `esmhub record … --withdraw` takes back all of a metric there",
                self.from,
                self.to,
                listed(&self.outcomes_kept, Measured::describe)
            ));
        }
        if !self.contrary.is_empty() {
            remarks.push(format!(
                "better the lower in one of the two and the higher in the other, and left: {}",
                listed(&self.contrary, |outcome| format!("{} on {}", outcome.metric, outcome.target))
            ));
        }
        for AnchorsLeft { base, reason } in &self.anchors_left {
            remarks.push(format!("the anchors of {base} did not come, they are damaged in {}: {reason}", self.from));
        }
        if self.ahead > 0 {
            let entries = self.ahead;
            remarks.push(format!(
                "{} has {entries} log entries that {} lacks: it was written to, and once both are, they cannot be joined again",
                self.to, self.from
            ));
        }
        if self.other_keys {
            remarks.push(format!(
                "the file trusted-keys of {} is another one than that of {}, and stays",
                self.to, self.from
            ));
        }
        if !self.other_anchors.is_empty() {
            remarks.push(format!(
                "{} has other anchors of {}, or wants none, and keeps them",
                self.to,
                listed(&self.other_anchors, Clone::clone)
            ));
        }
        remarks
    }

    fn hints(&self) -> Vec<String> {
        let conflict = (!self.conflicts.is_empty()).then(|| {
            "each registry keeps its own; `esmhub export` and `esmhub publish --name` bring one over under another name".to_owned()
        });
        let damaged = self.left.iter().any(|left| left.why == "damaged").then(|| {
            format!("`esmhub --registry {} verify --repair` restores what can be restored; then sync again", self.from)
        });
        conflict.into_iter().chain(damaged).collect()
    }

    fn exit_code(&self) -> u8 {
        let is_damaged = self.left.iter().any(|left| left.why == "damaged") || !self.anchors_left.is_empty();
        let is_whole = self.conflicts.is_empty() && self.left.is_empty() && self.contrary.is_empty();
        match (is_damaged, is_whole) {
            (true, _) => INTEGRITY,
            (false, false) => PARTIAL,
            (false, true) => 0,
        }
    }
}
