//! References, names and tags as users type them.

#![no_main]

use esmhub_store_format::{Name, Reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(reference) = text.parse::<Reference>() {
        let shown = reference.to_string();
        assert_eq!(shown.parse::<Reference>().expect("what is shown is a reference"), reference);
    }
    if let Ok(name) = text.parse::<Name>() {
        assert!(!name.as_str().split('/').any(|segment| segment.is_empty() || segment.starts_with('.')));
    }
});
