//! The golden files: both readers decode them to the same values.

use super::codec::Codec;
use super::entry::{Action, Anchors, key_and_signature};
use super::facts::{self, Derivation, Domain, Fidelity};
use super::frame::{Content, next, only};
use super::object::Map;
use super::reader::digest;
use super::twins;

/// The golden objects, and the codec of each.
pub(crate) const OBJECTS: [(&[u8], Codec); 4] = [
    (include_bytes!("../../store-format/tests/golden/object-f32.frame"), Codec::F32),
    (include_bytes!("../../store-format/tests/golden/object-f16.frame"), Codec::F16),
    (include_bytes!("../../store-format/tests/golden/object-int8.frame"), Codec::Int8),
    (include_bytes!("../../store-format/tests/golden/object-int4.frame"), Codec::Int4),
];

/// The golden low-rank objects, and the codec of each.
pub(crate) const LOW_RANK: [(&[u8], Codec); 4] = [
    (include_bytes!("../../store-format/tests/golden/low-rank-f32.frame"), Codec::F32),
    (include_bytes!("../../store-format/tests/golden/low-rank-f16.frame"), Codec::F16),
    (include_bytes!("../../store-format/tests/golden/low-rank-int8.frame"), Codec::Int8),
    (include_bytes!("../../store-format/tests/golden/low-rank-int4.frame"), Codec::Int4),
];

/// The golden anchor set.
pub(crate) const ANCHORS: &[u8] = include_bytes!("../../store-format/tests/golden/anchors.frame");

/// The golden log entry with two records of kind 5, and a card with extensions 1 and 2 between them.
pub(crate) const ENTRY_ANCHORS: &[u8] = include_bytes!("../../store-format/tests/golden/entry-anchors.frame");

/// The golden log entry with a record of kind 7.
pub(crate) const ENTRY_SIGNATURE: &[u8] = include_bytes!("../../store-format/tests/golden/entry-signature.frame");

/// The golden bundle with the card of that entry and the low-rank `int4` object.
pub(crate) const BUNDLE_LOW_RANK: &[u8] = include_bytes!("../../store-format/tests/golden/bundle-low-rank.esm");

/// The golden bundle of two, whose cards have extensions 2 and 3.
pub(crate) const BUNDLE_SKETCH: &[u8] = include_bytes!("../../store-format/tests/golden/bundle-sketch.esm");

/// The golden log entry.
pub(crate) const ENTRY: &[u8] = include_bytes!("../../store-format/tests/golden/entry.frame");

/// The golden bundle: a publish record and the `int4` object.
pub(crate) const BUNDLE: &[u8] = include_bytes!("../../store-format/tests/golden/bundle.esm");

const DIGESTS: &str = include_str!("../../store-format/tests/golden/digests.txt");
const DIGESTS_KINDS: &str = include_str!("../../store-format/tests/golden/digests-kinds.txt");
const DIGESTS_SKETCH: &str = include_str!("../../store-format/tests/golden/digests-sketch.txt");

/// The canonical bytes of the golden bundle's two frames.
pub(crate) fn bundle_parts() -> (Vec<u8>, Vec<u8>) {
    parts(BUNDLE)
}

/// The canonical bytes of the two frames of a bundle's first ESM.
pub(crate) fn parts(bundle: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (record, rest) = next(bundle, Content::Publish).unwrap();
    (record.canonical, next(rest, Content::Object).unwrap().0.canonical)
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

/// Factors and bias as the writer of the files had them, before any codec.
fn written() -> (Vec<f64>, Vec<f64>) {
    let value = |row: u32, column: u32| f64::from((row * 37 + column * 29) % 128) / 256.0 - 0.25 + 1.0 / 1024.0;
    let factors = (0..10).flat_map(|row| (0..67).map(move |column| value(row, column))).collect();
    (factors, (0..67).map(|i| f64::from(i) / 7.0 - 4.0).collect())
}

#[test]
fn a_low_rank_map_means_the_same_to_both_readers() {
    let (factors, bias) = written();
    let (a, b) = factors.split_at(5 * 67);
    for ((file, codec), (digest, most)) in LOW_RANK.into_iter().zip(DIGESTS_KINDS.lines().zip([0.0, 2e-3, 1e-2, 0.25]))
    {
        let (object, found) = twins::object(file).agreed("golden low-rank map").unwrap();
        assert_eq!((object.codec, object.dimension, object.scale), (codec, 67, 0.968_75));
        assert_eq!(hex(&found), digest);
        let Map::LowRank { a: found_a, b: found_b } = &object.map else { panic!("{codec:?} is dense") };
        // The factors of a component may be scaled against each other; their products may not.
        for k in 0..5 {
            for (i, j) in (0..67).flat_map(|i| (0..67).map(move |j| (k * 67 + i, k * 67 + j))) {
                let difference = f64::from(found_a[i]) * f64::from(found_b[j]) - a[i] * b[j];
                assert!(difference.abs() <= most * 0.0625, "{codec:?}: {i} {j}");
            }
        }
        let near = object.bias.iter().zip(&bias).all(|(found, value)| (f64::from(*found) - value).abs() < 0.002);
        assert!(near && object.bias.len() == 67);
        // A reader that takes the wrong kind says so.
        assert_eq!(twins::anchors(file).agreed("a map for anchors").err(), Some(twins::Called::Invalid));
    }
}

#[test]
fn the_anchor_set_means_the_same_to_both_readers() {
    let (set, found) = twins::anchors(ANCHORS).agreed("golden anchors").unwrap();
    assert_eq!(Some(hex(&found).as_str()), DIGESTS_KINDS.lines().nth(4));
    assert_eq!((set.license.as_deref(), set.origin.as_deref()), (Some("CC0-1.0"), Some("written for this file")));
    let news = vec!["Rain is expected.".to_owned(), "The council met.\nIt adjourned.".to_owned()];
    let exams = vec!["Was ist ein Körper?".to_owned(), "数とは何か".to_owned()];
    assert_eq!(set.domains, [("news".to_owned(), news), ("Prüfungen".to_owned(), exams)]);
    assert_eq!(twins::object(ANCHORS).agreed("anchors for a map").err(), Some(twins::Called::Invalid));
}

#[test]
fn anchors_fidelity_and_derivation_mean_the_same_to_both_readers() {
    let (entry, meanings) = twins::entry(ENTRY_ANCHORS).agreed("golden entry with anchors").unwrap();
    assert_eq!(
        entry.records.iter().map(|record| (record.kind, record.flags)).collect::<Vec<_>>(),
        [(5, 2), (1, 3), (5, 2)]
    );
    let base = "sentence-transformers/all-MiniLM-L6-v2";
    let (_, set) = twins::anchors(ANCHORS).agreed("golden anchors").unwrap();
    let anchors = |base: &str, set| Ok((Action::Anchors(Anchors { base: base.into(), set }), None));
    assert_eq!(meanings[0], anchors(base, Some(set)));
    assert_eq!(meanings[2], anchors(&base.to_ascii_uppercase(), None));

    let (_, card) = meanings[1].clone().unwrap();
    let card = card.unwrap().unwrap();
    assert_eq!((card.fit.anchors, Some(hex(&card.digest).as_str())), (Some(set), DIGESTS_KINDS.lines().nth(5)));
    let domain = |label: Option<&str>, rows, r2| Domain { label: label.map(str::to_owned), rows, r2 };
    let domains = vec![domain(None, 1000, 0.75), domain(Some("news"), 2, -0.5), domain(Some("Prüfungen"), 2, 0.625)];
    assert_eq!(card.fidelity, Some(Fidelity { anchor_rows: 4, domains }));
    assert_eq!(card.derivation, Some(Derivation { object: digest(b"the dense map"), how: "distill".into() }));
    assert_eq!(card.extensions.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2, 7]);
    let canonical = only(ENTRY_ANCHORS, Content::Entry).unwrap();
    assert_eq!(Some(hex(&canonical.digest).as_str()), DIGESTS_KINDS.lines().nth(6));

    let esms = twins::bundle(BUNDLE_LOW_RANK).agreed("golden bundle with a low-rank map").unwrap();
    assert_eq!((esms.len(), &esms[0].card), (1, &card));
    assert_eq!(
        Ok(&esms[0].object),
        twins::object(LOW_RANK[3].0).agreed("its object").as_ref().map(|(object, _)| object)
    );
}

#[test]
fn the_signature_means_the_same_to_both_readers() {
    let (entry, meanings) = twins::entry(ENTRY_SIGNATURE).agreed("golden entry with a signature").unwrap();
    assert_eq!((entry.records.len(), entry.records[0].kind, entry.records[0].flags), (1, 7, 0));
    let Ok((Action::Signature(signature), None)) = &meanings[0] else { panic!("{meanings:?}") };
    assert_eq!((&*signature.target.name, &*signature.target.tag), ("acme/reviews/de", "v1"));
    assert_eq!(signature.target.card, digest(b"hello"));
    let seal = esmhub::trust::Seal::read(&signature.bytes).unwrap();
    assert_eq!(key_and_signature(&signature.bytes).map(|(key, _)| key), Some(seal.key()));
    assert!(seal.verifies(&signature.statement()));
}

#[test]
fn sketches_mean_the_same_to_both_readers() {
    let esms = twins::bundle(BUNDLE_SKETCH).agreed("golden bundle with sketches").unwrap();
    let digests: Vec<String> = esms.iter().map(|esm| hex(&esm.card.digest)).collect();
    assert_eq!(digests, DIGESTS_SKETCH.lines().collect::<Vec<_>>());
    assert!(esms.iter().all(|esm| esm.card.extensions.iter().map(|(id, _)| *id).eq([2, 3])));
    let sketches: Vec<_> = esms.iter().map(|esm| esm.card.sketch.as_ref().unwrap()).collect();

    // Few texts: all are listed, however they are written, and nothing else is.
    let (few, many) = (sketches[0], sketches[1]);
    assert_eq!((few.texts, few.last, few.values.len()), (5, u32::MAX, 5));
    for text in ["RAIN", "ärger (im café)", "İstanbul", "ISTANBUL", "数とは何か", "Don't 2", " don,T\n2"] {
        assert_eq!(few.lists(facts::hash(text).unwrap()), Some(true), "{text}");
    }
    for text in ["rain today", "arger im cafe", "istan bul", "dont 2"] {
        assert_eq!(few.lists(facts::hash(text).unwrap()), Some(false), "{text}");
    }
    assert_eq!([facts::hash(""), facts::hash("?"), facts::hash(" …")], [None; 3]);

    // Many: those with the smallest hashes, and of the others nothing is known.
    assert_eq!((many.texts, many.values.len()), (3000, 2331));
    let judged: Vec<_> = (0..3000).map(|number| many.lists(facts::hash(&format!("text {number}")).unwrap())).collect();
    let times = |verdict| judged.iter().filter(|found| **found == verdict).count();
    assert_eq!([times(Some(true)), times(None)], [2331, 669]);
}
