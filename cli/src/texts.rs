//! Embedding texts with a model: what was embedded before comes from the cache, and without reading the model's weights.

use esmhub_selection::Embeddings;
use esmhub_store_format::Digest;

use crate::context::{Context, PROGRAM};
use crate::document::count;
use crate::embedding_cache::EmbeddingCache;
use crate::failure::Outcome;
use crate::model::LoadedModel;
use crate::progress;

/// The embeddings of these texts, one row each.
pub(crate) fn embed(
    context: &Context,
    model: &LoadedModel,
    texts: &[String],
    max_length: usize,
) -> Outcome<Embeddings> {
    let cache = context.cache().map(|cache| (EmbeddingCache::within(cache), key(model, texts, max_length)));
    if let Some((cache, key)) = &cache {
        match cache.get(key, texts.len(), model.dimension) {
            Ok(Some(embeddings)) => {
                let what = count(texts.len() as u64, "embedding");
                context.detail(format!("{what} by {} from the cache", model.base.id));
                return Ok(embeddings);
            }
            Ok(None) => {}
            Err(failure) => context.detail(format!("kept embeddings were not used: {}", failure.message())),
        }
    }
    let encoder = model.encoder()?;
    let bar = progress::bar(context.shows_progress(), texts.len() as u64, format!("embedding with {}", model.base.id));
    let embeddings = encoder.embed(texts, max_length, &|done, _all| bar.set_position(done as u64));
    bar.finish_and_clear();
    let embeddings = embeddings?;
    if let Some((cache, key)) = &cache
        && let Err(failure) = cache.put(key, &embeddings)
    {
        context.detail(format!("embeddings were not kept: {}", failure.message()));
    }
    Ok(embeddings)
}

/// All that decides the embeddings. Program and device are part of it: another version, or a GPU, computes their last bits in
/// another way.
fn key(model: &LoadedModel, texts: &[String], max_length: usize) -> Digest {
    let mut hasher = blake3::Hasher::new();
    let device = if model.device.is_cpu() { "cpu" } else { "gpu" };
    let settings = format!("esmhub embeddings 1\n{PROGRAM}\n{device}\n{}\n{max_length}\n", model.pooling);
    hasher.update(&(settings.len() as u64).to_le_bytes()).update(settings.as_bytes());
    for digest in [model.digests.weights, model.digests.tokenizer, model.settings] {
        hasher.update(digest.as_bytes());
    }
    hasher.update(&(texts.len() as u64).to_le_bytes());
    for text in texts {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    Digest::from_bytes(*hasher.finalize().as_bytes())
}
