//! Objects from one registry to another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use esmhub_store_format::card::Weights;
use esmhub_store_format::{AnchorSet, Digest, Object};

use super::SyncOptions;
use super::plan::Step;
use crate::error::ErrorKind;
use crate::fetch::{Stored, read_canonical, read_stored};
use crate::publish::{Content, put};
use crate::workers::{Permits, SYNCS, each};
use crate::{Registry, RegistryError, schema};

/// An object, and its canonical bytes as far as a card says them.
pub(super) type Needed = (Digest, u64);

/// What an object turned out to be.
pub(super) enum Found {
    /// A map, and what a card of it has to say.
    Map(Box<Weights>),
    /// A set of anchors.
    Anchors,
    /// It cannot be read where it comes from; why.
    Damaged(String),
}

/// What became of objects that were to be copied: those that could be read are in place.
#[derive(Default)]
pub(super) struct Placing {
    pub(super) found: HashMap<Digest, Found>,
    /// How many of them are new, and their bytes as they are stored.
    pub(super) objects: usize,
    pub(super) bytes: u64,
}

impl Registry {
    /// Puts objects of another registry in place, as they are stored there, each verified; several at a time.
    ///
    /// # Errors
    /// All but damage of what is copied.
    pub(super) fn place_from(
        &self,
        from: &Self,
        objects: &[Needed],
        options: &SyncOptions<'_>,
    ) -> Result<Placing, RegistryError> {
        let (permits, done) = (Permits::new(options.threads), AtomicU64::new(0));
        let total = objects.iter().map(|(_, bytes)| bytes).sum();
        let copied = each(objects, SYNCS.max(options.threads), |(digest, bytes)| {
            let (content, found) = match content_of(from, digest) {
                Ok(read) => read,
                Err(error) if [ErrorKind::Integrity, ErrorKind::Newer].contains(&error.kind()) => {
                    return Ok((*digest, Found::Damaged(error.detail_at(&schema::object(digest))), None));
                }
                Err(error) => return Err(error),
            };
            let placed = put(&self.storage, digest, &content, false, &permits)?;
            if let Some(progress) = options.progress {
                progress(done.fetch_add(*bytes, Ordering::Relaxed) + bytes, total);
            }
            Ok((*digest, found, Some(placed)))
        })?;
        let mut placing = Placing::default();
        let mut places = Vec::new();
        for (digest, found, placed) in copied {
            if let Some(placed) = placed {
                places.push(schema::object(&digest));
                placing.objects += usize::from(placed.is_new);
                placing.bytes += if placed.is_new { placed.stored_bytes } else { 0 };
            }
            placing.found.insert(digest, found);
        }
        self.storage.settle_names(places.iter().map(String::as_str))?;
        Ok(placing)
    }

    /// Objects that were in place before the entry stood could have been taken out until then, as not referred to.
    pub(super) fn replace_taken(
        &self,
        from: &Self,
        steps: &[Step],
        options: &SyncOptions<'_>,
    ) -> Result<(), RegistryError> {
        let needed: Vec<Needed> = steps.iter().flat_map(|step| step.objects.iter().copied()).collect();
        let missing = each(&needed, SYNCS, |object| Ok(self.stored_bytes(&object.0)?.is_none().then_some(*object)))?;
        let missing: Vec<Needed> = missing.into_iter().flatten().collect();
        let again = self.place_from(from, &missing, &SyncOptions { progress: None, ..*options })?;
        match again.found.into_iter().find_map(damage) {
            Some((digest, detail)) => Err(RegistryError::unsound(schema::object(&digest), detail)),
            None => Ok(()),
        }
    }
}

/// The object that cannot be read, and why.
pub(super) fn damage((digest, found): (Digest, Found)) -> Option<(Digest, String)> {
    match found {
        Found::Damaged(detail) => Some((digest, detail)),
        _ => None,
    }
}

/// An object as it is stored, verified, and what it is. Where garbage collection has it, its canonical bytes.
fn content_of(from: &Registry, digest: &Digest) -> Result<(Content<'static>, Found), RegistryError> {
    let place = schema::object(digest);
    let (content, canonical) = match read_stored(&from.storage, digest)? {
        Some(Stored { frame, canonical }) => (Content::Frame(frame), canonical),
        None => match read_canonical(&from.storage, digest)? {
            Some((canonical, _)) => (Content::Canonical(canonical.clone().into()), canonical),
            None => return Err(RegistryError::unsound(place, "it is missing")),
        },
    };
    if AnchorSet::from_canonical(&canonical).is_ok() {
        return Ok((content, Found::Anchors));
    }
    let object = Object::from_canonical(canonical).map_err(|error| RegistryError::format(place, error))?;
    Ok((content, Found::Map(Box::new(Weights::of(&object, 0.0)))))
}
