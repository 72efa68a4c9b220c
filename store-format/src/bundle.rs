//! Bundle files: ESMs outside a registry, each as one frame with its publish record and one with its object (R40).
//!
//! An exported ESM is a bundle of one. Frames follow each other up to the end of the file; nothing else stands there.

use crate::card::Weights;
use crate::frame::{self, Content};
use crate::log::Published;
use crate::{Digest, FormatError, Object};

/// One ESM of a bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundled {
    /// Its name, tag and card.
    pub published: Published,
    /// Its weights.
    pub object: Object,
}

/// An object's frame as it stands in a bundle, verified: a registry may write it as it is, and need not compress anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFrame {
    digest: Digest,
    bytes: Vec<u8>,
}

impl ObjectFrame {
    /// Of canonical bytes that were decoded from `frame`. One that is no smaller for being compressed is written anew (R6):
    /// a reader of a registry takes no file that is so much larger than its object.
    fn of_decoded(frame: &[u8], canonical: &[u8], digest: Digest) -> Result<Self, FormatError> {
        let bytes = if frame::is_compact(frame, canonical.len()) {
            frame.to_vec()
        } else {
            frame::encode(Content::Object, canonical)?
        };
        Ok(Self { digest, bytes })
    }

    /// The digest of the object that it holds.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Appends one ESM to a bundle.
///
/// # Errors
/// [`FormatError::TooLarge`] where record or object are.
pub fn append(bundled: &Bundled, out: &mut Vec<u8>) -> Result<(), FormatError> {
    out.extend(frame::encode(Content::Record, &bundled.published.to_canonical()?)?);
    out.extend(bundled.object.to_frame()?);
    Ok(())
}

/// The ESMs of a bundle, one after the other; ends after the first error.
///
/// # Errors
/// As [`frame::decode`], [`Object::from_canonical`] and [`crate::Card::from_canonical`];
/// [`FormatError::DigestMismatch`] where a card does not describe the object behind it.
pub fn read(bytes: &[u8]) -> impl Iterator<Item = Result<Bundled, FormatError>> {
    read_framed(bytes).map(|esm| esm.map(|(bundled, _)| bundled))
}

/// The same, with the frame of each object.
///
/// # Errors
/// As [`read`].
pub fn read_framed(bytes: &[u8]) -> impl Iterator<Item = Result<(Bundled, ObjectFrame), FormatError>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let one = read_one(rest);
        rest = one.as_ref().map_or(&[], |(_, rest)| rest);
        Some(one.map(|(one, _)| one))
    })
}

fn read_one(bytes: &[u8]) -> Result<((Bundled, ObjectFrame), &[u8]), FormatError> {
    let (record, _, objects) = frame::decode_prefix(Content::Record, bytes)?;
    let published = Published::from_canonical(&record)?;
    let card = published.card()?;
    let (canonical, found, rest) = frame::decode_prefix(Content::Object, objects)?;
    if found != card.weights.digest {
        return Err(FormatError::DigestMismatch { expected: card.weights.digest, found });
    }
    let frame = objects.split_at(objects.len() - rest.len()).0;
    let frame = ObjectFrame::of_decoded(frame, &canonical, found)?;
    let object = Object::from_canonical(canonical)?;
    let described = Weights::of(&object, card.weights.codec_error);
    if described != card.weights {
        let detail = "its length, kind, codec or dimension is not the object's";
        return Err(FormatError::invalid("card", detail));
    }
    Ok(((Bundled { published, object }, frame), rest))
}
