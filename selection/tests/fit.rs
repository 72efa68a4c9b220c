//! Reduced-rank ridge regression against the plain computation, row by row, without sufficient statistics.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, missing_docs)]

use esmhub_selection::fit::{
    ALONE, AnchorPairs, FitError, FitOptions, Pairs, Penalty, Rank, WITH_ANCHORS, distill, fit,
};
use esmhub_selection::{Embeddings, SplitMix64};
use esmhub_store_format::{Codec, DenseMap, Map, Object};
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

fn stacked(matrices: &[Mat<f64>]) -> Mat<f64> {
    let rows: Vec<Vec<f64>> =
        matrices.iter().flat_map(|m| m.row_iter().map(|row| row.iter().copied().collect())).collect();
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn means(m: &Mat<f64>) -> Vec<f64> {
    m.col_iter().map(|column| column.iter().sum::<f64>() / m.nrows() as f64).collect()
}

fn centred(m: &Mat<f64>, mean: &[f64]) -> Mat<f64> {
    Mat::from_fn(m.nrows(), m.ncols(), |i, j| m[(i, j)] - mean[j])
}

/// `(W, b)` from the rows themselves: the ridge solution of the augmented least squares problem, and its best approximation of
/// this rank by a singular value decomposition of the augmented fitted values (Mukherjee and Zhu 2011, section 2).
fn plain(x: &Mat<f64>, y: &Mat<f64>, lambda: f64, rank: usize) -> (Mat<f64>, Vec<f64>) {
    let d = x.ncols();
    let (mx, my) = (means(x), means(y));
    let (cx, cy) = (centred(x, &mx), centred(y, &my));
    let dot = |a: &Mat<f64>, b: &Mat<f64>| -> f64 {
        a.row_iter().zip(b.row_iter()).map(|(a, b)| a * b.transpose()).sum::<f64>()
    };
    let scale = dot(&cx, &cy) / dot(&cx, &cx);
    let ridge = (lambda * dot(&cx, &cx) / d as f64).sqrt();
    let augmented_x = stacked(&[cx.clone(), Mat::from_fn(d, d, |i, j| if i == j { ridge } else { 0.0 })]);
    let augmented_z = stacked(&[&cy - faer::Scale(scale) * &cx, Mat::zeros(d, d)]);
    let gram = augmented_x.transpose() * &augmented_x;
    let coefficients = gram.partial_piv_lu().solve(augmented_x.transpose() * &augmented_z);
    let fitted = &augmented_x * &coefficients;
    let svd = fitted.thin_svd().unwrap();
    let v = svd.V().subcols(0, rank);
    let weight = v * (v.transpose() * coefficients.transpose());
    let weight = Mat::from_fn(d, d, |i, j| weight[(i, j)] + if i == j { scale } else { 0.0 });
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

fn r2(map: &(Mat<f64>, Vec<f64>), x: &Mat<f64>, y: &Mat<f64>) -> f64 {
    1.0 - squared_error(&map.0, &map.1, x, y) / centred(y, &means(y)).squared_norm_l2()
}

fn assert_same_map(found: &Map, expected: &(Mat<f64>, Vec<f64>), tolerance: f64) {
    let found = found.to_dense().unwrap();
    let d = expected.1.len();
    for (at, value) in found.weight().iter().enumerate() {
        let expected = expected.0[(at / d, at % d)];
        assert!((f64::from(*value) - expected).abs() < tolerance, "weight {at}: {value} against {expected}");
    }
    for (value, expected) in found.bias().iter().zip(&expected.1) {
        assert!((f64::from(*value) - expected).abs() < tolerance, "bias: {value} against {expected}");
    }
}

fn full() -> FitOptions {
    FitOptions { rank: Rank::Full, ..FitOptions::default() }
}

#[test]
fn map_of_every_rank_is_that_of_the_plain_computation() {
    let (base, tuned, _) = planted(7, 103, 8, 1.5);
    let pairs = Pairs::new(&base, &tuned).unwrap();
    let all: Vec<usize> = (0..103).collect();
    let order = SplitMix64::new(42).permutation(103);
    let (held_out, training) = order.split_at(20);
    for rank in [1, 3, 4] {
        let options = FitOptions { rank: Rank::Exactly(rank), penalty: Penalty::Fixed(0.3), ..FitOptions::default() };
        let fitted = fit(&pairs, &[], &options).unwrap();
        assert_same_map(&fitted.map, &plain(&matrix(&base, &all), &matrix(&tuned, &all), 0.3, rank), 1e-5);
        let training = plain(&matrix(&base, training), &matrix(&tuned, training), 0.3, rank);
        let expected = r2(&training, &matrix(&base, held_out), &matrix(&tuned, held_out));
        assert!((fitted.held_out.r2 - expected).abs() < 1e-6, "{} against {expected}", fitted.held_out.r2);
        assert_eq!(fitted.held_out.rows, 20);
    }
    let dense = fit(&pairs, &[], &full()).unwrap();
    assert_eq!(dense.penalty, ALONE);
    assert_same_map(&dense.map, &plain(&matrix(&base, &all), &matrix(&tuned, &all), ALONE, 8), 1e-5);
}

#[test]
fn penalty_that_is_asked_for_is_that_of_least_error() {
    let (base, tuned, _) = planted(7, 103, 6, 1.5);
    let options = FitOptions { penalty: Penalty::CrossValidated, ..full() };
    let fitted = fit(&Pairs::new(&base, &tuned).unwrap(), &[], &options).unwrap();
    let order = SplitMix64::new(42).permutation(103);
    let training = &order[20..];
    let worth = |lambda: f64| -> f64 {
        let fold = |fold: usize, inside: bool| -> Vec<usize> {
            (0..training.len()).filter(|i| (i % 5 != fold) == inside).map(|i| training[i]).collect()
        };
        (0..5)
            .map(|at| {
                let map = plain(&matrix(&base, &fold(at, true)), &matrix(&tuned, &fold(at, true)), lambda, 6);
                r2(&map, &matrix(&base, &fold(at, false)), &matrix(&tuned, &fold(at, false)))
            })
            .sum()
    };
    let lambdas = (-40..=16).map(|s| 10f64.powf(f64::from(s) / 8.0));
    let best = lambdas.max_by(|a, b| worth(*a).total_cmp(&worth(*b))).unwrap();
    assert_eq!(fitted.penalty, best);
    assert!((1e-4..10.0).contains(&best), "the noise must make the choice one between real alternatives: {best}");
}

/// From dimension 256 on, directions are found by iteration from those of fewer rows.
#[test]
fn map_of_a_large_dimension_explains_as_much_as_the_exact_one() {
    let (d, rows) = (260, 700);
    let mut random = SplitMix64::new(51);
    let directions: Vec<(Vec<f64>, Vec<f64>)> = (0..30)
        .map(|k| {
            let mut row = |by: f64| (0..d).map(|_| by * normal(&mut random) / (d as f64).sqrt()).collect::<Vec<f64>>();
            (row(3.0 * 0.85f64.powi(k)), row(1.0))
        })
        .collect();
    let (mut base, mut tuned) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let x: Vec<f64> = (0..d).map(|_| normal(&mut random) + 0.5).collect();
        let mut y: Vec<f64> = x.iter().map(|v| 0.9 * v + 0.05 * normal(&mut random)).collect();
        for (a, b) in &directions {
            let along: f64 = b.iter().zip(&x).map(|(b, x)| b * x).sum();
            y.iter_mut().zip(a).for_each(|(y, a)| *y += a * along);
        }
        base.extend(x.iter().map(|&v| v as f32));
        tuned.extend(y.iter().map(|&v| v as f32));
    }
    let (base, tuned) = (Embeddings::new(d, base).unwrap(), Embeddings::new(d, tuned).unwrap());
    let options = FitOptions { rank: Rank::Exactly(12), ..FitOptions::default() };
    let fitted = fit(&Pairs::new(&base, &tuned).unwrap(), &[], &options).unwrap();
    let all: Vec<usize> = (0..rows).collect();
    let (x, y) = (matrix(&base, &all), matrix(&tuned, &all));
    let exact = plain(&x, &y, ALONE, 12);
    let dense = fitted.map.to_dense().unwrap();
    let weight = Mat::from_fn(d, d, |i, j| f64::from(dense.weight()[i * d + j]));
    let bias: Vec<f64> = dense.bias().iter().map(|&b| f64::from(b)).collect();
    let (found, best) = (r2(&(weight, bias), &x, &y), r2(&exact, &x, &y));
    assert!((found - best).abs() < 2e-4, "{found} against {best}");
}

/// A source and two anchor domains of one planted map, around different means.
fn with_anchors() -> (Pairs, Vec<AnchorPairs>, Vec<(Embeddings, Embeddings)>) {
    let (base, tuned, _) = planted(21, 200, 12, 0.5);
    let part = |rows: std::ops::Range<usize>, shift: f32| {
        let rows: Vec<usize> = rows.collect();
        let moved = |e: &Embeddings, by: f32| {
            Embeddings::new(12, e.select(&rows).values().iter().map(|v| v + by).collect()).unwrap()
        };
        (moved(&base, shift), moved(&tuned, 1.5 * shift))
    };
    let parts = vec![part(0..100, 0.0), part(100..160, 2.0), part(160..200, -1.0)];
    let anchors = ["news", "reviews"].iter().zip(&parts[1..]);
    let anchors = anchors.map(|(label, (x, y))| AnchorPairs::new(*label, x, y).unwrap()).collect();
    (Pairs::new(&parts[0].0, &parts[0].1).unwrap(), anchors, parts)
}

#[test]
fn anchors_are_fitted_with_the_source_and_left_out_whole() {
    let (source, anchors, parts) = with_anchors();
    let options = FitOptions { rank: Rank::Full, ..FitOptions::default() };
    let fitted = fit(&source, &anchors, &options).unwrap();
    assert_eq!(fitted.penalty, WITH_ANCHORS);
    let whole = |e: &Embeddings| matrix(e, &(0..e.rows()).collect::<Vec<_>>());
    let (xs, ys): (Vec<_>, Vec<_>) = parts.iter().map(|(x, y)| (whole(x), whole(y))).unzip();
    assert_same_map(&fitted.map, &plain(&stacked(&xs), &stacked(&ys), WITH_ANCHORS, 12), 1e-5);

    let order = SplitMix64::new(42).permutation(100);
    let training = (matrix(&parts[0].0, &order[20..]), matrix(&parts[0].1, &order[20..]));
    let domains = [training, (xs[1].clone(), ys[1].clone()), (xs[2].clone(), ys[2].clone())];
    let fidelity = fitted.fidelity.unwrap();
    assert_eq!(fidelity.anchor_rows, 100);
    let labels: Vec<Option<&str>> = fidelity.domains.iter().map(|domain| domain.label.as_deref()).collect();
    assert_eq!(labels, [None, Some("news"), Some("reviews")]);
    for (left_out, found) in fidelity.domains.iter().enumerate() {
        let others: Vec<_> = domains.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, d)| d).collect();
        let (x, y): (Vec<_>, Vec<_>) = others.into_iter().cloned().unzip();
        let map = plain(&stacked(&x), &stacked(&y), WITH_ANCHORS, 12);
        let expected = r2(&map, &domains[left_out].0, &domains[left_out].1);
        assert!((found.r2 - expected).abs() < 1e-6, "{found:?} against {expected}");
    }
}

/// Directions of the other domains alone: a planted map of nearly equal singular values would show any help.
#[test]
fn low_rank_fidelity_is_that_of_the_other_domains_directions() {
    let (source, anchors, parts) = with_anchors();
    let options = FitOptions { rank: Rank::Exactly(3), ..FitOptions::default() };
    let fidelity = fit(&source, &anchors, &options).unwrap().fidelity.unwrap();
    let order = SplitMix64::new(42).permutation(100);
    let whole = |e: &Embeddings| matrix(e, &(0..e.rows()).collect::<Vec<_>>());
    let x = stacked(&[matrix(&parts[0].0, &order[20..]), whole(&parts[1].0)]);
    let y = stacked(&[matrix(&parts[0].1, &order[20..]), whole(&parts[1].1)]);
    let expected = r2(&plain(&x, &y, WITH_ANCHORS, 3), &whole(&parts[2].0), &whole(&parts[2].1));
    let found = fidelity.domains[2].r2;
    assert!((found - expected).abs() < 1e-5, "{found} against {expected}");
}

#[test]
fn rank_grows_until_the_fidelity_asked_for_is_reached() {
    let (source, anchors, _) = with_anchors();
    let rank = |fidelity: f64| {
        let options = FitOptions { rank: Rank::Auto { most: 6, fidelity }, ..FitOptions::default() };
        fit(&source, &anchors, &options).unwrap().map.rank().unwrap()
    };
    let ranks = [rank(0.5), rank(0.9), rank(1.0)];
    assert!(ranks.is_sorted() && ranks[0] < ranks[2] && ranks[2] <= 6, "{ranks:?}");
}

#[test]
fn coded_map_agrees_with_the_fitted_one_at_the_mean_embedding() {
    let (base, tuned, _) = planted(31, 300, 80, 0.3);
    let options = FitOptions { rank: Rank::Exactly(8), ..FitOptions::default() };
    let fitted = fit(&Pairs::new(&base, &tuned).unwrap(), &[], &options).unwrap();
    let all = matrix(&base, &(0..300).collect::<Vec<_>>());
    let mean = Embeddings::new(80, means(&all).iter().map(|&v| v as f32).collect()).unwrap();
    let expected = mean.mapped(&fitted.map).unwrap();
    for codec in [Codec::F16, Codec::Int8, Codec::Int4] {
        let object = fitted.encode(codec).unwrap();
        let found = mean.mapped(object.map()).unwrap();
        let worst = found.values().iter().zip(expected.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // What remains is the bias's own rounding to f16, half of 1/128 for values up to 16.
        assert!(worst < 4e-3, "{codec}: {worst}");
    }
    let plain = Object::encode_map(&fitted.map, Codec::Int4).unwrap();
    let uncorrected = mean.mapped(plain.map()).unwrap();
    let worst = uncorrected.values().iter().zip(expected.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst > 8e-3, "the correction would not be needed: {worst}");
}

#[test]
fn distilled_map_is_the_dense_one_where_embeddings_lie() {
    // Embeddings in 4 of 10 dimensions: what the map does elsewhere cannot matter.
    let (base, _, weight) = planted(41, 200, 10, 0.0);
    let flat = base.iter().flat_map(|row| row.iter().enumerate().map(|(j, v)| if j < 4 { *v } else { 0.5 }));
    let x = Embeddings::new(10, flat.collect()).unwrap();
    let dense = DenseMap::new(weight.iter().map(|&v| v as f32).collect(), (0..10).map(|i| i as f32).collect()).unwrap();
    let distilled = distill(&dense, &x, 5).unwrap();
    assert_eq!(distilled.map.rank(), 5);
    let dense_map = Map::from(dense.clone());
    let (expected, found) = (x.mapped(&dense_map).unwrap(), x.mapped(&distilled.map.clone().into()).unwrap());
    let apart = |a: &Embeddings, b: &Embeddings| {
        let (a, b) = (a.values().iter(), b.values().iter());
        a.zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
    };
    let all: Vec<usize> = (0..200).collect();
    let y = matrix(&expected, &all);
    let measured = 1.0 - apart(&expected, &found) / centred(&y, &means(&y)).squared_norm_l2();
    assert!((distilled.r2 - measured).abs() < 1e-5, "{} is said, {measured} is found", distilled.r2);
    assert!(measured > 0.99, "{measured}");

    // Any other map of this form does worse: the directions are the best ones.
    let worse = distill(&dense, &x, 2).unwrap();
    assert!(worse.r2 < distilled.r2);
    assert!(matches!(distill(&dense, &Embeddings::new(3, vec![0.0; 9]).unwrap(), 2), Err(FitError::Dimension { .. })));
    assert_eq!(distill(&dense, &Embeddings::new(10, vec![1.0; 50]).unwrap(), 2), Err(FitError::NoVariance));
}

#[test]
fn a_map_without_noise_is_found_again() {
    let (base, tuned, weight) = planted(8, 200, 5, 0.0);
    let options = FitOptions { seed: 1, penalty: Penalty::Fixed(1e-6), ..full() };
    let fitted = fit(&Pairs::new(&base, &tuned).unwrap(), &[], &options).unwrap();
    for (found, planted) in fitted.map.to_dense().unwrap().weight().iter().zip(&weight) {
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
    let options = FitOptions { seed: 3, ..full() };
    let fitted = fit(&Pairs::new(&base, &noise).unwrap(), &[], &options).unwrap();
    assert!(fitted.held_out.r2 < 0.1, "{}", fitted.held_out.r2);
}

#[test]
fn the_same_pairs_and_seed_give_the_same_bits() {
    let (base, tuned, _) = planted(11, 80, 8, 0.5);
    let pairs = Pairs::new(&base, &tuned).unwrap();
    let fit = |seed| fit(&pairs, &[], &FitOptions { seed, ..FitOptions::default() }).unwrap();
    assert_eq!(fit(5), fit(5));
    assert_ne!(fit(5).held_out, fit(6).held_out);
}

#[test]
fn pairs_that_cannot_be_fitted_are_refused() {
    let (base, tuned, _) = planted(12, 40, 3, 0.1);
    let (short, _, _) = planted(12, 39, 3, 0.1);
    assert!(matches!(Pairs::new(&base, &short), Err(FitError::Shapes { base: (40, 3), tuned: (39, 3) })));
    let few: Vec<usize> = (0..19).collect();
    assert!(matches!(
        Pairs::new(&base.select(&few), &tuned.select(&few)),
        Err(FitError::TooFew { found: 19, least: 20 })
    ));
    let mut values = tuned.values().to_vec();
    values[7] = f32::INFINITY;
    let infinite = Embeddings::new(3, values).unwrap();
    assert_eq!(Pairs::new(&base, &infinite).err(), Some(FitError::NotFinite { matrix: "y", row: 2, column: 1 }));
    let constant = Embeddings::new(3, vec![1.0; 120]).unwrap();
    assert_eq!(Pairs::new(&constant, &tuned).err(), Some(FitError::NoVariance));
    let (wide, wider, _) = planted(13, 40, 4, 0.1);
    let anchors = [AnchorPairs::new("wide", &wide, &wider).unwrap()];
    let refused = fit(&Pairs::new(&base, &tuned).unwrap(), &anchors, &FitOptions::default());
    assert!(matches!(refused, Err(FitError::AnchorDimension { expected: 3, found: 4, .. })));
}
