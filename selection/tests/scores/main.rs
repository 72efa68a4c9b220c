//! The scores beside LogME, against other packages, against their definitions, and where they could break.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

mod brute;
mod contributions;
mod golden;
mod nasty;
mod shapes;
