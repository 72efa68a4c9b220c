//! Section 13 of SPEC.md: its hex decodes to what its prose says.

use super::codec::Codec;
use super::object::Map;
use super::reader::digest;
use super::{entry, facts, sketch_edges, twins};

const SPEC: &str = include_str!("../../SPEC.md");

/// The bytes of the n-th ```hex block.
fn block(n: usize) -> Vec<u8> {
    let text = SPEC.split("```hex\n").nth(n + 1).and_then(|rest| rest.split("```").next()).unwrap();
    let pairs = text.lines().flat_map(|line| line.split('#').next().unwrap().split_whitespace());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn there_are_four_blocks() {
    assert_eq!(SPEC.matches("```hex\n").count(), 4);
}

#[test]
fn the_object_is_what_the_prose_says() {
    let (object, _) = twins::object(&block(0)).agreed("the object of section 13").unwrap();
    assert_eq!((object.codec, object.dimension, object.scale), (Codec::Int8, 2, 1.0));
    assert_eq!(object.map, Map::Dense { weight: vec![0.75, -0.25, 0.5, 1.251_968_5] });
    assert_eq!(object.bias, [0.0, 1.0]);
}

#[test]
fn the_entry_is_what_the_prose_says() {
    let (entry, meanings) = twins::entry(&block(1)).agreed("the entry of section 13").unwrap();
    let object = block(0);
    let yanked = entry::Target { name: "mr".into(), tag: "v1".into(), card: digest(&object[64..]) };
    assert_eq!(meanings, [Ok((entry::Action::Yank(yanked), None))]);
    assert_eq!(entry.records[0].flags, 3);
    assert_eq!((entry.number, entry.previous), (1, digest(&[0x11; 16])));
    assert_eq!((entry.transaction, entry.time), ([0x22; 16], 1_700_000_000_000));
    let writer = entry::Writer { user: "ada".into(), host: "engine".into(), program: "esmhub 0.1.0".into() };
    assert_eq!(entry.writer, writer);
}

#[test]
fn the_signature_is_what_the_prose_says() {
    let payload = block(3);
    let record = entry::Record { kind: 7, flags: 0, payload: payload.clone() };
    let Ok(entry::Action::Signature(signature)) = record.action() else { panic!("no signature") };
    assert_eq!((&*signature.target.name, &*signature.target.tag), ("acme/reviews/de", "v1"));
    assert_eq!(signature.target.card, digest(b"hello"));
    let (key, _) = entry::key_and_signature(&signature.bytes).unwrap();
    let seal = esmhub::trust::Seal::read(&signature.bytes).unwrap();
    assert_eq!(seal.key(), key);
    assert!(seal.verifies(&signature.statement()));
    assert!(SPEC.contains(&format!("```text\n{}```", signature.statement())));
}

#[test]
fn the_sketch_is_what_the_prose_says() {
    let sketch = sketch_edges::verdict(block(2)).unwrap();
    assert_eq!((sketch.texts, sketch.last, sketch.values.len()), (2, u32::MAX, 2));
    for text in ["Rain.", "rain", "Snow!"] {
        assert_eq!(sketch.lists(facts::hash(text).unwrap()), Some(true), "{text}");
    }
}
