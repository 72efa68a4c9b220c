//! Why a tokenizer or a text is refused.

use serde_json::Value;

use super::outline::MAX_DEPTH;
use super::vet::MAX_GROWN_BYTES;

/// A tokenizer.json that the crate is not given, or a text that its normalizer could make too much of.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum Refusal {
    #[error("brackets are nested deeper than {MAX_DEPTH}")]
    Depth,
    #[error("not the JSON that was expected")]
    Json(#[source] serde_json::Error),
    #[error("{part}: {setting} is {found}, expected {expected}")]
    Setting { part: &'static str, setting: &'static str, found: String, expected: String },
    #[error(
        "it has {bytes} bytes, of which this tokenizer may make {growth} times as many, expected at most {MAX_GROWN_BYTES}"
    )]
    Text { bytes: usize, growth: u64 },
}

pub(super) fn text<'a>(part: &'static str, value: &'a Value, setting: &'static str) -> Result<&'a str, Refusal> {
    value.get(setting).and_then(Value::as_str).ok_or_else(|| refuse(part, setting, "missing", "a text"))
}

pub(super) fn within(part: &'static str, setting: &'static str, found: u64, limit: u64) -> Result<(), Refusal> {
    if found <= limit { Ok(()) } else { Err(refuse(part, setting, found, format!("at most {limit}"))) }
}

pub(super) fn unknown(part: &'static str, kind: &str) -> Refusal {
    refuse(part, "the type of a part", short(kind), "one that encoders use")
}

pub(super) fn refuse(
    part: &'static str,
    setting: &'static str,
    found: impl ToString,
    expected: impl Into<String>,
) -> Refusal {
    Refusal::Setting { part, setting, found: found.to_string(), expected: expected.into() }
}

/// A text from outside, cut to what a message can bear.
pub(super) fn short(text: &str) -> String {
    format!("{:?}", text.chars().take(64).collect::<String>())
}
