//! An anchor set as models embed it. What the base model makes of it is the same for every ESM, and comes from the cache of
//! embeddings from the second on.

use esmhub_selection::Embeddings;
use esmhub_selection::fit::AnchorPairs;
use esmhub_store_format::{AnchorSet, Digest};

use super::Anchors;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::model::LoadedModel;
use crate::texts::embed;

/// A set with its base embeddings, waiting for those of a tuned model.
pub(crate) struct EmbeddedAnchors {
    set: AnchorSet,
    digest: Digest,
    base: Embeddings,
}

impl EmbeddedAnchors {
    /// Embeds a set with the base model.
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

/// A model's embeddings of a set, one row per text, domain by domain.
pub(crate) fn base_embeddings(
    context: &Context,
    set: &AnchorSet,
    model: &LoadedModel,
    max_length: usize,
) -> Outcome<Embeddings> {
    let texts: Vec<String> = set.texts().map(str::to_owned).collect();
    embed(context, model, &texts, max_length)
}
