//! What a score is worth, against brute force.

use esmhub_selection::{Contributions, Embeddings, Formula, Labels, SplitMix64, Target, compare};
use esmhub_store_format::Map;

use crate::definition::{by_definition, features, random_map, uniform};

/// A task that is half explained by its embeddings.
fn drawn(random: &mut SplitMix64, rows: usize) -> (Embeddings, Labels) {
    let values: Vec<f32> = (0..rows * 6).map(|_| uniform(random) as f32).collect();
    let noisy = |row: &[f32], noise: f64| f64::from(row[0] - row[3]) + noise > 0.0;
    let y = values.chunks(6).map(|row| u32::from(noisy(row, 0.8 * uniform(random)))).collect();
    (Embeddings::new(6, values).unwrap(), Labels::Classes { names: vec!["no".into(), "yes".into()], y })
}

/// Leverages are about 6 / 150, so that nothing in a contribution is as small as this.
const TOLERANCE: f64 = 0.005;

fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

#[test]
fn intervals_are_as_wide_as_scores_of_fresh_rows_scatter() {
    let mut random = SplitMix64::new(21);
    let map = random_map(&mut random, 6);
    let (mut scores, mut gains, mut widths, mut gain_widths) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..200 {
        let (x, labels) = drawn(&mut random, 150);
        let target = Target::new(&x, &labels).unwrap();
        let score = target.score(&map, Formula::Exact).unwrap();
        let baseline = target.baseline(Formula::Exact).unwrap();
        scores.push(score);
        gains.push(score - baseline);
        if round < 20 {
            let base = target.contributions(None, Formula::Exact, baseline).unwrap();
            let own = target.contributions(Some(&map), Formula::Exact, score).unwrap();
            let worth = compare(&base, &[own])[0];
            widths.push(worth.interval[1] - worth.interval[0]);
            gain_widths.push(worth.gain_interval[1] - worth.gain_interval[0]);
        }
    }
    for (widths, truth) in [(widths, deviation(&scores)), (gain_widths, deviation(&gains))] {
        let ratio = widths.iter().sum::<f64>() / widths.len() as f64 / (2.0 * 1.96 * truth);
        assert!((0.8..1.25).contains(&ratio), "intervals are {ratio} times as wide as they should be");
    }
}

#[test]
fn a_contribution_is_what_the_score_gains_with_the_weight_of_its_row() {
    // A row that is there twice has the weight 2, and one that is missing 0: half the difference is the derivative at 1.
    let mut random = SplitMix64::new(22);
    let map: Map = random_map(&mut random, 6);
    let (x, labels) = drawn(&mut random, 150);
    let target = Target::new(&x, &labels).unwrap();
    let score = target.score(&map, Formula::Exact).unwrap();
    let contributions = target.contributions(Some(&map), Formula::Exact, score).unwrap();
    let evidence = |rows: &[usize]| {
        let x = x.select(rows);
        by_definition(&features(&x, &map), &labels.select(rows)) * rows.len() as f64
    };
    for row in (0..150).step_by(10) {
        let twice: Vec<usize> = (0..150).chain([row]).collect();
        let without: Vec<usize> = (0..150).filter(|&other| other != row).collect();
        let expected = 0.5 * (evidence(&twice) - evidence(&without));
        let found = contributions.rows[row];
        assert!((found - expected).abs() < TOLERANCE, "row {row}: {found} against {expected}");
    }
}

#[test]
fn ties_are_with_the_first_of_a_group_and_do_not_chain() {
    let mut random = SplitMix64::new(23);
    let noise: Vec<f64> = (0..500).map(|_| uniform(&mut random)).collect();
    // Scores whose differences have a deviation of about 0.0129 * 0.5 / sqrt(500): 0.001 apart is told apart, 0.0004 is not.
    let at = |score: f64, own: u64| {
        let mut random = SplitMix64::new(own);
        Contributions { score, rows: noise.iter().map(|n| n + 0.02 * uniform(&mut random)).collect() }
    };
    let scores: Vec<Contributions> = (0..4u32).map(|k| at(-0.0004 * f64::from(k), u64::from(k))).collect();
    let worths = compare(&at(-0.5, 99), &scores);
    let groups: Vec<usize> = worths.iter().map(|worth| worth.tie_group).collect();
    assert_eq!(groups, [1, 1, 2, 2]);
    assert!(worths.iter().all(|worth| worth.is_gain()));
    let worse = compare(&at(1.0, 99), &scores);
    assert!(worse.iter().all(|worth| !worth.is_gain()));
}
