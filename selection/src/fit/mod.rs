//! Fitting an ESM from pairs (base embedding `x`, tuned embedding `y`).
//!
//! Ridge regression of `y - x` on `x`: the penalty draws the map towards the identity, that is towards "fine-tuning changes
//! nothing", which is what one should believe of directions that the texts do not show. The intercept is not penalised.
//! With `z = y - x` and everything centred, in f64,
//!
//! ```text
//! W = I + ((X'X + lambda mu I)^-1 X'Z)',   b = mean(y) - W mean(x),   mu = trace(X'X) / D
//! ```
//!
//! so that `lambda` is in units of the mean eigenvalue of the Gram matrix and means the same for every model and number of
//! rows. `lambda` is chosen by cross-validation inside the training rows; what the map is worth is measured on rows that
//! neither the fit nor the choice has seen; and the map that is returned is then fitted on all rows with that `lambda`.
//! (The peer trains the same map by 10 epochs of AdamW: arXiv 2410.15148, section 3.)
//!
//! The result does not depend on the number of threads.

mod cross_validation;
mod pairs;
mod ridge;
mod statistics;

pub use cross_validation::{FOLDS, FittedEsm, HELD_OUT_SHARE, fit};
pub use pairs::{FitError, MIN_PAIRS, Pairs};
