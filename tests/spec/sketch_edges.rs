//! Edges of R29, one by one.

use super::facts::Sketch;
use super::golden::{BUNDLE_SKETCH, parts};
use super::twins::{self, Called};

/// What both readers make of these bytes in the place of extension 3.
pub(super) fn verdict(bytes: impl AsRef<[u8]>) -> Result<Sketch, Called> {
    let bytes = bytes.as_ref();
    let canonical = super::entry::publish(&parts(BUNDLE_SKETCH).0).unwrap().card;
    let written = &super::card::Card::decode(&canonical).unwrap().extensions[1].1;
    let before = &canonical[..canonical.len() - written.len() - 8];
    let card = [before, &u64::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat();
    twins::card(&card).agreed("a sketch").map(|card| card.sketch.unwrap())
}

/// The header, and both strings.
fn sketch(texts: u64, last: u32, k: u32, buckets: &[u8], places: &[u8]) -> Vec<u8> {
    [&texts.to_le_bytes()[..], &last.to_le_bytes(), &k.to_le_bytes(), buckets, places].concat()
}

const ALL: u32 = u32::MAX;

#[test]
fn strings_are_read_from_the_lowest_bit() {
    // Buckets 0 and 2 of three: one in the first, none in the second, two in the third.
    let found = verdict(sketch(3, ALL, 3, &[0b01_1001], &[0x01, 0x20, 0x00, 0xff, 0x0f])).unwrap();
    assert_eq!(found, Sketch { texts: 3, last: ALL, values: vec![0x001, 0x2002, 0x2fff] });
    // In any order within a bucket, and twice the same.
    let found = verdict(sketch(9, 7, 3, &[0b01_1100], &[0xff, 0x2f, 0x00, 0x02, 0x00])).unwrap();
    assert_eq!(found.values, [0x2fff, 0x2002, 0x2002]);
    assert_eq!(verdict(sketch(1, ALL, 1, &[0b01], &[0xff, 0x0f])).unwrap().values, [0xfff]);
}

#[test]
fn counts_that_contradict_each_other_are_invalid() {
    let one = |texts, last, k| verdict(sketch(texts, last, k, &[0b01], &[5, 0])).map(|found| found.texts);
    assert_eq!(one(1, ALL, 1), Ok(1));
    assert_eq!(one(2, 0, 1), Ok(2));
    assert_eq!(one(u64::MAX, ALL - 1, 1), Ok(u64::MAX));
    for (texts, last, k) in
        [(0, ALL, 1), (1, 0, 1), (1, ALL - 1, 1), (2, ALL, 1), (1, ALL, 0), (0, ALL, 0), (1, ALL, 2)]
    {
        assert_eq!(one(texts, last, k), Err(Called::Invalid), "{texts} {last} {k}");
    }
    assert_eq!(verdict(sketch(0, ALL, 0, &[], &[])), Err(Called::Invalid));
    for k in [5, 2331, 2332, 4097, 1 << 30, u32::MAX] {
        assert_eq!(one(u64::from(k), ALL, k), Err(Called::Invalid), "{k}");
    }
}

#[test]
fn every_bucket_ends_and_nothing_follows() {
    let buckets = |buckets: u8| verdict(sketch(2, ALL, 2, &[buckets], &[1, 2, 3])).is_ok();
    // Two ones and two zeros, the last of the four a zero.
    let accepted: Vec<u8> = (0..=255).filter(|bits| buckets(*bits)).collect();
    assert_eq!(accepted, [0b0011, 0b0101, 0b0110]);
    for (last, accepted) in [(0x0f, true), (0x1f, false), (0x8f, false)] {
        assert_eq!(verdict(sketch(1, ALL, 1, &[1], &[0, last])).is_ok(), accepted, "{last:x}");
    }
    let whole = sketch(3, ALL, 3, &[0b01_1001], &[1, 2, 3, 4, 5]);
    for end in 0..whole.len() {
        assert_eq!(verdict(&whole[..end]), Err(Called::Invalid), "{end}");
    }
    assert_eq!(verdict([&whole[..], &[0]].concat()), Err(Called::Invalid));
}

#[test]
fn sketches_end_at_4096_bytes() {
    let of = |k: usize| {
        // A one in each bucket, and then its zero.
        let mut buckets = vec![0b0101_0101; k.div_ceil(4)];
        *buckets.last_mut().unwrap() >>= (8 - 2 * k % 8) % 8;
        sketch(k as u64, ALL, u32::try_from(k).unwrap(), &buckets, &vec![0; (3 * k).div_ceil(2)])
    };
    assert_eq!(of(2331).len(), 4096);
    assert_eq!(verdict(of(2331)).unwrap().values.len(), 2331);
    assert_eq!(verdict(of(2332)), Err(Called::Invalid));
}
