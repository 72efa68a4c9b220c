//! The kernels of ranking, at D = 768, N = 1,000 and four classes: `cargo bench -p esmhub-selection`.
//!
//! `bench/rank/measure.py` compares them with the peer, over more shapes; this is for finding out what a change costs.

#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use esmhub_selection::{Embeddings, Formula, Labels, Precision, SplitMix64, Target};
use esmhub_store_format::{DenseMap, LowRankMap, Map};

// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DIMENSION: usize = 768;
const ROWS: usize = 1000;
const CLASSES: u32 = 4;
const RANK: usize = 32;

/// About normal: the sum of twelve uniform numbers.
fn normal(random: &mut SplitMix64) -> f32 {
    (0..12).map(|_| (random.next_u64() >> 40) as f32 / (1u32 << 24) as f32).sum::<f32>() - 6.0
}

/// Embeddings that are not centred and whose variances fall as 1/j, and classes that depend on them.
fn task(random: &mut SplitMix64) -> (Embeddings, Labels) {
    let falling = |at: usize| 0.5 / ((at % DIMENSION + 1) as f32).sqrt();
    let values: Vec<f32> = (0..ROWS * DIMENSION).map(|at| 0.1 + falling(at) * normal(random)).collect();
    let class =
        |row: &[f32]| ((row.iter().step_by(7).sum::<f32>() * 4.0).floor() as i32).rem_euclid(CLASSES as i32) as u32;
    let y = values.chunks_exact(DIMENSION).map(class).collect();
    let names = (0..CLASSES).map(|class| class.to_string()).collect();
    (Embeddings::new(DIMENSION, values).unwrap(), Labels::Classes { names, y })
}

fn maps(random: &mut SplitMix64) -> (Map, Map) {
    let width = (DIMENSION as f32).sqrt();
    let factors = (0..2 * RANK * DIMENSION).map(|_| normal(random) / width).collect();
    let bias = (0..DIMENSION).map(|_| 0.1 * normal(random)).collect();
    let low_rank = Map::from(LowRankMap::new(0.5, factors, bias).unwrap());
    let near = low_rank.to_dense().unwrap().into_owned();
    let weight = near.weight().iter().map(|weight| weight + 0.5 * normal(random) / width).collect();
    (low_rank, DenseMap::new(weight, near.bias().to_vec()).unwrap().into())
}

fn ranking(criterion: &mut Criterion) {
    let mut random = SplitMix64::new(1);
    let (x, labels) = task(&mut random);
    let (low_rank, dense) = maps(&mut random);
    let double = Target::new(&x, &labels).unwrap();
    let single = Target::new(&x, &labels).unwrap().with_precision(Precision::Single);
    let mut score = |name, target: &Target, map| {
        criterion.bench_function(name, |bench| bench.iter(|| target.score(map, Formula::Exact).unwrap()));
    };
    score("score_low_rank", &double, &low_rank);
    score("score_dense_double", &double, &dense);
    score("score_dense_single", &single, &dense);
    // The fast ways were what was measured.
    assert_eq!((double.plainly_scored(), single.plainly_scored()), (0, 0));
    criterion.bench_function("contributions", |bench| {
        bench.iter(|| double.contributions(Some(&low_rank), Formula::Exact, 0.0).unwrap());
    });
    // All that the first low-rank ESM waits for. A dense one waits for a little more.
    criterion.bench_function("prepare_target", |bench| {
        let prepare = |()| Target::new(&x, &labels).unwrap().baseline(Formula::Exact).unwrap();
        bench.iter_batched(|| (), prepare, BatchSize::PerIteration);
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = ranking
}
criterion_main!(benches);
