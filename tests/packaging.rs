//! What is packaged, and what builds it: each crate stands alone, and the workflow runs what `.ci/run` says.

use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 4] = ["store-format", "registry", "selection", "cli"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands in quotes behind `key = ` in a manifest.
fn value<'a>(manifest: &'a str, key: &str) -> Option<&'a str> {
    let line = manifest.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
    line.split('"').next()
}

/// Every Rust file below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Each licence has to travel with each package, and a registry shows the readme.
#[test]
fn every_crate_carries_its_licences_and_its_readme() {
    for folder in CRATES {
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            // Links, which Windows may check out as files that name what they lead to.
            if cfg!(unix) {
                assert_eq!(read(&format!("{folder}/{licence}")), read(licence), "{folder}/{licence}");
            }
        }
        let manifest = read(&format!("{folder}/Cargo.toml"));
        assert!(value(&manifest, "description").is_some_and(|text| text.len() > 20), "{folder}: description");
        let readme = value(&manifest, "readme").unwrap_or_else(|| panic!("{folder}: readme"));
        let name = value(&manifest, "name").unwrap();
        assert!(read(&format!("{folder}/{readme}")).starts_with(&format!("# {name}\n")), "{folder}/{readme}");
    }
}

/// A file from outside of its folder is in no package, and the crate does not build from there. Tests do not matter to who builds it.
#[test]
fn no_crate_is_built_of_files_outside_of_its_folder() {
    let mut checked = 0;
    for folder in CRATES {
        let root = fs::canonicalize(repository().join(folder)).unwrap();
        let mut files = Vec::new();
        sources(&root.join("src"), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let built = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let included = ["include_str!(\"", "include_bytes!(\"", "#[path = \""].map(|how| built.split(how).skip(1));
            for path in included.into_iter().flatten().filter_map(|rest| rest.split('"').next()) {
                checked += 1;
                let place = fs::canonicalize(file.parent().unwrap().join(path)).unwrap_or_default();
                assert!(place.starts_with(&root), "{} includes {path}", file.display());
            }
        }
    }
    assert!(checked > 15, "{checked}");
}

/// What is promised, what is built with, and what is said of it.
#[test]
fn the_oldest_rust_is_stated_once_and_built_with() {
    let manifest = read("Cargo.toml");
    let oldest = value(&manifest, "rust-version").unwrap();
    let workflow = read(".github/workflows/ci.yml");
    assert!(workflow.contains(&format!("RUSTUP_TOOLCHAIN: \"{oldest}.0\"")), "{workflow}");
    assert!(read("README.md").contains(&format!("Rust {oldest} ")), "the README says nothing of Rust {oldest}");
    for folder in CRATES {
        let inherited = read(&format!("{folder}/Cargo.toml"));
        assert!(inherited.contains("\nrust-version.workspace = true\n"), "{folder}");
        if folder != "cli" {
            assert!(read(&format!("{folder}/README.md")).contains(&format!("Rust {oldest} ")), "{folder}");
        }
    }
}

/// Whoever changes `.ci/run` changes what lands; actions and rights stay as narrow as they are.
#[test]
fn the_workflow_runs_what_is_run_here_and_trusts_nobody_by_a_name_that_moves() {
    let workflow = read(".github/workflows/ci.yml");
    assert!(workflow.lines().any(|line| line.trim() == "run: .ci/run"), "{workflow}");
    assert!(read(".ci/run").contains("\ncargo test --workspace\n"));
    assert!(workflow.contains("run: cargo test --locked --workspace\n"), "the tests of other systems");
    assert!(workflow.contains("\npermissions:\n  contents: read\n"));
    assert_eq!(workflow.matches("contents: write").count(), 1, "one job may write");
    for line in workflow.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: ")) {
        let (action, version) = line.split_once(" # v").unwrap_or_else(|| panic!("{line}: no version"));
        let commit = action.split_once('@').unwrap().1;
        assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
        assert_eq!(version.split('.').count(), 3, "{line}");
    }
}
