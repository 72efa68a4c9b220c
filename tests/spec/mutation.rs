//! Hostile input: whatever is done to the golden bytes, both readers say the same.

use std::collections::BTreeMap;

use super::frame::{Content, only};
use super::golden::{BUNDLE, ENTRY, OBJECTS, bundle_parts};
use super::reader::digest;
use super::sealed;
use super::twins::{self, Called, Verdicts};

/// Mutations of each golden file.
const ROUNDS: u64 = 3000;

/// SplitMix64 (Steele, Lea and Flood, 2014): the same mutations on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// A place in bytes of this length: every other one in the first 100, where lengths and versions stand.
    fn place(&mut self, length: usize) -> usize {
        let end = if self.next().is_multiple_of(2) { length.min(100) } else { length };
        self.below(end)
    }

    /// One to three mutations.
    fn mutated(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut mutated = bytes.to_vec();
        for _ in 0..self.one_of(&[1, 1, 1, 2, 3]) {
            self.mutate(&mut mutated);
        }
        mutated
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        /// What lengths, counts, versions and dimensions break at.
        const ODD: [u64; 18] = [
            0,
            1,
            2,
            3,
            4,
            5,
            7,
            0x7f,
            0x80,
            0xff,
            0x8000,
            8191,
            8193,
            0x7f80_0000,
            0xffff_ffff,
            1 << 60,
            0x7ff0_0000_0000_0000,
            u64::MAX,
        ];
        if bytes.is_empty() {
            return;
        }
        let (at, other) = (self.place(bytes.len()), self.place(bytes.len()));
        let (from, to) = (at.min(other), at.max(other));
        match self.below(9) {
            0 | 1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes[at] = self.next().to_le_bytes()[0],
            3 | 4 => {
                let width = self.one_of(&[1, 2, 4, 8]);
                let value = self.one_of(&ODD).to_le_bytes();
                bytes[at..].iter_mut().zip(&value[..width]).for_each(|(byte, new)| *byte = *new);
            }
            5 => bytes.truncate(at),
            6 => bytes.extend(&self.next().to_le_bytes()[..1 + at % 8]),
            7 => drop(bytes.drain(from..to.min(from + 40))),
            _ => {
                let again = bytes[from..to.min(from + 40)].to_vec();
                bytes.splice(from..from, again);
            }
        }
    }

    /// A frame around canonical bytes, stored or compressed.
    fn sealed(&mut self, content: Content, canonical: &[u8]) -> Vec<u8> {
        if self.next().is_multiple_of(4) {
            sealed::compressed(content, canonical)
        } else {
            sealed::stored(content, canonical)
        }
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
    for (seed, (file, _)) in (1..).zip(OBJECTS) {
        let canonical = only(file, Content::Object).unwrap().canonical;
        let hostile = |random: &mut Random| {
            let mutated = random.mutated(&canonical);
            random.sealed(Content::Object, &mutated)
        };
        assert_seen(&judge(seed, hostile, twins::object), &["accepted", "Invalid", "Newer"]);
    }
}

#[test]
fn canonical_bytes_of_entries_are_judged_alike() {
    let canonical = only(ENTRY, Content::Entry).unwrap().canonical;
    let hostile = |random: &mut Random| {
        let mutated = random.mutated(&canonical);
        random.sealed(Content::Entry, &mutated)
    };
    assert_seen(&judge(5, hostile, twins::entry), &["accepted", "Invalid", "Newer"]);
}

/// Within an entry most mutations break a length; alone, every field of a card is reached.
#[test]
fn canonical_bytes_of_cards_are_judged_alike() {
    let (record, _) = bundle_parts();
    let canonical = super::entry::publish(&record).unwrap().card;
    assert_seen(&judge(6, |random| random.mutated(&canonical), twins::card), &["accepted", "Invalid", "Newer"]);
}

/// The card names the mutated object, so that they may disagree in all but the digest.
#[test]
fn canonical_bytes_of_bundles_are_judged_alike() {
    let (record, object) = bundle_parts();
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
        let record = random.sealed(Content::Publish, &record);
        [record, random.sealed(Content::Object, &object)].concat()
    };
    assert_seen(&judge(7, hostile, twins::bundle), &["accepted", "Damage", "Invalid", "Newer"]);
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
}

/// Every truncation of every golden file, and every byte too many.
#[test]
fn missing_and_additional_bytes_are_damage_to_both() {
    for (file, _) in OBJECTS {
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
