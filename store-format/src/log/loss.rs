//! Record kind 6: which entries are lost for good.

use crate::limits::{MAX_LOST_ENTRIES, MAX_RECORD_BYTES};
use crate::{FormatError, wire};

const LIMIT: usize = MAX_RECORD_BYTES as usize;
const WHAT: &str = "loss record";

/// These entries do nothing any more, whatever stands in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    ranges: Vec<(u64, u64)>,
}

impl Loss {
    /// Takes the first and the last number of each run of lost entries.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where there is none, a run is empty or begins at 0, the runs are not in ascending order with
    /// an entry between them, or they are more than [`MAX_LOST_ENTRIES`] entries.
    pub fn new(ranges: Vec<(u64, u64)>) -> Result<Self, FormatError> {
        if ranges.is_empty() {
            return Err(FormatError::invalid(WHAT, "it names no entry"));
        }
        let (mut before, mut entries) = (None::<u64>, 0_u64);
        for &(first, last) in &ranges {
            let taken = before.map_or(0, |before| before.saturating_add(1));
            if first <= taken || last < first {
                let detail = format!("entries {first} to {last}, expected a run that begins behind {taken}");
                return Err(FormatError::invalid(WHAT, detail));
            }
            entries = entries.saturating_add(last - first).saturating_add(1);
            before = Some(last);
        }
        if entries > MAX_LOST_ENTRIES {
            let detail = format!("it names {entries} entries, at most {MAX_LOST_ENTRIES} are allowed");
            return Err(FormatError::invalid(WHAT, detail));
        }
        Ok(Self { ranges })
    }

    /// The first and the last number of each run, in ascending order.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    pub(super) fn to_canonical(&self) -> Result<Vec<u8>, FormatError> {
        wire::encode::<LIMIT, _>(WHAT, &self.ranges)
    }

    pub(super) fn from_canonical(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > LIMIT {
            return Err(FormatError::TooLarge { what: WHAT, found: bytes.len() as u64, limit: MAX_RECORD_BYTES });
        }
        Self::new(wire::decode::<{ wire::IN_MEMORY * LIMIT }, _>(WHAT, bytes)?)
    }
}
