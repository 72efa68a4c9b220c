//! Selecting intermediate tasks: what esmhub computes.
//!
//! Texts become [`Embeddings`] through an [`encoder`]; pairs of embeddings become an Embedding Space Map through
//! [`fit`](mod@fit); and a [`Target`] gives every map a [`Score`], by which a pool is ranked (arXiv 2410.15148): LogME, or another. [`Target::shape`] and [`layout`](fn@layout) show which of them act alike.
//!
//! It promises: everything that decides a score is computed in f64, unless [`Precision::Single`] is asked for; the same input gives the same bits, whatever the number
//! of threads; NaN and infinity are refused where they enter, never carried along.
//!
//! It never prints, never reads the environment, and knows nothing of registries and directories of ESMs.

mod agreement;
mod distance;
mod embeddings;
pub mod encoder;
mod features;
pub mod fit;
mod gram;
pub mod hub;
mod labels;
mod layout;
mod logme;
mod pickle;
mod random;
mod score;
mod shape;
mod simd;
mod target;
mod worth;

pub use agreement::{kendall_tau, regret};
pub use distance::Distance;
pub use embeddings::Embeddings;
pub use labels::Labels;
pub use layout::{Layout, layout};
pub use logme::Formula;
pub use pickle::{PickleError, read_pickle};
pub use random::SplitMix64;
pub use score::{Score, ScoreNameError};
pub use target::{Precision, ScoreError, Target};
pub use worth::{Contributions, Worth, compare};
