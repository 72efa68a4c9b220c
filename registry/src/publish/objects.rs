//! Putting objects in place.

use esmhub_store_format::{Digest, frame};

use crate::fetch::read_at;
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

/// How often a garbage collection may take an object out under a publisher's hands. Once is rare.
const ATTEMPTS: u32 = 8;

/// Puts an object in place, under its own name. One that is there is verified before it is relied on, and made to last.
pub(crate) fn place(
    storage: &Storage,
    digest: &Digest,
    canonical: &[u8],
    dry_run: bool,
) -> Result<Placed, RegistryError> {
    let place = schema::object(digest);
    for _ in 0..ATTEMPTS {
        if let Some((_, stored_bytes)) = read_at(storage, &place, digest)? {
            if !dry_run {
                storage.settle(&place)?;
            }
            return Ok(Placed { stored_bytes, is_new: false });
        }
        let frame = frame::encode(frame::Content::Object, canonical)
            .map_err(|source| RegistryError::Refused { what: place.clone(), source })?;
        let new = Placed { stored_bytes: frame.len() as u64, is_new: true };
        if dry_run || storage.create(&place, frame)? == Creation::Created {
            return Ok(new);
        }
    }
    Err(RegistryError::unsound(place, "it is there and then missing, again and again"))
}
