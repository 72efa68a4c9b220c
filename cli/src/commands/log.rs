//! `esmhub log`: who did what, when, from where.

use clap::Args;
use esmhub_registry::{Event, Happening};
use esmhub_store_format::log::Signed;
use esmhub_store_format::{Digest, Reference};
use rayon::prelude::*;
use serde::Serialize;

use super::verify::{Run, runs};
use crate::context::Context;
use crate::document::{Document, columns, time};
use crate::failure::{Outcome, PARTIAL};
use crate::trust::{Keyring, KeyringSummary, TrustOptions, Verdict};
use crate::values::parse_reference;

/// Show who published, signed, yanked or removed what, when, from where
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Only what happened to this ESM
    #[arg(value_name = "REF", value_parser = parse_reference)]
    reference: Option<Reference>,
    #[command(flatten)]
    trust: TrustOptions,
}

#[derive(Serialize)]
struct LogDocument {
    events: Vec<LoggedEvent>,
    damaged: Vec<String>,
    /// Those that signatures were compared with, where there are any.
    trusted_keys: Option<KeyringSummary>,
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
    /// The base model whose anchors were set; `digest` is then the set's. That of an outcome, too.
    base: Option<String>,
    /// The target task, metric and value of an outcome; no value where outcomes were taken back.
    target: Option<String>,
    metric: Option<String>,
    value: Option<f64>,
    /// The entries that were declared lost.
    lost: Option<Vec<Run>>,
    /// What the signature is worth.
    signature: Option<Verdict>,
    /// Where it was copied from; `time`, `user`, `host` and `program` are those of the first one then.
    origin: Option<From>,
}

#[derive(Serialize)]
struct From {
    registry: String,
    entry: u64,
}

impl Log {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (registry, catalog) = context.open_catalog()?;
        let events: Vec<&Event> = match &self.reference {
            Some(reference) => catalog.history_of(reference)?,
            None => catalog.history().iter().collect(),
        };
        // A file of keys that nothing is compared with is nobody's trouble, unless it was named.
        let any_signed = events.iter().any(|event| matches!(event.what, Happening::Signed(_)));
        let keyring = match any_signed || self.trust.names_a_file() {
            true => self.trust.keyring(context, &registry)?,
            false => Keyring::default(),
        };
        context.emit(&LogDocument {
            events: events.into_par_iter().map(|event| LoggedEvent::of(event, &keyring)).collect(),
            damaged: catalog.damaged().iter().map(ToString::to_string).collect(),
            trusted_keys: keyring.summary().cloned(),
        })
    }
}

impl LoggedEvent {
    fn of(event: &Event, keyring: &Keyring) -> Self {
        let target = event.what.target();
        let anchors = match &event.what {
            Happening::Anchors(current) => Some(current),
            _ => None,
        };
        let outcome = match &event.what {
            Happening::Outcome(outcome) => Some(outcome),
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
            base: anchors.map(|current| current.base.clone()).or(outcome.map(|outcome| outcome.base.clone())),
            target: outcome.map(|outcome| outcome.target.clone()),
            metric: outcome.map(|outcome| outcome.metric.clone()),
            value: outcome.and_then(|outcome| outcome.value),
            signature: match &event.what {
                Happening::Signed(Signed { name, tag, digest, signature }) => {
                    Some(Verdict::of(signature, event.entry, &Signed::statement(name, tag, digest), keyring))
                }
                _ => None,
            },
            origin: event
                .origin
                .as_ref()
                .map(|origin| From { registry: origin.registry.to_string(), entry: origin.entry }),
            lost: match &event.what {
                Happening::Lost(loss) => Some(runs(loss.ranges())),
                _ => None,
            },
        }
    }
}

impl From {
    /// The first eight digits of the registry's id, and the entry there.
    fn describe(&self) -> String {
        let short: String = self.registry.chars().take(8).collect();
        format!("{short}, entry {}", self.entry)
    }
}

impl Document for LogDocument {
    const SCHEMA: &'static str = "esmhub.log/1";

    fn table(&self) -> String {
        if self.events.is_empty() {
            return "nothing has happened yet\n".to_owned();
        }
        let any_signed = self.events.iter().any(|event| event.signature.is_some());
        let any_copied = self.events.iter().any(|event| event.origin.is_some());
        let rows = self.events.iter().map(|event| {
            let measured = event.metric.as_ref().map(|metric| match event.value {
                Some(value) => format!("{metric} {value} of "),
                None => format!("{metric} of "),
            });
            let measured = measured.unwrap_or_default();
            let esm = match (&event.name, &event.tag, &event.lost) {
                (Some(name), Some(tag), _) if event.target.is_some() => {
                    format!("{measured}{name}:{tag} on {}", event.target.as_deref().unwrap_or_default())
                }
                _ if event.target.is_some() => {
                    format!("{measured}no transfer on {}", event.target.as_deref().unwrap_or_default())
                }
                (Some(name), Some(tag), _) => format!("{name}:{tag}"),
                (_, _, Some(runs)) => runs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                _ => event.base.clone().unwrap_or_else(|| "-".to_owned()),
            };
            let mut row = vec![
                event.entry.to_string(),
                time(event.time),
                format!("{}@{}", event.user, event.host),
                event.action.to_owned(),
                esm,
                event.digest.map(|digest| digest.short()).unwrap_or_default(),
            ];
            row.extend(any_copied.then(|| event.origin.as_ref().map(From::describe).unwrap_or_default()));
            row.extend(any_signed.then(|| event.signature.as_ref().map(Verdict::describe).unwrap_or_default()));
            row
        });
        let mut header = vec!["ENTRY", "TIME", "WHO", "ACTION", "ESM", "DIGEST"];
        header.extend(any_copied.then_some("COPIED FROM"));
        header.extend(any_signed.then_some("SIGNED BY"));
        columns(&header, &["ENTRY"], rows)
    }

    fn lines(&self) -> Vec<String> {
        self.events.iter().filter_map(|event| event.digest).map(|digest| digest.to_string()).collect()
    }

    fn exit_code(&self) -> u8 {
        if self.damaged.is_empty() { 0 } else { PARTIAL }
    }
}
