//! `esmhub`: publish, pull and rank Embedding Space Maps from one shared directory.
//!
//! This crate is the only one that touches the terminal, the environment and the user's files. What it prints on stdout is
//! one document, for people or as JSON; everything else goes to stderr.
//!
//! It is a program: [`run`] is all of `main`. [`dataset`] and [`trust`] are public besides because they read what
//! strangers have written, so that their readers can be fuzzed and tested from outside; none has a stable interface.

mod anchors;
mod arguments;
mod bug;
mod closed;
mod commands;
mod completion;
mod context;
mod data;
pub mod dataset;
mod document;
mod embedding_cache;
mod failure;
mod files;
mod filter;
mod help;
mod hub;
mod model;
mod place;
mod printable;
mod program;
mod progress;
mod report;
mod say;
mod source;
mod texts;
pub mod trust;
mod values;

pub use program::run;
