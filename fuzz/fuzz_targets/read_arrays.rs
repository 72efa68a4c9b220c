//! `.npz` or `.safetensors` of embeddings, by what they begin with, and the other where they are short: as target and as pairs.

#![no_main]

use std::sync::LazyLock;

use esmhub::dataset::{read_pairs, read_target};
use esmhub_fuzz::Input;
use libfuzzer_sys::fuzz_target;

static INPUT: LazyLock<Input> = LazyLock::new(|| Input::named(&["t.npz", "t.safetensors"]));

fuzz_target!(|bytes: &[u8]| {
    let is_npz = bytes.starts_with(b"PK") != (bytes.len() < 64);
    let path = &INPUT.fill(bytes)[usize::from(!is_npz)];
    if let Ok(target) = read_target(path) {
        assert_eq!(target.x.rows(), target.labels.len());
        assert!(target.x.first_non_finite().is_none());
    }
    if let Ok(pairs) = read_pairs(path) {
        assert_eq!((pairs.x.rows(), pairs.x.dimension()), (pairs.y.rows(), pairs.y.dimension()));
    }
});
