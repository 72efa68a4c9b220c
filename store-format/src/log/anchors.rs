//! Record kind 5: which anchor set is current for a base model.

use crate::limits::MAX_RECORD_BYTES;
use crate::{Digest, FormatError, wire};

const LIMIT: usize = MAX_RECORD_BYTES as usize;
const WHAT: &str = "anchors record";

/// From this record on, ESMs of a base model are fitted on this anchor set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentAnchors {
    /// The base model's id; its case does not matter.
    pub base: String,
    /// The set's digest; `None` where there is no set any more.
    pub set: Option<Digest>,
}

impl CurrentAnchors {
    pub(super) fn to_canonical(&self) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        wire::encode::<LIMIT, _>(WHAT, &(self.base.as_str(), self.set))
    }

    pub(super) fn from_canonical(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > LIMIT {
            return Err(FormatError::TooLarge { what: WHAT, found: bytes.len() as u64, limit: MAX_RECORD_BYTES });
        }
        let (base, set) = wire::decode::<{ wire::IN_MEMORY * LIMIT }, (String, Option<Digest>)>(WHAT, bytes)?;
        let current = Self { base, set };
        current.check()?;
        Ok(current)
    }

    fn check(&self) -> Result<(), FormatError> {
        if self.base.is_empty() || self.base.chars().any(char::is_control) {
            let start: String = self.base.chars().take(40).collect();
            return Err(FormatError::invalid(WHAT, format!("{start:?} is no base model's id")));
        }
        Ok(())
    }
}
