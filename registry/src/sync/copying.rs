//! Objects from one registry to another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use esmhub_store_format::Digest;

use super::SyncOptions;
use super::plan::Step;
use crate::error::ErrorKind;
use crate::fetch::{read_canonical, read_frame};
use crate::publish::{Content, put};
use crate::workers::{Permits, SYNCS, each};
use crate::{Registry, RegistryError, schema};

/// What became of objects that were to be copied.
#[derive(Default)]
pub(super) struct Placing {
    /// Those that are in place.
    pub(super) placed: Vec<Digest>,
    /// How many of them are new, and their bytes as they are stored.
    pub(super) objects: usize,
    pub(super) bytes: u64,
    /// Those that cannot be read where they come from, and why.
    pub(super) unusable: HashMap<Digest, String>,
}

impl Registry {
    /// Puts objects of another registry in place, as they are stored there, each verified; several at a time.
    ///
    /// # Errors
    /// All but damage of what is copied.
    pub(super) fn place_from(
        &self,
        from: &Self,
        objects: &[(Digest, u64)],
        options: &SyncOptions<'_>,
    ) -> Result<Placing, RegistryError> {
        let (permits, done) = (Permits::new(options.threads), AtomicU64::new(0));
        let total = objects.iter().map(|(_, bytes)| bytes).sum();
        let copied = each(objects, SYNCS.max(options.threads), |(digest, bytes)| {
            let content = match content_of(from, digest) {
                Ok(content) => content,
                Err(error) if error.kind() == ErrorKind::Integrity => {
                    return Ok((*digest, Err(error.detail_at(&schema::object(digest)))));
                }
                Err(error) => return Err(error),
            };
            let placed = put(&self.storage, digest, &content, false, &permits)?;
            if let Some(progress) = options.progress {
                progress(done.fetch_add(*bytes, Ordering::Relaxed) + bytes, total);
            }
            Ok((*digest, Ok(placed)))
        })?;
        let mut placing = Placing::default();
        for (digest, placed) in copied {
            match placed {
                Ok(placed) => {
                    placing.placed.push(digest);
                    placing.objects += usize::from(placed.is_new);
                    placing.bytes += if placed.is_new { placed.stored_bytes } else { 0 };
                }
                Err(detail) => drop(placing.unusable.insert(digest, detail)),
            }
        }
        let places: Vec<String> = placing.placed.iter().map(schema::object).collect();
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
        let needed: Vec<(Digest, u64)> = steps.iter().flat_map(|step| step.objects.iter().copied()).collect();
        let missing = each(&needed, SYNCS, |object| Ok(self.stored_bytes(&object.0)?.is_none().then_some(*object)))?;
        let missing: Vec<(Digest, u64)> = missing.into_iter().flatten().collect();
        let again = self.place_from(from, &missing, &SyncOptions { progress: None, ..*options })?;
        match again.unusable.into_iter().next() {
            Some((digest, detail)) => Err(RegistryError::unsound(schema::object(&digest), detail)),
            None => Ok(()),
        }
    }
}

/// An object as it is stored, verified. Where garbage collection has it, its canonical bytes.
fn content_of(from: &Registry, digest: &Digest) -> Result<Content<'static>, RegistryError> {
    if let Some(frame) = read_frame(&from.storage, digest)? {
        return Ok(Content::Frame(frame));
    }
    match read_canonical(&from.storage, digest)? {
        Some((canonical, _)) => Ok(Content::Canonical(canonical.into())),
        None => Err(RegistryError::unsound(schema::object(digest), "it is missing")),
    }
}
