//! The checks in their order.

use super::outline::{Model, Outline};
use super::parts::{growth, normalizer_growth, pre_tokenizer_growth, vet_template};
use super::refusal::{Refusal, refuse, short, within};

/// Tokens, those of the largest model times two.
const MAX_TOKENS: usize = 1 << 21;
/// Bytes of one token.
const MAX_TOKEN_BYTES: usize = 512;
/// Bytes of all tokens together. A Unigram model makes some 300 bytes of each that no other token shares.
const MAX_VOCABULARY_BYTES: usize = 16 << 20;
/// Tokens beside the model's own.
const MAX_ADDED_TOKENS: usize = 1 << 16;
/// WordPiece tries every part of a word of this many characters; the models have 100.
const MAX_WORD_CHARACTERS: u64 = 256;
/// How many times longer a text may become before it is split into tokens.
const MAX_GROWTH: u64 = 1024;
/// Bytes that one text may become.
pub(super) const MAX_GROWN_BYTES: u64 = 16 << 20;

/// What a checked tokenizer may make of a text.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Vetted {
    /// An upper bound of the bytes that normalizer and pre-tokenizer make of each.
    growth: u64,
}

impl Vetted {
    /// Refuses a text of which the tokenizer could make more than 16 MiB.
    pub(in super::super) fn check_text(self, text: &str) -> Result<(), Refusal> {
        let grown = (text.len() as u64).saturating_mul(self.growth);
        if grown > MAX_GROWN_BYTES {
            return Err(Refusal::Text { bytes: text.len(), growth: self.growth });
        }
        Ok(())
    }
}

/// Whether the tokenizers crate can be given these bytes.
pub(in super::super) fn vet(bytes: &[u8]) -> Result<Vetted, Refusal> {
    let file = Outline::of(bytes)?;
    vet_model(&file.model)?;
    let growth = growth("normalizer", &file.normalizer, "normalizers", normalizer_growth)?.saturating_mul(growth(
        "pre_tokenizer",
        &file.pre_tokenizer,
        "pretokenizers",
        pre_tokenizer_growth,
    )?);
    within("normalizer and pre_tokenizer", "the growth of a text", growth, MAX_GROWTH)?;
    within("added_tokens", "their number", file.added_tokens.len() as u64, MAX_ADDED_TOKENS as u64)?;
    let mut bytes = 0_u64;
    for added in &file.added_tokens {
        within("added_tokens", "the length of a token", added.content.len() as u64, MAX_TOKEN_BYTES as u64)?;
        bytes = bytes.saturating_add(added.content.len() as u64);
    }
    // They are normalized when the file is read.
    within("added_tokens", "their length when normalized", bytes.saturating_mul(growth), MAX_GROWN_BYTES)?;
    vet_template(&file.post_processor)?;
    Ok(Vetted { growth })
}

fn vet_model(model: &Model<'_>) -> Result<(), Refusal> {
    const PART: &str = "model";
    let kind = model.kind.as_deref().unwrap_or("missing");
    if !["BPE", "WordPiece", "WordLevel", "Unigram"].contains(&kind) {
        return Err(refuse(PART, "type", short(kind), "BPE, WordPiece, WordLevel or Unigram"));
    }
    within(PART, "the number of tokens", model.vocab.number as u64, MAX_TOKENS as u64)?;
    within(PART, "the length of a token", model.vocab.longest as u64, MAX_TOKEN_BYTES as u64)?;
    within(PART, "the length of all tokens", model.vocab.bytes as u64, MAX_VOCABULARY_BYTES as u64)?;
    within(PART, "max_input_chars_per_word", model.max_input_chars_per_word.unwrap_or(0), MAX_WORD_CHARACTERS)?;
    match model.continuing_subword_prefix.as_deref() {
        // The crate cuts it off tokens without looking whether it stands there, and believes that text is left.
        Some(prefix) if kind == "BPE" && !prefix.is_empty() => {
            Err(refuse(PART, "continuing_subword_prefix", short(prefix), "none in a BPE model"))
        }
        _ => Ok(()),
    }
}
