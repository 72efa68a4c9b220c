//! The sketch of a source's texts in its card.

use esmhub_store_format::Card;
use esmhub_store_format::limits::{MAX_CARD_BYTES, MAX_SKETCH_BYTES};
use esmhub_store_format::sketch::{Sketch, TextSet};
use serde::Serialize;

use crate::context::Context;
use crate::data::{Data, DataOptions};
use crate::dataset::{Columns, Limit};
use crate::failure::{Failure, OTHER, Outcome};

/// Bytes of a card that stay free: `recompress` writes there what the map was made from.
const RESERVED: usize = 256;
/// Bytes of an extension besides its own: id, length.
const EXTENSION: usize = 10;

/// A sketch in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct SketchSummary {
    /// The source's distinct texts.
    pub(crate) texts: u64,
    /// How many of them it lists.
    pub(crate) hashes: u32,
}

impl SketchSummary {
    /// Of a card that has one.
    pub(crate) fn of(card: &Card) -> Option<Self> {
        card.sketch().map(|sketch| Self { texts: sketch.texts(), hashes: sketch.hashes() })
    }
}

/// The texts of `--source-texts`.
pub(crate) fn read_texts(context: &Context, data: &Data, part: &DataOptions, columns: &[String]) -> Outcome<TextSet> {
    let (table, _) = data.read(context, part, Columns { texts: columns, label: None }, Limit::All)?;
    Ok(TextSet::of(&table.texts))
}

/// Gives a card that is otherwise complete the largest sketch of these texts that fits.
pub(super) fn add(card: &mut Card, texts: &TextSet) -> Outcome<()> {
    if texts.is_empty() {
        return Err(Failure::new(
            OTHER,
            "none of the source's texts has a letter or a digit: there is nothing to sketch",
        )
        .hint("publish without --source-texts, or with --no-sketch"));
    }
    let taken = card.to_canonical()?.len() + EXTENSION + RESERVED;
    let room = (MAX_CARD_BYTES as usize).saturating_sub(taken).min(MAX_SKETCH_BYTES);
    let sketch = Sketch::of(texts, room).ok_or_else(|| {
        Failure::new(OTHER, "the card has no room for a sketch of the source's texts")
            .hint("say less with --set, or publish without --source-texts, or with --no-sketch")
    })?;
    card.set_sketch(&sketch);
    Ok(())
}
