//! `esmhub`: publish, pull and rank Embedding Space Maps from one shared directory.
//!
//! This crate is the only one that touches the terminal, the environment and the user's files. What it prints on stdout is
//! one document, for people or as JSON; everything else goes to stderr.

mod anchors;
mod arguments;
mod commands;
mod context;
mod dataset;
mod document;
mod embedding_cache;
mod failure;
mod hub;
mod model;
mod progress;
mod source;
mod texts;

use std::process::ExitCode;

// Cargo.toml says why.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use clap::Parser;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(failure::remember_panic));
    let arguments = arguments::Arguments::parse();
    // A bug must not look like any other failure: exit code 101, whichever thread it happens on.
    let code = std::panic::catch_unwind(move || commands::run(arguments));
    ExitCode::from(code.unwrap_or_else(|_| failure::report_bug()))
}
