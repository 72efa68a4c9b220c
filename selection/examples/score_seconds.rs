//! The seconds that scoring one ESM takes, for `bench/rank/measure.py`: `score_seconds DIMENSION CLASSES PRECISION X Y MAP`.
//!
//! All files are raw and little-endian. X: N x D embeddings, f32. Y: N labels, f64; the positions of classes, or numbers where
//! CLASSES is 0. MAP, f32: a bias and a D x D weight, row-major; or a scale, a bias, the r columns of A and the r rows of B.
//! PRECISION is `double` or `single`.
//!
//! First a line with the seconds that preparing the target takes, up to and with the first score, then that score by the
//! `exact` formula, the one by the `hfselect` formula, and how many of both were computed the plain way. Then, for each line
//! with a number on stdin, the ESM is scored that many times, one thread, and the median seconds are printed: whoever measures
//! can let several programs take turns.

#![allow(clippy::print_stdout, missing_docs)]

use std::error::Error;
use std::time::Instant;
use std::{env, fs, io};

use esmhub_selection::{Embeddings, Formula, Labels, Precision, Target};
use esmhub_store_format::{DenseMap, LowRankMap, Map};

// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [dimension, classes, precision, x, y, map] = arguments.as_slice() else {
        return Err("expected DIMENSION CLASSES PRECISION X Y MAP".into());
    };
    let dimension = dimension.parse()?;
    let precision = match precision.as_str() {
        "double" => Precision::Double,
        "single" => Precision::Single,
        other => return Err(format!("precision is {other}, expected double or single").into()),
    };
    let x = Embeddings::new(dimension, numbers(x)?).ok_or("the dimension does not divide the number of values")?;
    let labels = labels(classes.parse()?, y)?;
    let map = map_of(dimension, &numbers(map)?)?;

    let start = Instant::now();
    let target = Target::new(&x, &labels)?.with_precision(precision);
    let exact = target.score(&map, Formula::Exact)?;
    let preparation = start.elapsed().as_secs_f64();
    let hfselect = target.score(&map, Formula::Hfselect)?;
    println!("{preparation} {exact} {hfselect} {}", target.plainly_scored());
    for line in io::stdin().lines() {
        println!("{}", median_seconds(&target, &map, line?.trim().parse()?)?);
    }
    Ok(())
}

fn median_seconds(target: &Target, map: &Map, repeat: usize) -> Result<f64, Box<dyn Error>> {
    let mut seconds = Vec::with_capacity(repeat);
    for _ in 0..repeat {
        let start = Instant::now();
        target.score(map, Formula::Exact)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds.get(repeat / 2).copied().ok_or("expected at least one repetition")?)
}

fn numbers(path: &str) -> io::Result<Vec<f32>> {
    Ok(fs::read(path)?.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect())
}

fn labels(classes: u32, path: &str) -> io::Result<Labels> {
    let bytes = fs::read(path)?;
    let numbers = bytes.as_chunks().0.iter().map(|value| f64::from_le_bytes(*value));
    Ok(if classes == 0 {
        Labels::Numbers(numbers.collect())
    } else {
        let names = (0..classes).map(|class| class.to_string()).collect();
        Labels::Classes { names, y: numbers.map(|class| class as u32).collect() }
    })
}

/// A dense map has a multiple of D values, a low-rank one has its scale besides.
fn map_of(dimension: usize, values: &[f32]) -> Result<Map, Box<dyn Error>> {
    let (scale, rest) = values.split_at_checked(values.len() % dimension).ok_or("an empty map")?;
    let (bias, weight) = rest.split_at_checked(dimension).ok_or("a map without bias")?;
    Ok(match scale {
        [] => DenseMap::new(weight.to_vec(), bias.to_vec())?.into(),
        [scale] => LowRankMap::new(*scale, weight.to_vec(), bias.to_vec())?.into(),
        _ => return Err("the dimension does not fit the map".into()),
    })
}
