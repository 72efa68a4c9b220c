//! Objects: the bytes as canonical bytes (so that the fuzzer need not guess a digest), and as a frame.
//!
//! What is accepted must be written again as it was: there is one spelling.

#![no_main]

use esmhub_store_format::{Digest, Object, frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(object) = Object::from_canonical(bytes.to_vec()) {
        assert!(object.map().weight().iter().chain(object.map().bias()).all(|v| v.is_finite()));
        let framed = object.to_frame().expect("a decoded object is within the limits");
        assert_eq!(Object::from_frame(&framed, &Digest::of(bytes)).expect("what was written is read"), object);
    }
    let _ = frame::decode(frame::Content::Object, bytes);
});
