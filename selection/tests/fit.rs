//! Ridge regression against the plain computation, row by row, without sufficient statistics.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, missing_docs)]

use esmhub_selection::fit::{FitError, Pairs, fit};
use esmhub_selection::{Embeddings, SplitMix64};
use faer::Mat;
use faer::prelude::Solve;

fn normal(random: &mut SplitMix64) -> f64 {
    (0..12).map(|_| (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64).sum::<f64>() - 6.0
}

/// Tuned embeddings that are a known map of the base embeddings, and noise.
fn planted(seed: u64, rows: usize, dimension: usize, noise: f64) -> (Embeddings, Embeddings, Vec<f64>) {
    let mut random = SplitMix64::new(seed);
    let weight: Vec<f64> = (0..dimension * dimension)
        .map(|at| 0.3 * normal(&mut random) + if at % (dimension + 1) == 0 { 1.0 } else { 0.0 })
        .collect();
    let mut base = Vec::new();
    let mut tuned = Vec::new();
    for _ in 0..rows {
        let x: Vec<f64> = (0..dimension).map(|_| f64::from((normal(&mut random) + 0.5) as f32)).collect();
        tuned.extend((0..dimension).map(|i| {
            let wx: f64 = (0..dimension).map(|j| weight[i * dimension + j] * x[j]).sum();
            (wx + 2.0 + noise * normal(&mut random)) as f32
        }));
        base.extend(x.iter().map(|&v| v as f32));
    }
    (Embeddings::new(dimension, base).unwrap(), Embeddings::new(dimension, tuned).unwrap(), weight)
}

fn matrix(e: &Embeddings, rows: &[usize]) -> Mat<f64> {
    Mat::from_fn(rows.len(), e.dimension(), |i, j| f64::from(e.values()[rows[i] * e.dimension() + j]))
}

/// `(I + B, b)` with `B` solved from the centred normal equations of these rows.
fn plain_ridge(x: &Mat<f64>, y: &Mat<f64>, lambda: f64) -> (Mat<f64>, Vec<f64>) {
    let (n, d) = x.shape();
    let mean =
        |m: &Mat<f64>| -> Vec<f64> { (0..d).map(|j| (0..n).map(|i| m[(i, j)]).sum::<f64>() / n as f64).collect() };
    let (mx, my) = (mean(x), mean(y));
    let cx = Mat::from_fn(n, d, |i, j| x[(i, j)] - mx[j]);
    let cz = Mat::from_fn(n, d, |i, j| (y[(i, j)] - my[j]) - (x[(i, j)] - mx[j]));
    let gram = cx.transpose() * &cx;
    let mu = (0..d).map(|i| gram[(i, i)]).sum::<f64>() / d as f64;
    let system = Mat::from_fn(d, d, |i, j| gram[(i, j)] + if i == j { lambda * mu } else { 0.0 });
    let b = system.partial_piv_lu().solve(cx.transpose() * cz);
    let weight = Mat::from_fn(d, d, |i, j| b[(j, i)] + f64::from(u8::from(i == j)));
    let bias = (0..d).map(|i| my[i] - (0..d).map(|j| weight[(i, j)] * mx[j]).sum::<f64>()).collect();
    (weight, bias)
}

fn squared_error(weight: &Mat<f64>, bias: &[f64], x: &Mat<f64>, y: &Mat<f64>) -> f64 {
    let predicted = x * weight.transpose();
    (0..x.nrows())
        .flat_map(|i| (0..x.ncols()).map(move |j| (i, j)))
        .map(|(i, j)| (predicted[(i, j)] + bias[j] - y[(i, j)]).powi(2))
        .sum()
}

#[test]
fn the_penalty_the_map_and_its_worth_are_those_of_the_plain_computation() {
    let (base, tuned, _) = planted(7, 103, 6, 1.5);
    let fitted = fit(&Pairs::new(&base, &tuned).unwrap(), 42).unwrap();

    let order = SplitMix64::new(42).permutation(103);
    let (held_out, training) = order.split_at(20);
    let lambdas: Vec<f64> = (-40..=16).map(|s| 10f64.powf(f64::from(s) / 8.0)).collect();
    let cross_validated = |lambda: f64| -> f64 {
        (0..5)
            .map(|fold| {
                let inside: Vec<usize> = (0..training.len()).filter(|i| i % 5 != fold).map(|i| training[i]).collect();
                let outside: Vec<usize> = (0..training.len()).filter(|i| i % 5 == fold).map(|i| training[i]).collect();
                let (weight, bias) = plain_ridge(&matrix(&base, &inside), &matrix(&tuned, &inside), lambda);
                squared_error(&weight, &bias, &matrix(&base, &outside), &matrix(&tuned, &outside))
            })
            .sum()
    };
    let best = lambdas.into_iter().min_by(|a, b| cross_validated(*a).total_cmp(&cross_validated(*b))).unwrap();
    assert_eq!(fitted.penalty, best);
    assert!(
        (1e-4..10.0).contains(&best),
        "the planted noise must make the choice one between real alternatives: {best}"
    );

    let (weight, bias) = plain_ridge(&matrix(&base, training), &matrix(&tuned, training), best);
    let (x, y) = (matrix(&base, held_out), matrix(&tuned, held_out));
    let mean: Vec<f64> = (0..6).map(|j| (0..20).map(|i| y[(i, j)]).sum::<f64>() / 20.0).collect();
    let variance: f64 =
        (0..20).flat_map(|i| (0..6).map(move |j| (i, j))).map(|(i, j)| (y[(i, j)] - mean[j]).powi(2)).sum();
    let r2 = 1.0 - squared_error(&weight, &bias, &x, &y) / variance;
    assert!((fitted.held_out.r2 - r2).abs() < 1e-6, "{} against {r2}", fitted.held_out.r2);
    assert_eq!(fitted.held_out.rows, 20);

    let all: Vec<usize> = (0..103).collect();
    let (weight, bias) = plain_ridge(&matrix(&base, &all), &matrix(&tuned, &all), best);
    for (at, found) in fitted.map.weight().iter().enumerate() {
        assert!((f64::from(*found) - weight[(at / 6, at % 6)]).abs() < 1e-6);
    }
    for (found, expected) in fitted.map.bias().iter().zip(&bias) {
        assert!((f64::from(*found) - expected).abs() < 1e-6);
    }
}

#[test]
fn a_map_without_noise_is_found_again() {
    let (base, tuned, weight) = planted(8, 200, 5, 0.0);
    let fitted = fit(&Pairs::new(&base, &tuned).unwrap(), 1).unwrap();
    for (found, planted) in fitted.map.weight().iter().zip(&weight) {
        assert!((f64::from(*found) - planted).abs() < 1e-3);
    }
    assert!(fitted.held_out.r2 > 0.999_99, "{}", fitted.held_out.r2);
    assert!(fitted.held_out.cosine > 0.999_99);
}

#[test]
fn held_out_rows_do_not_reach_the_fit_that_is_measured() {
    // Tuned embeddings of pure noise: whatever saw the held-out rows would explain them.
    let (base, _, _) = planted(9, 60, 40, 0.0);
    let (noise, _, _) = planted(10, 60, 40, 0.0);
    let fitted = fit(&Pairs::new(&base, &noise).unwrap(), 3).unwrap();
    assert!(fitted.held_out.r2 < 0.1, "{}", fitted.held_out.r2);
}

#[test]
fn the_same_pairs_and_seed_give_the_same_bits() {
    let (base, tuned, _) = planted(11, 80, 8, 0.5);
    let pairs = Pairs::new(&base, &tuned).unwrap();
    assert_eq!(fit(&pairs, 5).unwrap(), fit(&pairs, 5).unwrap());
    assert_ne!(fit(&pairs, 5).unwrap().held_out, fit(&pairs, 6).unwrap().held_out);
}

#[test]
fn pairs_that_cannot_be_fitted_are_refused() {
    let (base, tuned, _) = planted(12, 40, 3, 0.1);
    let (short, _, _) = planted(12, 39, 3, 0.1);
    assert!(matches!(Pairs::new(&base, &short), Err(FitError::Shapes { base: (40, 3), tuned: (39, 3) })));
    let few: Vec<usize> = (0..19).collect();
    assert!(matches!(Pairs::new(&base.select(&few), &tuned.select(&few)), Err(FitError::TooFew(19))));
    let mut values = tuned.values().to_vec();
    values[7] = f32::INFINITY;
    let infinite = Embeddings::new(3, values).unwrap();
    assert_eq!(Pairs::new(&base, &infinite).err(), Some(FitError::NotFinite { matrix: "y", row: 2, column: 1 }));
    let constant = Embeddings::new(3, vec![1.0; 120]).unwrap();
    assert_eq!(Pairs::new(&constant, &tuned).err(), Some(FitError::NoVariance));
}
