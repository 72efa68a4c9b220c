//! Low-rank maps: what the codecs keep, what they cost, and what they refuse.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use esmhub_store_format::card::Weights;
use esmhub_store_format::{Codec, Digest, FormatError, LowRankMap, Map, Object};
use support::{low_rank, noise};

/// The largest finite f16.
const F16_MAX: f32 = 65504.0;

fn random(d: usize, r: usize, seed: u64) -> LowRankMap {
    LowRankMap::new(0.9, noise(seed, 2 * r * d), noise(seed + 1, d)).unwrap()
}

/// `A B` by the definition, in f64.
fn product(map: &LowRankMap) -> Vec<f64> {
    let (d, r) = (map.dimension() as usize, map.rank() as usize);
    let mut out = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..d {
            out[i * d + j] = (0..r).map(|k| f64::from(map.a()[k * d + i]) * f64::from(map.b()[k * d + j])).sum();
        }
    }
    out
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn f32_factors_keep_every_bit() {
    let odd = [-0.0, 0.0, 1.0e-45, -1.0e-45, f32::MIN_POSITIVE, f32::MAX, f32::MIN, 0.1, 1.0 / 3.0, 2.0f32.powi(-130)];
    // Lopsided halves: whoever balances them changes bits.
    let factors: Vec<f32> = odd.iter().cycle().take(2 * 2 * 5).copied().collect();
    for scale in [0.0, -0.0, 1.0e-45, -3.5, f32::MAX] {
        let map = LowRankMap::new(scale, factors.clone(), odd[..5].to_vec()).unwrap();
        let object = Object::encode_low_rank(&map, Codec::F32).unwrap();
        let read = low_rank(&Object::from_canonical(object.canonical().to_vec()).unwrap());
        assert_eq!(bits(&[read.a(), read.b()].concat()), bits(&factors));
        assert_eq!(bits(read.bias()), bits(&odd[..5]));
        assert_eq!(read.scale().to_bits(), scale.to_bits());
    }
}

#[test]
fn the_product_written_out_is_that_of_the_definition() {
    for (d, r) in [(1, 0), (2, 0), (2, 1), (7, 3), (67, 5), (64, 32)] {
        let map = random(d, r, 3);
        let dense = map.to_dense().unwrap();
        assert_eq!(dense.bias(), map.bias());
        for (at, (found, expected)) in dense.weight().iter().zip(product(&map)).enumerate() {
            let identity = if at / d == at % d { f64::from(map.scale()) } else { 0.0 };
            let expected = expected + identity;
            assert!((f64::from(*found) - expected).abs() <= 1e-6 * expected.abs().max(1e-6), "{d} {r}: {at}");
        }
    }
    let huge = LowRankMap::new(1.0, vec![f32::MAX; 4], vec![0.0; 2]).unwrap();
    assert!(matches!(huge.to_dense(), Err(FormatError::Invalid { .. })));
}

#[test]
fn balancing_moves_length_between_halves_and_changes_no_product() {
    let (d, r) = (67, 3);
    let mut factors = noise(5, 2 * r * d);
    // Component 0 is lopsided by 10 decades, component 2 has an empty half.
    factors[..d].iter_mut().for_each(|v| *v *= 1e5);
    factors[r * d..][..d].iter_mut().for_each(|v| *v *= 1e-5);
    factors[2 * d..3 * d].fill(0.0);
    let map = LowRankMap::new(1.0, factors, vec![0.0; d]).unwrap();
    let balanced = map.balanced();
    for (found, expected) in product(&balanced).into_iter().zip(product(&map)) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    let norm = |row: &[f32]| row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    for k in 0..r {
        let (a, b) = (norm(&balanced.a()[k * d..][..d]), norm(&balanced.b()[k * d..][..d]));
        assert!((a - b).abs() <= 1e-6 * a, "component {k}: {a} {b}");
    }
    // Without it, the first component would be beyond f16.
    let map = LowRankMap::new(1.0, vec![1e6, 1e6, 1e-6, 1e-6], vec![0.0; 2]).unwrap();
    for codec in [Codec::F16, Codec::Int8, Codec::Int4] {
        let read = Object::encode_low_rank(&map, codec).unwrap().map().to_dense().unwrap().into_owned();
        assert!(read.weight().iter().zip([2.0, 1.0, 1.0, 2.0]).all(|(w, e)| (w - e).abs() < 0.01), "{codec}");
    }
}

/// The long half has one value and the short half several, so that even halves would be beyond f32.
#[test]
fn balancing_leaves_a_component_at_the_end_of_the_range_finite() {
    let map = LowRankMap::new(1.0, vec![f32::MAX, 0.0, 0.0, f32::MAX, f32::MAX, f32::MAX], vec![0.0; 3]).unwrap();
    let balanced = map.balanced();
    assert!(balanced.a().iter().chain(balanced.b()).all(|v| v.is_finite()));
    assert_eq!(balanced, map);
    for codec in [Codec::F16, Codec::Int8, Codec::Int4] {
        assert!(matches!(Object::encode_low_rank(&map, codec), Err(FormatError::Invalid { .. })), "{codec}");
    }
}

/// What an empty half multiplies away needs no range, however long the other half is.
#[test]
fn a_component_that_contributes_nothing_is_no_reason_to_refuse() {
    for factors in [vec![1e9, -1e9, 0.0, 0.0], vec![0.0, -0.0, 1e9, 1.0]] {
        let map = LowRankMap::new(0.5, factors, vec![0.0; 2]).unwrap();
        for codec in Codec::ALL {
            let read = Object::encode_low_rank(&map, codec).unwrap().map().to_dense().unwrap().into_owned();
            assert_eq!(read.weight(), [0.5, 0.0, 0.0, 0.5], "{codec}");
        }
    }
}

#[test]
fn a_truncated_map_has_the_first_components() {
    let (d, r) = (9, 4);
    let map = random(d, r, 7);
    for k in 0..=r + 1 {
        let first = map.truncated(u32::try_from(k).unwrap());
        let kept = k.min(r);
        assert_eq!(first.rank() as usize, kept);
        assert_eq!((first.a(), first.b()), (&map.a()[..kept * d], &map.b()[..kept * d]));
        assert_eq!((first.scale(), first.bias(), first.dimension()), (map.scale(), map.bias(), map.dimension()));
        let object = Object::encode_low_rank(&first, Codec::F32).unwrap();
        assert_eq!(low_rank(&object), first);
    }
}

#[test]
fn a_card_tells_the_rank_from_kind_codec_dimension_and_length() {
    let mut seen = 0;
    for d in (1..=130).chain([383, 384, 768, 1023, 8191, 8192]) {
        for codec in Codec::ALL {
            let most = LowRankMap::max_rank(d);
            let bias = u64::from(d) * if codec == Codec::F32 { 4 } else { 2 };
            let weights = |bytes| Weights {
                digest: Digest::of(b""),
                bytes,
                kind: 2,
                codec: codec.code(),
                dimension: d,
                codec_error: 0.0,
            };
            for r in (0..=most.min(40)).chain([most / 2, most]) {
                let bytes = 24 + codec.factor_bytes(d, r) + bias;
                assert_eq!(weights(bytes).rank(), Some(r), "{codec} {d}");
                assert_eq!(weights(bytes + 1).rank(), None, "{codec} {d} {r}: a byte too many");
                assert_eq!(Weights { kind: 1, ..weights(bytes) }.rank(), None);
                seen += 1;
            }
            assert_eq!(weights(24 + codec.factor_bytes(d, most + 1) + bias).rank(), None, "{codec} {d}");
            assert_eq!(weights(23).rank(), None);
            assert_eq!(weights(u64::MAX).rank(), None);
        }
    }
    assert!(seen > 10_000);
    for codec in Codec::ALL {
        for (d, r) in [(1, 0), (5, 2), (67, 5), (128, 64)] {
            let object = Object::encode_low_rank(&random(d, r, 1), codec).unwrap();
            assert_eq!(Weights::of(&object, 0.0).rank(), object.map().rank());
        }
    }
}

/// Against the values before quantisation, group by group: half a step of the group's own scale, and what rounding the
/// scale to f16 costs its extreme.
#[test]
fn integers_are_within_half_a_step_of_their_group() {
    let (d, r) = (131, 9);
    let mut factors = noise(11, 2 * r * d);
    // Groups of very different size stand side by side.
    for (at, group) in factors.chunks_mut(17).enumerate() {
        group.iter_mut().for_each(|v| *v *= 10f32.powi(-(at as i32 % 4)));
    }
    let exact = LowRankMap::new(1.0, factors, noise(12, d)).unwrap().balanced();
    for (codec, steps) in [(Codec::Int8, 127.0), (Codec::Int4, 7.0)] {
        let read = low_rank(&Object::encode_low_rank(&exact, codec).unwrap());
        let exact_again = exact.balanced();
        let rows = |map: &LowRankMap| [map.a(), map.b()].concat();
        for (row, found) in rows(&exact_again).chunks(d).zip(rows(&read).chunks(d)) {
            for (group, found) in row.chunks(64).zip(found.chunks(64)) {
                let extreme = group.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                let error = |v: &f32, f: &f32| (v - f).abs();
                let worst = group.iter().zip(found).map(|(v, f)| error(v, f)).fold(0.0, f32::max);
                // The best of several int4 scales may clip the extreme for the sake of the rest, never by a whole step.
                let most = if codec == Codec::Int8 { 0.5 * extreme / steps } else { extreme / steps };
                let scale_rounding = extreme * 2f32.powi(-11) + steps * 2f32.powi(-25);
                assert!(worst <= most + scale_rounding, "{codec}: {worst} of {extreme}");
                let squared = |values: &[f32]| values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
                let errors: Vec<f32> = group.iter().zip(found).map(|(v, f)| v - f).collect();
                let rms = (squared(&errors) / group.len() as f64).sqrt();
                let plain = f64::from(extreme / steps) / 2.0 + f64::from(scale_rounding);
                assert!(rms <= plain, "{codec}: {rms} of {extreme}, rounding alone costs at most {plain}");
            }
        }
    }
}

#[test]
fn finer_codecs_are_closer() {
    let map = random(67, 8, 21);
    let error = |codec| {
        let read = low_rank(&Object::encode_low_rank(&map, codec).unwrap());
        Map::from(map.clone()).relative_error(&read.into()).unwrap()
    };
    let errors = Codec::ALL.map(error);
    assert!(errors.is_sorted() && errors[0] == 0.0 && errors[1] > 0.0, "{errors:?}");
    assert!(errors[1] < 0.001 && errors[2] < 0.01 && errors[3] < 0.15, "{errors:?}");
}

#[test]
fn a_bias_beyond_f16_is_refused_and_not_clipped() {
    for huge in [65520.0, -1e6, f32::MAX] {
        let map = LowRankMap::new(1.0, noise(1, 4), vec![0.0, huge]).unwrap();
        for codec in [Codec::F16, Codec::Int8, Codec::Int4] {
            let error = Object::encode_low_rank(&map, codec).unwrap_err();
            assert!(matches!(error, FormatError::Invalid { .. }));
            let advice = format!("{error}; {}", error.hint().unwrap_or_default());
            assert!(advice.contains("codec f32"), "{codec}: {advice}");
        }
        assert_eq!(low_rank(&Object::encode_low_rank(&map, Codec::F32).unwrap()), map);
    }
    let map = LowRankMap::new(1.0, noise(1, 4), vec![-F16_MAX, 65519.0]).unwrap();
    assert_eq!(Object::encode_low_rank(&map, Codec::Int4).unwrap().map().bias(), [-F16_MAX, F16_MAX]);
}

#[test]
fn factors_beyond_a_codec_are_refused_and_not_clipped() {
    let largest = |value: f32| LowRankMap::new(1.0, vec![value; 4], vec![0.0; 2]).unwrap();
    for (codec, fits, too_large) in [(Codec::F16, 65504.0, 1e5), (Codec::Int8, 8.3e6, 8.4e6), (Codec::Int4, 5e5, 6e5)] {
        let read = low_rank(&Object::encode_low_rank(&largest(fits), codec).unwrap());
        assert!(read.a().iter().all(|v| (v / fits - 1.0).abs() < 0.1), "{codec}: {:?}", read.a());
        let error = Object::encode_low_rank(&largest(too_large), codec).unwrap_err();
        assert!(matches!(error, FormatError::Invalid { .. }), "{codec}: {error}");
    }
}

#[test]
fn maps_that_are_none_are_refused() {
    let refused = [
        (1.0, vec![], vec![]),
        (f32::NAN, vec![], vec![0.0]),
        (f32::INFINITY, vec![], vec![0.0]),
        (1.0, vec![0.0, 0.0], vec![0.0]),
        (1.0, vec![0.0; 3], vec![0.0; 2]),
        (1.0, vec![0.0; 8], vec![0.0; 2]),
        (1.0, vec![0.0, f32::NAN, 0.0, 0.0], vec![0.0; 2]),
        (1.0, vec![], vec![0.0, f32::INFINITY]),
        (1.0, vec![], vec![0.0; 8193]),
    ];
    for (case, (scale, factors, bias)) in refused.into_iter().enumerate() {
        assert!(matches!(LowRankMap::new(scale, factors, bias), Err(FormatError::Invalid { .. })), "case {case}");
    }
    let map = random(4, 1, 1);
    for codec in Codec::ALL {
        let object = Object::encode_low_rank(&map, codec).unwrap();
        assert!(object.with_bias(&[0.0; 3]).is_err() && object.with_bias(&[f32::NAN; 4]).is_err(), "{codec}");
        let moved = object.with_bias(&[2.0; 4]).unwrap();
        let (Map::LowRank(held), Map::LowRank(found)) = (object.map(), moved.map()) else { panic!("{codec}") };
        assert_eq!((found.bias(), found.a(), found.b()), (&[2.0; 4][..], held.a(), held.b()), "{codec}");
    }
}

/// A value that is nearly nothing must not become NaN, and one that is nothing must stay so.
#[test]
fn groups_of_nearly_nothing_are_written_as_nothing() {
    for tiny in [0.0, 1e-45, 1e-20, 5e-8] {
        let map = LowRankMap::new(1.0, vec![tiny; 2 * 2 * 65], vec![0.0; 65]).unwrap();
        for codec in Codec::ALL {
            let read = low_rank(&Object::encode_low_rank(&map, codec).unwrap());
            assert!(read.a().iter().chain(read.b()).all(|v| v.abs() <= 1e-6), "{codec} {tiny}");
        }
    }
}

#[test]
fn the_largest_low_rank_map_is_within_the_limit_of_objects() {
    let most = LowRankMap::max_rank(8192);
    assert!(24 + Codec::F32.factor_bytes(8192, most) + 4 * 8192 <= esmhub_store_format::limits::MAX_OBJECT_BYTES);
}
