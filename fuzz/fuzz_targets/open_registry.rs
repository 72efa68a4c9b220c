//! The marker of a registry: mostly sealed with its checksum, so that the fuzzer need not guess it, at times as it is.

#![no_main]

use std::fs;
use std::sync::LazyLock;

use esmhub_fuzz::role;
use esmhub_registry::Registry;
use esmhub_store_format::Digest;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static ROOT: LazyLock<TempDir> = LazyLock::new(esmhub_fuzz::scratch);

fuzz_target!(|bytes: &[u8]| {
    let seal = match role(bytes, &[true, true, true, false]) {
        true => format!("checksum = \"{}\"\n", Digest::of(bytes)),
        false => String::new(),
    };
    fs::write(ROOT.path().join("esmhub.toml"), [bytes, seal.as_bytes()].concat()).expect("a file on the RAM disk");
    if let Ok(registry) = Registry::open(ROOT.path(), None) {
        assert_eq!(registry.catalog().expect("a registry without entries").entries(), 0);
    }
});
