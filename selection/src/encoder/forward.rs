//! The forward pass: packed token ids to pooled embeddings.
//!
//! The tokens of a batch lie end to end as the rows of one matrix, so that no padding is computed. Encoder layers are
//! post-norm, as in BERT: `x = norm(x + attention(x)); x = norm(x + feedforward(x))`. Dropout does not exist here.

use candle_core::{Device, Result, Tensor};

use super::Pooling;
use super::attention::{self, Run};
use super::config::ModelConfig;
use super::kernels;
use super::weights::{Layer, Linear, Weights};

/// Texts as tokens, end to end. Neighbours of the same length are computed together, so sort by length.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// T token ids.
    pub(super) tokens: Vec<u32>,
    /// For each token its row of the position table.
    pub(super) positions: Vec<u32>,
    /// Tokens per text.
    pub(super) lengths: Vec<usize>,
}

impl Packed {
    /// Adds one text.
    pub(super) fn push(&mut self, tokens: &[u32], config: &ModelConfig) {
        let first = config.first_position as u32;
        // RoBERTa numbers the tokens that are not padding, and a text can contain `<pad>`: such a token stands at the
        // padding's own row and is not counted.
        let padding = first.checked_sub(1);
        let mut next = first;
        for &token in tokens {
            match padding {
                Some(padding) if padding == token => self.positions.push(padding),
                _ => {
                    self.positions.push(next);
                    next += 1;
                }
            }
        }
        self.tokens.extend_from_slice(tokens);
        self.lengths.push(tokens.len());
    }
}

/// The pooled embeddings of the texts, row-major, one row of D values per text.
pub(super) fn forward(
    weights: &Weights,
    config: &ModelConfig,
    pooling: Pooling,
    device: &Device,
    batch: &Packed,
) -> Result<Vec<f32>> {
    let tokens = Tensor::new(batch.tokens.as_slice(), device)?;
    let positions = Tensor::new(batch.positions.as_slice(), device)?;
    let words = weights.words.index_select(&tokens, 0)?;
    let positions = weights.positions.index_select(&positions, 0)?;
    let mut x = kernels::add_norm(words, &positions, &weights.embedding_norm, config.norm_epsilon)?;
    let runs = attention::runs(&batch.lengths);
    let (last, others) = match weights.layers.split_last() {
        Some(split) => split,
        None => candle_core::bail!("a model has at least one layer"),
    };
    for layer in others {
        let context = attend(layer, &x, &runs, config.heads)?;
        x = finish(layer, context, &x, config)?;
    }
    let mut context = attend(last, &x, &runs, config.heads)?;
    if pooling != Pooling::Mean {
        // Of the last layer only the first tokens are wanted: two thirds of it need not be computed.
        let firsts = Tensor::new(first_rows(&batch.lengths), device)?;
        context = context.index_select(&firsts, 0)?;
        x = x.index_select(&firsts, 0)?;
    }
    x = finish(last, context, &x, config)?;
    if let Some(pooler) = &weights.pooler {
        x = linear(&x, pooler)?.tanh()?;
    }
    let values = x.flatten_all()?.to_vec1::<f32>()?;
    Ok(match pooling {
        Pooling::Mean => means(&values, &batch.lengths, config.hidden),
        Pooling::Cls | Pooling::Pooler => values,
    })
}

/// The attention of a layer before its output product.
fn attend(layer: &Layer, x: &Tensor, runs: &[Run], heads: usize) -> Result<Tensor> {
    attention::attend(&linear(x, &layer.qkv)?, runs, heads)
}

/// What follows the attention in a layer; row by row.
fn finish(layer: &Layer, context: Tensor, x: &Tensor, config: &ModelConfig) -> Result<Tensor> {
    let context = product(&context, &layer.attention_output)?;
    let x = kernels::add_norm(context, x, &layer.attention_norm, config.norm_epsilon)?;
    let up = kernels::activate(product(&x, &layer.up.weight)?, &layer.up.bias, config.activation)?;
    kernels::add_norm(product(&up, &layer.down)?, &x, &layer.output_norm, config.norm_epsilon)
}

fn linear(x: &Tensor, linear: &Linear) -> Result<Tensor> {
    kernels::add_bias(product(x, &linear.weight)?, &linear.bias)
}

fn product(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)
}

/// The row of each text's first token.
fn first_rows(lengths: &[usize]) -> Vec<u32> {
    let starts = lengths.iter().scan(0, |next, &length| {
        let start = *next;
        *next += length as u32;
        Some(start)
    });
    starts.collect()
}

/// The mean over each text's rows, summed in f64.
fn means(values: &[f32], lengths: &[usize], width: usize) -> Vec<f32> {
    let mut rows = values.chunks_exact(width);
    let mut means = Vec::with_capacity(lengths.len() * width);
    for &length in lengths {
        let mut sum = vec![0.0_f64; width];
        for row in rows.by_ref().take(length) {
            sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        means.extend(sum.iter().map(|sum| (sum / length as f64) as f32));
    }
    means
}
