//! Anchor texts: texts of many domains on which every ESM of a base model is fitted besides its own, so that its map has
//! seen the regions where targets may lie, and scores of one pool can be compared.
//!
//! - [`built_in()`] is the set that ships with esmhub; [`from_files`] makes one of the user's own texts.
//! - [`EmbeddedAnchors`] is a set as base and tuned model embed it; [`from_pairs`] takes embeddings that are at hand.

mod built_in;
mod embedded;
mod files;
mod pairs;

pub(crate) use built_in::built_in;
pub(crate) use embedded::{EmbeddedAnchors, base_embeddings};
pub(crate) use files::{Selection, from_files};
pub(crate) use pairs::from_pairs;

use esmhub_selection::fit::AnchorPairs;
use esmhub_store_format::Digest;

/// Anchors as a fit takes them, with the digest by which its card names them.
pub(crate) struct Anchors {
    /// One for each domain.
    pub(crate) domains: Vec<AnchorPairs>,
    /// Of the anchor set, or of the embeddings where only they are at hand.
    pub(crate) digest: Digest,
}
