//! The forward pass in candle's operators, for every device that candle knows.
//!
//! This is how a GPU computes. On a CPU, where it would work too, [`cpu`](super::cpu) is several times as fast; the tests
//! compare the two.

use candle_core::{D, Device, Result, Tensor, bail};

use super::Pooling;
use super::config::{Activation, ModelConfig};
use super::packed::Packed;
use super::weights::{Layer, Linear, Norm, Weights};

/// The most attention weights that are held at once (64 MiB); longer sequences are worked through in blocks of queries.
const MAX_SCORES: usize = 1 << 24;

/// The states after the last layer, row-major: D values for each token, or for each text where only its first token is
/// pooled; or the pooler's output.
pub(super) fn forward(
    weights: &Weights<Tensor>,
    config: &ModelConfig,
    pooling: Pooling,
    device: &Device,
    batch: &Packed,
) -> Result<Vec<f32>> {
    let words = weights.words.index_select(&Tensor::new(batch.tokens.as_slice(), device)?, 0)?;
    let positions = weights.positions.index_select(&Tensor::new(batch.positions.as_slice(), device)?, 0)?;
    let mut x = add_norm(&words, &positions, &weights.embedding_norm, config.norm_epsilon)?;
    let runs = runs(&batch.lengths);
    let Some((last, others)) = weights.layers.split_last() else { bail!("a model has at least one layer") };
    for layer in others {
        let context = attend(layer, &x, &runs, config.heads)?;
        x = finish(layer, &context, &x, config)?;
    }
    let mut context = attend(last, &x, &runs, config.heads)?;
    if pooling != Pooling::Mean {
        let firsts: Vec<u32> = batch.spans().map(|tokens| tokens.start as u32).collect();
        let firsts = Tensor::new(firsts, device)?;
        context = context.index_select(&firsts, 0)?;
        x = x.index_select(&firsts, 0)?;
    }
    x = finish(last, &context, &x, config)?;
    if let Some(pooler) = &weights.pooler {
        x = linear(&x, pooler)?.tanh()?;
    }
    x.flatten_all()?.to_vec1()
}

/// So many neighbouring texts have the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    texts: usize,
    /// Tokens per text.
    length: usize,
}

/// Runs of equal lengths in this order of texts.
fn runs(lengths: &[usize]) -> Vec<Run> {
    lengths.chunk_by(|a, b| a == b).filter_map(|same| Some(Run { texts: same.len(), length: *same.first()? })).collect()
}

/// The attention of a layer before its output product. Texts of one length go through its products together; there is no
/// mask, as there is no padding.
fn attend(layer: &Layer<Tensor>, x: &Tensor, runs: &[Run], heads: usize) -> Result<Tensor> {
    let qkv = linear(x, &layer.qkv)?;
    let mut start = 0;
    let mut contexts = Vec::with_capacity(runs.len());
    for run in runs {
        let tokens = run.texts * run.length;
        contexts.push(attend_run(&qkv.narrow(0, start, tokens)?, *run, heads)?);
        start += tokens;
    }
    Tensor::cat(&contexts, 0)
}

fn attend_run(qkv: &Tensor, Run { texts, length }: Run, heads: usize) -> Result<Tensor> {
    let size = qkv.dim(D::Minus1)? / 3 / heads;
    let split = qkv.reshape((texts, length, 3, heads, size))?.permute((2, 0, 3, 1, 4))?.contiguous()?;
    let split = split.reshape((3, texts * heads, length, size))?;
    let (queries, keys, values) = (split.get(0)?, split.get(1)?.transpose(1, 2)?, split.get(2)?);
    let scale = f64::from(size as f32).sqrt().recip();
    let block = (MAX_SCORES / (texts * heads * length)).clamp(1, length);
    let mut blocks = Vec::with_capacity(length.div_ceil(block));
    for start in (0..length).step_by(block) {
        let queries = queries.narrow(1, start, block.min(length - start))?.contiguous()?;
        let weights = candle_nn::ops::softmax(&(queries.matmul(&keys)? * scale)?, D::Minus1)?;
        blocks.push(weights.matmul(&values)?);
    }
    let context = Tensor::cat(&blocks, 1)?.reshape((texts, heads, length, size))?;
    context.transpose(1, 2)?.contiguous()?.reshape((texts * length, heads * size))
}

/// What follows the attention in a layer; row by row.
fn finish(layer: &Layer<Tensor>, context: &Tensor, x: &Tensor, config: &ModelConfig) -> Result<Tensor> {
    let context = product(context, &layer.attention_output)?;
    let x = add_norm(&context, x, &layer.attention_norm, config.norm_epsilon)?;
    let up = activate(&linear(&x, &layer.up)?, config.activation)?;
    add_norm(&product(&up, &layer.down)?, &x, &layer.output_norm, config.norm_epsilon)
}

fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::Relu => x.relu(),
        Activation::Silu => x.silu(),
    }
}

/// The norm of `x + bias + residual`, row by row.
fn add_norm(x: &Tensor, residual: &Tensor, norm: &Norm<Tensor>, epsilon: f32) -> Result<Tensor> {
    let x = (x.broadcast_add(&norm.bias)? + residual)?;
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(epsilon))?.sqrt()?;
    centred.broadcast_div(&deviation)?.broadcast_mul(&norm.weight)?.broadcast_add(&norm.shift)
}

fn linear(x: &Tensor, linear: &Linear<Tensor>) -> Result<Tensor> {
    product(x, &linear.weight)?.broadcast_add(&linear.bias)
}

fn product(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)
}
