//! `esmhub yank` and `esmhub remove`: hiding an ESM, and giving it up.

use clap::Args;
use esmhub_registry::Changed;
use esmhub_store_format::{Digest, Reference};
use serde::Serialize;

use crate::context::Context;
use crate::document::Document;
use crate::failure::Outcome;
use crate::values::parse_reference;

/// Hide an ESM from rankings and from bare names; it can still be pulled by exact reference
#[derive(Debug, Args)]
pub(crate) struct Yank {
    /// `name:tag`, or the digest of an ESM that has only one reference
    #[arg(value_name = "REF", value_parser = parse_reference)]
    reference: Reference,
    /// Show it again
    #[arg(long)]
    undo: bool,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Give up an ESM for ever; its tag stays taken
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// `name:tag`, or the digest of an ESM that has only one reference
    #[arg(value_name = "REF", value_parser = parse_reference)]
    reference: Reference,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
#[serde(transparent)]
struct YankDocument(Change);

#[derive(Serialize)]
#[serde(transparent)]
struct RemoveDocument(Change);

/// What became of a reference.
#[derive(Serialize)]
struct Change {
    action: &'static str,
    name: String,
    tag: String,
    digest: Digest,
    entry: Option<u64>,
    dry_run: bool,
}

impl Yank {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let registry = context.open()?;
        let by = context.signature();
        let (action, changed) = if self.undo {
            ("unyanked", registry.unyank(&self.reference, &by, self.dry_run)?)
        } else {
            ("yanked", registry.yank(&self.reference, &by, self.dry_run)?)
        };
        context.notice(changed.notice.as_ref());
        context.emit(&YankDocument(Change::of(action, changed, self.dry_run)))
    }
}

impl Remove {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let changed = context.open()?.remove(&self.reference, &context.signature(), self.dry_run)?;
        context.notice(changed.notice.as_ref());
        context.emit(&RemoveDocument(Change::of("removed", changed, self.dry_run)))
    }
}

impl Change {
    fn of(action: &'static str, changed: Changed, dry_run: bool) -> Self {
        let Changed { name, tag, digest, entry, .. } = changed;
        Self { action, name: name.to_string(), tag: tag.to_string(), digest, entry, dry_run }
    }
    fn table(&self) -> String {
        let Self { action, name, tag, .. } = self;
        match (self.entry, self.dry_run) {
            (Some(entry), _) => format!("{action} {name}:{tag} (log entry {entry})\n"),
            (None, true) => format!("{name}:{tag} would be {action}\n"),
            (None, false) => format!("{name}:{tag} is {action} already\n"),
        }
    }

    fn lines(&self) -> Vec<String> {
        vec![self.digest.to_string()]
    }
}

impl Document for YankDocument {
    const SCHEMA: &'static str = "esmhub.yank/1";

    fn table(&self) -> String {
        self.0.table()
    }

    fn lines(&self) -> Vec<String> {
        self.0.lines()
    }
}

impl Document for RemoveDocument {
    const SCHEMA: &'static str = "esmhub.remove/1";

    fn table(&self) -> String {
        self.0.table()
    }

    fn lines(&self) -> Vec<String> {
        self.0.lines()
    }
}
