//! What could break a score: it stays finite, or says by name what is wrong.

use esmhub_selection::{Embeddings, Labels, Score, ScoreError, SplitMix64, Target};
use esmhub_store_format::{DenseMap, LowRankMap, Map};

use crate::shapes::{classes, dense, embeddings, low_rank, numbers, uniform};

const OTHERS: [Score; 3] = [Score::Ridge, Score::HScore, Score::TransRate];

fn two(y: &[u32]) -> Labels {
    Labels::Classes { names: vec!["a".into(), "b".into()], y: y.to_vec() }
}

fn scaled(x: &Embeddings, by: f32) -> Embeddings {
    Embeddings::new(x.dimension(), x.values().iter().map(|value| value * by).collect()).unwrap()
}

fn targets() -> Vec<(&'static str, Embeddings, Labels)> {
    let mut random = SplitMix64::new(41);
    let random = &mut random;
    let x = embeddings(random, 40, 8);
    let labels = classes(random, &x, 3);
    let first: Vec<usize> = (0..12).collect();
    let labels_of_all = classes(random, &x.select(&first), 12);
    let lone: Vec<u32> = (0..40).map(|row| u32::from(row == 7)).collect();
    let constant = Embeddings::new(8, [0.1, -3.0, 0.0, 7.7, 1e-3, 2.0, 2.0, 1.0].repeat(40)).unwrap();
    let twice: Vec<usize> = (0..20).flat_map(|row| [row, row]).collect();
    let half: Vec<f32> = x.values().iter().enumerate().map(|(at, &v)| if at % 2 == 0 { 0.25 } else { v }).collect();
    let absent = Labels::Classes {
        names: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
        y: (0..40).map(|row| [0, 2][row % 2]).collect(),
    };
    vec![
        ("two rows, two classes", embeddings(random, 2, 8), two(&[0, 1])),
        ("two rows, one class used", embeddings(random, 2, 8), two(&[1, 1])),
        ("two rows, numbers", embeddings(random, 2, 8), Labels::Numbers(vec![1.0, 3.0])),
        ("three rows", embeddings(random, 3, 8), two(&[0, 1, 1])),
        ("a class of one row", x.clone(), two(&lone)),
        ("every row a class", x.select(&first), labels_of_all),
        ("classes without rows", x.clone(), absent),
        ("constant features", constant.clone(), labels.clone()),
        ("constant features, numbers", constant, numbers(random, &x)),
        ("half of the features constant", Embeddings::new(8, half).unwrap(), labels.clone()),
        ("every row twice", x.select(&twice), labels.select(&twice)),
        ("two rows, twenty times", x.select(&[3, 9].repeat(20)), two(&[0, 1].repeat(20))),
        ("tiny", scaled(&x, 1e-38), labels.clone()),
        ("small", scaled(&x, 1e-12), labels.clone()),
        ("large", scaled(&x, 1e12), labels.clone()),
        ("huge", scaled(&x, 1e37), labels),
        ("huge numbers", x.clone(), Labels::Numbers((0..40).map(|_| 3e307 * uniform(random)).collect())),
        ("tiny numbers", x.clone(), Labels::Numbers((0..40).map(|_| 1e-300 * uniform(random)).collect())),
        ("numbers far from zero", x, Labels::Numbers((0..40).map(|_| 1e9 + uniform(random)).collect())),
    ]
}

fn maps() -> Vec<(&'static str, Map)> {
    let mut random = SplitMix64::new(42);
    let random = &mut random;
    let lone: Vec<f32> = (0..64).map(|at| if at == 9 { 2.0 } else { 0.0 }).collect();
    let thousand = |value: f32| DenseMap::new((0..64).map(|at| value * (at % 7) as f32).collect(), vec![value; 8]);
    vec![
        ("dense", dense(random, 8)),
        ("rank 2", low_rank(random, 8, 2, 1.0)),
        ("no identity, rank 1", low_rank(random, 8, 1, 0.0)),
        ("zero", DenseMap::new(vec![0.0; 64], vec![1.0; 8]).unwrap().into()),
        ("zero of low rank", LowRankMap::new(0.0, vec![], vec![1.0; 8]).unwrap().into()),
        ("one entry", DenseMap::new(lone, vec![0.0; 8]).unwrap().into()),
        ("rank 7 of 8, huge", thousand(1e37).unwrap().into()),
        ("tiny weights", thousand(1e-37).unwrap().into()),
    ]
}

#[test]
fn every_nasty_target_has_a_finite_score_or_a_named_error() {
    for (target_name, x, labels) in targets() {
        let target = Target::new(&x, &labels).unwrap();
        for score in OTHERS {
            let found = |map: Option<&Map>| map.map_or_else(|| target.baseline(score), |map| target.score(map, score));
            for (map_name, map) in [("none", None)].into_iter().chain(maps().iter().map(|(n, m)| (*n, Some(m)))) {
                match (found(map), &labels) {
                    (Ok(value), _) => {
                        let most = match score {
                            Score::Ridge => 1.0,
                            Score::HScore => 12.0,
                            _ => f64::MAX,
                        };
                        assert!(value.is_finite() && value <= most, "{target_name}, {map_name}, {score}: {value}");
                    }
                    (Err(ScoreError::NeedsClasses(of)), Labels::Numbers(_)) => assert_eq!(of, score),
                    (Err(error), _) => panic!("{target_name}, {map_name}, {score}: {error}"),
                }
            }
            if score.takes_numbers() || matches!(labels, Labels::Classes { .. }) {
                assert!(target.labels_alone(score).unwrap().is_finite(), "{target_name}, {score}");
            }
        }
    }
}

#[test]
fn features_that_say_nothing_score_what_the_labels_say_alone() {
    for (target_name, x, labels) in targets().into_iter().filter(|(name, ..)| name.starts_with("constant features")) {
        let target = Target::new(&x, &labels).unwrap();
        for score in OTHERS.into_iter().filter(|s| s.takes_numbers() || matches!(labels, Labels::Classes { .. })) {
            let alone = target.labels_alone(score).unwrap();
            for (map_name, map) in maps() {
                let found = target.score(&map, score).unwrap();
                assert!((found - alone).abs() < 1e-12, "{target_name}, {map_name}, {score}: {found}, {alone}");
            }
        }
    }
    // Of equal predictions, the first class is named: 6 and 5 rows in 5 folds, the first of which leaves 4 of each.
    let x = Embeddings::new(2, vec![1.0; 22]).unwrap();
    let y: Vec<u32> = (0..11).map(|row| u32::from(row > 5)).collect();
    assert_eq!(Target::new(&x, &two(&y)).unwrap().labels_alone(Score::Ridge), Ok(6.0 / 11.0));
    // Balanced classes are not told right never, as they are where single rows are left out.
    let x = Embeddings::new(2, vec![1.0; 80]).unwrap();
    let y: Vec<u32> = (0..40).map(|row| row % 2).collect();
    assert_eq!(Target::new(&x, &two(&y)).unwrap().labels_alone(Score::Ridge), Ok(0.5));
}

/// Where the only row that differs is held out, the rounding of the others is nothing to learn from.
#[test]
fn a_row_that_is_alone_in_being_different_is_not_predicted_from_rounding() {
    let mut random = SplitMix64::new(48);
    for (dimension, alone) in [3, 5, 60].into_iter().flat_map(|dimension| (0..10).map(move |row| (dimension, row))) {
        let value = |at: usize| if at / dimension == alone { 30.0 + at as f32 } else { 0.1 * (at % dimension) as f32 };
        let x = Embeddings::new(dimension, (0..40 * dimension).map(value).collect()).unwrap();
        let y = Labels::Numbers((0..40).map(|_| uniform(&mut random)).collect());
        let target = Target::new(&x, &y).unwrap();
        let alone = target.labels_alone(Score::Ridge).unwrap();
        let found = target.baseline(Score::Ridge).unwrap();
        assert!((found - alone).abs() < 0.1, "{dimension} dimensions: {found}, {alone}");
    }
}

/// H-score and ridge do not know a unit of length.
#[test]
fn scores_do_not_depend_on_the_scale_but_for_transrate() {
    let mut random = SplitMix64::new(43);
    for rows in [60, 10] {
        let x = embeddings(&mut random, rows, 16);
        let labels = classes(&mut random, &x, 3);
        let map = low_rank(&mut random, 16, 3, 1.0);
        let of = |x: &Embeddings, score| Target::new(x, &labels).unwrap().score(&map, score).unwrap();
        // Powers of two change no digit.
        for by in [2f32.powi(-60), 0.125, 2f32.powi(60)] {
            for score in [Score::Ridge, Score::HScore] {
                let (plain, found) = (of(&x, score), of(&scaled(&x, by), score));
                assert!((plain - found).abs() < 1e-10, "{score} of {rows} rows at {by}: {plain}, {found}");
            }
        }
        assert!(of(&scaled(&x, 2.0), Score::TransRate) > of(&x, Score::TransRate));
    }
}

/// A determinant of what is almost nothing, and of what has almost no rank, is not that of rounding.
#[test]
fn transrate_of_extreme_scales_has_its_digits() {
    let mut random = SplitMix64::new(44);
    let x = embeddings(&mut random, 40, 8);
    let labels = classes(&mut random, &x, 2);
    let rate = |x: &Embeddings| Target::new(x, &labels).unwrap().baseline(Score::TransRate).unwrap();
    // log |1 + x| is x where x is small: with a millionth of the length, a score of second order.
    let (small, smaller) = (rate(&scaled(&x, 2f32.powi(-40))), rate(&scaled(&x, 2f32.powi(-41))));
    assert!((small / smaller - 4.0).abs() < 1e-9, "{small}, {smaller}");
    // Features of rank 2 stay of rank 2: 1/2 log of 4^32 for each direction in either term, which cancel.
    let flat: Vec<f32> = x.iter().flat_map(|row| (0..8).map(|at| row[at % 2]).collect::<Vec<_>>()).collect();
    let flat = Embeddings::new(8, flat).unwrap();
    let large = rate(&scaled(&flat, 2f32.powi(60)));
    for power in 11..40 {
        let found = rate(&scaled(&flat, 2f32.powi(power)));
        assert!((large - found).abs() < 1e-6, "2^{power}: {large}, {found}");
    }
}

/// Names of classes that no row has are left over from other rows of the same file.
#[test]
fn classes_without_rows_change_nothing() {
    let mut random = SplitMix64::new(46);
    let x = embeddings(&mut random, 40, 8);
    let Labels::Classes { names, y } = classes(&mut random, &x, 3) else { unreachable!() };
    let more = Labels::Classes { names: [names.as_slice(), &["x".to_owned(), "y".to_owned()]].concat(), y: y.clone() };
    let [plain, more] = [Labels::Classes { names, y }, more].map(|labels| Target::new(&x, &labels).unwrap());
    for (_, map) in maps() {
        for score in OTHERS {
            let [plain, more] = [&plain, &more].map(|target| target.score(&map, score).unwrap());
            assert!((plain - more).abs() <= 1e-12 * plain.abs(), "{score}: {plain}, {more}");
        }
    }
}

/// A covariance that is like I up to its noise is shrunk to I, with nothing left of the classes, by definition.
#[test]
fn an_isotropic_covariance_is_shrunk_whole() {
    let mut random = SplitMix64::new(47);
    let x = (0..60 * 8).map(|_| uniform(&mut random) as f32).collect();
    let x = Embeddings::new(8, x).unwrap();
    let target = Target::new(&x, &classes(&mut random, &x, 2)).unwrap();
    assert_eq!(target.baseline(Score::HScore), Ok(0.0));
}

#[test]
fn scores_of_classes_refuse_numbers_and_one_number_is_nothing_to_predict() {
    let mut random = SplitMix64::new(45);
    let x = embeddings(&mut random, 20, 4);
    let map = dense(&mut random, 4);
    let target = Target::new(&x, &numbers(&mut random, &x)).unwrap();
    for score in [Score::HScore, Score::TransRate] {
        assert_eq!(target.score(&map, score), Err(ScoreError::NeedsClasses(score)));
        assert_eq!(target.baseline(score), Err(ScoreError::NeedsClasses(score)));
        assert!(!score.takes_numbers());
    }
    for number in [0.0, 0.1, -3e9] {
        let target = Target::new(&x, &Labels::Numbers(vec![number; 20])).unwrap();
        assert_eq!(target.score(&map, Score::Ridge), Err(ScoreError::OneNumber));
        assert_eq!(target.labels_alone(Score::Ridge), Err(ScoreError::OneNumber));
    }
    let other = dense(&mut random, 5);
    for score in OTHERS {
        assert_eq!(target.score(&other, score), Err(ScoreError::Dimension { expected: 4, found: 5 }));
    }
}
