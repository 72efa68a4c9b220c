//! Texts to tokens: the home of the tokenizers crate.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tokenizers::{PostProcessor, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

use super::EncoderError;
use super::files::read_limited;
use super::vetting::{Vetted, vet};

/// XLM-R's file, one of the largest, has 17 MB.
const MAX_TOKENIZER_BYTES: u64 = 64 << 20;

/// A model's tokenizer, without the truncation and padding that its file asks for.
pub(super) struct TextTokenizer {
    tokenizer: Tokenizer,
    vetted: Vetted,
    special: usize,
}

impl TextTokenizer {
    /// Reads tokenizer.json.
    pub(super) fn read(path: &Path) -> Result<Self, EncoderError> {
        let bytes = read_limited(path, MAX_TOKENIZER_BYTES)?;
        let refused = |source| EncoderError::Tokenizer { path: path.into(), source };
        let vetted = vet(&bytes).map_err(|refusal| refused(refusal.into()))?;
        let tokenizer = guarded(|| {
            let mut tokenizer = Tokenizer::from_bytes(&bytes)?;
            tokenizer.with_truncation(None)?;
            tokenizer.with_padding(None);
            Ok(tokenizer)
        });
        let tokenizer = tokenizer.map_err(refused)?;
        let special = tokenizer.get_post_processor().map_or(0, |template| template.added_tokens(false));
        Ok(Self { tokenizer, vetted, special })
    }

    /// The number of special tokens that every text gets.
    pub(super) fn special(&self) -> usize {
        self.special
    }

    /// The same tokenizer, cutting texts on the right so that with the special tokens they have at most `max_length`
    /// tokens, which must be more than [`special`](Self::special).
    pub(super) fn cutting_at(&self, max_length: usize) -> Result<Cutting, EncoderError> {
        let mut tokenizer = self.tokenizer.clone();
        let truncation = TruncationParams {
            direction: TruncationDirection::Right,
            max_length,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        };
        guarded(|| tokenizer.with_truncation(Some(truncation)).map(drop)).map_err(EncoderError::Compute)?;
        Ok(Cutting { tokenizer, vetted: self.vetted, max_length })
    }
}

/// A tokenizer that cuts.
pub(super) struct Cutting {
    tokenizer: Tokenizer,
    vetted: Vetted,
    max_length: usize,
}

impl Cutting {
    /// The tokens of the text at position `index`, at least one; each is below `vocabulary`.
    pub(super) fn tokens(&self, index: usize, text: &str, vocabulary: usize) -> Result<Vec<u32>, EncoderError> {
        let refused = |source| EncoderError::Tokenize { text: index, source };
        self.vetted.check_text(text).map_err(|refusal| refused(refusal.into()))?;
        let encoding = guarded(|| self.tokenizer.encode_fast(text, true)).map_err(refused)?;
        let tokens = encoding.get_ids();
        if tokens.is_empty() {
            return Err(refused("the tokenizer adds no special tokens, and the text has no token of its own".into()));
        }
        if tokens.len() > self.max_length {
            return Err(refused("the tokenizer's template adds more special tokens than it says".into()));
        }
        match tokens.iter().find(|&&token| token as usize >= vocabulary) {
            Some(&token) => Err(EncoderError::Vocabulary { text: index, token, vocabulary }),
            None => Ok(tokens.to_vec()),
        }
    }
}

/// Runs the tokenizers crate on a tokenizer from outside. It panics on some, such as a template that names a special
/// token which is not there, and a file must not be able to take the program down.
fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("the tokenizers crate panicked on it".into()))
}
