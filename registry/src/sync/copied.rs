//! How far other registries' logs were copied.

use std::collections::BTreeMap;

use esmhub_store_format::Digest;
use esmhub_store_format::log::{Origin, RegistryId};

/// By registry, how far its log was copied.
#[derive(Debug, Clone, Default)]
pub(crate) struct Copied(BTreeMap<RegistryId, Position>);

/// The record behind the last one that was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) entry: u64,
    pub(super) record: u32,
    /// The digest of the entry.
    pub(super) digest: Digest,
}

impl Copied {
    /// Notes that so many records behind an origin were copied.
    pub(crate) fn note(&mut self, origin: &Origin, records: u32) {
        let record = origin.first.saturating_add(records);
        let position = Position { entry: origin.entry, record, digest: origin.digest };
        let known = self.0.entry(origin.registry).or_insert(position);
        *known = position.max(*known);
    }

    pub(super) fn of(&self, registry: &RegistryId) -> Option<Position> {
        self.0.get(registry).copied()
    }
}
