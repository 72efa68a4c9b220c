//! The golden files: both readers decode them to the same values.

use super::frame::{Content, next, only};
use super::object::Codec;
use super::twins;

/// The golden objects, and the codec of each.
pub(crate) const OBJECTS: [(&[u8], Codec); 4] = [
    (include_bytes!("../../store-format/tests/golden/object-f32.frame"), Codec::F32),
    (include_bytes!("../../store-format/tests/golden/object-f16.frame"), Codec::F16),
    (include_bytes!("../../store-format/tests/golden/object-int8.frame"), Codec::Int8),
    (include_bytes!("../../store-format/tests/golden/object-int4.frame"), Codec::Int4),
];

/// The golden log entry.
pub(crate) const ENTRY: &[u8] = include_bytes!("../../store-format/tests/golden/entry.frame");

/// The golden bundle: a publish record and the `int4` object.
pub(crate) const BUNDLE: &[u8] = include_bytes!("../../store-format/tests/golden/bundle.esm");

const DIGESTS: &str = include_str!("../../store-format/tests/golden/digests.txt");

/// The canonical bytes of the bundle's two frames.
pub(crate) fn bundle_parts() -> (Vec<u8>, Vec<u8>) {
    let (record, rest) = next(BUNDLE, Content::Publish).unwrap();
    (record.canonical, only(rest, Content::Object).unwrap().canonical)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_object_means_the_same_to_both_readers() {
    for ((file, codec), digest) in OBJECTS.into_iter().zip(DIGESTS.lines()) {
        let (object, found) = twins::object(file).agreed("golden object").unwrap();
        assert_eq!((object.codec, object.dimension), (codec, 33));
        assert_eq!(hex(&found), digest);
    }
}

#[test]
fn every_field_of_the_entry_and_of_its_card_means_the_same_to_both_readers() {
    let (entry, meanings) = twins::entry(ENTRY).agreed("golden entry").unwrap();
    assert_eq!((entry.number, meanings.len()), (42, 5));
    let (_, card) = meanings[0].clone().unwrap();
    let digests: Vec<&str> = DIGESTS.lines().collect();
    assert_eq!(hex(&card.unwrap().unwrap().digest), digests[4]);
    let canonical = only(ENTRY, Content::Entry).unwrap();
    assert_eq!(hex(&canonical.digest), digests[5]);
    // Its registry has the id 07 07 …, and what precedes it is not there: the writer of the file put the id before it.
    entry.follows(42, &[7; 16]).unwrap();
    assert!(entry.follows(41, &[7; 16]).is_err() && entry.follows(42, &[8; 16]).is_err());
}

#[test]
fn the_bundle_means_the_same_to_both_readers() {
    let esms = twins::bundle(BUNDLE).agreed("golden bundle").unwrap();
    assert_eq!(esms.len(), 1);
    assert_eq!((&*esms[0].publish.name, &*esms[0].publish.tag), ("acme/reviews/de", "v1"));
    let two = [BUNDLE, BUNDLE].concat();
    assert_eq!(twins::bundle(&two).agreed("two bundles, one after the other").unwrap().len(), 2);
}
