//! What the rows contribute to a score, where it is one of rows.

use esmhub_selection::{Formula, Labels, Score, ScoreError, SplitMix64, Target};

use crate::shapes::{classes, dense, embeddings, numbers};

#[test]
fn an_accuracy_is_the_mean_of_what_its_rows_contribute() {
    let mut random = SplitMix64::new(51);
    let x = embeddings(&mut random, 90, 6);
    let labels = classes(&mut random, &x, 3);
    let target = Target::new(&x, &labels).unwrap();
    let map = dense(&mut random, 6);
    let score = target.score(&map, Score::Ridge).unwrap();
    let found = target.contributions(Some(&map), Score::Ridge, score).unwrap();
    assert!(found.rows.iter().all(|row| [0.0, 1.0].contains(row)));
    assert!((found.rows.iter().sum::<f64>() / 90.0 - score).abs() < 1e-12);
    assert!(score > 0.2 && score < 1.0, "{score} leaves nothing to see");
    // No transfer has its own.
    let base = target.contributions(None, Score::Ridge, 0.0).unwrap();
    assert!((base.rows.iter().sum::<f64>() / 90.0 - target.baseline(Score::Ridge).unwrap()).abs() < 1e-12);
}

/// R2 is a quotient: of a resample of the held-out errors it is what the contributions say, up to second order.
#[test]
fn contributions_to_r2_are_its_derivative() {
    let mut random = SplitMix64::new(52);
    let x = embeddings(&mut random, 400, 6);
    let labels = numbers(&mut random, &x);
    let target = Target::new(&x, &labels).unwrap();
    let map = dense(&mut random, 6);
    let r2 = target.score(&map, Score::Ridge).unwrap();
    let rows = target.contributions(Some(&map), Score::Ridge, r2).unwrap().rows;
    assert!(rows.iter().sum::<f64>().abs() < 1e-8);
    let Labels::Numbers(y) = &labels else { unreachable!() };
    let mean = y.iter().sum::<f64>() / 400.0;
    let squares: Vec<f64> = y.iter().map(|y| (y - mean) * (y - mean)).collect();
    let total: f64 = squares.iter().sum();
    // From (1 - R2) (y - m)^2 - e^2 in units of SST / N, the squared errors, which must be those of the score.
    let errors: Vec<f64> =
        rows.iter().zip(&squares).map(|(row, square)| (1.0 - r2) * square - row * total / 400.0).collect();
    assert!(errors.iter().all(|error| *error > -1e-9), "a squared error below 0");
    assert!((1.0 - errors.iter().sum::<f64>() / total - r2).abs() < 1e-9);
    let step = 1e-4;
    for row in (0..400).step_by(37) {
        let weight = |at: usize| if at == row { 1.0 + step } else { 1.0 };
        let weighted: f64 = (0..400).map(weight).sum();
        let mean = (0..400).map(|at| weight(at) * y[at]).sum::<f64>() / weighted;
        let total: f64 = (0..400).map(|at| weight(at) * (y[at] - mean).powi(2)).sum();
        let moved = 1.0 - (0..400).map(|at| weight(at) * errors[at]).sum::<f64>() / total;
        let expected = (moved - r2) / step * 400.0;
        assert!((rows[row] - expected).abs() < 1e-2 * expected.abs().max(0.1), "row {row}: {} {expected}", rows[row]);
    }
}

#[test]
fn no_other_score_is_given_parts_that_it_does_not_have() {
    let mut random = SplitMix64::new(53);
    let x = embeddings(&mut random, 40, 6);
    let target = Target::new(&x, &classes(&mut random, &x, 2)).unwrap();
    for score in Score::ALL {
        let found = target.contributions(None, score, 0.0);
        match score {
            Score::HScore | Score::TransRate => assert_eq!(found, Err(ScoreError::NotOfRows(score))),
            _ => assert_eq!(found.unwrap().rows.len(), 40),
        }
        assert_eq!(score.is_of_rows(), target.contributions(None, score, 0.0).is_ok());
    }
    let of = |score: Score| target.contributions(None, score, 0.0).unwrap().rows;
    assert_ne!(of(Score::Ridge), of(Formula::Exact.into()));
}
