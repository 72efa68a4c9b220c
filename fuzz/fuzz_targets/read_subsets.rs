//! The card of a data set on the hub, and the names of its files: a line each, behind the first line without a letter.

#![no_main]

use esmhub_selection::hub::subsets_of;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (names, readme) = text.split_once("\n\n").unwrap_or((text, ""));
    let files: Vec<String> = names.lines().map(str::to_owned).collect();
    let Ok(subsets) = subsets_of(&files, readme) else { return };
    for split in subsets.iter().flat_map(|subset| &subset.splits) {
        assert!(!split.files.is_empty());
        assert!(split.files.iter().all(|file| files.contains(file)));
    }
});
