//! Log entries: one transaction each (R30 to R39, R41, R44 to R49).
//!
//! The log is the whole mutable state of a registry. Entry n is a file of its own, holds the digest of entry n - 1, and is
//! never changed. A *record* is one thing that a transaction does; its kind and flags stand outside its payload, so that
//! a reader which does not know a kind still knows whether it may go on.

mod anchors;
mod loss;
mod origin;
mod outcome;
mod references;
mod signature;

use bincode::{Decode, Encode};
use serde::Serialize;

pub use anchors::CurrentAnchors;
pub use loss::Loss;
pub use origin::Origin;
pub use outcome::Outcome;
pub use references::{Published, Target};
pub use signature::Signed;

use crate::limits::{MAX_ENTRY_BYTES, MAX_ENTRY_RECORDS};
use crate::{Digest, FormatError, frame, wire};

const VERSION: u16 = 1;
const LIMIT: usize = MAX_ENTRY_BYTES as usize;
/// The longest name of a user, host or program.
const MAX_WRITER_BYTES: usize = 255;

/// One transaction.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Entry {
    /// Its number: 1, 2, 3 …
    pub number: u64,
    /// The digest of the entry before it; for entry 1 that of the registry's id ([`RegistryId::genesis`]).
    pub previous: Digest,
    /// 128 random bits, by which a writer that got no answer recognises its own entry.
    pub transaction: [u8; 16],
    /// Milliseconds since 1970-01-01 UTC by the writer's clock: for people. The order is that of the numbers.
    pub time: u64,
    /// Who wrote it.
    pub writer: Writer,
    /// What it does, in order.
    pub records: Vec<Record>,
}

/// Who wrote an entry, by their own account.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Writer {
    /// The user's name.
    pub user: String,
    /// The machine's name.
    pub host: String,
    /// The program and its version.
    pub program: String,
}

impl Writer {
    fn check(&self, what: &'static str) -> Result<(), FormatError> {
        let Self { user, host, program } = self;
        let is_odd = |text: &&String| text.len() > MAX_WRITER_BYTES || text.chars().any(char::is_control);
        let Some(odd) = [user, host, program].into_iter().find(is_odd) else { return Ok(()) };
        let start: String = odd.chars().take(40).collect();
        Err(FormatError::invalid(what, format!("the writer's {start:?} is too long or holds a control character")))
    }
}

/// One thing that a transaction does.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Record {
    /// Which kind: [`Action`] has those that this program knows.
    pub kind: u16,
    /// What a program that does not know the kind must refrain from.
    pub flags: u16,
    /// The kind's own bytes.
    pub payload: Vec<u8>,
}

impl Record {
    /// A reader that does not know the kind must stop.
    pub const STOPS_READERS: u16 = 1;
    /// A writer that does not know the kind must stop.
    pub const STOPS_WRITERS: u16 = 2;
}

/// 128 random bits that name a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct RegistryId(pub [u8; 16]);

impl RegistryId {
    /// What stands in [`Entry::previous`] of entry 1, so that an entry of another registry does not fit.
    pub fn genesis(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl std::fmt::Display for RegistryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a record means.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `name:tag` stands for this card from now on.
    Publish(Published),
    /// `name:tag` is hidden from rankings and from bare names.
    Yank(Target),
    /// `name:tag` is shown again.
    Unyank(Target),
    /// `name:tag` is gone for ever; the tag stays taken.
    Remove(Target),
    /// ESMs of a base model are fitted on this anchor set from now on.
    Anchors(CurrentAnchors),
    /// These entries, which cannot be read, do nothing for ever.
    Loss(Loss),
    /// Somebody vouches for what `name:tag` stands for.
    Signed(Signed),
    /// What really came out on a target task.
    Outcome(Outcome),
    /// What stands behind it was copied from another registry.
    Origin(Origin),
    /// A kind that this program does not know.
    Unknown {
        /// Which.
        kind: u16,
        /// Whether a reader must stop.
        stops_readers: bool,
        /// Whether a writer must stop.
        stops_writers: bool,
    },
}

const PUBLISH: u16 = 1;
const YANK: u16 = 2;
const UNYANK: u16 = 3;
const REMOVE: u16 = 4;
const ANCHORS: u16 = 5;
const LOSS: u16 = 6;
const SIGNED: u16 = 7;
const OUTCOME: u16 = 8;
const ORIGIN: u16 = 9;

impl Action {
    /// The record that says this.
    ///
    /// # Errors
    /// [`FormatError::TooLarge`] over [`MAX_RECORD_BYTES`](crate::limits::MAX_RECORD_BYTES); [`FormatError::Invalid`] for an unknown action.
    pub fn to_record(&self) -> Result<Record, FormatError> {
        let (kind, payload) = match self {
            Self::Publish(published) => (PUBLISH, published.to_canonical()?),
            Self::Yank(target) => (YANK, target.to_canonical()?),
            Self::Unyank(target) => (UNYANK, target.to_canonical()?),
            Self::Remove(target) => (REMOVE, target.to_canonical()?),
            Self::Anchors(current) => (ANCHORS, current.to_canonical()?),
            Self::Loss(loss) => (LOSS, loss.to_canonical()?),
            Self::Signed(signed) => (SIGNED, signed.to_canonical()?),
            Self::Outcome(outcome) => (OUTCOME, outcome.to_canonical()?),
            Self::Origin(origin) => (ORIGIN, origin.to_canonical()?),
            Self::Unknown { kind, .. } => {
                return Err(FormatError::invalid("record", format!("kind {kind} cannot be written by this program")));
            }
        };
        let flags = match kind {
            // A reader that does not know anchors still ranks; a writer would publish ESMs that cannot be compared.
            ANCHORS => Record::STOPS_WRITERS,
            // Signatures, outcomes and origins change nothing of what the others say.
            SIGNED | OUTCOME | ORIGIN => 0,
            _ => Record::STOPS_READERS | Record::STOPS_WRITERS,
        };
        Ok(Record { kind, flags, payload })
    }

    /// What a record says.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where its payload breaks a rule.
    pub fn from_record(record: &Record) -> Result<Self, FormatError> {
        Ok(match record.kind {
            PUBLISH => Self::Publish(Published::from_canonical(&record.payload)?),
            YANK => Self::Yank(Target::from_canonical(&record.payload)?),
            UNYANK => Self::Unyank(Target::from_canonical(&record.payload)?),
            REMOVE => Self::Remove(Target::from_canonical(&record.payload)?),
            ANCHORS => Self::Anchors(CurrentAnchors::from_canonical(&record.payload)?),
            LOSS => Self::Loss(Loss::from_canonical(&record.payload)?),
            SIGNED => Self::Signed(Signed::from_canonical(&record.payload)?),
            OUTCOME => Self::Outcome(Outcome::from_canonical(&record.payload)?),
            ORIGIN => Self::Origin(Origin::from_canonical(&record.payload)?),
            kind => Self::Unknown {
                kind,
                stops_readers: record.flags & Record::STOPS_READERS != 0,
                stops_writers: record.flags & Record::STOPS_WRITERS != 0,
            },
        })
    }
}

impl Entry {
    /// The frame that goes to disk, and the entry's digest.
    ///
    /// # Errors
    /// [`FormatError::TooLarge`] over [`MAX_ENTRY_BYTES`]: such a batch must become several transactions.
    pub fn to_frame(&self) -> Result<(Vec<u8>, Digest), FormatError> {
        let canonical = self.to_canonical()?;
        Ok((frame::encode(frame::Content::Entry, &canonical)?, Digest::of(&canonical)))
    }

    /// Reads a frame, and gives the entry's digest with it.
    ///
    /// # Errors
    /// As [`frame::decode`]; [`FormatError::Newer`] for a later version; [`FormatError::Invalid`] where a rule is broken.
    pub fn from_frame(bytes: &[u8]) -> Result<(Self, Digest), FormatError> {
        let (canonical, digest) = frame::decode(frame::Content::Entry, bytes)?;
        Ok((Self::from_canonical(&canonical)?, digest))
    }

    /// The canonical bytes: a version number and the fields.
    ///
    /// # Errors
    /// As [`Entry::to_frame`]; [`FormatError::Invalid`] where a rule is broken.
    pub fn to_canonical(&self) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        wire::encode::<LIMIT, _>("log entry", &(VERSION, self))
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`FormatError::Newer`] for a later version; [`FormatError::Invalid`] where a rule is broken.
    pub fn from_canonical(canonical: &[u8]) -> Result<Self, FormatError> {
        let what = "log entry";
        let (version, fields) = wire::decode_prefix::<2, u16>(what, canonical)?;
        if version != VERSION {
            return Err(FormatError::Newer { what, found: u32::from(version), supported: u32::from(VERSION) });
        }
        let entry: Self = wire::decode::<{ wire::IN_MEMORY * LIMIT }, _>(what, fields)?;
        entry.check()?;
        Ok(entry)
    }

    fn check(&self) -> Result<(), FormatError> {
        let what = "log entry";
        if self.number == 0 {
            return Err(FormatError::invalid(what, "number 0, expected 1 or more"));
        }
        if self.records.len() > MAX_ENTRY_RECORDS {
            let detail = format!("{} records, at most {MAX_ENTRY_RECORDS} are allowed", self.records.len());
            return Err(FormatError::invalid(what, detail));
        }
        self.writer.check(what)
    }

    /// What it does, in order.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where a record's payload breaks a rule.
    pub fn actions(&self) -> impl Iterator<Item = Result<Action, FormatError>> {
        self.records.iter().map(Action::from_record)
    }
}
