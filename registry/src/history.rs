//! History: who published, signed, yanked or removed what, or set which anchors, and when.

use std::sync::Arc;

use esmhub_store_format::log::{CurrentAnchors, Loss, Origin, Outcome, Signed, Target, Writer};
use esmhub_store_format::{Digest, Name, Reference, Tag};

use crate::error::Absence;
use crate::{Catalog, RegistryError};

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// The log entry that says so.
    pub entry: u64,
    /// When, in milliseconds since 1970-01-01 UTC by the writer's clock; of a copy when it happened first. The order is that of the
    /// entries.
    pub time: u64,
    /// Who did it, by their own account; of a copy who did first.
    pub writer: Arc<Writer>,
    /// In which registry it happened first, where it was copied.
    pub origin: Option<Arc<Origin>>,
    /// Where it was written first.
    pub(crate) written: Written,
    /// What.
    pub what: Happening,
}

/// The log entry in which something was written first, in whichever registry, and which of its records that is, counted from 0: it is
/// the same event wherever it was copied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Written {
    pub(crate) entry: Digest,
    pub(crate) record: u32,
}

/// What happened, and to which `name:tag`, which then stood for which card; or to which base model's anchors.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Happening {
    /// It was published.
    Published(Target),
    /// It was hidden from rankings and bare names.
    Yanked(Target),
    /// It was shown again.
    Unyanked(Target),
    /// It was removed for good.
    Removed(Target),
    /// An anchor set was made a base model's current one, or withdrawn.
    Anchors(CurrentAnchors),
    /// Log entries were declared lost.
    Lost(Loss),
    /// It was signed; by whom, and whether it verifies, is not known here.
    Signed(Signed),
    /// What came out on a target task was recorded, or taken back.
    Outcome(Box<Outcome>),
    /// Something that this program does not know and need not know. An entry can hold thousands of such records: they are one
    /// event.
    Unknown {
        /// The kind of the first of them.
        kind: u16,
    },
}

impl Happening {
    /// What was done: `publish`, `yank`, `unyank`, `remove`, `set-anchors`, `withdraw-anchors`, `sign`, `record`, `withdraw`, `accept-loss` or
    /// `unknown`.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Published(_) => "publish",
            Self::Yanked(_) => "yank",
            Self::Unyanked(_) => "unyank",
            Self::Removed(_) => "remove",
            Self::Anchors(CurrentAnchors { set: Some(_), .. }) => "set-anchors",
            Self::Anchors(CurrentAnchors { set: None, .. }) => "withdraw-anchors",
            Self::Lost(_) => "accept-loss",
            Self::Signed(_) => "sign",
            Self::Outcome(outcome) if outcome.value.is_none() => "withdraw",
            Self::Outcome(_) => "record",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// What it was done to: name, tag, and the digest of the card; `None` for what was not done to an ESM.
    pub fn target(&self) -> Option<(&Name, &Tag, Digest)> {
        match self {
            Self::Published(target) | Self::Yanked(target) | Self::Unyanked(target) | Self::Removed(target) => {
                Some((&target.name, &target.tag, target.digest))
            }
            Self::Signed(signed) => Some((&signed.name, &signed.tag, signed.digest)),
            Self::Outcome(outcome) => outcome.esm.as_ref().map(|esm| (&esm.name, &esm.tag, esm.digest)),
            Self::Anchors(_) | Self::Lost(_) | Self::Unknown { .. } => None,
        }
    }
}

impl Catalog {
    /// What happened to everything that a reference could mean, removed or not, oldest first.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where it never meant anything; [`RegistryError::Unsound`] where an entry that cannot be
    /// read may say otherwise.
    pub fn history_of(&self, reference: &Reference) -> Result<Vec<&Event>, RegistryError> {
        let fits = |event: &&Event| {
            event.what.target().is_some_and(|(name, tag, digest)| {
                reference.name().is_none_or(|wanted| wanted.key() == name.key())
                    && reference.tag().is_none_or(|wanted| wanted.key() == tag.key())
                    && reference.digest().is_none_or(|wanted| wanted.matches(&digest))
            })
        };
        let events: Vec<&Event> = self.events.iter().filter(fits).collect();
        if events.is_empty() {
            let why = match (reference.name(), reference.digest()) {
                (Some(name), _) if self.named(name).next().is_some() => Absence::Tag,
                (Some(_), _) => Absence::Name,
                (None, _) => Absence::Digest,
            };
            return Err(self.absent(reference, why));
        }
        Ok(events)
    }
}
