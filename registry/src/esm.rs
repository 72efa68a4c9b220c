//! One ESM of a catalog: a name and a tag, the card that they stand for, and who published it.

use std::sync::Arc;

use esmhub_store_format::log::{Origin, Signed, Writer};
use esmhub_store_format::{Card, Digest, FormatError, Name, Reference, Tag};

use crate::{Attestation, Candidate};

/// What `name:tag` stands for.
#[derive(Debug, Clone)]
pub struct Esm {
    pub(crate) name: Name,
    pub(crate) tag: Tag,
    pub(crate) digest: Digest,
    pub(crate) card: Vec<u8>,
    pub(crate) state: State,
    pub(crate) attestations: Vec<Attestation>,
    pub(crate) stamp: Stamp,
}

/// When and by whom something was written first, and which log entry says so here.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    pub(crate) entry: u64,
    pub(crate) time: u64,
    pub(crate) writer: Arc<Writer>,
    /// Where it was copied from.
    pub(crate) origin: Option<Arc<Origin>>,
}

impl Stamp {
    /// That of what this entry copied from another registry.
    pub(crate) fn of_copy(&self, origin: Origin) -> Self {
        let (time, writer) = (origin.time, Arc::new(origin.writer.clone()));
        Self { entry: self.entry, time, writer, origin: Some(Arc::new(origin)) }
    }
}

/// What has become of an ESM since it was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It takes part in everything.
    Live,
    /// It is hidden from rankings and from bare names; an exact reference still finds it.
    Yanked,
    /// It is gone, and its tag stays taken.
    Removed {
        /// The log entry that removed it.
        entry: u64,
    },
}

impl Esm {
    /// Its name, as it was first spelt.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its tag.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    /// The digest of its card, by which it is known.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its card.
    ///
    /// # Errors
    /// [`FormatError::Newer`] where a later version of the format wrote the card: the others can still be used.
    pub fn card(&self) -> Result<Card, FormatError> {
        Card::from_canonical(&self.card)
    }

    /// What has become of it.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether it is yanked.
    pub fn is_yanked(&self) -> bool {
        self.state == State::Yanked
    }

    /// Its signatures as the log holds them, in that order and unverified; at most
    /// [`MAX_SIGNATURES`](esmhub_store_format::limits::MAX_SIGNATURES).
    pub fn attestations(&self) -> &[Attestation] {
        &self.attestations
    }

    /// What its signatures sign.
    pub fn statement(&self) -> String {
        Signed::statement(&self.name, &self.tag, &self.digest)
    }

    /// The log entry that published it.
    pub fn entry(&self) -> u64 {
        self.stamp.entry
    }

    /// When it was published, in milliseconds since 1970-01-01 UTC by the publisher's clock; of a copy when it was first.
    pub fn time(&self) -> u64 {
        self.stamp.time
    }

    /// Who published it, by their own account; of a copy who did first.
    pub fn writer(&self) -> &Writer {
        &self.stamp.writer
    }

    /// In which registry it was published first, where it was copied.
    pub fn origin(&self) -> Option<&Origin> {
        self.stamp.origin.as_deref()
    }

    /// `name:tag`.
    pub fn reference(&self) -> Reference {
        Reference::exact(self.name.clone(), self.tag.clone())
    }

    pub(crate) fn is_removed(&self) -> bool {
        matches!(self.state, State::Removed { .. })
    }

    pub(crate) fn candidate(&self) -> Candidate {
        Candidate { name: self.name.clone(), tag: self.tag.clone(), digest: self.digest }
    }
}
