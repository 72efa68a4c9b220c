//! Selecting intermediate tasks: what esmhub computes.
//!
//! Texts become [`Embeddings`] through an [`encoder`]; pairs of embeddings become an Embedding Space Map through
//! [`fit`](mod@fit); and a [`Target`] gives every map a [`Score`], by which a pool is ranked (arXiv 2410.15148): LogME, or another. [`Target::shape`] and [`layout`](fn@layout) show which of them act alike.
//!
//! It promises: everything that decides a score is computed in f64, unless [`Precision::Single`] is asked for; the same input gives the same bits, whatever the number
//! of threads; NaN and infinity are refused where they enter, never carried along.
//!
//! It never prints, never reads the environment, and knows nothing of registries and directories of ESMs.
//!
//! ```
//! use esmhub_selection::fit::{FitOptions, Pairs, Penalty, Rank, fit};
//! use esmhub_selection::{Embeddings, Formula, Labels, SplitMix64, Target};
//! use esmhub_store_format::Codec;
//!
//! // 200 texts as the base model embeds them, four numbers each; here drawn at random.
//! let mut random = SplitMix64::new(1);
//! let values: Vec<f32> = (0..800).map(|_| random.below(2001) as f32 / 1000.0 - 1.0).collect();
//! let base = Embeddings::new(4, values).ok_or("rows of four")?;
//! // What fine-tuning made of them: the first direction counts for more, the others for less.
//! let tuned = base.iter().flat_map(|x| [2.0 * x[0], 0.2 * x[1], 0.2 * x[2], 0.2 * x[3]]).collect();
//! let tuned = Embeddings::new(4, tuned).ok_or("rows of four")?;
//!
//! // The map between the two; a fifth of the pairs is held out to say how good it is.
//! let options = FitOptions { seed: 42, penalty: Penalty::Fixed(0.001), rank: Rank::Full };
//! let esm = fit(&Pairs::new(&base, &tuned)?, &[], &options)?;
//! assert!(esm.held_out.r2 > 0.99);
//!
//! // A target whose labels are a matter of that direction: the ESM scores above no transfer.
//! let y = base.iter().map(|x| u32::from(x[0] > 0.0)).collect();
//! let labels = Labels::Classes { names: vec!["no".into(), "yes".into()], y };
//! let target = Target::new(&base, &labels)?;
//! let object = esm.encode(Codec::Int8)?;
//! assert!(target.score(object.map(), Formula::Exact)? > target.baseline(Formula::Exact)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
