//! What several test files share.

#![allow(dead_code, clippy::panic, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use esmhub_store_format::{DenseMap, LowRankMap, Map, Object};

/// The golden bytes of this name; `fresh` becomes them only where there are none and they are asked for.
pub(crate) fn read_or_write(name: &str, fresh: &[u8]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if !path.exists() {
        assert!(std::env::var_os("ESMHUB_WRITE_GOLDEN").is_some(), "{} is missing", path.display());
        fs::write(&path, fresh).unwrap();
    }
    fs::read(&path).unwrap()
}

/// The dense map of an object that has one.
pub(crate) fn dense(object: &Object) -> DenseMap {
    match object.map() {
        Map::Dense(map) => map.clone(),
        Map::LowRank(map) => panic!("a map of rank {} where a dense one is expected", map.rank()),
    }
}

/// The low-rank map of an object that has one.
pub(crate) fn low_rank(object: &Object) -> LowRankMap {
    match object.map() {
        Map::LowRank(map) => map.clone(),
        Map::Dense(_) => panic!("a dense map where one of low rank is expected"),
    }
}

/// Numbers in -1 to 1, the same on every machine (SplitMix64; Steele, Lea and Flood, 2014).
pub(crate) fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}
