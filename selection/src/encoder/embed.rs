//! The encoder itself: a loaded model, and texts through it in chunks.

use std::cmp::Reverse;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::Device;
use rayon::prelude::*;

use super::checkpoint::Checkpoint;
use super::config::ModelConfig;
use super::forward::Network;
use super::packed::Packed;
use super::tokens::TextTokenizer;
use super::{Architecture, Digests, EncoderError, ModelFiles, Pooling};
use crate::Embeddings;

/// hfselect's maximum length in tokens, special ones included.
pub const DEFAULT_MAX_LENGTH: usize = 128;

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
    network: Network,
}

impl Encoder {
    /// Reads a model: settings, tokenizer, weights (as f32), and the digests of the last two.
    ///
    /// # Errors
    /// [`EncoderError`] for whatever is missing, damaged, inconsistent or of a kind that is not supported.
    pub fn load(files: &ModelFiles, device: Device) -> Result<Self, EncoderError> {
        let (config, pooling) = files.read_settings()?;
        let tokenizer = TextTokenizer::read(&files.tokenizer)?;
        let checkpoint = Checkpoint::open(&files.weights, config.architecture.words())?;
        let network = Network::read(&checkpoint, &config, pooling, device)?;
        Ok(Self { digests: files.digests()?, config, pooling, tokenizer, network })
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
        let chunks = chunks(&tokens, self.network.chunk_tokens());
        let done = AtomicUsize::new(0);
        let embed = |chunk: &Vec<usize>| {
            let mut batch = Packed::default();
            chunk.iter().filter_map(|&text| tokens.get(text)).for_each(|text| batch.push(text, &self.config));
            let rows = self.network.embed(&self.config, self.pooling, &batch)?;
            progress(done.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len(), texts.len());
            Ok::<_, EncoderError>(rows)
        };
        let embedded: Vec<Vec<f32>> = match self.network {
            Network::Cpu(_) => chunks.par_iter().with_max_len(1).map(embed).collect::<Result<_, _>>()?,
            Network::Device(..) => chunks.iter().map(embed).collect::<Result<_, _>>()?,
        };
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

impl ModelFiles {
    /// What the settings say of the embeddings, without a look at the weights: D, and how they are taken from the last
    /// layer.
    ///
    /// # Errors
    /// [`EncoderError`] for settings that are damaged, inconsistent or of a kind that is not supported.
    pub fn output(&self) -> Result<(usize, Pooling), EncoderError> {
        let (config, pooling) = self.read_settings()?;
        Ok((config.hidden, pooling))
    }

    /// Of which family it is.
    ///
    /// # Errors
    /// As [`ModelFiles::output`].
    pub fn architecture(&self) -> Result<Architecture, EncoderError> {
        Ok(self.read_settings()?.0.architecture)
    }

    fn read_settings(&self) -> Result<(ModelConfig, Pooling), EncoderError> {
        let config = ModelConfig::read(&self.config)?;
        let pooling = match &self.sentence {
            Some(sentence) => {
                check_dimension(sentence.dimension, config.hidden)?;
                sentence.pooling
            }
            None => config.pooling,
        };
        Ok((config, self.pooling.unwrap_or(pooling)))
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

/// The positions of the texts, longest first, in chunks of at most so many tokens, or one text. They depend on nothing but
/// the lengths.
fn chunks(tokens: &[Vec<u32>], most: usize) -> Vec<Vec<usize>> {
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
                room = most.saturating_sub(length);
            }
        }
    }
    chunks
}
