//! What lies outside of this folder: real data where the environment says, and what is committed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder that an environment variable names. Where there is none the test is skipped, and says so past the capture
/// of its output.
pub(crate) fn given(variable: &str, test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    match &folder {
        Some(folder) => assert!(folder.is_dir(), "{variable} is {}, which is no folder", folder.display()),
        None => {
            // The print macros would be captured, and nobody would see it.
            let notice = format!("SKIPPED {test}: {variable} is not set\n");
            std::io::stderr().write_all(notice.as_bytes()).unwrap();
        }
    }
    folder
}

/// Whether there is such a program; where it is not, the test is skipped, and says so past the capture of its output.
pub(crate) fn has(program: &str, test: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        std::io::stderr().write_all(format!("SKIPPED {test}: there is no {program}\n").as_bytes()).unwrap();
    }
    found
}

/// A figure that a test measured, for `cargo test … -- --nocapture`: the README quotes such lines.
#[allow(clippy::print_stderr)]
pub(crate) fn figure(what: &str, value: f64) {
    eprintln!("FIGURE {what}: {value:.3e}");
}

/// A file or folder of `tests/fixtures/`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    repository().join("tests/fixtures").join(name)
}

/// The folder of a language model with random weights, of dimension 32 and for at most 40 tokens.
pub(crate) fn tiny_model(name: &str) -> PathBuf {
    repository().join("selection/tests/encoder").join(name)
}

/// `--base` for ESMs of the base model `tiny`, whose files are those of one of the tiny models.
pub(crate) fn tiny_base(name: &str) -> String {
    format!("tiny={}", tiny_model(name).display())
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
