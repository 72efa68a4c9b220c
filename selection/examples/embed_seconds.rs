//! The seconds that embedding takes, for `bench/embed/measure.py`: `embed_seconds MODEL_FOLDER TEXT_FILE MAX_LENGTH THREADS
//! [OUTPUT]`, with one text per line of TEXT_FILE.
//!
//! The texts are embedded once to warm up, and once more for each line that comes on stdin, so that whoever measures can let
//! several programs take turns; each time the seconds are printed. Reading model and texts is not counted, splitting into
//! tokens is. OUTPUT gets the embeddings as f32, row by row.

#![allow(clippy::print_stdout, missing_docs)]

use std::error::Error;
use std::path::Path;
use std::time::Instant;
use std::{env, fs, io};

use esmhub_selection::encoder::Encoder;

// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (folder, texts, max_length, threads, output) = match arguments.as_slice() {
        [folder, texts, max_length, threads] => (folder, texts, max_length, threads, None),
        [folder, texts, max_length, threads, output] => (folder, texts, max_length, threads, Some(output)),
        _ => return Err("expected MODEL_FOLDER TEXT_FILE MAX_LENGTH THREADS [OUTPUT]".into()),
    };
    let encoder = Encoder::in_folder(Path::new(folder))?;
    let texts = fs::read_to_string(texts)?;
    let texts: Vec<&str> = texts.lines().collect();
    let max_length = max_length.parse()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build()?;
    let embed = || pool.install(|| encoder.embed(&texts, max_length, &|_, _| ()));
    let embeddings = embed()?;
    if let Some(output) = output {
        fs::write(output, embeddings.values().iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?;
    }
    for line in io::stdin().lines() {
        line?;
        let start = Instant::now();
        embed()?;
        println!("{}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
