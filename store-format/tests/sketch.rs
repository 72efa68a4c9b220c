//! Sketches against the sets that they stand for.
//!
//! `cargo test --release -p esmhub-store-format --test sketch -- --ignored --nocapture` prints how good the estimates are.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use std::collections::HashSet;

use esmhub_store_format::limits::MAX_SKETCH_BYTES;
use esmhub_store_format::sketch::{Overlap, PLACES, Sketch, TextSet, normalised};

/// So many texts that no other data set of another name has.
fn texts(of: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{of}, text {number}")).collect()
}

/// A sketch of the largest size.
fn sketch(texts: &[String]) -> Sketch {
    Sketch::of(&TextSet::of(texts), MAX_SKETCH_BYTES).unwrap()
}

/// `shared` texts of the source and as many others as the target lacks.
fn target(name: &str, source: &[String], shared: usize, rows: usize) -> TextSet {
    TextSet::of(source[..shared].iter().chain(&texts(name, rows - shared)))
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
}

#[test]
fn every_size_lists_its_texts_and_no_others() {
    for count in (1..40).chain([2330, 2331, 2332, 2333, 5000, 40_000]) {
        let source = texts("a", count);
        let sketch = sketch(&source);
        let listed = u64::from(sketch.hashes());
        assert_eq!(sketch.texts(), count as u64);
        assert!(if count <= 2331 { listed == count as u64 } else { (2330..=2331).contains(&listed) }, "{listed}");
        assert!(sketch.to_canonical().len() <= MAX_SKETCH_BYTES);
        assert_eq!(Sketch::from_canonical(&sketch.to_canonical()).unwrap(), sketch);
        // Every text of the source that can be compared is found; all others, but for about one in 4,096, are not.
        let own = sketch.overlap(&TextSet::of(&source));
        assert_eq!(own, Overlap { compared: listed, found: listed }, "{count}");
        assert_eq!(own.share(), Some(1.0));
        let others = sketch.overlap(&TextSet::of(texts("b", 20_000)));
        assert!(others.found <= 4 + others.compared / 512, "{count}: {others:?}");
    }
}

#[test]
fn small_source_gives_the_exact_share() {
    let source = texts("a", 2000);
    let sketch = sketch(&source);
    for (shared, rows) in [(0, 300), (1, 300), (15, 300), (150, 300), (300, 300), (2000, 4000)] {
        let target = target("b", &source, shared, rows);
        let overlap = sketch.overlap(&target);
        assert_eq!(overlap.compared, rows as u64);
        // Brute force, with the chance of 1 in 4,096 for each text that is not shared.
        let mistaken = overlap.found - shared as u64;
        assert!(mistaken <= 4, "{overlap:?}");
        assert!((overlap.share().unwrap() - shared as f64 / rows as f64).abs() <= 4.0 / rows as f64);
    }
}

/// What a Jaccard index would hide: 1,000 texts among 100,000 are 1 % of the union, and all of the target.
#[test]
fn small_target_inside_a_large_source_is_seen_whole() {
    let source = texts("a", 100_000);
    let overlap = sketch(&source).overlap(&target("b", &source, 1000, 1000));
    assert_eq!(overlap.found, overlap.compared);
    assert!((10..40).contains(&overlap.compared), "{overlap:?}");
    assert_eq!(overlap.share(), Some(1.0));
}

#[test]
fn estimates_vary_as_the_number_of_compared_texts_says() {
    let source = texts("a", 20_000);
    let sketch = sketch(&source);
    for (shared, rows) in [(0, 2000), (100, 2000), (1000, 2000), (1800, 2000)] {
        let truth = shared as f64 / rows as f64;
        let overlaps: Vec<Overlap> = (0..60)
            .map(|round| {
                // Another part of the source each time.
                let from = &source[round * 300..];
                sketch.overlap(&target(&format!("t{round}"), from, shared, rows))
            })
            .collect();
        let shares: Vec<f64> = overlaps.iter().map(|overlap| overlap.share().unwrap()).collect();
        let compared = overlaps.iter().map(|overlap| overlap.compared as f64).sum::<f64>() / 60.0;
        let (mean, deviation) = moments(&shares);
        let expected = (truth * (1.0 - truth) / compared).sqrt();
        assert!((compared - 233.0).abs() < 12.0, "{compared}");
        assert!((mean - truth).abs() <= 3.0 * expected / 60f64.sqrt() + 5e-4, "{truth}: {mean}");
        assert!(deviation <= 1.4 * expected + 2e-3, "{truth}: {deviation}, expected {expected}");
    }
}

#[test]
fn texts_from_elsewhere_are_found_by_mistake_as_often_as_stated() {
    let sketch = sketch(&texts("a", 2331));
    let overlap = sketch.overlap(&TextSet::of(texts("b", 400_000)));
    let expected = 400_000.0 / f64::from(PLACES);
    assert!((overlap.found as f64 - expected).abs() < 5.0 * f64::sqrt(expected), "{overlap:?}, expected {expected}");
    assert!(overlap.share().unwrap() < 3e-4, "corrected for them: {overlap:?}");
}

#[test]
fn fewer_bytes_list_fewer_texts_and_never_take_more() {
    let source = TextSet::of(texts("a", 3000));
    for most in 0..200 {
        match Sketch::of(&source, most) {
            None => assert!(most < 19, "{most}"),
            Some(sketch) => assert!((most - 3..=most).contains(&sketch.to_canonical().len()), "{most}"),
        }
    }
    assert_eq!(Sketch::of(&source, usize::MAX).unwrap().to_canonical().len(), MAX_SKETCH_BYTES);
    assert_eq!(Sketch::of(&TextSet::of(["", " …!"]), MAX_SKETCH_BYTES), None);
    assert_eq!(Sketch::of(&TextSet::of(texts("a", 100)), MAX_SKETCH_BYTES).unwrap().to_canonical().len(), 191);
}

#[test]
fn case_punctuation_and_spacing_do_not_hide_a_text() {
    let same = [
        ("It rains.", "it RAINS"),
        ("  tabs\tand\nlines ", "tabs and lines"),
        ("ÄRGER—über Größe!", "ärger über größe"),
        ("ΟΔΟΣ", "οδοσ"),
        ("so 😀 good", "so good"),
        ("数とは何か？", "数とは何か"),
        ("a [SEP] b", "A, sep: B"),
        ("don't", "DON T"),
    ];
    for (one, other) in same {
        assert_eq!(normalised(one), normalised(other));
        assert_eq!(TextSet::of([one, other]).len(), 1, "{one}");
    }
    for (one, other) in [("dont", "don't"), ("1.5", "15"), ("a", "ä"), ("it rains", "it rains today")] {
        assert_eq!(TextSet::of([one, other]).len(), 2, "{one}");
    }
    assert!(TextSet::of(["", " \n", "?!", "😀"]).is_empty());
}

/// The order and number of copies of texts is no part of a sketch.
#[test]
fn same_texts_give_the_same_bytes() {
    let source = texts("a", 6000);
    let shuffled: Vec<&String> = source.iter().rev().chain(&source[..50]).collect();
    let other = Sketch::of(&TextSet::of(shuffled), MAX_SKETCH_BYTES).unwrap();
    assert_eq!(other.to_canonical(), sketch(&source).to_canonical());
}

#[test]
fn hostile_bytes_are_refused() {
    for count in [1, 2, 3, 5, 2331, 9000] {
        let fine = sketch(&texts("a", count)).to_canonical();
        let refused = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = fine.clone();
            change(&mut bytes);
            assert_ne!(bytes, fine);
            assert!(Sketch::from_canonical(&bytes).is_err(), "{count}");
        };
        for end in 0..fine.len() {
            assert!(Sketch::from_canonical(&fine[..end]).is_err(), "{count}: {end}");
        }
        refused(&|bytes| bytes.push(0));
        refused(&|bytes| bytes.resize(MAX_SKETCH_BYTES + 1, 0));
        // No texts; more listed than there are bytes for; none.
        refused(&|bytes| bytes[..8].fill(0));
        refused(&|bytes| bytes[12..16].fill(0xff));
        refused(&|bytes| bytes[12..16].fill(0));
        // All texts are listed if and only if no hash is too large; never more than there are.
        if count > 2331 {
            refused(&|bytes| bytes[8..12].fill(0xff));
            refused(&|bytes| bytes[..8].copy_from_slice(&2330_u64.to_le_bytes()));
        } else {
            refused(&|bytes| bytes[8] ^= 1);
            refused(&|bytes| bytes[7] = 1);
        }
        // A one too many, one too few, and one after the end.
        let buckets = count.min(2331).div_ceil(4);
        refused(&|bytes| bytes[16 + buckets - 1] |= 0x80);
        refused(&|bytes| bytes[16..16 + buckets].fill(0));
        refused(&|bytes| bytes[16..16 + buckets].fill(0xff));
        if count % 2 == 1 {
            refused(&|bytes| *bytes.last_mut().unwrap() |= 0x10);
        }
    }
}

/// Places in any order within a bucket mean the same.
#[test]
fn writer_that_does_not_sort_is_understood() {
    let source = texts("a", 300);
    let bytes = sketch(&source).to_canonical();
    let mut seen = HashSet::new();
    let (buckets, places) = bytes[16..].split_at(75);
    let (mut bucket, mut number) = (0, 0);
    for bit in buckets.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1)) {
        if bit == 0 {
            bucket += 1;
        } else if !seen.insert(bucket) && number % 2 == 1 {
            break;
        } else {
            number += 1;
        }
    }
    // Numbers 2n and 2n + 1 stand in one bucket and in three bytes.
    let at = number / 2 * 3;
    let [a, b, c] = [places[at], places[at + 1], places[at + 2]];
    let mut swapped = bytes.clone();
    swapped[91 + at..94 + at].copy_from_slice(&[b >> 4 | c << 4, c >> 4 | a << 4, a >> 4 | b << 4]);
    assert_ne!(swapped, bytes);
    let sketch = Sketch::from_canonical(&swapped).unwrap();
    assert_eq!(sketch.overlap(&TextSet::of(&source)).found, 300);
    assert_eq!(sketch.to_canonical(), swapped);
}

#[test]
#[ignore = "a measurement: it asserts nothing and takes a minute"]
fn figures() {
    println!("| source | target | compared | share | estimate ± sd | seen |");
    println!("|---|---|---|---|---|---|");
    for size in [2000, 20_000, 200_000, 1_000_000] {
        let source = texts("a", size);
        let sketch = sketch(&source);
        for rows in [100, 1000, 10_000] {
            for percent in [0, 5, 50, 100] {
                let shared = rows * percent / 100;
                if shared > size {
                    continue;
                }
                let rounds = 200.min(2_000_000 / rows);
                let overlaps: Vec<Overlap> = (0..rounds)
                    .map(|round| {
                        let from = &source[round * (size - shared) / rounds..];
                        sketch.overlap(&target(&format!("t{round}"), from, shared, rows))
                    })
                    .collect();
                let compared = overlaps.iter().map(|overlap| overlap.compared as f64).sum::<f64>() / rounds as f64;
                let shares: Vec<f64> = overlaps.iter().filter_map(Overlap::share).collect();
                let (mean, deviation) = moments(&shares);
                // As `rank` warns: above 5 %, and more than one text found.
                let warned = overlaps.iter().filter(|o| o.found > 1 && o.share().is_some_and(|s| s > 0.05)).count();
                let (known, warned) = (100 * shares.len() / rounds, 100 * warned / rounds);
                println!(
                    "| {size} | {rows} | {compared:.1} | {percent} % | {:.1} % ± {:.1} % | known {known} %, warned {warned} % |",
                    100.0 * mean,
                    100.0 * deviation,
                );
            }
        }
    }
}
