//! Record kinds 1 to 4: what `name:tag` stands for, and what becomes of it.

use crate::limits::MAX_RECORD_BYTES;
use crate::{Card, Digest, FormatError, Name, Tag, wire};

const RECORD_LIMIT: usize = MAX_RECORD_BYTES as usize;

/// An ESM's name, tag and card. The card is kept as canonical bytes, so that its digest survives a reader that is too old
/// for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The name, as its publisher spelt it.
    pub name: Name,
    /// The tag.
    pub tag: Tag,
    /// The card's canonical bytes.
    pub card: Vec<u8>,
}

/// The `name:tag` that a yank, unyank or remove means, and the card that stood there when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name.
    pub name: Name,
    /// The tag.
    pub tag: Tag,
    /// The card's digest.
    pub digest: Digest,
}

impl Published {
    /// The card's digest.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.card)
    }

    /// The card.
    ///
    /// # Errors
    /// As [`Card::from_canonical`].
    pub fn card(&self) -> Result<Card, FormatError> {
        Card::from_canonical(&self.card)
    }

    /// The canonical bytes: name, tag, card.
    ///
    /// # Errors
    /// [`FormatError::TooLarge`] over [`MAX_RECORD_BYTES`].
    pub fn to_canonical(&self) -> Result<Vec<u8>, FormatError> {
        wire::encode::<RECORD_LIMIT, _>("publish record", &(self.name.as_str(), self.tag.as_str(), &self.card))
    }

    /// Reads canonical bytes. The card inside is not decoded: it may be newer than this program.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where a rule is broken.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, FormatError> {
        let what = "publish record";
        if bytes.len() > RECORD_LIMIT {
            let (found, limit) = (bytes.len() as u64, MAX_RECORD_BYTES);
            return Err(FormatError::TooLarge { what, found, limit });
        }
        let (name, tag, card): (String, String, Vec<u8>) = wire::decode::<RECORD_LIMIT, _>(what, bytes)?;
        let (name, tag) = parse(what, &name, &tag)?;
        Ok(Self { name, tag, card })
    }
}

impl Target {
    pub(super) fn to_canonical(&self) -> Result<Vec<u8>, FormatError> {
        wire::encode::<RECORD_LIMIT, _>("record", &(self.name.as_str(), self.tag.as_str(), self.digest))
    }

    pub(super) fn from_canonical(bytes: &[u8]) -> Result<Self, FormatError> {
        let (name, tag, digest): (String, String, Digest) = wire::decode::<RECORD_LIMIT, _>("record", bytes)?;
        let (name, tag) = parse("record", &name, &tag)?;
        Ok(Self { name, tag, digest })
    }
}

pub(super) fn parse(what: &'static str, name: &str, tag: &str) -> Result<(Name, Tag), FormatError> {
    let invalid = |error: crate::NameError| FormatError::invalid(what, error.to_string());
    Ok((name.parse().map_err(invalid)?, tag.parse().map_err(invalid)?))
}
