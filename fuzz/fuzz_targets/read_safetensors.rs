//! The peer's files: `model.safetensors` and `config.json`.

#![no_main]

use esmhub_store_format::exchange::{Config, read_safetensors, write_safetensors};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(map) = read_safetensors(bytes) {
        let written = write_safetensors(&map).expect("a map that was read is written");
        assert_eq!(read_safetensors(&written).expect("what was written is read"), map);
    }
    if let Ok(config) = Config::from_json(bytes) {
        let _ = config.default_name();
        let _ = config.extra();
    }
});
