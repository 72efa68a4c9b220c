//! Targets and maps on which a fast way can go wrong, against the definition.

use esmhub_selection::{Embeddings, Formula, Labels, Precision, SplitMix64, Target};
use esmhub_store_format::{LowRankMap, Map};

use crate::definition::{by_definition, classes, embeddings, features, random_map, uniform};

const DIMENSION: usize = 24;

/// Embeddings as encoders give them: far from the origin, with a falling spectrum.
fn falling(random: &mut SplitMix64, rows: usize, dimension: usize) -> Vec<f32> {
    (0..rows * dimension).map(|at| (0.7 + 4.0 * uniform(random) / (1.0 + (at % dimension) as f64)) as f32).collect()
}

fn targets() -> Vec<(&'static str, Embeddings, Labels)> {
    let mut random = SplitMix64::new(11);
    let random = &mut random;
    let mut all = Vec::new();
    let mut add = |name, dimension: usize, values: Vec<f32>, labels| {
        all.push((name, Embeddings::new(dimension, values).unwrap(), labels));
    };
    let values = falling(random, 320, DIMENSION);
    add("150 classes", DIMENSION, values, classes(random, 320, 150));
    for (name, rows, dimension) in [
        ("50 rows of 64 dimensions", 50, 64),
        ("66 rows of 96 dimensions", 66, 96),
        ("as many rows as dimensions", 72, 72),
        ("one row more than dimensions", 73, 72),
        ("three rows", 3, 8),
    ] {
        let values = falling(random, rows, dimension);
        add(name, dimension, values, classes(random, rows, 2));
    }

    let factors = falling(random, 120 + DIMENSION, 5);
    let (left, right) = factors.split_at(120 * 5);
    let product = |i: usize, j: usize| (0..5).map(|k| left[i * 5 + k] * right[j * 5 + k]).sum::<f32>();
    let values = (0..120 * DIMENSION).map(|at| product(at / DIMENSION, at % DIMENSION)).collect();
    add("embeddings of rank 5", DIMENSION, values, classes(random, 120, 4));
    let values: Vec<f32> = embeddings(random, 90, DIMENSION).values().to_vec();
    let constant = values.iter().enumerate().map(|(at, &v)| if at % 3 == 0 { 0.5 } else { v }).collect();
    add("constant columns", DIMENSION, constant, classes(random, 90, 2));
    let zero = values.iter().enumerate().map(|(at, &v)| if at % 4 == 0 { 0.0 } else { v }).collect();
    add("zero columns", DIMENSION, zero, classes(random, 90, 2));
    let one_row =
        Labels::Classes { names: vec!["many".into(), "one".into()], y: (0..90).map(|i| u32::from(i == 7)).collect() };
    add("a class of one row", DIMENSION, values.clone(), one_row);
    let explained = values.chunks(DIMENSION).map(|row| 100.0 * f64::from(row[1] - row[5]) + uniform(random)).collect();
    add("regression that is nearly explained", DIMENSION, values.clone(), Labels::Numbers(explained));
    let numbers = Labels::Numbers(
        values.chunks(DIMENSION).map(|row| f64::from(row[1] - row[5]) + 0.3 * uniform(random)).collect(),
    );
    add("regression", DIMENSION, values.clone(), numbers);
    let far = Labels::Numbers(values.chunks(DIMENSION).map(|row| 100.0 + f64::from(row[2])).collect());
    add("numbers far from zero", DIMENSION, values.clone(), far);
    let noise = Labels::Numbers((0..90).map(|_| uniform(random)).collect());
    add("labels that nothing explains", DIMENSION, values, noise);
    let values: Vec<f32> = falling(random, 90, DIMENSION).iter().map(|v| v * 1e-3).collect();
    add("small embeddings", DIMENSION, values, classes(random, 90, 3));
    all
}

fn low_rank(random: &mut SplitMix64, dimension: usize, rank: usize, scale: f32) -> LowRankMap {
    let factors = (0..2 * rank * dimension).map(|_| uniform(random) as f32).collect();
    LowRankMap::new(scale, factors, (0..dimension).map(|_| uniform(random) as f32).collect()).unwrap()
}

fn maps(dimension: usize) -> Vec<(&'static str, Map)> {
    let mut random = SplitMix64::new(12);
    let random = &mut random;
    let quarter = low_rank(random, dimension, dimension / 4, 0.9);
    let mut twice = quarter.a().to_vec();
    twice.copy_within(0..dimension, dimension);
    twice.extend_from_slice(quarter.b());
    let parallel = [quarter.a(), quarter.b()].concat();
    vec![
        ("dense", random_map(random, dimension)),
        ("rank 0", low_rank(random, dimension, 0, 1.1).into()),
        ("rank 2", low_rank(random, dimension, 2, 1.0).into()),
        ("rank D/4", quarter.clone().into()),
        ("rank D/2", low_rank(random, dimension, dimension / 2, 0.8).into()),
        ("no identity", low_rank(random, dimension, 4, 0.0).into()),
        ("negative identity", low_rank(random, dimension, 3, -0.7).into()),
        ("no bias", LowRankMap::new(1.0, parallel, vec![0.0; dimension]).unwrap().into()),
        ("a column twice", LowRankMap::new(1.0, twice, quarter.bias().to_vec()).unwrap().into()),
        (
            "the bias a column",
            LowRankMap::new(0.9, quarter.a()[..2 * dimension].to_vec(), quarter.a()[..dimension].to_vec())
                .unwrap()
                .into(),
        ),
        ("zero factors", LowRankMap::new(1.0, vec![0.0; 6 * dimension], vec![0.0; dimension]).unwrap().into()),
    ]
}

#[test]
fn exact_is_the_definition_on_every_nasty_target() {
    let mut worst = (0.0, String::new());
    for (target_name, x, labels) in targets() {
        let target = Target::new(&x, &labels).unwrap();
        for (map_name, map) in maps(x.dimension()) {
            let found = target.score(&map, Formula::Exact).unwrap();
            let expected = by_definition(&features(&x, &map), &labels);
            let difference = (found - expected).abs() / expected.abs().max(1.0);
            if difference > worst.0 {
                worst = (difference, format!("{target_name}, {map_name}: {found} against {expected}"));
            }
        }
    }
    println!(
        "FIGURE largest difference of `exact` from the definition on nasty targets: {:.1e} ({})",
        worst.0, worst.1
    );
    assert!(worst.0 < 1e-9, "{}", worst.1);
}

#[test]
fn single_precision_stays_within_its_promise_on_every_nasty_target() {
    for (target_name, x, labels) in targets() {
        let target = Target::new(&x, &labels).unwrap();
        let single = Target::new(&x, &labels).unwrap().with_precision(Precision::Single);
        for (map_name, map) in maps(x.dimension()) {
            let [double, single] = [&target, &single].map(|target| target.score(&map, Formula::Exact).unwrap());
            assert!((double - single).abs() < 1e-6, "{target_name}, {map_name}: {single} against {double}");
        }
    }
}

#[test]
fn hfselect_leaves_out_what_is_beyond_the_rows_and_nothing_else() {
    for (target_name, x, labels) in targets() {
        let target = Target::new(&x, &labels).unwrap();
        for (map_name, map) in maps(x.dimension()) {
            let [exact, hfselect] = [Formula::Exact, Formula::Hfselect].map(|f| target.score(&map, f).unwrap());
            let agree = (exact - hfselect).abs() < 1e-12;
            assert_eq!(agree, x.rows() >= x.dimension(), "{target_name}, {map_name}: {exact} against {hfselect}");
        }
    }
}

#[test]
fn the_plain_way_is_the_exception_and_is_counted() {
    for (name, x, labels) in targets() {
        let target = Target::new(&x, &labels).unwrap();
        for (_, map) in maps(x.dimension()) {
            target.score(&map, Formula::Exact).unwrap();
        }
        let most = usize::from(name == "numbers far from zero");
        assert!(target.plainly_scored() <= most, "{name}: {}", target.plainly_scored());
    }
}

#[test]
fn labels_without_a_residual_are_scored_plainly() {
    // What the embeddings explain to the last bit leaves nothing but rounding to iterate on.
    let mut random = SplitMix64::new(13);
    let x = embeddings(&mut random, 90, DIMENSION);
    let labels = Labels::Numbers(x.iter().map(|row| 1e4 * f64::from(row[0])).collect());
    let target = Target::new(&x, &labels).unwrap();
    let low_rank = low_rank(&mut random, DIMENSION, 2, 1.0);
    let factors = [low_rank.a(), low_rank.b()].concat();
    let low_rank = LowRankMap::new(1.0, factors, vec![0.0; DIMENSION]).unwrap();
    let dense = low_rank.to_dense().unwrap();
    for map in [Map::from(low_rank), dense.into()] {
        let before = target.plainly_scored();
        let score = target.score(&map, Formula::Exact).unwrap();
        assert_eq!(target.plainly_scored(), before + 1);
        assert!((score - by_definition(&features(&x, &map), &labels)).abs() < 1e-3);
    }
}
