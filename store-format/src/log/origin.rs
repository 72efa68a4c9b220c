//! Record kind 9: what stands behind it in this entry was copied from another registry (R48, R49).

use crate::limits::MAX_RECORD_BYTES;
use crate::log::{RegistryId, Writer};
use crate::{Digest, FormatError, wire};

const LIMIT: usize = MAX_RECORD_BYTES as usize;
const WHAT: &str = "origin record";

/// Where the records behind it come from, up to the next origin or the end of the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Whose log was copied from.
    pub registry: RegistryId,
    /// The number of the entry there.
    pub entry: u64,
    /// That entry's digest.
    pub digest: Digest,
    /// Which of that entry's records, counted from 0, the first one behind this is; the others follow it there as here.
    pub first: u32,
    /// When it was written first, in milliseconds since 1970-01-01 UTC by its writer's clock.
    pub time: u64,
    /// Who wrote it first.
    pub writer: Writer,
}

impl Origin {
    pub(super) fn to_canonical(&self) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        let Self { registry, entry, digest, first, time, writer } = self;
        wire::encode::<LIMIT, _>(WHAT, &(registry, entry, digest, first, time, writer))
    }

    pub(super) fn from_canonical(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > LIMIT {
            return Err(FormatError::TooLarge { what: WHAT, found: bytes.len() as u64, limit: MAX_RECORD_BYTES });
        }
        let (registry, entry, digest, first, time, writer) =
            wire::decode::<{ wire::IN_MEMORY * LIMIT }, _>(WHAT, bytes)?;
        let origin = Self { registry, entry, digest, first, time, writer };
        origin.check()?;
        Ok(origin)
    }

    fn check(&self) -> Result<(), FormatError> {
        if self.entry == 0 {
            return Err(FormatError::invalid(WHAT, "entry 0, expected 1 or more"));
        }
        self.writer.check(WHAT)
    }
}
