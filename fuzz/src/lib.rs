//! What the targets share: a file of the input on a RAM disk, for readers that take a path.

#![allow(clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that lasts as long as the fuzzer, in RAM where there is a RAM disk.
pub fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// One file under several names, by which readers tell formats.
pub struct Input {
    _folder: TempDir,
    paths: Vec<PathBuf>,
}

impl Input {
    /// A file of these names.
    pub fn named(names: &[&str]) -> Self {
        let folder = scratch();
        let paths: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
        fs::write(&paths[0], b"").expect("a file on the RAM disk");
        for path in &paths[1..] {
            fs::hard_link(&paths[0], path).expect("a link on the RAM disk");
        }
        Self { _folder: folder, paths }
    }

    /// Fills the file, and gives its paths.
    pub fn fill(&self, bytes: &[u8]) -> &[PathBuf] {
        fs::write(&self.paths[0], bytes).expect("a file on the RAM disk");
        &self.paths
    }
}

/// Which of several things the bytes are to be taken for: by their length, so that files of other programs stay as they are, and
/// one byte more makes them the next thing.
pub fn role<'a, T>(bytes: &[u8], roles: &'a [T]) -> &'a T {
    &roles[bytes.len() % roles.len()]
}

/// A copy of one of the tiny models with random weights, in a folder that lasts.
pub fn model(name: &str) -> TempDir {
    let folder = scratch();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../selection/tests/encoder").join(name);
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(from.join(file), folder.path().join(file)).expect("the tiny model");
    }
    folder
}

/// For readers that catch the panics of parsers they use: libfuzzer-sys ends the process in the panic hook, before anybody
/// can catch. A panic that nobody catches still ends it.
pub fn let_panics_be_caught() {
    std::panic::set_hook(Box::new(|_| {}));
}
