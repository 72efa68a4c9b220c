//! Labels: what a file states, and what it means.
//!
//! Readers hand over [`RawLabel`]s, which keep what the file said. [`interpret()`] turns the labels of the chosen rows into
//! classes or numbers; whether a column is text, whole numbers or fractions is decided by the whole column, so that it
//! does not depend on which rows are drawn.

mod interpret;
mod kind;
mod problem;
mod raw;

pub use interpret::{LabelSet, Task, interpret};
pub(super) use problem::LabelProblem;
pub use raw::RawLabel;
