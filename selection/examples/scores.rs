//! What every kind of score costs, and what it says of real transfer: `cargo run --release --example scores -- [DATA]`.
//!
//! First the milliseconds that an ESM takes, one thread, the fastest of twenty: 1,000 rows of 384 dimensions in four classes, for no
//! structure and for low ranks. What is computed once per target is not counted.
//!
//! Then, where DATA is given: how well scores choose among 20 really fine-tuned models for three targets, whose own sources are left
//! out. DATA holds `esms/`, `pairs/`, `anchors/`, `targets/` and `transfer_accuracy.json` (test accuracy after each source's model
//! was fine-tuned on 250 rows of the target; one seed, whose repetition moves it by 3 points). Kendall's tau-b is that of scores and
//! accuracies; regret is how far the best of the first k stays behind the best of all, in % of it. Means over the targets; maps are
//! hfselect's own, and ours, fitted on the task's pairs and four other targets' texts.

#![allow(clippy::print_stdout, clippy::indexing_slicing, missing_docs)]

use std::error::Error;
use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use candle_core::npy::NpzTensors;
use candle_core::{DType, Device};
use esmhub_selection::fit::{AnchorPairs, FitOptions, Pairs, fit};
use esmhub_selection::{Embeddings, Labels, Score, SplitMix64, Target};
use esmhub_store_format::{DenseMap, LowRankMap, Map};
use serde_json::Value;

// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROWS: usize = 1000;
const DIMENSION: usize = 384;
const CLASSES: usize = 4;
const REPETITIONS: usize = 20;

fn main() -> Outcome<()> {
    costs()?;
    env::args().nth(1).map_or(Ok(()), |data| choices(Path::new(&data)))
}

fn costs() -> Outcome<()> {
    let random = &mut SplitMix64::new(1);
    let falling = |at: usize| 0.5 / ((at % DIMENSION + 1) as f32).sqrt();
    let values: Vec<f32> = (0..ROWS * DIMENSION).map(|at| 0.1 + falling(at) * normal(random)).collect();
    let class = |row: &[f32]| ((row.iter().step_by(7).sum::<f32>() * 4.0).floor() as i64).rem_euclid(4) as u32;
    let y = values.chunks_exact(DIMENSION).map(class).collect();
    let names = (0..CLASSES).map(|class| class.to_string()).collect();
    let target = Target::new(&Embeddings::new(DIMENSION, values).ok_or("shape")?, &Labels::Classes { names, y })?;
    let width = (DIMENSION as f32).sqrt();
    let mut of_rank = |rank: usize| {
        let factors = (0..2 * rank * DIMENSION).map(|_| normal(random) / width).collect();
        LowRankMap::new(0.5, factors, (0..DIMENSION).map(|_| 0.1 * normal(random)).collect())
    };
    let (small, large) = (of_rank(32)?, of_rank(64)?);
    let near = small.to_dense()?;
    let weight = near.weight().iter().map(|weight| weight + 0.5 * normal(random) / width).collect();
    let dense = Map::from(DenseMap::new(weight, near.bias().to_vec())?);
    println!("| ms per ESM, {ROWS} rows, {DIMENSION} dimensions | dense | rank 32 | rank 64 |\n|---|---|---|---|");
    let maps = [&dense, &small.into(), &large.into()];
    let mut exact = [1.0; 3];
    for score in Score::ALL {
        let mut line = format!("| {score} |");
        for (map, exact) in maps.iter().zip(&mut exact) {
            target.score(map, score)?;
            let mut seconds = Vec::with_capacity(REPETITIONS);
            for _ in 0..REPETITIONS {
                let start = Instant::now();
                target.score(map, score)?;
                seconds.push(start.elapsed().as_secs_f64());
            }
            // Others who use the machine make it slower, never faster.
            let least = 1e3 * seconds.into_iter().fold(f64::INFINITY, f64::min);
            if score == Score::default() {
                *exact = least;
            }
            line += &format!(" {least:.1} ({:.1} x) |", least / *exact);
        }
        println!("{line}");
    }
    println!();
    Ok(())
}

fn choices(data: &Path) -> Outcome<()> {
    let real: Value = serde_json::from_slice(&fs::read(data.join("transfer_accuracy.json"))?)?;
    let targets = ["tweet_emotion", "cr", "trec"];
    println!("| maps, rows | score | tau | regret@1 | @3 | @5 | tau on {} |", targets.join(", "));
    println!("|---|---|---|---|---|---|---|");
    for ours in [false, true] {
        let mut pools = Vec::new();
        for target in targets {
            let accuracies = real[target].as_object().ok_or("no accuracies")?.iter();
            let others = accuracies.filter(|(task, _)| !task.starts_with('(') && *task != target);
            let pool = others.map(|(task, accuracy)| {
                let map = if ours { fitted(data, task, target)? } else { trained(data, task)? };
                Ok((map, accuracy.as_f64().ok_or("no accuracy")?))
            });
            pools.push(pool.collect::<Outcome<Vec<(Map, f64)>>>()?);
        }
        for rows in [250, ROWS] {
            for score in Score::ALL {
                let mut found = Vec::new();
                for (target, pool) in targets.iter().zip(&pools) {
                    let target = task(data, target, rows)?;
                    let scores = pool.iter().map(|(map, _)| target.score(map, score));
                    let pairs: Vec<(f64, f64)> = scores
                        .zip(pool)
                        .map(|(score, (_, accuracy))| Ok((score?, *accuracy)))
                        .collect::<Outcome<_>>()?;
                    found.push([tau(&pairs), regret(&pairs, 1), regret(&pairs, 3), regret(&pairs, 5)]);
                }
                let mean = |at: usize| found.iter().map(|figures| figures[at]).sum::<f64>() / found.len() as f64;
                let taus: Vec<String> = found.iter().map(|figures| format!("{:.2}", figures[0])).collect();
                println!(
                    "| {}, {rows} | {score} | {:.2} | {:.1} | {:.1} | {:.1} | {} |",
                    if ours { "ours" } else { "hfselect's" },
                    mean(0),
                    mean(1),
                    mean(2),
                    mean(3),
                    taus.join(", ")
                );
            }
        }
    }
    Ok(())
}

/// Kendall's tau-b.
fn tau(pairs: &[(f64, f64)]) -> f64 {
    let (mut sum, mut firsts, mut seconds) = (0.0, 0.0, 0.0);
    let sign = |value: f64| if value == 0.0 { 0.0 } else { value.signum() };
    for (at, one) in pairs.iter().enumerate() {
        for other in &pairs[..at] {
            let (first, second) = (sign(one.0 - other.0), sign(one.1 - other.1));
            sum += first * second;
            firsts += first.abs();
            seconds += second.abs();
        }
    }
    sum / f64::sqrt(firsts * seconds)
}

/// In % of the best accuracy. Equal scores are in the order of their names, as in a ranking.
fn regret(pairs: &[(f64, f64)], first: usize) -> f64 {
    let mut order: Vec<&(f64, f64)> = pairs.iter().collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = |pairs: &[&(f64, f64)]| pairs.iter().map(|(_, accuracy)| *accuracy).fold(0.0, f64::max);
    100.0 * (1.0 - best(&order[..first]) / best(&order))
}

/// About normal: the sum of twelve uniform numbers.
fn normal(random: &mut SplitMix64) -> f32 {
    (0..12).map(|_| (random.next_u64() >> 40) as f32 / (1u32 << 24) as f32).sum::<f32>() - 6.0
}

fn matrix(file: &Path, name: &str, rows: usize) -> Outcome<Embeddings> {
    let tensor = NpzTensors::new(file)?.get(name)?.ok_or("no such array")?.to_dtype(DType::F32)?;
    let tensor = tensor.narrow(0, 0, rows.min(tensor.dim(0)?))?;
    let dimension = tensor.dim(1)?;
    Ok(Embeddings::new(dimension, tensor.flatten_all()?.to_vec1()?).ok_or("shape")?)
}

fn task(data: &Path, name: &str, rows: usize) -> Outcome<Target> {
    let file = data.join(format!("targets/{name}.npz"));
    let y = NpzTensors::new(&file)?.get("y")?.ok_or("no labels")?.to_dtype(DType::F64)?.narrow(0, 0, rows)?;
    let y: Vec<u32> = y.to_vec1::<f64>()?.into_iter().map(|class| class as u32).collect();
    let names = (0..=y.iter().copied().max().unwrap_or_default()).map(|class| class.to_string()).collect();
    Ok(Target::new(&matrix(&file, "x", rows)?, &Labels::Classes { names, y })?)
}

/// As hfselect has trained it.
fn trained(data: &Path, task: &str) -> Outcome<Map> {
    let tensors = candle_core::safetensors::load(data.join(format!("esms/{task}/model.safetensors")), &Device::Cpu)?;
    let values = |name: &str| tensors.get(name).ok_or("no such tensor").map(|tensor| tensor.flatten_all()?.to_vec1());
    Ok(DenseMap::new(values("model.weight")??, values("model.bias")??)?.into())
}

/// As `publish` fits it, on the texts of the other four targets as anchors.
fn fitted(data: &Path, task: &str, left_out: &str) -> Outcome<Map> {
    let file = data.join(format!("pairs/{task}.npz"));
    let pairs = Pairs::new(&matrix(&file, "x", ROWS)?, &matrix(&file, "y", ROWS)?)?;
    let mut anchors = Vec::new();
    for name in ["tweet_emotion", "trec", "cr", "cola", "wellformed"].into_iter().filter(|name| *name != left_out) {
        let base = matrix(&data.join(format!("targets/{name}.npz")), "x", 600)?;
        let tuned = matrix(&data.join(format!("anchors/{task}.npz")), name, 600)?;
        anchors.push(AnchorPairs::new(name, &base, &tuned)?);
    }
    Ok(fit(&pairs, &anchors, &FitOptions::default())?.map)
}
