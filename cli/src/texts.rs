//! Embedding texts with a model, with progress.

use esmhub_selection::Embeddings;

use crate::context::Context;
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
    let bar = progress::bar(context.shows_progress(), texts.len() as u64, format!("embedding with {}", model.base.id));
    let embeddings = model.encoder.embed(texts, max_length, &|done, _all| bar.set_position(done as u64));
    bar.finish_and_clear();
    Ok(embeddings?)
}
