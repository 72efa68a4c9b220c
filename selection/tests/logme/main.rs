//! LogME against its definition, computed the slow way: the whole D x D posterior, inverted, at every round.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

mod definition;
mod nasty;
mod real;
mod worth;

use definition::{by_definition, classes, embeddings, features, random_map, uniform};
use esmhub_selection::{Embeddings, Formula, Labels, ScoreError, SplitMix64, Target};
use esmhub_store_format::{DenseMap, LowRankMap, Map};

#[test]
fn exact_is_the_definition_at_every_shape() {
    let mut random = SplitMix64::new(1);
    for (rows, dimension, count) in [(60, 8, 2), (60, 8, 7), (9, 8, 2), (8, 8, 3), (7, 8, 2), (12, 30, 4), (3, 20, 2)] {
        let x = embeddings(&mut random, rows, dimension);
        let map = random_map(&mut random, dimension);
        let numbers = Labels::Numbers((0..rows).map(|_| uniform(&mut random)).collect());
        for labels in [classes(&mut random, rows, count), numbers] {
            let found = Target::new(&x, &labels).unwrap().score(&map, Formula::Exact).unwrap();
            let expected = by_definition(&features(&x, &map), &labels);
            assert!((found - expected).abs() < 1e-9, "{rows} x {dimension}: {found} against {expected}");
        }
    }
}

#[test]
fn exact_is_the_definition_where_features_have_low_rank() {
    let mut random = SplitMix64::new(2);
    let x = embeddings(&mut random, 40, 12);
    // Three directions survive, and every bias is the same: constant columns.
    let narrow = random_map(&mut random, 12);
    let weight = narrow.to_dense().unwrap();
    let weight = weight.weight().iter().enumerate().map(|(at, w)| if at / 12 < 3 { *w } else { 0.0 }).collect();
    let map = Map::from(DenseMap::new(weight, vec![0.25; 12]).unwrap());
    let labels = classes(&mut random, 40, 3);
    let target = Target::new(&x, &labels).unwrap();
    let found = target.score(&map, Formula::Exact).unwrap();
    let expected = by_definition(&features(&x, &map), &labels);
    assert!((found - expected).abs() < 1e-8, "{found} against {expected}");
}

#[test]
fn the_formulas_agree_where_rows_exceed_dimensions_and_differ_where_they_do_not() {
    let mut random = SplitMix64::new(3);
    let map = random_map(&mut random, 16);
    for (rows, agree) in [(50, true), (16, true), (10, false)] {
        let x = embeddings(&mut random, rows, 16);
        let target = Target::new(&x, &classes(&mut random, rows, 2)).unwrap();
        let [exact, hfselect] = [Formula::Exact, Formula::Hfselect].map(|f| target.score(&map, f).unwrap());
        assert_eq!((exact - hfselect).abs() < 1e-12, agree, "{rows} rows: {exact}, {hfselect}");
    }
}

#[test]
fn the_baseline_is_the_identity_map() {
    let mut random = SplitMix64::new(4);
    let x = embeddings(&mut random, 30, 6);
    let target = Target::new(&x, &classes(&mut random, 30, 2)).unwrap();
    let weight = (0..36).map(|at| if at % 7 == 0 { 1.0 } else { 0.0 }).collect();
    let identity = Map::from(DenseMap::new(weight, vec![0.0; 6]).unwrap());
    let [baseline, score] =
        [target.baseline(Formula::Exact), target.score(&identity, Formula::Exact)].map(Result::unwrap);
    assert!((baseline - score).abs() < 1e-10, "{baseline} against {score}");
}

#[test]
fn nan_one_class_and_wrong_dimensions_are_refused() {
    let mut random = SplitMix64::new(5);
    let x = embeddings(&mut random, 10, 4);
    let labels = classes(&mut random, 10, 2);
    let target = Target::new(&x, &labels).unwrap();
    let other = random_map(&mut random, 5);
    assert_eq!(target.score(&other, Formula::Exact), Err(ScoreError::Dimension { expected: 4, found: 5 }));

    let one = Labels::Classes { names: vec!["a".into()], y: vec![0; 10] };
    assert!(matches!(Target::new(&x, &one), Err(ScoreError::OneClass(1))));
    let nan = Embeddings::new(4, vec![f32::NAN; 40]).unwrap();
    assert!(matches!(Target::new(&nan, &labels), Err(ScoreError::NotFinite)));
    let infinite = Labels::Numbers(vec![f64::INFINITY; 10]);
    assert!(matches!(Target::new(&x, &infinite), Err(ScoreError::NotFinite)));
    assert!(matches!(Target::new(&x, &labels.select(&[0, 1])), Err(ScoreError::Rows { embeddings: 10, labels: 2 })));
}

#[test]
fn huge_and_tiny_values_give_a_number_or_an_error() {
    let mut random = SplitMix64::new(6);
    let labels = classes(&mut random, 20, 2);
    for scale in [1e-38f32, 1e-20, 1e20, 3e38] {
        let x = embeddings(&mut random, 20, 5);
        let x = Embeddings::new(5, x.values().iter().map(|v| v * scale).collect()).unwrap();
        match Target::new(&x, &labels).unwrap().baseline(Formula::Exact) {
            Ok(score) => assert!(score.is_finite()),
            Err(error) => assert!(matches!(error, ScoreError::NotFinite | ScoreError::Decomposition)),
        }
    }
}

#[test]
fn low_rank_map_scores_as_its_matrix_does() {
    let mut random = SplitMix64::new(77);
    let (x, labels) = (embeddings(&mut random, 60, 14), classes(&mut random, 60, 3));
    let mut values = |number: usize| (0..number).map(|_| uniform(&mut random) as f32).collect::<Vec<f32>>();
    let map = LowRankMap::new(0.75, values(2 * 4 * 14), values(14)).unwrap();
    let target = Target::new(&x, &labels).unwrap();
    for formula in [Formula::Exact, Formula::Hfselect] {
        let structured = target.score(&map.clone().into(), formula).unwrap();
        let dense = target.score(&map.to_dense().unwrap().into(), formula).unwrap();
        // The matrix is rounded to f32, the factors are not multiplied out.
        assert!((structured - dense).abs() < 1e-6, "{structured} against {dense}");
    }
}
