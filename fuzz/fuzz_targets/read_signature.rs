//! Signatures as the log holds them, and the same bytes as a file of trusted keys.

#![no_main]

use esmhub::trust::{AllowedSigners, Seal};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

/// What the golden signature signs: another one that verifies over it would be a forgery.
const STATEMENT: &str = "esmhub publish 1\nacme/reviews/de:v1\n\
    blake3:ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f\n";
const GOLDEN: &[u8] = include_bytes!("../../store-format/tests/golden/signature.sshsig");

fuzz_target!(|bytes: &[u8]| {
    if let Ok(seal) = Seal::read(bytes) {
        assert_eq!(seal.to_bytes(), bytes, "a signature has one spelling");
        if seal.verifies(STATEMENT) {
            assert!(bytes == GOLDEN || seal.key() != Seal::read(GOLDEN).expect("it is golden").key(), "a forgery");
        }
    }
    if let Ok(signers) = AllowedSigners::parse(bytes, Timestamp::UNIX_EPOCH) {
        let lines = bytes.split(|byte| *byte == b'\n').count();
        assert!(signers.len() + signers.unused().len() <= lines);
    }
});
