//! The shape of the file: its depth, its parts, and what its tokens come to.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::refusal::Refusal;

/// Of brackets within brackets; files of transformers have 7.
pub(super) const MAX_DEPTH: usize = 24;

/// What the crate reads of the file. A key that stands there twice is an error.
#[derive(Deserialize)]
pub(super) struct Outline<'a> {
    #[serde(default)]
    pub(super) added_tokens: Vec<Added>,
    #[serde(default)]
    pub(super) normalizer: Value,
    #[serde(default)]
    pub(super) pre_tokenizer: Value,
    #[serde(default)]
    pub(super) post_processor: Value,
    #[serde(borrow)]
    pub(super) model: Model<'a>,
}

#[derive(Deserialize)]
pub(super) struct Added {
    pub(super) content: String,
}

#[derive(Deserialize)]
pub(super) struct Model<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) vocab: Tokens,
    #[serde(default)]
    pub(super) continuing_subword_prefix: Option<String>,
    #[serde(default)]
    pub(super) max_input_chars_per_word: Option<u64>,
}

impl<'a> Outline<'a> {
    /// Reads it, if it is not nested too deep for the parsers behind this one, which recurse.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if depth(bytes) > MAX_DEPTH {
            return Err(Refusal::Depth);
        }
        serde_json::from_slice(bytes).map_err(Refusal::Json)
    }
}

/// How deep brackets are nested outside of strings; what is no JSON is left to the parser.
fn depth(bytes: &[u8]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                open = open.saturating_add(1);
                deepest = deepest.max(open);
            }
            b'}' | b']' => open = open.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'\\' => drop(bytes.next()),
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

/// What the tokens of a vocabulary come to: a map from token to number, or a list of tokens with their scores.
#[derive(Default)]
pub(super) struct Tokens {
    pub(super) number: usize,
    pub(super) longest: usize,
    pub(super) bytes: usize,
}

impl Tokens {
    fn count(&mut self, token: &str) {
        self.number = self.number.saturating_add(1);
        self.longest = self.longest.max(token.len());
        self.bytes = self.bytes.saturating_add(token.len());
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TokensVisitor)
    }
}

struct TokensVisitor;

impl<'de> Visitor<'de> for TokensVisitor {
    type Value = Tokens;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of tokens, or a list of tokens and scores")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tokens, A::Error> {
        let mut tokens = Tokens::default();
        while let Some((token, _)) = map.next_entry::<Text<'de>, IgnoredAny>()? {
            tokens.count(&token.0);
        }
        Ok(tokens)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Tokens, A::Error> {
        let mut tokens = Tokens::default();
        while let Some((token, _)) = sequence.next_element::<(Text<'de>, IgnoredAny)>()? {
            tokens.count(&token.0);
        }
        Ok(tokens)
    }
}

/// A string that is copied only where it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
