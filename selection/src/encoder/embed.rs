//! The encoder itself: a loaded model, and texts through it in chunks.

use std::cmp::Reverse;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::Device;
use rayon::prelude::*;

use super::checkpoint::Checkpoint;
use super::config::ModelConfig;
use super::forward::{Packed, forward};
use super::tokens::TextTokenizer;
use super::weights::Weights;
use super::{Architecture, Digests, EncoderError, ModelFiles, Pooling, pooling};
use crate::Embeddings;

/// hfselect's maximum length in tokens, special ones included.
pub const DEFAULT_MAX_LENGTH: usize = 128;

/// A chunk is as many texts as have about this many tokens: enough rows for fast products, few enough to stay in cache.
const CHUNK_TOKENS: usize = 1024;

/// A model that turns texts into embeddings.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use esmhub_selection::encoder::{DEFAULT_MAX_LENGTH, Device, Encoder, ModelFiles};
/// let files = ModelFiles::in_folder("all-MiniLM-L6-v2".as_ref())?;
/// let encoder = Encoder::load(&files, Device::Cpu)?;
/// let embeddings = encoder.embed(&["a text", "another"], DEFAULT_MAX_LENGTH, &|_, _| ())?;
/// assert_eq!((embeddings.rows(), embeddings.dimension()), (2, 384));
/// # Ok(())
/// # }
/// ```
pub struct Encoder {
    config: ModelConfig,
    pooling: Pooling,
    digests: Digests,
    tokenizer: TextTokenizer,
    weights: Weights,
    /// The only device that anything here is computed on.
    device: Device,
}

impl Encoder {
    /// Reads a model: settings, tokenizer, weights (as f32), and the digests of the last two.
    ///
    /// # Errors
    /// [`EncoderError`] for whatever is missing, damaged, inconsistent or of a kind that is not supported.
    pub fn load(files: &ModelFiles, device: Device) -> Result<Self, EncoderError> {
        let config = ModelConfig::read(&files.config)?;
        let pooling = match &files.sentence {
            Some(sentence) => {
                check_dimension(sentence.dimension, config.hidden)?;
                sentence.pooling
            }
            None => pooling::of_plain(config.architecture),
        };
        let tokenizer = TextTokenizer::read(&files.tokenizer)?;
        let checkpoint = Checkpoint::open(&files.weights)?;
        let weights = Weights::read(&checkpoint, &config, pooling == Pooling::Pooler, &device)?;
        Ok(Self { digests: files.digests()?, config, pooling, tokenizer, weights, device })
    }

    /// [`Encoder::load`] on a folder, on the CPU.
    ///
    /// # Errors
    /// Those of [`ModelFiles::in_folder`] and [`Encoder::load`].
    pub fn in_folder(folder: &Path) -> Result<Self, EncoderError> {
        Self::load(&ModelFiles::in_folder(folder)?, Device::Cpu)
    }

    /// D, the number of values of an embedding.
    pub fn dimension(&self) -> usize {
        self.config.hidden
    }

    /// How the embedding is taken from the last layer.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// The model's family.
    pub fn architecture(&self) -> Architecture {
        self.config.architecture
    }

    /// The digests of weights and tokenizer.
    pub fn digests(&self) -> Digests {
        self.digests
    }

    /// The largest maximum length that [`embed`](Self::embed) takes: the number of the model's positions.
    pub fn longest(&self) -> usize {
        self.config.max_length()
    }

    /// The embeddings of the texts, N x D, in their order.
    ///
    /// Each text is cut on the right to `max_length` tokens, special ones included. `progress` is called with the number
    /// of texts that are done and of all texts, from several threads at once.
    ///
    /// # Errors
    /// [`EncoderError::MaxLength`], a text that the tokenizer refuses, or a failure of the device.
    pub fn embed<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        max_length: usize,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Embeddings, EncoderError> {
        let (least, most) = (self.tokenizer.special() + 1, self.config.max_length());
        if !(least..=most).contains(&max_length) {
            return Err(EncoderError::MaxLength { found: max_length, least, most });
        }
        let tokenizer = self.tokenizer.cutting_at(max_length)?;
        let tokens: Vec<Vec<u32>> = texts
            .par_iter()
            .enumerate()
            .map(|(index, text)| tokenizer.tokens(index, text.as_ref(), self.config.vocabulary))
            .collect::<Result<_, _>>()?;
        let chunks = chunks(&tokens);
        let done = AtomicUsize::new(0);
        let embedded = each_chunk(&chunks, |chunk| {
            let mut batch = Packed::default();
            chunk.iter().filter_map(|&text| tokens.get(text)).for_each(|text| batch.push(text, &self.config));
            let rows = forward(&self.weights, &self.config, self.pooling, &self.device, &batch)?;
            progress(done.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len(), texts.len());
            Ok(rows)
        })?;
        let dimension = self.config.hidden;
        let mut rows: Vec<(usize, &[f32])> = Vec::with_capacity(texts.len());
        for (chunk, values) in chunks.iter().zip(&embedded) {
            rows.extend(chunk.iter().copied().zip(values.chunks_exact(dimension)));
        }
        rows.sort_unstable_by_key(|&(text, _)| text);
        let values = rows.iter().flat_map(|(_, row)| *row).copied().collect();
        Embeddings::new(dimension, values).ok_or_else(|| EncoderError::Compute("a row of another length".into()))
    }
}

fn check_dimension(found: Option<u64>, hidden: usize) -> Result<(), EncoderError> {
    match found {
        Some(found) if found != hidden as u64 => Err(EncoderError::Setting {
            file: "1_Pooling/config.json",
            setting: "the embedding dimension".into(),
            found: found.to_string(),
            expected: format!("{hidden}, the hidden size in config.json"),
        }),
        _ => Ok(()),
    }
}

/// The positions of the texts, longest first, in chunks. They depend on nothing but the lengths.
fn chunks(tokens: &[Vec<u32>]) -> Vec<Vec<usize>> {
    let mut order: Vec<(usize, usize)> = tokens.iter().map(Vec::len).enumerate().collect();
    order.sort_by_key(|&(_, length)| Reverse(length));
    let mut chunks: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for (text, length) in order {
        match chunks.last_mut() {
            Some(chunk) if length <= room => {
                chunk.push(text);
                room -= length;
            }
            _ => {
                chunks.push(vec![text]);
                room = CHUNK_TOKENS.saturating_sub(length);
            }
        }
    }
    chunks
}

/// Runs `work` on every chunk, on as many threads as the surrounding rayon pool has; the results are in order.
///
/// Each chunk runs in a pool of one thread: the products inside it call rayon too, and in a shared pool a thread that
/// waits for its product would take up a whole other chunk, one inside the other.
fn each_chunk(
    chunks: &[Vec<usize>],
    work: impl Fn(&[usize]) -> Result<Vec<f32>, EncoderError> + Sync,
) -> Result<Vec<Vec<f32>>, EncoderError> {
    let threads = rayon::current_num_threads().min(chunks.len());
    if threads <= 1 {
        return chunks.iter().map(|chunk| work(chunk)).collect();
    }
    let pools = (0..threads)
        .map(|_| rayon::ThreadPoolBuilder::new().num_threads(1).build())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| EncoderError::Compute(Box::new(source)))?;
    let next = AtomicUsize::new(0);
    let finished = Mutex::new(Vec::with_capacity(chunks.len()));
    let take = || loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(chunk) = chunks.get(index) else { break };
        let result = work(chunk);
        if result.is_err() {
            next.store(chunks.len(), Ordering::Relaxed);
        }
        finished.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
    };
    std::thread::scope(|scope| {
        for pool in &pools {
            scope.spawn(|| pool.install(take));
        }
    });
    let mut finished = finished.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    finished.sort_unstable_by_key(|&(index, _)| index);
    finished.into_iter().map(|(_, result)| result).collect()
}
