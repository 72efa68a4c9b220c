//! LogME by its definition, and what to compute it from.

use esmhub_selection::{Embeddings, Labels, SplitMix64};
use esmhub_store_format::{DenseMap, Map};
use faer::Mat;
use faer::prelude::Solve;

pub(crate) fn uniform(random: &mut SplitMix64) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

pub(crate) fn embeddings(random: &mut SplitMix64, rows: usize, dimension: usize) -> Embeddings {
    Embeddings::new(dimension, (0..rows * dimension).map(|_| uniform(random) as f32).collect()).unwrap()
}

pub(crate) fn random_map(random: &mut SplitMix64, dimension: usize) -> Map {
    let weight = (0..dimension * dimension).map(|_| uniform(random) as f32).collect();
    DenseMap::new(weight, (0..dimension).map(|_| uniform(random) as f32).collect()).unwrap().into()
}

pub(crate) fn classes(random: &mut SplitMix64, rows: usize, count: u32) -> Labels {
    let y = (0..rows).map(|row| if row < count as usize { row as u32 } else { random.below(count as usize) as u32 });
    Labels::Classes { names: (0..count).map(|c| c.to_string()).collect(), y: y.collect() }
}

/// The evidence by its definition (arXiv 2110.10545, equations 3 to 6): A = alpha I + beta F'F of D x D.
pub(crate) fn by_definition(features: &Mat<f64>, labels: &Labels) -> f64 {
    let (rows, dimension) = features.shape();
    let vectors: Vec<Mat<f64>> = match labels {
        Labels::Classes { names, y } => (0..names.len())
            .map(|class| Mat::from_fn(rows, 1, |i, _| f64::from(u8::from(y[i] as usize == class))))
            .collect(),
        Labels::Numbers(values) => vec![Mat::from_fn(rows, 1, |i, _| values[i])],
    };
    let identity = Mat::<f64>::identity(dimension, dimension);
    let gram = features.transpose() * features;
    let mut sum = 0.0;
    for y in &vectors {
        let (mut alpha, mut beta) = (1.0f64, 1.0f64);
        let (mut mean_norm, mut residual);
        let mut rounds = 0;
        loop {
            let posterior = Mat::from_fn(dimension, dimension, |i, j| alpha * identity[(i, j)] + beta * gram[(i, j)]);
            let inverse = posterior.partial_piv_lu().solve(&identity);
            let mean = faer::Scale(beta) * (&inverse * (features.transpose() * y));
            let trace: f64 = (0..dimension).map(|i| inverse[(i, i)]).sum();
            let gamma = dimension as f64 - alpha * trace;
            mean_norm = mean.squared_norm_l2();
            residual = (features * &mean - y).squared_norm_l2();
            let before = alpha / beta;
            alpha = gamma / (mean_norm + 1e-5);
            beta = (rows as f64 - gamma) / (residual + 1e-5);
            rounds += 1;
            if rounds == 50 || (alpha / beta - before).abs() <= 1e-3 * before {
                break;
            }
        }
        let posterior = Mat::from_fn(dimension, dimension, |i, j| alpha * identity[(i, j)] + beta * gram[(i, j)]);
        let llt = posterior.llt(faer::Side::Lower).unwrap();
        let log_determinant: f64 = (0..dimension).map(|i| 2.0 * llt.L()[(i, i)].ln()).sum();
        let (n, d) = (rows as f64, dimension as f64);
        let evidence = n / 2.0 * beta.ln() + d / 2.0 * alpha.ln()
            - n / 2.0 * std::f64::consts::TAU.ln()
            - 0.5 * log_determinant
            - beta / 2.0 * residual
            - alpha / 2.0 * mean_norm;
        sum += evidence / n;
    }
    sum / vectors.len() as f64
}

/// `f(x)` for every row, by the map's own definition.
pub(crate) fn features(x: &Embeddings, map: &Map) -> Mat<f64> {
    let d = x.dimension();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let row = |n: usize| &x.values()[n * d..(n + 1) * d];
    match map {
        Map::Dense(map) => {
            Mat::from_fn(x.rows(), d, |n, i| dot(row(n), &map.weight()[i * d..(i + 1) * d]) + f64::from(map.bias()[i]))
        }
        Map::LowRank(map) => Mat::from_fn(x.rows(), d, |n, i| {
            let along = map.b().chunks_exact(d).zip(map.a().chunks_exact(d));
            let moved: f64 = along.map(|(b, a)| f64::from(a[i]) * dot(row(n), b)).sum();
            f64::from(map.scale()) * f64::from(row(n)[i]) + moved + f64::from(map.bias()[i])
        }),
    }
}
