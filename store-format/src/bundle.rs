//! Bundle files: ESMs outside a registry, each as one frame with its publish record and one with its object (R40).
//!
//! An exported ESM is a bundle of one. Frames follow each other up to the end of the file; nothing else stands there.

use crate::card::Weights;
use crate::frame::{self, Content};
use crate::log::Published;
use crate::{FormatError, Object};

/// One ESM of a bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundled {
    /// Its name, tag and card.
    pub published: Published,
    /// Its weights.
    pub object: Object,
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
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bundled = read_one(rest);
        rest = bundled.as_ref().map_or(&[], |(_, rest)| rest);
        Some(bundled.map(|(bundled, _)| bundled))
    })
}

fn read_one(bytes: &[u8]) -> Result<(Bundled, &[u8]), FormatError> {
    let (record, _, rest) = frame::decode_prefix(Content::Record, bytes)?;
    let published = Published::from_canonical(&record)?;
    let card = published.card()?;
    let (canonical, found, rest) = frame::decode_prefix(Content::Object, rest)?;
    if found != card.weights.digest {
        return Err(FormatError::DigestMismatch { expected: card.weights.digest, found });
    }
    let object = Object::from_canonical(canonical)?;
    let described = Weights::of(&object, card.weights.codec_error);
    if described != card.weights {
        let detail = "its length, kind, codec or dimension is not the object's";
        return Err(FormatError::invalid("card", detail));
    }
    Ok((Bundled { published, object }, rest))
}
