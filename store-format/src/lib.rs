//! The bytes of an esmhub registry: what stands in its files, and nothing else.
//!
//! An **Embedding Space Map** (ESM) is a linear map `f(x) = W x + b` that imitates what fine-tuning on one source task
//! does to a base model's embeddings (Schulte, Hamborg, Akbik 2024, arXiv 2410.15148). This crate turns ESMs, their
//! cards and a registry's log entries into bytes and back. SPEC.md, at the top of the repository, is the contract that
//! it implements; the numbers `R1`, `R2`, … in the comments are the rules there.
//!
//! It promises: the same value always gives the same canonical bytes; bytes from outside are checked before they are
//! believed, and limited before anything is allocated; no input makes it panic.
//!
//! It never does I/O, never reads a clock or the environment, and knows neither the index nor the tensor library.

pub mod anchors;
pub mod bundle;
pub mod card;
pub mod codec;
mod digest;
mod error;
pub mod exchange;
pub mod frame;
pub mod limits;
pub mod log;
mod name;
pub mod object;
mod reference;
pub mod sketch;
mod wire;

pub use anchors::AnchorSet;
pub use card::Card;
pub use codec::Codec;
pub use digest::{Digest, DigestPrefix};
pub use error::FormatError;
pub use name::{Name, NameError, Tag};
pub use object::{DenseMap, LowRankMap, Map, Object};
pub use reference::Reference;
