//! The marker of a registry: the bytes as they are, and sealed with their checksum (so that the fuzzer need not guess it).

#![no_main]

use std::fs;
use std::sync::LazyLock;

use esmhub_registry::Registry;
use esmhub_store_format::Digest;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static ROOT: LazyLock<TempDir> = LazyLock::new(esmhub_fuzz::scratch);

fuzz_target!(|bytes: &[u8]| {
    let seal = format!("checksum = \"{}\"\n", Digest::of(bytes));
    for marker in [bytes, &[bytes, seal.as_bytes()].concat()] {
        fs::write(ROOT.path().join("esmhub.toml"), marker).expect("a file on the RAM disk");
        if let Ok(registry) = Registry::open(ROOT.path(), None) {
            assert_eq!(registry.catalog().expect("a registry without entries").entries(), 0);
        }
    }
});
