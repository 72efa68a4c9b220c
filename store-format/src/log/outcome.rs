//! Record kind 8: what really came out on a target task, after transfer from an ESM's source task or without any (R46, R47).

use crate::limits::{MAX_METRIC_BYTES, MAX_OUTCOME_TEXT_BYTES};
use crate::log::Target;
use crate::{Digest, FormatError, wire};

const LIMIT: usize = 4096;
const WHAT: &str = "outcome record";

/// A measured value on a target task.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What its user calls the target task: 1 to [`MAX_OUTCOME_TEXT_BYTES`] bytes, no control characters.
    pub target: String,
    /// Of the embeddings and labels that the ESM was scored with, where they are known.
    pub data: Option<Digest>,
    /// The base model's id: 1 to [`MAX_OUTCOME_TEXT_BYTES`] bytes, no control characters.
    pub base: String,
    /// The ESM whose source task the base model was fine-tuned on first; `None`: on none.
    pub esm: Option<Target>,
    /// What was measured, such as `accuracy`: 1 to [`MAX_METRIC_BYTES`] ASCII letters, digits, `.`, `_` and `-`.
    pub metric: String,
    /// Whether less of it is better.
    pub lower_is_better: bool,
    /// What was measured; finite. `None` takes back all that was recorded before with the same target, base, ESM and metric.
    pub value: Option<f64>,
    /// What a ranking said of the ESM: which score, called as a metric is, and its finite value.
    pub score: Option<(String, f64)>,
}

type Fields = (
    String,
    Option<Digest>,
    String,
    Option<(String, String, Digest)>,
    String,
    bool,
    Option<f64>,
    Option<(String, f64)>,
);

impl Outcome {
    pub(super) fn to_canonical(&self) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        let esm = self.esm.as_ref().map(|Target { name, tag, digest }| (name.as_str(), tag.as_str(), *digest));
        let Self { target, data, base, metric, lower_is_better, value, score, .. } = self;
        wire::encode::<LIMIT, _>(WHAT, &(target, data, base, esm, metric, lower_is_better, value, score))
    }

    pub(super) fn from_canonical(bytes: &[u8]) -> Result<Self, FormatError> {
        let (target, data, base, esm, metric, lower_is_better, value, score) =
            wire::decode::<LIMIT, Fields>(WHAT, bytes)?;
        let esm = match esm {
            Some((name, tag, digest)) => {
                let (name, tag) = super::references::parse(WHAT, &name, &tag)?;
                Some(Target { name, tag, digest })
            }
            None => None,
        };
        let outcome = Self { target, data, base, esm, metric, lower_is_better, value, score };
        outcome.check()?;
        Ok(outcome)
    }

    /// Whether it keeps the rules of R46.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] says which it breaks.
    pub fn check(&self) -> Result<(), FormatError> {
        let refuse = |detail: String| Err(FormatError::invalid(WHAT, detail));
        for (what, text) in [("target", &self.target), ("base model", &self.base)] {
            if text.is_empty() || text.len() > MAX_OUTCOME_TEXT_BYTES || text.chars().any(char::is_control) {
                let start: String = text.chars().take(40).collect();
                return refuse(format!(
                    "the {what} is {start:?}, expected 1 to {MAX_OUTCOME_TEXT_BYTES} bytes without control characters"
                ));
            }
        }
        let (score, scored) = self.score.as_ref().map_or((None, 0.0), |(name, score)| (Some(name), *score));
        for name in [Some(&self.metric), score].into_iter().flatten() {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            if name.is_empty() || name.len() > MAX_METRIC_BYTES || !name.bytes().all(plain) {
                let start: String = name.chars().take(40).collect();
                return refuse(format!("{start:?} is measured, expected 1 to {MAX_METRIC_BYTES} of a-z A-Z 0-9 . _ -"));
            }
        }
        if !self.value.unwrap_or(0.0).is_finite() || !scored.is_finite() {
            return refuse("a value or score that is not finite".to_owned());
        }
        Ok(())
    }
}
