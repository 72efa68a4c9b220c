//! Fitting an ESM from pairs (base embedding `x`, tuned embedding `y`).
//!
//! Reduced-rank ridge regression (Izenman 1975; Mukherjee and Zhu 2011) of what a scaled identity leaves unexplained. With
//! everything centred, in f64,
//!
//! ```text
//! s = trace(X'Y) / trace(X'X),   Z = Y - s X,   mu = trace(X'X) / D
//! W = ((X'X + lambda mu I)^-1 X'Z)'
//! V = the leading r eigenvectors of W (X'X + lambda mu I) W'      (directions of the fitted values, not of the weights)
//! f(x) = s x + V (V'W x) + b,   b = mean(y) - (s I + V V'W) mean(x)
//! ```
//!
//! The penalty draws the map towards a scaled identity, that is towards "fine-tuning changes nothing", which is what one
//! should believe of directions that the texts do not show. `lambda` is in units of the mean eigenvalue of the Gram matrix,
//! so it means the same for every model and number of rows. (The peer trains a dense map by 10 epochs of AdamW:
//! arXiv 2410.15148, section 3.)
//!
//! A map is fitted on the source's own pairs and, where there are any, on *anchors*: the same texts of other domains for
//! every ESM of a base model, so that the map has seen the regions where targets may lie. Whole domains are left out in turn to
//! tell what the map is worth on a domain that it has not seen, because that is where it will be used.
//!
//! Everything is computed from sums over the rows (`statistics.rs`): one pass, then memory O(D^2). The result does not depend
//! on the number of threads.

mod distill;
mod domains;
mod esm;
mod options;
mod pairs;
mod penalty;
mod regression;
mod statistics;

pub use distill::{Distilled, distill};
pub use esm::{FittedEsm, fit};
pub use options::{ALONE, FOLDS, FitOptions, HELD_OUT_SHARE, Penalty, Rank, WITH_ANCHORS};
pub use pairs::{AnchorPairs, FitError, MIN_PAIRS, Pairs};
