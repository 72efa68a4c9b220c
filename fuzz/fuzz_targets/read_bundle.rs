//! Bundle files.

#![no_main]

use esmhub_store_format::bundle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    bundle::read(bytes).for_each(|bundled| drop(bundled));
});
