//! The definitions, from features that are written out and folds that are fitted one by one.

use esmhub_selection::{Embeddings, Labels, Score, SplitMix64, Target};
use esmhub_store_format::Map;
use faer::Mat;
use faer::prelude::Solve;

use crate::shapes::{classes, dense, embeddings, features, low_rank, numbers};

type Rows = Vec<Vec<f64>>;

fn matrix(rows: &[Vec<f64>]) -> Mat<f64> {
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn centred(rows: &[Vec<f64>]) -> (Rows, Vec<f64>) {
    let mean: Vec<f64> =
        (0..rows[0].len()).map(|j| rows.iter().map(|row| row[j]).sum::<f64>() / rows.len() as f64).collect();
    (rows.iter().map(|row| row.iter().zip(&mean).map(|(v, m)| v - m).collect()).collect(), mean)
}

fn log_determinant(matrix: &Mat<f64>) -> f64 {
    let lu = matrix.full_piv_lu();
    lu.U().diagonal().column_vector().iter().map(|pivot| pivot.abs().ln()).sum()
}

fn vectors(labels: &Labels) -> Rows {
    match labels {
        Labels::Classes { names, y } => y
            .iter()
            .map(|&class| (0..names.len()).map(|at| f64::from(u8::from(at == class as usize))).collect())
            .collect(),
        Labels::Numbers(numbers) => numbers.iter().map(|&number| vec![number]).collect(),
    }
}

/// In the kernel's coordinates: n x n matrices, no D x D one.
fn ridge(features: &Rows, labels: &Labels) -> f64 {
    let y = vectors(labels);
    let rows = features.len();
    let folds = rows.min(5);
    let mut order: Vec<usize> = (0..rows).collect();
    if let Labels::Classes { y, .. } = labels {
        order.sort_by_key(|&row| y[row]);
    }
    let (mut right, mut squares) = (0, 0.0);
    for fold in 0..folds {
        let held_out: Vec<usize> = order.iter().copied().skip(fold).step_by(folds).collect();
        let fitted: Vec<usize> = (0..rows).filter(|row| !held_out.contains(row)).collect();
        let pick = |from: &Rows, rows: &[usize]| rows.iter().map(|&row| from[row].clone()).collect::<Rows>();
        let (z, z_mean) = centred(&pick(features, &fitted));
        let (v, v_mean) = centred(&pick(&y, &fitted));
        let (z, v) = (matrix(&z), matrix(&v));
        let kernel = &z * z.transpose();
        let n = fitted.len();
        let eigenvalue = z.squared_norm_l2() / (n as f64 - 1.0).min(z.ncols() as f64);
        let mut best = (f64::INFINITY, 0.0);
        for step in (-8..=8).rev() {
            let t = eigenvalue * 10f64.powf(f64::from(step) / 2.0);
            let covariance = Mat::from_fn(n, n, |i, j| kernel[(i, j)] / t + if i == j { 1.0 } else { 0.0 });
            let solved = covariance.full_piv_lu().solve(&v);
            let mut cost = 0.0;
            for (v, solved) in v.col_iter().zip(solved.col_iter()).filter(|(v, _)| v.norm_l2() > 1e-9) {
                cost += (n as f64 - 1.0) * (v.transpose() * solved).ln() + log_determinant(&covariance);
            }
            if cost < best.0 - 1e-9 * (n * v.ncols()) as f64 {
                best = (cost, t);
            }
        }
        let shifted = Mat::from_fn(n, n, |i, j| kernel[(i, j)] + if i == j { best.1 } else { 0.0 });
        let dual = shifted.full_piv_lu().solve(&v);
        for &row in &held_out {
            let own: Vec<f64> = features[row].iter().zip(&z_mean).map(|(v, m)| v - m).collect();
            let along = &z * Mat::from_fn(own.len(), 1, |i, _| own[i]);
            let predicted: Vec<f64> =
                (0..v_mean.len()).map(|k| v_mean[k] + along.col(0).transpose() * dual.col(k)).collect();
            let named = (0..predicted.len()).rev().max_by(|&a, &b| predicted[a].total_cmp(&predicted[b])).unwrap();
            right += usize::from(y[row][named] == 1.0);
            squares += (y[row][0] - predicted[0]).powi(2);
        }
    }
    match labels {
        Labels::Classes { .. } => right as f64 / rows as f64,
        Labels::Numbers(_) => 1.0 - squares / matrix(&centred(&y).0).squared_norm_l2(),
    }
}

/// The trace as it stands there, of D x D matrices.
fn h_score(features: &Rows, classes: &[u32]) -> f64 {
    let (z, _) = centred(features);
    let (rows, d) = (z.len() as f64, z[0].len());
    let matrices = matrix(&z);
    let covariance = faer::Scale(1.0 / rows) * (matrices.transpose() * &matrices);
    // Ledoit and Wolf 2004: mu, d^2, b^2.
    let mu = (0..d).map(|i| covariance[(i, i)]).sum::<f64>() / d as f64;
    let identity = Mat::<f64>::identity(d, d);
    let distance = (&covariance - faer::Scale(mu) * &identity).squared_norm_l2();
    let scatter = z.iter().map(|row| {
        let outer = Mat::from_fn(d, d, |i, j| row[i] * row[j]);
        (outer - &covariance).squared_norm_l2()
    });
    let noise = (scatter.sum::<f64>() / (rows * rows)).min(distance);
    let share = noise / distance;
    let shrunk = faer::Scale(1.0 - share) * &covariance + faer::Scale(share * mu) * &identity;
    let mut between = Mat::<f64>::zeros(d, d);
    for class in 0..=*classes.iter().max().unwrap() {
        let members: Rows = z.iter().zip(classes).filter(|(_, c)| **c == class).map(|(row, _)| row.clone()).collect();
        let (_, mean) = centred(&members);
        let share = members.len() as f64 / rows;
        between += Mat::from_fn(d, d, |i, j| share * mean[i] * mean[j]);
    }
    let product = shrunk.full_piv_lu().solve(&between);
    (1.0 - share) * (0..d).map(|i| product[(i, i)]).sum::<f64>()
}

fn trans_rate(features: &Rows, classes: &[u32]) -> f64 {
    let (z, _) = centred(features);
    let rate = |rows: &[Vec<f64>]| {
        let z = matrix(rows);
        let inside = faer::Scale(1.0 / (rows.len() as f64 * 1e-4)) * (z.transpose() * &z);
        0.5 * log_determinant(&(inside + Mat::<f64>::identity(z.ncols(), z.ncols())))
    };
    let count = classes.iter().max().unwrap() + 1;
    let of_class = |class: u32| -> Rows {
        z.iter().zip(classes).filter(|(_, c)| **c == class).map(|(row, _)| row.clone()).collect()
    };
    rate(&z) - (0..count).map(|class| rate(&of_class(class))).sum::<f64>() / f64::from(count)
}

fn assert_near(what: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-8 * expected.abs().max(1e-2), "{what}: {found} against {expected}");
}

fn maps(random: &mut SplitMix64, dimension: usize) -> Vec<Map> {
    vec![
        dense(random, dimension),
        low_rank(random, dimension, dimension / 4, 0.8),
        low_rank(random, dimension, 2, -0.5),
        low_rank(random, dimension, dimension / 2, 1.1),
        low_rank(random, dimension, 0, 0.9),
    ]
}

/// Around every change of the way: folds and classes with fewer, as many and more rows than dimensions; N around D.
const SHAPES: [(usize, usize, u32); 11] = [
    (120, 8, 2),
    (60, 8, 5),
    (40, 8, 3),
    (41, 8, 2),
    (14, 12, 3),
    (13, 12, 2),
    (12, 12, 2),
    (11, 12, 2),
    (9, 30, 3),
    (5, 8, 2),
    (4, 16, 2),
];

#[test]
fn scores_of_classes_are_their_definitions_at_every_shape() {
    let mut random = SplitMix64::new(31);
    for (rows, dimension, count) in SHAPES {
        let x = embeddings(&mut random, rows, dimension);
        let labels = classes(&mut random, &x, count);
        let Labels::Classes { y, .. } = &labels else { unreachable!() };
        let target = Target::new(&x, &labels).unwrap();
        for (at, map) in maps(&mut random, dimension).iter().enumerate() {
            let features = features(&x, map);
            for (score, expected) in [
                (Score::Ridge, ridge(&features, &labels)),
                (Score::HScore, h_score(&features, y)),
                (Score::TransRate, trans_rate(&features, y)),
            ] {
                let what = format!("{score} of {rows} x {dimension}, {count} classes, map {at}");
                assert_near(&what, target.score(map, score).unwrap(), expected);
            }
        }
    }
}

#[test]
fn ridge_of_numbers_is_its_definition_at_every_shape() {
    let mut random = SplitMix64::new(32);
    for (rows, dimension, _) in SHAPES {
        let x = embeddings(&mut random, rows, dimension);
        let labels = numbers(&mut random, &x);
        let target = Target::new(&x, &labels).unwrap();
        for (at, map) in maps(&mut random, dimension).iter().enumerate() {
            let expected = ridge(&features(&x, map), &labels);
            assert_near(&format!("{rows} x {dimension}, map {at}"), target.score(map, Score::Ridge).unwrap(), expected);
        }
    }
}

#[test]
fn the_baseline_is_the_identity_and_no_bias_matters() {
    let mut random = SplitMix64::new(33);
    for rows in [50, 9] {
        let x: Embeddings = embeddings(&mut random, rows, 12);
        let target = Target::new(&x, &classes(&mut random, &x, 3)).unwrap();
        let identity =
            |bias: f32| Map::from(esmhub_store_format::LowRankMap::new(1.0, vec![], vec![bias; 12]).unwrap());
        for score in [Score::Ridge, Score::HScore, Score::TransRate] {
            let baseline = target.baseline(score).unwrap();
            for bias in [0.0, 3.5] {
                let found = target.score(&identity(bias), score).unwrap();
                assert!((found - baseline).abs() < 1e-10 * baseline.abs(), "{score}: {found} against {baseline}");
            }
        }
    }
}

/// Two directions that hold nearly all of the embeddings' length are taken away: what is left is not their rounding.
#[test]
fn what_a_low_rank_map_cancels_leaves_its_digits() {
    let mut random = SplitMix64::new(34);
    for rows in [40, 7] {
        let x = embeddings(&mut random, rows, 8);
        let labels = classes(&mut random, &x, 3);
        let Labels::Classes { y, .. } = &labels else { unreachable!() };
        let stretched = x.values().iter().enumerate().map(|(at, v)| if at % 8 < 2 { 2e4 * v } else { *v }).collect();
        let x = Embeddings::new(8, stretched).unwrap();
        let factors =
            [-1.0, 1.0].iter().flat_map(|&sign| (0..16).map(move |at| if at / 8 == at % 8 { sign } else { 0.0 }));
        let map = esmhub_store_format::LowRankMap::new(1.0, factors.collect(), vec![0.0; 8]).unwrap().into();
        let features = features(&x, &map);
        let target = Target::new(&x, &labels).unwrap();
        for (score, expected) in [
            (Score::Ridge, ridge(&features, &labels)),
            (Score::HScore, h_score(&features, y)),
            (Score::TransRate, trans_rate(&features, y)),
        ] {
            assert_near(&format!("{score} of {rows} rows"), target.score(&map, score).unwrap(), expected);
        }
    }
}
