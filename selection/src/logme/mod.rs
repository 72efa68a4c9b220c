//! LogME: how well features explain labels, as the log evidence of a Bayesian linear model.
//!
//! You, Liu, Wang, Jordan, Long 2021, "Ranking and Tuning Pre-trained Models" (arXiv 2110.10545, section 4.2). For features
//! `F` (N x D) and one label vector `y` (N), with the prior `w ~ N(0, 1/alpha)` and the noise `1/beta`,
//!
//! ```text
//! log p(y | F) = N/2 log beta + D/2 log alpha - N/2 log 2 pi - 1/2 log |A| - beta/2 |F m - y|^2 - alpha/2 |m|^2
//! A = alpha I + beta F'F,   m = beta A^-1 F'y
//! ```
//!
//! maximised over alpha and beta by a fixed-point iteration on `t = alpha / beta`. The score is the evidence per row, mean
//! over one-vs-rest classes or regression targets; higher is better.
//!
//! Two formulas differ in `log |A|` alone. [`Formula::Exact`] counts all D directions. [`Formula::Hfselect`] is what
//! thuml/LogME and hfselect compute: where rows are fewer than dimensions it leaves out the D - N directions in which the
//! features have no variance at all, although each of them has `log alpha` in the determinant. Where rows are at least as
//! many as dimensions the two agree; where they are not, the second orders a pool almost at random (thuml/LogME issue 23).

mod evidence;
mod spectrum;

pub use evidence::Formula;
pub(crate) use evidence::log_evidence;
pub(crate) use spectrum::Spectrum;
