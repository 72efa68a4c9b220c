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
//!
//! ```
//! use esmhub_store_format::card::{BaseModel, Weights};
//! use esmhub_store_format::{Card, Codec, DenseMap, Map, Object};
//!
//! // f(x) = W x + b in two dimensions, row by row; and its object, in 8 bits for each weight.
//! let map = DenseMap::new(vec![1.0, 0.25, -0.5, 1.0], vec![0.1, 0.2])?;
//! let object = Object::encode(&map, Codec::Int8)?;
//!
//! // The file of it is compressed; its name is the digest of what it holds, by which every reader checks it.
//! let file = object.to_frame()?;
//! let read = Object::from_frame(&file, &object.digest())?;
//! assert_eq!(read.canonical(), object.canonical());
//! assert!(Object::from_frame(&file[1..], &object.digest()).is_err());
//!
//! // What the codec has lost is known, and stands in the card beside the base model.
//! let moved = read.map().relative_error(&Map::Dense(map))?;
//! assert!(moved < 0.01);
//! let card = Card::imported(Weights::of(&read, moved), BaseModel::named("bert-base-uncased"));
//! assert_eq!(Card::from_canonical(&card.to_canonical()?)?, card);
//! # Ok::<(), esmhub_store_format::FormatError>(())
//! ```

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
