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
//!
//! Everything that the iteration asks ([`Moments`](fixed_point::Moments)) follows from the resolvent `(F'F + t I)^-1`. Where
//! there are more rows than dimensions, no map is applied to them: `F'F` follows from what is computed once per target.
//! [`low_rank`] needs the target's eigenvectors, however many rows there are, [`dense`] its rows reduced to D + 1; [`spectrum`]
//! is the plain way, with the features themselves, for what the others cannot do.

mod band;
mod basis;
mod chebyshev;
mod dense;
mod fixed_point;
mod formula;
mod interpolant;
mod low_rank;
mod panels;
mod reduction;
mod spectrum;

pub(crate) use band::Band;
pub(crate) use basis::Basis;
pub(crate) use dense::{Dense, Reduced};
pub(crate) use fixed_point::{Problem, fixed_points, log_evidence};
pub use formula::Formula;
pub(crate) use interpolant::Interpolant;
pub(crate) use low_rank::LowRank;
pub(crate) use reduction::to_band;
pub(crate) use spectrum::Spectrum;

/// The smallest `t`, beside the largest eigenvalue of `F'F`, at which what starts from `F'F` can be relied on: there, f64 leaves
/// seven digits of the smallest directions, of which a score has all D.
const RELIABLE: f64 = 2e-9;
/// The same in f32, for scores within 1e-6.
const RELIABLE_IN_SINGLE: f64 = 1e-3;
/// Of a residual that is a smaller share of what it is a difference from, rounding shows in the ninth digit of a score.
const LEAST_RESIDUAL: f64 = 1e-5;
/// The same in f32, in the sixth digit.
const LEAST_RESIDUAL_IN_SINGLE: f64 = 0.2;
