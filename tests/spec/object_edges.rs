//! Edges of the rules for frames, objects and bundles, one by one: where two readers of SPEC.md are likeliest to part.

use super::frame::{Content, only};
use super::golden::{BUNDLE, ENTRY, OBJECTS, bundle_parts};
use super::reader::digest;
use super::twins::{self, Called};
use super::{object, sealed};

/// The canonical bytes of an object of codec `f32` with D = 1.
fn tiny(weight: f32) -> Vec<u8> {
    let header = [1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0];
    [&header[..], &weight.to_le_bytes(), &[0; 4]].concat()
}

fn object_verdict(canonical: &[u8], what: &str) -> Result<object::Object, Called> {
    twins::object(&sealed::stored(Content::Object, canonical)).agreed(what).map(|(object, _)| object)
}

#[test]
fn the_spare_half_byte_of_int4_is_no_second_spelling() {
    let mut canonical = only(OBJECTS[3].0, Content::Object).unwrap().canonical;
    let last_of_matrix = canonical.len() - 4 * 33 - 1;
    canonical[last_of_matrix] |= 0x10;
    assert_eq!(object_verdict(&canonical, "spare half byte"), Err(Called::Invalid));
}

#[test]
fn a_kind_from_the_future_is_newer_however_short_it_is() {
    for canonical in [&[4, 0][..], &[0, 0], &[4, 0, 1, 0, 1, 0, 0, 0], &[1, 0, 9, 0], &[2, 0, 0, 0]] {
        assert_eq!(object_verdict(canonical, "a later object"), Err(Called::Newer));
    }
    for canonical in [&[][..], &[1], &[4], &[1, 0], &[1, 0, 1, 0], &[2, 0], &[2, 0, 4, 0]] {
        assert_eq!(object_verdict(canonical, "not even a header"), Err(Called::Invalid));
    }
}

#[test]
fn minus_zero_stays_on_the_diagonal() {
    let object = object_verdict(&tiny(-0.0), "minus zero").unwrap();
    assert_eq!(object.map.values().next().unwrap().to_bits(), (-0.0_f32).to_bits());
}

#[test]
fn a_dimension_over_the_limit_is_invalid_and_not_too_large() {
    for dimension in [0_u32, 8193, u32::MAX] {
        let mut canonical = tiny(1.0);
        canonical[4..8].copy_from_slice(&dimension.to_le_bytes());
        assert_eq!(object_verdict(&canonical, "dimension"), Err(Called::Invalid));
    }
}

#[test]
fn a_card_that_differs_from_its_object_in_more_than_the_digest_is_invalid() {
    let (record, object) = bundle_parts();
    let weights = record.windows(32).position(|window| window == digest(&object)).unwrap() + 32;
    // Length, kind, codec and dimension, one after the other.
    for at in [0, 8, 10, 12] {
        let mut record = record.clone();
        record[weights + at] ^= 1;
        let file = [sealed::stored(Content::Publish, &record), sealed::stored(Content::Object, &object)].concat();
        assert_eq!(twins::bundle(&file).agreed("R25").err(), Some(Called::Invalid), "offset {at}");
    }
}

#[test]
fn nothing_is_a_bundle_of_nothing() {
    assert_eq!(twins::bundle(&[]).agreed("no bytes").map(|esms| esms.len()), Ok(0));
    let (record, _) = bundle_parts();
    let alone = sealed::stored(Content::Publish, &record);
    assert_eq!(twins::bundle(&alone).agreed("a record alone").err(), Some(Called::Damage));
    let swapped = [OBJECTS[3].0, &alone].concat();
    assert_eq!(twins::bundle(&swapped).agreed("the other way round").err(), Some(Called::Invalid));
    assert_eq!(twins::entry(BUNDLE).agreed("a bundle for an entry").err(), Some(Called::Invalid));
}

#[test]
fn a_payload_is_one_zstd_frame_and_nothing_else() {
    let canonical = only(ENTRY, Content::Entry).unwrap().canonical;
    let frame = zstd::bulk::compress(&canonical, 3).unwrap();
    let half = zstd::bulk::compress(&canonical[..100], 3).unwrap();
    let other_half = zstd::bulk::compress(&canonical[100..], 3).unwrap();
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    let mut wide = zstd::stream::encode_all(&canonical[..], 1).unwrap();
    assert_eq!(wide[4] & 0x20, 0, "a streamed frame has a window descriptor");
    let payloads = [
        ("one byte behind", [&frame[..], &[0]].concat()),
        ("two frames", [half, other_half].concat()),
        ("a skippable frame before", [&skippable[..], &frame].concat()),
        ("a skippable frame behind", [&frame[..], &skippable].concat()),
        ("a skippable frame alone", skippable.to_vec()),
        ("nothing", Vec::new()),
    ];
    let verdict = |payload: &[u8]| twins::entry(&sealed::around(Content::Entry, 1, &canonical, payload));
    for (what, payload) in payloads {
        assert_eq!(verdict(&payload).agreed(what).err(), Some(Called::Damage), "{what}");
    }
    // Windows of 2^23 bytes, one step more, and the largest that can be written.
    for (window, accepted) in [(13 << 3, true), (13 << 3 | 1, false), (31 << 3 | 7, false)] {
        wide[5] = window;
        let called = verdict(&wide).agreed("window").err();
        assert_eq!(called, (!accepted).then_some(Called::Damage), "{window:#x}");
    }
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
    assert_eq!(verdict(&bomb).agreed("bomb").err(), Some(Called::Damage));
}
