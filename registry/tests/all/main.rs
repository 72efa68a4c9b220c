//! The registry from outside: each module guards against one family of hazards.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
// A child process answers on stdout; what is skipped is said on stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod access;
mod anchors;
mod crashes;
mod damage;
mod fences;
mod gc;
mod index;
mod loss;
mod lost_places;
mod markers;
mod model;
mod outcomes;
mod parting;
mod publishing;
mod races;
mod repair;
mod resolving;
mod signing;
mod support;
mod sync;
mod verifying;

/// A file in this folder that `main.rs` does not name would never run.
#[test]
fn every_test_file_is_named_here() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || main.contains(&format!("\nmod {module};\n")), "{name}");
    }
}
