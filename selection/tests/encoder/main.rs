//! The encoder against torch, hostile models, and a hub.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod golden;
mod hostile;
mod hub;
mod server;
mod settings;
mod support;
mod tokenizers;
