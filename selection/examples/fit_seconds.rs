//! The seconds that one fit takes, for `bench/fit/measure.py`: `fit_seconds DIMENSION X Y`, with X and Y files of f32,
//! row by row. Reading them is not counted; splitting, choosing a rank, measuring and encoding are.

#![allow(clippy::print_stdout, missing_docs)]

use std::error::Error;
use std::fs;
use std::time::Instant;

use esmhub_selection::Embeddings;
use esmhub_selection::fit::{FitOptions, Pairs, Rank, fit};
use esmhub_store_format::Codec;

// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dimension, x, y] = arguments.as_slice() else {
        return Err("expected DIMENSION X Y".into());
    };
    let dimension = dimension.parse()?;
    let read = |path: &str| -> Result<Embeddings, Box<dyn Error>> {
        let bytes = fs::read(path)?;
        let values = bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
        Ok(Embeddings::new(dimension, values).ok_or("the dimension does not divide the number of values")?)
    };
    let (x, y) = (read(x)?, read(y)?);
    let start = Instant::now();
    let rank = Rank::Auto { most: Rank::standard(dimension), fidelity: 1.0 };
    let fitted = fit(&Pairs::new(&x, &y)?, &[], &FitOptions { rank, ..FitOptions::default() })?;
    let object = fitted.encode(Codec::Int4)?;
    println!("{} {}", start.elapsed().as_secs_f64(), object.canonical().len());
    Ok(())
}
