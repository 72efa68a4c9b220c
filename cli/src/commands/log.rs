//! `esmhub log`: who did what, when, from where.

use clap::Args;
use esmhub_registry::{Event, Happening};
use esmhub_store_format::{Digest, Reference};
use serde::Serialize;

use super::verify::{Run, runs};
use crate::context::Context;
use crate::document::{Document, columns, time};
use crate::failure::{Outcome, PARTIAL};

/// Show who published, signed, yanked or removed what, when, from where
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Only what happened to this ESM
    #[arg(value_name = "REF")]
    reference: Option<Reference>,
}

#[derive(Serialize)]
struct LogDocument {
    events: Vec<LoggedEvent>,
    damaged: Vec<String>,
}

#[derive(Serialize)]
struct LoggedEvent {
    entry: u64,
    time: u64,
    user: String,
    host: String,
    program: String,
    action: &'static str,
    name: Option<String>,
    tag: Option<String>,
    digest: Option<Digest>,
    /// The base model whose anchors were set; `digest` is then the set's.
    base: Option<String>,
    /// The entries that were declared lost.
    lost: Option<Vec<Run>>,
}

impl Log {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (_, catalog) = context.open_catalog()?;
        let events = match &self.reference {
            Some(reference) => catalog.history_of(reference)?.into_iter().map(LoggedEvent::of).collect(),
            None => catalog.history().iter().map(LoggedEvent::of).collect(),
        };
        context.emit(&LogDocument { events, damaged: catalog.damaged().iter().map(ToString::to_string).collect() })
    }
}

impl LoggedEvent {
    fn of(event: &Event) -> Self {
        let target = event.what.target();
        let anchors = match &event.what {
            Happening::Anchors(current) => Some(current),
            _ => None,
        };
        Self {
            entry: event.entry,
            time: event.time,
            user: event.writer.user.clone(),
            host: event.writer.host.clone(),
            program: event.writer.program.clone(),
            action: event.what.verb(),
            name: target.map(|(name, _, _)| name.to_string()),
            tag: target.map(|(_, tag, _)| tag.to_string()),
            digest: target.map(|(_, _, digest)| digest).or(anchors.and_then(|current| current.set)),
            base: anchors.map(|current| current.base.clone()),
            lost: match &event.what {
                Happening::Lost(loss) => Some(runs(loss.ranges())),
                _ => None,
            },
        }
    }
}

impl Document for LogDocument {
    const SCHEMA: &'static str = "esmhub.log/1";

    fn table(&self) -> String {
        if self.events.is_empty() {
            return "nothing has happened yet\n".to_owned();
        }
        let rows = self.events.iter().map(|event| {
            let esm = match (&event.name, &event.tag, &event.lost) {
                (Some(name), Some(tag), _) => format!("{name}:{tag}"),
                (_, _, Some(runs)) => runs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                _ => event.base.clone().unwrap_or_else(|| "-".to_owned()),
            };
            vec![
                event.entry.to_string(),
                time(event.time),
                format!("{}@{}", event.user, event.host),
                event.action.to_owned(),
                esm,
                event.digest.map(|digest| digest.short()).unwrap_or_default(),
            ]
        });
        columns(&["ENTRY", "TIME", "WHO", "ACTION", "ESM", "DIGEST"], &["ENTRY"], rows)
    }

    fn lines(&self) -> Vec<String> {
        self.events.iter().filter_map(|event| event.digest).map(|digest| digest.to_string()).collect()
    }

    fn exit_code(&self) -> u8 {
        if self.damaged.is_empty() { 0 } else { PARTIAL }
    }
}
