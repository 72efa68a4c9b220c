//! Anchor sets: the bytes as canonical bytes (so that the fuzzer need not guess a digest), and as a frame.
//!
//! What is accepted must be written again as it was: there is one spelling. No bytes are both a set and a map.

#![no_main]

use esmhub_store_format::{AnchorSet, Digest, Object, frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(set) = AnchorSet::from_canonical(bytes) {
        assert_eq!(set.to_canonical().expect("a decoded set is within the limits"), bytes, "a set has one spelling");
        assert_eq!(set.texts().count(), set.len());
        assert!(!set.is_empty());
        assert!(Object::from_canonical(bytes.to_vec()).is_err());
        let (framed, digest) = set.to_frame().expect("a decoded set is within the limits");
        assert_eq!(digest, Digest::of(bytes));
        assert_eq!(frame::decode(frame::Content::Object, &framed).expect("what was written is read").0, bytes);
    }
    if let Ok((canonical, _)) = frame::decode(frame::Content::Object, bytes) {
        let _ = AnchorSet::from_canonical(&canonical);
    }
});
