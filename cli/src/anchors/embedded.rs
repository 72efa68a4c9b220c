//! An anchor set as models embed it. What the base model makes of it is kept in the user's cache: it is the same for every
//! ESM.

use std::fs;
use std::path::{Path, PathBuf};

use esmhub_selection::Embeddings;
use esmhub_selection::fit::AnchorPairs;
use esmhub_store_format::{AnchorSet, Digest};

use super::Anchors;
use crate::context::{Context, PROGRAM};
use crate::failure::{Failure, Outcome};
use crate::model::LoadedModel;
use crate::source::read_at_most;
use crate::texts::embed;

/// A set with its base embeddings, waiting for those of a tuned model.
pub(crate) struct EmbeddedAnchors {
    set: AnchorSet,
    digest: Digest,
    base: Embeddings,
}

impl EmbeddedAnchors {
    /// Embeds a set with the base model, or takes what an earlier command made of it.
    pub(crate) fn new(context: &Context, set: AnchorSet, model: &LoadedModel, max_length: usize) -> Outcome<Self> {
        let digest = set.digest()?;
        let base = base_embeddings(context, &set, model, max_length)?;
        Ok(Self { set, digest, base })
    }

    /// The set's texts, for the tuned model.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.set.texts().map(str::to_owned).collect()
    }

    /// The anchors, given what the tuned model made of [`EmbeddedAnchors::texts`].
    pub(crate) fn with_tuned(self, tuned: &Embeddings) -> Outcome<Anchors> {
        let mut start = 0;
        let mut domains = Vec::with_capacity(self.set.domains.len());
        for domain in &self.set.domains {
            let rows: Vec<usize> = (start..start + domain.texts.len()).collect();
            start += rows.len();
            let pairs = AnchorPairs::new(&domain.label, &self.base.select(&rows), &tuned.select(&rows));
            domains.push(pairs.map_err(|error| Failure::from(error).at(format!("anchor domain {:?}", domain.label)))?);
        }
        Ok(Anchors { domains, digest: self.digest })
    }
}

/// The base model's embeddings of a set, one row per text, domain by domain.
pub(crate) fn base_embeddings(
    context: &Context,
    set: &AnchorSet,
    model: &LoadedModel,
    max_length: usize,
) -> Outcome<Embeddings> {
    let texts: Vec<String> = set.texts().map(str::to_owned).collect();
    let dimension = model.encoder.dimension();
    let place = context.cache().map(|cache| place(cache, &set.digest()?, model, max_length)).transpose()?;
    if let Some(kept) = place.as_deref().and_then(|place| read(place, texts.len(), dimension)) {
        return Ok(kept);
    }
    let embeddings = embed(context, model, &texts, max_length)?;
    if let Some(place) = place
        && let Err(error) = keep(&place, &embeddings)
    {
        context.detail(format!("the anchors' embeddings were not kept in {}: {error}", place.display()));
    }
    Ok(embeddings)
}

/// Named by everything that decides the embeddings.
fn place(cache: &Path, set: &Digest, model: &LoadedModel, max_length: usize) -> Outcome<PathBuf> {
    let LoadedModel { base, settings, .. } = model;
    let (weights, tokenizer) = (base.weights, base.tokenizer);
    let decided_by = format!("{PROGRAM}\n{set}\n{weights:?}\n{tokenizer:?}\n{settings}\n{max_length}");
    Ok(cache.join("anchors").join(format!("{}.f32", Digest::of(decided_by.as_bytes()))))
}

/// What was kept: its blake3, then the values. `None` where there is nothing that can be used.
fn read(place: &Path, rows: usize, dimension: usize) -> Option<Embeddings> {
    let length = 4 * rows * dimension;
    let bytes = read_at_most(place, 32 + length as u64).ok()??;
    let (digest, values) = bytes.split_at_checked(32)?;
    if values.len() != length || Digest::of(values).as_bytes() != digest {
        return None;
    }
    let values = values.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Embeddings::new(dimension, values)
}

fn keep(place: &Path, embeddings: &Embeddings) -> std::io::Result<()> {
    let values: Vec<u8> = embeddings.values().iter().flat_map(|value| value.to_le_bytes()).collect();
    let bytes = [Digest::of(&values).as_bytes().as_slice(), &values].concat();
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    // Others may read the name while this is written.
    let staged = place.with_extension(format!("{}.new", std::process::id()));
    let kept = fs::write(&staged, bytes).and_then(|()| fs::rename(&staged, place));
    if kept.is_err() {
        // It is of no use to anybody.
        let _ = fs::remove_file(&staged);
    }
    kept
}
