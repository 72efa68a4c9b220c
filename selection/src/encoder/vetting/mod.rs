//! tokenizer.json, checked before the tokenizers crate is given it.
//!
//! The crate believes the file. A long token of a Unigram model makes a tree as deep as the token is long, which overflows
//! the stack when it is dropped; a chain of replacements multiplies every text, a template every special token; a
//! character map is allocated as long as it says it is. None of these can be caught where it happens, so that here every
//! length, depth and growth must be within limits that all published encoders keep by far. Panics are left to the caller.

mod character_map;
mod outline;
mod parts;
mod pattern;
mod refusal;
mod vet;

pub(super) use vet::{Vetted, vet};
