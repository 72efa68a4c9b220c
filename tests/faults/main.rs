//! Fault tests: the built command, real processes, and everything that can go wrong below and beside them.
//!
//! One line per fault; every file is named after what it guards against. A run without settings is short and always the
//! same. The long run is the same code with a number from the environment, which the file of each test names; its figures
//! are printed as lines `FIGURE name: value`:
//!
//! ```text
//! ESMHUB_TEST_ROUNDS=300 cargo test -p esmhub --test faults killed -- --nocapture
//! ```
//!
//! A test that needs what a machine does not have (`strace`, a C compiler, other users, mounting) says so on stderr, with
//! `SKIPPED` in front, and passes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod bulk;
mod clocks;
mod disk;
mod failing_calls;
mod flipped_bits;
mod full_disk;
mod given_up;
mod keeping;
mod killed;
mod no_locks;
mod power_loss;
mod read_only;
mod replay;
mod shim;
mod soak;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "these tests use a part of what the end-to-end tests share")]
mod support;
mod trace;
mod world;

/// A file without its line here would be compiled by nobody.
#[test]
fn every_file_of_this_folder_is_a_module() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/faults");
    let this = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs") else { continue };
        assert!(module == "main" || this.contains(&format!("\nmod {module};")), "{name} has no `mod` line in main.rs");
    }
}
