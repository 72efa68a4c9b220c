//! Targets and maps to score.

use esmhub_selection::{Embeddings, Labels, SplitMix64};
use esmhub_store_format::{DenseMap, LowRankMap, Map};

pub(crate) fn uniform(random: &mut SplitMix64) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

fn values(random: &mut SplitMix64, count: usize) -> Vec<f32> {
    (0..count).map(|_| uniform(random) as f32).collect()
}

/// Embeddings as encoders give them: far from the origin, with a falling spectrum.
pub(crate) fn embeddings(random: &mut SplitMix64, rows: usize, dimension: usize) -> Embeddings {
    let value = |at| 0.7 + 4.0 * uniform(random) / (1.0 + (at % dimension) as f64);
    Embeddings::new(dimension, (0..rows * dimension).map(value).map(|value| value as f32).collect()).unwrap()
}

pub(crate) fn dense(random: &mut SplitMix64, dimension: usize) -> Map {
    DenseMap::new(values(random, dimension * dimension), values(random, dimension)).unwrap().into()
}

pub(crate) fn low_rank(random: &mut SplitMix64, dimension: usize, rank: usize, scale: f32) -> Map {
    LowRankMap::new(scale, values(random, 2 * rank * dimension), values(random, dimension)).unwrap().into()
}

/// Classes, each of which has a row, that the first two dimensions tell apart, more or less.
pub(crate) fn classes(random: &mut SplitMix64, x: &Embeddings, count: u32) -> Labels {
    let names = (0..count).map(|class| class.to_string()).collect();
    let y = x.iter().enumerate().map(|(row, x)| {
        let told = f64::from(x[0] - x[1]) + uniform(random);
        if row < count as usize { row as u32 } else { (told * 3.0).floor().rem_euclid(f64::from(count)) as u32 }
    });
    Labels::Classes { names, y: y.collect() }
}

pub(crate) fn numbers(random: &mut SplitMix64, x: &Embeddings) -> Labels {
    Labels::Numbers(x.iter().map(|x| 5.0 + f64::from(x[0] - 2.0 * x[1]) + uniform(random)).collect())
}

/// The features of every row, from the map's own values.
pub(crate) fn features(x: &Embeddings, map: &Map) -> Vec<Vec<f64>> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let d = x.dimension();
    let feature = |x: &[f32], i: usize| match map {
        Map::Dense(map) => dot(x, &map.weight()[i * d..(i + 1) * d]) + f64::from(map.bias()[i]),
        Map::LowRank(map) => {
            let along = map.b().chunks_exact(d).zip(map.a().chunks_exact(d));
            let moved: f64 = along.map(|(b, a)| f64::from(a[i]) * dot(x, b)).sum();
            f64::from(map.scale()) * f64::from(x[i]) + moved + f64::from(map.bias()[i])
        }
    };
    x.iter().map(|x| (0..d).map(|i| feature(x, i)).collect()).collect()
}
