//! Reading objects. Every read is verified against the digest that was asked for, before anything is decoded.

use esmhub_store_format::card::Weights;
use esmhub_store_format::limits::MAX_OBJECT_BYTES;
use esmhub_store_format::{AnchorSet, Card, Digest, Object, frame};

use crate::storage::Storage;
use crate::{Esm, Registry, RegistryError, schema, trash};

/// The largest file of an object that is read.
pub(crate) const LIMIT: u64 = MAX_OBJECT_BYTES + frame::HEADER_BYTES as u64;

/// An ESM whole: its card and the object that the card describes.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The card.
    pub card: Card,
    /// The weights.
    pub object: Object,
    /// What the object takes on disk, in bytes.
    pub stored_bytes: u64,
}

impl Registry {
    /// An ESM's card and object, verified, and the one describing the other.
    ///
    /// # Errors
    /// [`RegistryError::Damaged`] and [`RegistryError::Unsound`] where the object is damaged, missing, or not what the
    /// card says; [`RegistryError::Newer`] where card or object are newer than this program.
    pub fn fetch(&self, esm: &Esm) -> Result<Fetched, RegistryError> {
        let card = esm.card().map_err(|error| {
            RegistryError::format(format!("{}, the card of {}", schema::entry(esm.entry()), esm.reference()), error)
        })?;
        let place = schema::object(&card.weights.digest);
        let (canonical, stored_bytes) = self.read_kept(&card.weights.digest)?.ok_or_else(|| missing(&place))?;
        let object = Object::from_canonical(canonical).map_err(|error| RegistryError::format(&*place, error))?;
        match mismatch(&card.weights, &object) {
            Some(detail) => Err(RegistryError::unsound(place, format!("{} says {detail}", esm.reference()))),
            None => Ok(Fetched { card, object, stored_bytes }),
        }
    }

    /// The object of this digest, verified.
    ///
    /// # Errors
    /// As [`Registry::fetch`]. An object that is not there is [`RegistryError::Unsound`]: whoever asks has its digest from
    /// a card.
    pub fn read_object(&self, digest: &Digest) -> Result<Object, RegistryError> {
        let place = schema::object(digest);
        let (canonical, _) = self.read_kept(digest)?.ok_or_else(|| missing(&place))?;
        Object::from_canonical(canonical).map_err(|error| RegistryError::format(place, error))
    }

    /// The anchor set of this digest, verified.
    ///
    /// # Errors
    /// As [`Registry::read_object`]: whoever asks has its digest from the log or from a card. A map in its place is
    /// [`RegistryError::Damaged`].
    pub fn fetch_anchors(&self, digest: &Digest) -> Result<AnchorSet, RegistryError> {
        let place = schema::object(digest);
        let (canonical, _) = self.read_kept(digest)?.ok_or_else(|| missing(&place))?;
        AnchorSet::from_canonical(&canonical).map_err(|error| RegistryError::format(place, error))
    }

    /// [`read_canonical`], but that what came over a network once does not come again.
    fn read_kept(&self, digest: &Digest) -> Result<Option<(Vec<u8>, u64)>, RegistryError> {
        let Some(kept) = &self.kept else { return read_canonical(&self.storage, digest) };
        if let Some(found) = kept.get(digest) {
            return Ok(Some(found));
        }
        let place = schema::object(digest);
        let Some(bytes) = self.storage.read(&place, LIMIT)? else { return read_canonical(&self.storage, digest) };
        let canonical = decode(&place, &bytes, digest)?;
        kept.put(digest, &bytes);
        Ok(Some((canonical, bytes.len() as u64)))
    }

    /// What the object of this digest takes on disk, in bytes; `None` where it is not there. It is not read.
    ///
    /// # Errors
    /// [`RegistryError::Io`].
    pub fn stored_bytes(&self, object: &Digest) -> Result<Option<u64>, RegistryError> {
        self.storage.size(&schema::object(object))
    }
}

/// An object's canonical bytes, verified but not decoded, and its size on disk, wherever it lies; `None` where it is not there.
pub(crate) fn read_canonical(storage: &Storage, digest: &Digest) -> Result<Option<(Vec<u8>, u64)>, RegistryError> {
    let place = schema::object(digest);
    if let Some(found) = read_at(storage, &place, digest)? {
        return Ok(Some(found));
    }
    match trash::read(storage, digest)? {
        Some(found) => Ok(Some(found)),
        // It may have been put back in between.
        None => read_at(storage, &place, digest),
    }
}

/// The same of the file in one place.
pub(crate) fn read_at(
    storage: &Storage,
    place: &str,
    digest: &Digest,
) -> Result<Option<(Vec<u8>, u64)>, RegistryError> {
    let Some(bytes) = storage.read(place, LIMIT)? else {
        return Ok(None);
    };
    Ok(Some((decode(place, &bytes, digest)?, bytes.len() as u64)))
}

/// An object's file as it is stored, and the canonical bytes in it.
pub(crate) struct Stored {
    pub(crate) frame: Vec<u8>,
    pub(crate) canonical: Vec<u8>,
}

/// The file of an object, verified; `None` where there is none in its place.
pub(crate) fn read_stored(storage: &Storage, digest: &Digest) -> Result<Option<Stored>, RegistryError> {
    let place = schema::object(digest);
    let Some(frame) = storage.read(&place, LIMIT)? else { return Ok(None) };
    let canonical = decode(&place, &frame, digest)?;
    Ok(Some(Stored { frame, canonical }))
}

fn decode(place: &str, bytes: &[u8], digest: &Digest) -> Result<Vec<u8>, RegistryError> {
    frame::decode_as(frame::Content::Object, bytes, digest).map_err(|error| RegistryError::format(place, error))
}

/// How an object is not what a card says of it; `None` where it is.
pub(crate) fn mismatch(card: &Weights, object: &Object) -> Option<String> {
    difference(card, &Weights::of(object, card.codec_error))
}

/// How what was found differs from what a card says; the codec's error is the publisher's word.
pub(crate) fn difference(card: &Weights, found: &Weights) -> Option<String> {
    if card.digest != found.digest {
        return Some(format!("digest {}, found {}", card.digest, found.digest));
    }
    let pairs = [
        ("bytes", card.bytes, found.bytes),
        ("kind", card.kind.into(), found.kind.into()),
        ("codec", card.codec.into(), found.codec.into()),
        ("dimension", card.dimension.into(), found.dimension.into()),
    ];
    let (what, says, is) = pairs.into_iter().find(|(_, says, is)| says != is)?;
    Some(format!("{what} {says}, found {is}"))
}

fn missing(place: &str) -> RegistryError {
    RegistryError::unsound(place, "it is missing")
}
