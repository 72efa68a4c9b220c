//! What a sync names, one by one.

use esmhub_registry::{Left, Offered, Why};
use esmhub_store_format::Digest;
use esmhub_store_format::log::{Outcome, Target};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct AnchorsLeft {
    pub(super) base: String,
    pub(super) reason: String,
}

#[derive(Serialize)]
pub(super) struct Measured {
    pub(super) target: String,
    pub(super) metric: String,
    pub(super) value: Option<f64>,
    /// `None` without transfer.
    pub(super) name: Option<String>,
    pub(super) tag: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Esm {
    pub(super) name: String,
    pub(super) tag: String,
    pub(super) digest: Digest,
}

#[derive(Serialize)]
pub(super) struct Conflict {
    pub(super) name: String,
    pub(super) tag: String,
    /// What the tag stands for in TO, and in FROM.
    pub(super) held: Digest,
    pub(super) offered: Digest,
}

#[derive(Serialize)]
pub(super) struct LeftOut {
    pub(super) name: String,
    pub(super) tag: String,
    pub(super) digest: Digest,
    /// `removed`, `damaged` or `card`.
    pub(super) why: &'static str,
    pub(super) reason: String,
}

impl Esm {
    pub(super) fn of(target: &Target) -> Self {
        Self { name: target.name.to_string(), tag: target.tag.to_string(), digest: target.digest }
    }

    pub(super) fn reference(&self) -> String {
        format!("{}:{}", self.name, self.tag)
    }
}

impl Measured {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let esm = outcome.esm.as_ref();
        Self {
            target: outcome.target.clone(),
            metric: outcome.metric.clone(),
            value: outcome.value,
            name: esm.map(|esm| esm.name.to_string()),
            tag: esm.map(|esm| esm.tag.to_string()),
        }
    }

    pub(super) fn describe(&self) -> String {
        let Self { target, metric, .. } = self;
        let value = self.value.map_or_else(String::new, |value| format!(" {value}"));
        match (&self.name, &self.tag) {
            (Some(name), Some(tag)) => format!("{metric}{value} of {name}:{tag} on {target}"),
            _ => format!("{metric}{value} of no transfer on {target}"),
        }
    }
}

impl Conflict {
    pub(super) fn of(offered: &Offered) -> Self {
        let Offered { name, tag, held, offered } = offered;
        Self { name: name.to_string(), tag: tag.to_string(), held: *held, offered: *offered }
    }
}

impl LeftOut {
    pub(super) fn of(left: &Left) -> Self {
        let (why, reason) = match &left.why {
            Why::Removed => ("removed", "it was removed there, and removed is for ever".to_owned()),
            Why::Damaged(detail) => ("damaged", detail.clone()),
            Why::Card(detail) => ("card", detail.clone()),
        };
        let Target { name, tag, digest } = &left.target;
        Self { name: name.to_string(), tag: tag.to_string(), digest: *digest, why, reason }
    }
}
