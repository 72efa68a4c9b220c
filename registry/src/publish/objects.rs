//! Putting objects in place.

use esmhub_store_format::{Digest, frame};

use crate::fetch::read_canonical;
use crate::storage::{Creation, Storage};
use crate::{RegistryError, schema};

/// An object that is in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    /// What it takes on disk, in bytes.
    pub(crate) stored_bytes: u64,
    /// Whether it was not there before.
    pub(crate) is_new: bool,
}

/// Puts an object in place. One that is there is verified before it is relied on, and made to last.
pub(crate) fn place(
    storage: &Storage,
    digest: &Digest,
    canonical: &[u8],
    dry_run: bool,
) -> Result<Placed, RegistryError> {
    let place = schema::object(digest);
    let verified = || {
        let there = read_canonical(storage, digest)?;
        Ok::<_, RegistryError>(there.map(|(_, stored_bytes)| Placed { stored_bytes, is_new: false }))
    };
    if let Some(placed) = verified()? {
        if !dry_run {
            storage.settle(&place)?;
        }
        return Ok(placed);
    }
    let frame = frame::encode(frame::Content::Object, canonical)
        .map_err(|source| RegistryError::Refused { what: place.clone(), source })?;
    let new = Placed { stored_bytes: frame.len() as u64, is_new: true };
    if dry_run || storage.create(&place, frame)? == Creation::Created {
        return Ok(new);
    }
    verified()?.ok_or_else(|| RegistryError::unsound(place, "it was there a moment ago, and is missing now"))
}
