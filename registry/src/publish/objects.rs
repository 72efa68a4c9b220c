//! Putting objects in place.

use std::borrow::Cow;

use esmhub_store_format::{Digest, FormatError, frame};

use crate::fetch::read_at;
use crate::storage::{Creation, Storage};
use crate::workers::Permits;
use crate::{RegistryError, schema};

/// An object that is in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    /// What it takes on disk, in bytes.
    pub(crate) stored_bytes: u64,
    /// Whether it was not there before.
    pub(crate) is_new: bool,
}

/// The bytes that an object is written from.
#[derive(Debug, Clone)]
pub(crate) enum Content<'a> {
    /// Its canonical bytes.
    Canonical(Cow<'a, [u8]>),
    /// The frame that goes to disk.
    Frame(Vec<u8>),
}

impl Content<'_> {
    fn frame(&self) -> Result<Cow<'_, [u8]>, FormatError> {
        match self {
            Self::Canonical(canonical) => frame::encode(frame::Content::Object, canonical).map(Cow::Owned),
            Self::Frame(frame) => Ok(Cow::Borrowed(frame)),
        }
    }
}

/// How often a garbage collection may take an object out under a publisher's hands. Once is rare.
const ATTEMPTS: u32 = 8;

/// Puts an object in place, under its own name. One that is there is verified before it is relied on. Its bytes then last; its
/// name does when [`Storage::settle_names`] has ended.
pub(crate) fn put(
    storage: &Storage,
    digest: &Digest,
    content: &Content<'_>,
    dry_run: bool,
    permits: &Permits,
) -> Result<Placed, RegistryError> {
    let place = schema::object(digest);
    for _ in 0..ATTEMPTS {
        let permit = permits.take();
        if let Some((_, stored_bytes)) = read_at(storage, &place, digest)? {
            drop(permit);
            if dry_run || storage.settle_bytes(&place)? {
                return Ok(Placed { stored_bytes, is_new: false });
            }
            continue;
        }
        let frame = content.frame().map_err(|source| RegistryError::Refused { what: place.clone(), source })?;
        let new = Placed { stored_bytes: frame.len() as u64, is_new: true };
        if dry_run {
            return Ok(new);
        }
        let written = storage.write(&place, frame)?;
        drop(permit);
        if storage.link(&place, written)? == Creation::Created {
            return Ok(new);
        }
    }
    Err(RegistryError::unsound(place, "it is there and then missing, again and again"))
}

/// Puts the object of these canonical bytes in place, and makes it last, name and all.
pub(crate) fn place(
    storage: &Storage,
    digest: &Digest,
    canonical: &[u8],
    dry_run: bool,
) -> Result<Placed, RegistryError> {
    let placed = put(storage, digest, &Content::Canonical(canonical.into()), dry_run, &Permits::new(1))?;
    if !dry_run {
        storage.settle_names([schema::object(digest).as_str()])?;
    }
    Ok(placed)
}
