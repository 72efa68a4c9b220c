//! What the end-to-end tests share: the built command in a world of its own, and builders of what it reads.
//!
//! It promises: no test sees the user's environment, cache or home; nothing reaches for the network; a refusal has
//! changed nothing; a document is one JSON object with its schema and whole digests. It never looks into the command's
//! own types: files are written here byte by byte, and documents are read as JSON.

mod arrays;
pub(crate) mod bucket;
mod esm;
mod given;
pub(crate) mod hub;
pub(crate) mod keys;
pub(crate) mod loopback;
mod numbers;
mod page;
mod picture;
mod serving;
mod target;
mod tree;
mod tuning;

pub(crate) use arrays::{Array, f32_array, i64_array, labels_array, npz, numbers_array, read_npz};
pub(crate) use esm::EsmFolder;
pub(crate) use given::{figure, fixture, given, has, tiny_base, tiny_model};
pub(crate) use hub::{Hub, Output, at, digests, line};
pub(crate) use numbers::{Random, kendall_tau, r2};
pub(crate) use page::{marked, page_agrees, plain};
pub(crate) use picture::Picture;
pub(crate) use target::{csv, names, pairs, parquet, parquet_with, pool, target, words};
pub(crate) use tree::{Tree, damage, overwrite};
pub(crate) use tuning::Tuning;
