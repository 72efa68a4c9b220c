//! Arrays: embeddings that were computed elsewhere, with labels or with other embeddings.
//!
//! A file holds `x` (N x D) and `y`: N labels of a target, or N x D embeddings of a pair file. One file per format
//! (`npz`, `safetensors`), each the only place that knows its parser; what a shape must be is said in `shape` alone.
//!
//! An array is decoded only after its header, the size of its bytes in the file and the limits agree, and memory grows
//! with the bytes that really come. Other arrays in the file are not looked at.

mod npy;
mod npz;
mod problem;
mod read;
mod safetensors;
mod shape;

pub(super) use problem::ArrayProblem;
pub use read::{PairArrays, read_embeddings, read_pairs, read_target};
