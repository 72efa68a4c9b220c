//! End-to-end tests: the built command, real files, real exit codes.
//!
//! One line per subject; every file is named after what it guards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod anchor_pairs;
mod anchored_texts;
mod anchors;
mod bad_esms;
mod bad_files;
mod browser;
mod buckets;
mod caching;
mod choosing;
mod collecting;
mod completions;
mod cost;
mod damage;
mod datasets;
mod demo;
mod device;
mod diff;
mod distill;
mod documents;
#[cfg(unix)]
mod downloads;
mod engines;
mod exit_codes;
mod fitting;
mod from_hub;
#[cfg(unix)]
mod guides;
mod help;
mod hints;
mod history;
mod hostile;
#[cfg(unix)]
mod hostile_links;
#[cfg(unix)]
mod hub_cache;
mod locked;
mod low_rank;
mod man;
mod matching;
mod moving;
mod outcomes;
mod overlap;
mod packaging;
mod peer;
mod publish;
mod pull;
mod rank;
mod real_data;
mod recompress;
mod references;
mod report;
mod report_files;
mod scores;
mod shards;
mod signing;
mod spec;
mod support;
mod sync;
mod texts;
mod to_hub;
mod trust;
mod trusted_keys;
mod worth;

/// A file without its line here would be compiled by nobody.
#[test]
fn every_file_of_this_folder_is_a_module() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let this = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.strip_suffix(".rs").unwrap_or(&name);
        let known = ["main", "fixtures", "faults"].contains(&module) || this.contains(&format!("\nmod {module};"));
        assert!(known, "{name} has no `mod` line in main.rs");
    }
}
