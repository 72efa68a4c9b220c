//! Edges of the rules for low-rank maps, one by one: where two readers of SPEC.md are likeliest to part.

use half::f16;

use super::codec::Codec;
use super::frame::{Content, only};
use super::golden::{ANCHORS, BUNDLE_LOW_RANK, LOW_RANK, parts};
use super::object::{Map, Object};
use super::reader::digest;
use super::sealed;
use super::twins::{self, Called};

/// The canonical bytes of a map: header fields, then whatever stands behind them.
fn bytes(kind: u16, codec: u16, dimension: u32, scale: f32, rank: u32, length: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), codec.to_le_bytes()].concat();
    bytes.extend([dimension.to_le_bytes(), scale.to_le_bytes(), rank.to_le_bytes()].concat());
    bytes.extend(length.to_le_bytes());
    bytes.extend(body);
    bytes
}

/// A low-rank map of these factors, as bytes, and a bias of zeros.
fn low_rank(codec: u16, dimension: u32, rank: u32, factors: &[u8]) -> Vec<u8> {
    let width = if codec == 1 { 4 } else { 2 };
    let bias = vec![0; width * dimension as usize];
    bytes(2, codec, dimension, 1.0, rank, factors.len() as u64, &[factors, &bias].concat())
}

fn verdict(canonical: &[u8], what: &str) -> Result<Object, Called> {
    twins::object(&sealed::stored(Content::Object, canonical)).agreed(what).map(|(object, _)| object)
}

fn factors(object: Object) -> (Vec<f32>, Vec<f32>) {
    match object.map {
        Map::LowRank { a, b } => (a, b),
        Map::Dense { .. } => panic!("a dense map"),
    }
}

/// The length of factors by the table of section 4, in its own words.
fn length(codec: u16, d: u64, r: u64) -> u64 {
    match codec {
        1 => 8 * r * d,
        2 => 4 * r * d,
        3 => 2 * r * (2 * d.div_ceil(64) + d),
        _ => 2 * r * (2 * d.div_ceil(64) + d.div_ceil(2)),
    }
}

#[test]
fn a_map_of_rank_0_is_a_scale_and_a_bias() {
    for codec in 1..=4 {
        for dimension in [1, 2, 67, 8192] {
            let object = verdict(&low_rank(codec, dimension, 0, &[]), "rank 0").unwrap();
            assert_eq!((object.scale, object.bias.len()), (1.0, dimension as usize));
            assert_eq!(factors(object), (vec![], vec![]));
        }
        assert_eq!(verdict(&low_rank(codec, 67, 0, &[0; 4]), "rank 0 with factors").err(), Some(Called::Invalid));
    }
}

#[test]
fn the_rank_ends_at_half_the_dimension() {
    for codec in 1..=4 {
        for dimension in [1, 2, 3, 63, 64, 65, 66, 67, 128, 129] {
            for (rank, accepted) in [(dimension / 2, true), (dimension / 2 + 1, false)] {
                let factors = vec![0; length(codec, dimension.into(), rank.into()) as usize];
                let found = verdict(&low_rank(codec, dimension, rank, &factors), "largest rank");
                assert_eq!(found.as_ref().err(), (!accepted).then_some(&Called::Invalid), "{codec} {dimension} {rank}");
                if let Ok(object) = found {
                    assert_eq!(object.map.values().count(), 2 * rank as usize * dimension as usize);
                }
            }
        }
    }
}

#[test]
fn lengths_and_ranks_that_claim_more_than_there_is_are_refused() {
    for codec in 1..=4 {
        for rank in [3, 32, 33, 34, 4096, 4097, u32::MAX / 2, u32::MAX] {
            for dimension in [67, 8192, 8193, u32::MAX] {
                for claim in [length(codec, 67, 2), length(codec, 8192, 4096), 1 << 60, u64::MAX] {
                    let body = vec![0; length(codec, 67, 2) as usize + 67 * 4];
                    let canonical = bytes(2, codec, dimension, 1.0, rank, claim, &body);
                    assert_eq!(verdict(&canonical, "claims").err(), Some(Called::Invalid));
                }
            }
        }
        // The largest map that the format has, claimed by a header alone.
        let canonical = bytes(2, codec, 8192, 1.0, 4096, length(codec, 8192, 4096), &[]);
        assert_eq!(verdict(&canonical, "a header alone").err(), Some(Called::Invalid));
        let fine = low_rank(codec, 67, 2, &vec![0; length(codec, 67, 2) as usize]);
        assert!(verdict(&fine, "fine").is_ok());
        for end in [24, fine.len() - 2, fine.len() - 1] {
            assert_eq!(verdict(&fine[..end], "cut").err(), Some(Called::Invalid));
        }
        assert_eq!(verdict(&[&fine[..], &[0]].concat(), "longer").err(), Some(Called::Invalid));
    }
}

/// The bias of a dense map is always of `f32`, that of a low-rank map is not.
#[test]
fn the_bias_is_as_wide_as_kind_and_codec_say() {
    for codec in 1..=4 {
        let (factors, d) = (vec![0; length(codec, 4, 1) as usize], 4);
        for width in [2, 4] {
            let body = [&factors[..], &vec![0; width * d]].concat();
            let found = verdict(&bytes(2, codec, 4, 1.0, 1, factors.len() as u64, &body), "bias");
            assert_eq!(found.is_ok(), (width == 4) == (codec == 1), "{codec} {width}");
        }
    }
    let mut canonical = low_rank(3, 2, 0, &[]);
    let end = canonical.len();
    canonical[end - 4..].copy_from_slice(&[0x01, 0x00, 0xff, 0xfb]);
    let object = verdict(&canonical, "ends of f16").unwrap();
    assert_eq!(object.bias, [2f32.powi(-24), -65504.0]);
    for odd in [f16::INFINITY, f16::NEG_INFINITY, f16::NAN] {
        canonical[end - 2..].copy_from_slice(&odd.to_le_bytes());
        assert_eq!(verdict(&canonical, "a bias that is not finite").err(), Some(Called::Invalid));
    }
}

/// 65 columns: the group of the last one has a scale of its own. Row r + k is row k of B.
#[test]
fn groups_of_64_and_a_last_one_of_one_value() {
    let halves = |values: &[f32]| values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect::<Vec<u8>>();
    // Rank 1: the scales of the column of A, then those of the row of B. Scales may be negative.
    let scales = halves(&[0.5, 2.0, -1.0, 0.25]);
    let integers = |row: u8| (0..65u8).map(move |column| column + row).collect::<Vec<u8>>();
    let object = verdict(&low_rank(3, 65, 1, &[scales.clone(), integers(0), integers(191)].concat()), "int8").unwrap();
    let (a, b) = factors(object);
    let signed = |v: i32| f32::from(i8::from_le_bytes([v.to_le_bytes()[0]]));
    assert!((0..64).all(|j| a[j as usize] == 0.5 * signed(j) && b[j as usize] == -signed(j + 191)));
    assert_eq!((a[64], b[64]), (2.0 * 64.0, 0.25 * signed(255)));

    // Two values to a byte, the low half first; the last byte of a row has one.
    let row = |last: u8| [vec![0x81; 32], vec![last]].concat();
    let int4 = |last: u8| low_rank(4, 65, 1, &[scales.clone(), row(0x07), row(last)].concat());
    let (a, b) = factors(verdict(&int4(0x08), "int4").unwrap());
    assert_eq!((a[0], a[1], a[62], a[63], a[64]), (0.5, -4.0, 0.5, -4.0, 14.0));
    assert_eq!((b[0], b[1], b[62], b[63], b[64]), (-1.0, 8.0, -1.0, 8.0, -2.0));
    for spare in [0x18, 0x88, 0xf0] {
        assert_eq!(verdict(&int4(spare), "spare half byte").err(), Some(Called::Invalid));
    }
}

#[test]
fn scales_and_factors_that_are_not_finite_are_refused() {
    // Times an integer of 0, an infinite scale is not finite either.
    for codec in [2, 3, 4] {
        for odd in [f16::INFINITY, f16::NEG_INFINITY, f16::NAN] {
            let mut factors = vec![0; length(codec, 2, 1) as usize];
            factors[..2].copy_from_slice(&odd.to_le_bytes());
            assert_eq!(verdict(&low_rank(codec, 2, 1, &factors), "not finite").err(), Some(Called::Invalid));
        }
    }
    for odd in [f32::INFINITY, f32::NAN] {
        let factors: Vec<u8> = [1.0, odd, 0.0, 0.0].iter().flat_map(|v: &f32| v.to_le_bytes()).collect();
        assert_eq!(verdict(&low_rank(1, 2, 1, &factors), "not finite").err(), Some(Called::Invalid));
        for codec in 1..=4 {
            let body = if codec == 1 { &[0; 8][..] } else { &[0; 4] };
            let canonical = bytes(2, codec, 2, odd, 0, 0, body);
            assert_eq!(verdict(&canonical, "scale").err(), Some(Called::Invalid));
        }
    }
    // What the factors make together is not part of the format: their product may be beyond f32.
    let huge = f32::MAX.to_le_bytes().repeat(4);
    assert!(verdict(&low_rank(1, 2, 1, &huge), "a huge product").is_ok());
}

/// Only a dense map of codec `f32` must do without a scale, and only a low-rank one has a rank.
#[test]
fn scale_and_rank_are_judged_by_kind() {
    for scale in [0.0, -0.0, 1.0e-45, -2.5] {
        let object = verdict(&bytes(2, 1, 2, scale, 0, 0, &[0; 8]), "scale").unwrap();
        assert_eq!(object.scale.to_bits(), scale.to_bits());
        let dense = verdict(&bytes(1, 1, 2, scale, 0, 16, &[0; 24]), "scale of a dense map");
        assert_eq!(dense.is_ok(), scale.to_bits() == 0);
    }
    assert_eq!(verdict(&bytes(1, 1, 2, 0.0, 1, 16, &[0; 24]), "rank of a dense map").err(), Some(Called::Invalid));
}

#[test]
fn f32_factors_are_whatever_bits_they_are() {
    let odd = [-0.0, 1.0e-45, f32::MIN_POSITIVE, f32::MIN];
    let written: Vec<u8> = odd.iter().flat_map(|v: &f32| v.to_le_bytes()).collect();
    let object = verdict(&low_rank(1, 2, 1, &written), "odd factors").unwrap();
    assert_eq!(object.codec, Codec::F32);
    let (a, b) = factors(object);
    assert!([a, b].concat().iter().zip(odd).all(|(found, value)| found.to_bits() == value.to_bits()));
}

#[test]
fn a_card_of_a_low_rank_map_agrees_with_it_in_its_kind() {
    let (record, object) = parts(BUNDLE_LOW_RANK);
    let named = digest(&object);
    let at = record.windows(32).position(|window| window == named).unwrap();
    let bundle = |record: &[u8], object: &[u8]| {
        [sealed::stored(Content::Publish, record), sealed::stored(Content::Object, object)].concat()
    };
    let mut other = record.clone();
    other[at + 40] = 1;
    assert_eq!(twins::bundle(&bundle(&other, &object)).agreed("kind").err(), Some(Called::Invalid));

    // A card about an anchor set, and one about a map of another rank.
    let anchors = only(ANCHORS, Content::Object).unwrap().canonical;
    let lower = only(LOW_RANK[3].0, Content::Object).map(|frame| {
        let mut lower = frame.canonical;
        lower[12] = 0;
        lower[16..24].fill(0);
        lower.drain(24..lower.len() - 2 * 67);
        lower
    });
    for (object, what) in [(anchors, "a card of anchors"), (lower.unwrap(), "another length")] {
        let mut record = record.clone();
        record[at..at + 32].copy_from_slice(&digest(&object));
        assert_eq!(twins::bundle(&bundle(&record, &object)).agreed(what).err(), Some(Called::Invalid));
    }
}
