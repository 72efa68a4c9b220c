//! End-to-end tests: the built command, real files, real exit codes.
//!
//! One line per subject; every file is named after what it guards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod bad_input;
mod publish;
mod pull;
mod spec;
mod support;
