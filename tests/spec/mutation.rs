//! Hostile input: whatever is done to the golden bytes, both readers say the same.

use std::collections::BTreeMap;

use super::frame::{Content, only};
use super::golden::{
    ANCHORS, BUNDLE, BUNDLE_LOW_RANK, BUNDLE_SKETCH, ENTRY, ENTRY_ANCHORS, ENTRY_SIGNATURE, LOW_RANK, OBJECTS, parts,
};
use super::random::Random;
use super::reader::digest;
use super::sealed;
use super::twins::{self, Called, Verdicts};

/// Mutations of each golden file.
const ROUNDS: u64 = 3000;

/// A frame around canonical bytes, stored or compressed.
fn sealed(random: &mut Random, content: Content, canonical: &[u8]) -> Vec<u8> {
    if random.next().is_multiple_of(4) {
        sealed::compressed(content, canonical)
    } else {
        sealed::stored(content, canonical)
    }
}

/// How often each verdict was given.
type Tally = BTreeMap<String, u32>;

/// Both readers judge `rounds` files; how often they said what.
fn judge<T: std::fmt::Debug>(
    seed: u64,
    mut hostile: impl FnMut(&mut Random) -> Vec<u8>,
    twins: impl Fn(&[u8]) -> Verdicts<T>,
) -> Tally {
    let mut tally = Tally::new();
    for round in 0..ROUNDS {
        let mut random = Random(seed << 32 | round);
        let file = hostile(&mut random);
        let verdict = twins(&file).agreed(&format!("seed {seed}, round {round}"));
        let said = verdict.map_or_else(|called| format!("{called:?}"), |_| "accepted".into());
        *tally.entry(said).or_default() += 1;
    }
    tally
}

fn assert_seen(tally: &Tally, expected: &[&str]) {
    for said in expected {
        assert!(tally.get(*said).is_some_and(|times| *times > 2), "{said} was hardly ever said: {tally:?}");
    }
}

#[test]
fn canonical_bytes_of_objects_are_judged_alike() {
    for (seed, (file, _)) in [1, 2, 3, 4, 19, 20, 21, 22].into_iter().zip(OBJECTS.into_iter().chain(LOW_RANK)) {
        let canonical = only(file, Content::Object).unwrap().canonical;
        let hostile = |random: &mut Random| {
            let mutated = random.mutated(&canonical);
            sealed(random, Content::Object, &mutated)
        };
        assert_seen(&judge(seed, hostile, twins::object), &["accepted", "Invalid", "Newer"]);
    }
}

/// Header fields alone, of a map of each codec: kind, codec, dimension, rank and length are where the two kinds differ.
#[test]
fn headers_of_objects_are_judged_alike() {
    for (seed, (file, _)) in (23..).zip(OBJECTS.into_iter().chain(LOW_RANK)) {
        let canonical = only(file, Content::Object).unwrap().canonical;
        let hostile = |random: &mut Random| {
            let mut header = random.mutated(&canonical[..24]);
            header.resize(24, 0);
            sealed(random, Content::Object, &[&header[..], &canonical[24..]].concat())
        };
        assert_seen(&judge(seed, hostile, twins::object), &["accepted", "Invalid", "Newer"]);
    }
}

#[test]
fn canonical_bytes_of_anchor_sets_are_judged_alike() {
    let canonical = only(ANCHORS, Content::Object).unwrap().canonical;
    let hostile = |random: &mut Random| {
        let mutated = random.mutated(&canonical);
        sealed(random, Content::Object, &mutated)
    };
    assert_seen(&judge(31, hostile, twins::anchors), &["accepted", "Invalid", "Newer"]);
    assert_seen(&judge(32, hostile, twins::object), &["Invalid", "Newer"]);
    let map = only(LOW_RANK[0].0, Content::Object).unwrap().canonical;
    let hostile = |random: &mut Random| sealed::stored(Content::Object, &random.mutated(&map[..24]));
    assert_seen(&judge(33, hostile, twins::anchors), &["Invalid", "Newer"]);
}

/// Of the golden card, extensions 1 and 2 alone: over the whole card, few mutations hit them.
#[test]
fn extensions_of_cards_are_judged_alike() {
    let (record, _) = parts(BUNDLE_LOW_RANK);
    let canonical = super::entry::publish(&record).unwrap().card;
    let card = super::card::Card::decode(&canonical).unwrap();
    for (seed, (_, bytes)) in (34..).zip(&card.extensions[..2]) {
        let at = canonical.windows(bytes.len()).position(|window| window == bytes).unwrap();
        let (before, behind) = (&canonical[..at - 8], &canonical[at + bytes.len()..]);
        let hostile = |random: &mut Random| {
            let mutated = random.mutated(bytes);
            let length = u64::try_from(mutated.len()).unwrap().to_le_bytes();
            [before, &length, &mutated, behind].concat()
        };
        assert_seen(&judge(seed, hostile, twins::card), &["accepted", "Invalid"]);
    }
}

/// Of the golden card with a sketch of few texts, extension 3 alone.
#[test]
fn sketches_are_judged_alike() {
    let canonical = super::entry::publish(&parts(BUNDLE_SKETCH).0).unwrap().card;
    let card = super::card::Card::decode(&canonical).unwrap();
    let (_, bytes) = &card.extensions[1];
    let before = &canonical[..canonical.len() - bytes.len() - 8];
    let hostile = |random: &mut Random| {
        let mutated = random.mutated(bytes);
        let length = u64::try_from(mutated.len()).unwrap().to_le_bytes();
        [before, &length, &mutated].concat()
    };
    assert_seen(&judge(42, hostile, twins::card), &["accepted", "Invalid"]);
}

/// Of the golden entries, the payloads of kinds 5 and 7 alone.
#[test]
fn records_of_anchors_and_signatures_are_judged_alike() {
    for (seed, file) in [(36, ENTRY_ANCHORS), (44, ENTRY_SIGNATURE)] {
        judge_first_record(seed, file);
    }
}

/// The two readers of the form of a signature: what one takes apart, the other does, into the same key.
#[test]
fn forms_of_signatures_are_judged_alike() {
    let canonical = only(ENTRY_SIGNATURE, Content::Entry).unwrap().canonical;
    let golden = canonical[canonical.len() - 176..].to_vec();
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let mutated = Random(45 << 32 | round).mutated(&golden);
        let spec = super::entry::key_and_signature(&mutated).map(|(key, _)| key);
        let ours = esmhub::trust::Seal::read(&mutated);
        assert_eq!(spec, ours.map(|seal| seal.key()).ok(), "round {round}");
        accepted += u64::from(spec.is_some());
    }
    assert!(accepted > 100 && accepted < ROUNDS - 100, "{accepted}");
}

fn judge_first_record(seed: u64, file: &'static [u8]) {
    let canonical = only(file, Content::Entry).unwrap().canonical;
    let entry = super::entry::Entry::decode(&canonical).unwrap();
    let payload = &entry.records[0].payload;
    let at = canonical.windows(payload.len()).position(|window| window == payload).unwrap();
    let hostile = |random: &mut Random| {
        let mutated = random.mutated(payload);
        let length = u64::try_from(mutated.len()).unwrap().to_le_bytes();
        let entry = [&canonical[..at - 8], &length, &mutated, &canonical[at + payload.len()..]].concat();
        sealed(random, Content::Entry, &entry)
    };
    let first = |file: &[u8]| {
        let Verdicts { spec, store } = twins::entry(file);
        Verdicts { spec: spec.and_then(|(_, m)| m[0].clone()), store: store.and_then(|(_, m)| m[0].clone()) }
    };
    assert_seen(&judge(seed, hostile, first), &["accepted", "Invalid"]);
}

#[test]
fn canonical_bytes_of_entries_are_judged_alike() {
    for (seed, file) in [(5, ENTRY), (37, ENTRY_ANCHORS), (46, ENTRY_SIGNATURE)] {
        let canonical = only(file, Content::Entry).unwrap().canonical;
        let hostile = |random: &mut Random| {
            let mutated = random.mutated(&canonical);
            sealed(random, Content::Entry, &mutated)
        };
        assert_seen(&judge(seed, hostile, twins::entry), &["accepted", "Invalid", "Newer"]);
    }
}

/// Within an entry most mutations break a length; alone, every field of a card is reached.
#[test]
fn canonical_bytes_of_cards_are_judged_alike() {
    for (seed, bundle) in [(6, BUNDLE), (38, BUNDLE_LOW_RANK), (43, BUNDLE_SKETCH)] {
        let canonical = super::entry::publish(&parts(bundle).0).unwrap().card;
        assert_seen(&judge(seed, |random| random.mutated(&canonical), twins::card), &["accepted", "Invalid", "Newer"]);
    }
}

/// The card names the mutated object, so that they may disagree in all but the digest.
#[test]
fn canonical_bytes_of_bundles_are_judged_alike() {
    for (seed, bundle) in [(7, BUNDLE), (39, BUNDLE_LOW_RANK)] {
        let (record, object) = parts(bundle);
        let named = digest(&object);
        let at = record.windows(32).position(|window| window == named).unwrap();
        let hostile = |random: &mut Random| {
            let mut record = record.clone();
            let mut object = object.clone();
            if random.next().is_multiple_of(2) {
                object = random.mutated(&object);
                record[at..at + 32].copy_from_slice(&digest(&object));
            } else {
                record = random.mutated(&record);
            }
            let record = sealed(random, Content::Publish, &record);
            [record, sealed(random, Content::Object, &object)].concat()
        };
        assert_seen(&judge(seed, hostile, twins::bundle), &["accepted", "Damage", "Invalid", "Newer"]);
    }
}

/// Headers whose check holds, over golden payloads.
#[test]
fn headers_are_judged_alike() {
    let hostile = |file: &'static [u8]| {
        move |random: &mut Random| {
            let header = random.mutated(&file[..56]);
            let mut file = file.to_vec();
            file.iter_mut().zip(&header).for_each(|(byte, new)| *byte = *new);
            sealed::checked(file)
        }
    };
    let seen = ["accepted", "Damage", "Invalid", "Newer", "TooLarge"];
    assert_seen(&judge(8, hostile(OBJECTS[3].0), twins::object), &seen);
    assert_seen(&judge(9, hostile(ENTRY), twins::entry), &seen);
    assert_seen(&judge(10, hostile(BUNDLE), twins::bundle), &seen);
}

/// zstd frames that are not what they were, under a header that fits their length.
#[test]
fn compressed_payloads_are_judged_alike() {
    let canonical = only(ENTRY, Content::Entry).unwrap().canonical;
    let payload = zstd::bulk::compress(&canonical, 19).unwrap();
    let streamed = zstd::stream::encode_all(&canonical[..], 1).unwrap();
    for (seed, payload) in [(11, payload), (12, streamed)] {
        let hostile = |random: &mut Random| {
            let mutated = random.mutated(&payload);
            sealed::around(Content::Entry, 1, &canonical, &mutated)
        };
        assert_seen(&judge(seed, hostile, twins::entry), &["accepted", "Damage"]);
    }
}

#[test]
fn raw_files_are_judged_alike() {
    for (seed, (file, _)) in (13..).zip(OBJECTS) {
        assert_seen(&judge(seed, |random| random.mutated(file), twins::object), &["Damage"]);
    }
    assert_seen(&judge(17, |random| random.mutated(ENTRY), twins::entry), &["Damage"]);
    assert_seen(&judge(18, |random| random.mutated(BUNDLE), twins::bundle), &["Damage"]);
    assert_seen(&judge(40, |random| random.mutated(LOW_RANK[3].0), twins::object), &["Damage"]);
    assert_seen(&judge(41, |random| random.mutated(ANCHORS), twins::anchors), &["Damage"]);
}

/// Every truncation of every golden file, and every byte too many.
#[test]
fn missing_and_additional_bytes_are_damage_to_both() {
    for (file, _) in OBJECTS.into_iter().chain(LOW_RANK) {
        for end in 0..file.len() {
            assert_eq!(twins::object(&file[..end]).agreed("cut").err(), Some(Called::Damage));
        }
        let longer = [file, &[0]].concat();
        assert_eq!(twins::object(&longer).agreed("longer").err(), Some(Called::Damage));
    }
    for end in 1..BUNDLE.len() {
        assert_eq!(twins::bundle(&BUNDLE[..end]).agreed("cut").err(), Some(Called::Damage));
    }
}
