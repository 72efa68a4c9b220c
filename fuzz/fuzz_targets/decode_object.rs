//! Objects that hold maps: the bytes as canonical bytes (so that the fuzzer need not guess a digest), and as a frame.
//!
//! What is accepted is read again from what was written. Factors of codec `f32` must be written as they were, to the bit;
//! the other codecs may choose other scales.

#![no_main]

use esmhub_store_format::{Codec, Digest, Map, Object, card::Weights, frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(object) = Object::from_canonical(bytes.to_vec()) {
        let finite = |values: &[f32]| values.iter().all(|v| v.is_finite());
        assert!(finite(object.map().bias()));
        match object.map() {
            Map::Dense(map) => assert!(finite(map.weight())),
            Map::LowRank(map) => {
                assert!(finite(map.a()) && finite(map.b()) && map.scale().is_finite());
                // Products of finite factors may be beyond f32: that is refused, not written down as infinite.
                if let Ok(dense) = map.to_dense() {
                    assert!(finite(dense.weight()));
                }
                assert!(finite(map.balanced().a()) && finite(map.balanced().b()));
                assert_eq!(&map.truncated(map.rank()), map);
            }
        }
        assert_eq!(Weights::of(&object, 0.0).rank(), object.map().rank());
        if object.codec() == Codec::F32 {
            let again = Object::encode_map(object.map(), Codec::F32).expect("f32 takes every map");
            assert_eq!(again.canonical(), bytes, "f32 has one spelling");
        }
        let framed = object.to_frame().expect("a decoded object is within the limits");
        assert_eq!(Object::from_frame(&framed, &Digest::of(bytes)).expect("what was written is read"), object);
    }
    let _ = frame::decode(frame::Content::Object, bytes);
});
