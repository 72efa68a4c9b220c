//! What went wrong, and what can be done about it.
//!
//! The rules:
//! 1. A message says what, where, what was expected and what was found, in lower case. It names files by their path in
//!    the registry.
//! 2. The cause stands in `source()` and is not repeated in the message; advice stands in [`RegistryError::hint`].
//! 3. [`RegistryError::kind`] is what a caller decides by. Damage is [`ErrorKind::Integrity`] and never
//!    [`ErrorKind::NotFound`]: "not found" is said only of a log that could be read whole.
//! 4. A format or a record that is newer than this program is [`ErrorKind::Newer`], never damage.

mod advice;
mod kind;

use std::error::Error;
use std::io;
use std::path::PathBuf;

use esmhub_store_format::{Digest, FormatError, Name, Tag};

pub use self::kind::{Absence, Candidate, ErrorKind, StoreFault};
use crate::schema;

/// Why a registry could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// There is no registry in this directory.
    #[error("{}: no registry there, {} is missing", location.display(), schema::MARKER)]
    NotARegistry {
        /// The directory.
        location: PathBuf,
    },
    /// Other writers kept winning the next number of the log.
    #[error("{}: other writers were faster {attempts} times in a row", schema::entry(*entry))]
    Busy {
        /// The number that was tried last.
        entry: u64,
        /// How often a number was lost.
        attempts: u32,
    },
    /// A later version of the format wrote this.
    #[error("{place} is newer than this program")]
    Newer {
        /// Which file.
        place: String,
        /// Which format was found.
        source: FormatError,
    },
    /// A log entry does something that this program does not know, and says that such a program must stop.
    #[error("{} holds a record of kind {kind}, which this program does not know and which {stops} must know", schema::entry(*entry))]
    UnknownRecord {
        /// The entry.
        entry: u64,
        /// The record's kind.
        kind: u16,
        /// Who must stop: "readers" or "writers".
        stops: &'static str,
    },
    /// The reference stands for nothing.
    #[error("{reference}: {why}")]
    NotFound {
        /// The reference as given.
        reference: String,
        /// Why it stands for nothing.
        why: Absence,
        /// References that may have been meant.
        suggestions: Vec<String>,
        /// Whether log entries were declared lost, which may have said something else.
        after_loss: bool,
    },
    /// The reference stands for several ESMs.
    #[error("{reference} could mean {} ESMs", candidates.len())]
    Ambiguous {
        /// The reference as given.
        reference: String,
        /// What it could mean.
        candidates: Vec<Candidate>,
    },
    /// The tag stands for other content already.
    #[error("{name}:{tag} is {held} already, which is not the {given} that was given")]
    Conflict {
        /// The name.
        name: Name,
        /// The tag.
        tag: Tag,
        /// The card that it stands for.
        held: Digest,
        /// The card that it was to stand for.
        given: Digest,
    },
    /// The tag was removed, and is never used again.
    #[error("{name}:{tag} was removed, and a removed tag is never used again")]
    TagGone {
        /// The name.
        name: Name,
        /// The tag.
        tag: Tag,
    },
    /// A reference's tag and digest mean different content.
    #[error("{reference}: the tag stands for {found}")]
    Disagreement {
        /// The reference as given.
        reference: String,
        /// The card that the tag stands for.
        found: Digest,
    },
    /// A reference to be changed does not say which tag.
    #[error("{reference} does not say which tag is meant")]
    Inexact {
        /// The reference as given.
        reference: String,
        /// The tags that it has.
        suggestions: Vec<String>,
    },
    /// A file does not hold what was written.
    #[error("{place} does not hold what was written")]
    Damaged {
        /// Which file.
        place: String,
        /// Which check failed.
        source: FormatError,
    },
    /// The files do not fit together: one is missing, or is in the place of another.
    #[error("{place}: {detail}")]
    Unsound {
        /// Which file.
        place: String,
        /// What was expected, and what was found.
        detail: String,
        /// What can be done about it, where more is known than that `verify` lists it.
        advice: Option<String>,
    },
    /// What was given breaks a rule of the format.
    #[error("{what} cannot be written")]
    Refused {
        /// What was given.
        what: String,
        /// The rule.
        source: FormatError,
    },
    /// Of the same metric on the same target less is better by one outcome, and more by another: nothing could be compared.
    #[error("{metric} on {target:?} is better the {} it is, by log entry {entry}", if *lower_is_better { "lower" } else { "higher" })]
    Direction {
        /// The target.
        target: String,
        /// The metric.
        metric: String,
        /// What is recorded already.
        lower_is_better: bool,
        /// The log entry that says so.
        entry: u64,
    },
    /// What was to be published could not be signed.
    #[error("{name}:{tag} cannot be signed")]
    Unsigned {
        /// The name.
        name: Name,
        /// The tag.
        tag: Tag,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A batch that needed several transactions stopped after some of them.
    #[error("stopped after {published} of {all} ESMs were published")]
    Partial {
        /// How many ESMs of the batch are published.
        published: usize,
        /// How many there are.
        all: usize,
        /// Why it stopped.
        source: Box<RegistryError>,
    },
    /// The operating system refused.
    #[error("{}: cannot {action}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file system can neither link nor rename without replacing: two writers could overwrite each other.
    #[error("{}: this file system has neither hard links nor a rename that refuses to replace", path.display())]
    NoExclusiveCreate {
        /// The file that was to be created.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The object store does not refuse to overwrite: two writers could overwrite each other.
    #[error(
        "{address}: this store does not know conditional create (If-None-Match: *), so two writers could overwrite each other"
    )]
    NoConditionalCreate {
        /// The registry's address.
        address: String,
    },
    /// The registry can only be read there.
    #[error("{address}: a registry on a web server can only be read")]
    ReadOnly {
        /// The registry's address.
        address: String,
    },
    /// What is asked needs a list of files, which a web server does not give.
    #[error("{place}: a web server gives no list of its files")]
    NoListing {
        /// The folder.
        place: String,
    },
    /// The object store, or the way to it, did not do what it was asked.
    #[error("{place}: cannot {action}: {reason}")]
    Store {
        /// What was tried.
        action: &'static str,
        /// On which address.
        place: String,
        /// What kind of failure it is.
        fault: StoreFault,
        /// What the store said, or what happened on the way.
        reason: String,
    },
    /// The place cannot be used.
    #[error("{}: {detail}", location.display())]
    Location {
        /// The directory, or the address.
        location: PathBuf,
        /// Why.
        detail: &'static str,
    },
    /// The operating system gave no random bits.
    #[error("no random bits for a transaction id")]
    Random(#[source] getrandom::Error),
}

/// What is tried when a file or a folder is to last.
pub(crate) const SYNC: &str = "bring it to stable storage";

impl RegistryError {
    /// What a caller decides by.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotARegistry { .. } => ErrorKind::NotARegistry,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Newer { .. } | Self::UnknownRecord { .. } => ErrorKind::Newer,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Ambiguous { .. } => ErrorKind::Ambiguous,
            Self::Conflict { .. } | Self::TagGone { .. } | Self::Disagreement { .. } => ErrorKind::Conflict,
            Self::Damaged { .. } | Self::Unsound { .. } => ErrorKind::Integrity,
            Self::Inexact { .. } | Self::Direction { .. } => ErrorKind::Usage,
            Self::Partial { source, .. } => source.kind(),
            Self::Store { fault: StoreFault::Busy | StoreFault::Unreachable, .. } => ErrorKind::Busy,
            Self::NoConditionalCreate { .. }
            | Self::ReadOnly { .. }
            | Self::NoListing { .. }
            | Self::Store { .. }
            | Self::Refused { .. }
            | Self::Unsigned { .. }
            | Self::Io { .. }
            | Self::NoExclusiveCreate { .. }
            | Self::Location { .. }
            | Self::Random(_) => ErrorKind::Other,
        }
    }

    /// References that may have been meant.
    pub fn suggestions(&self) -> &[String] {
        match self {
            Self::NotFound { suggestions, .. } | Self::Inexact { suggestions, .. } => suggestions,
            Self::Partial { source, .. } => source.suggestions(),
            _ => &[],
        }
    }

    /// What an ambiguous reference could mean.
    pub fn candidates(&self) -> &[Candidate] {
        match self {
            Self::Ambiguous { candidates, .. } => candidates,
            _ => &[],
        }
    }

    /// A file whose bytes were refused: newer, or damaged.
    pub(crate) fn format(place: impl Into<String>, source: FormatError) -> Self {
        let place = place.into();
        match source {
            FormatError::Newer { .. } => Self::Newer { place, source },
            _ => Self::Damaged { place, source },
        }
    }

    pub(crate) fn unsound(place: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Unsound { place: place.into(), detail: detail.into(), advice: None }
    }

    /// Whether the system could not bring something to stable storage.
    pub(crate) fn is_failed_sync(&self) -> bool {
        matches!(self, Self::Io { action: SYNC, .. })
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Io { action, path: path.into(), source: source.into() }
    }

    /// What is wrong, in one line, for a report that names the place itself.
    pub(crate) fn detail_at(&self, place: &str) -> String {
        match self {
            Self::Damaged { place: at, source } if at == place => return source.to_string(),
            Self::Unsound { place: at, detail, .. } if at == place => return detail.clone(),
            _ => {}
        }
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(&format!(": {error}"));
            cause = error.source();
        }
        line
    }
}

/// The operating system's error at the bottom of a chain of causes.
pub(crate) fn io_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io);
        }
        cause = error.source();
    }
    None
}
