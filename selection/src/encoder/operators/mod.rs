//! The forward pass in candle's operators, for every device that candle knows.
//!
//! This is how a GPU computes. On a CPU, where it would work too, [`cpu`](super::cpu) is several times as fast; the tests
//! compare the two.

mod attention;

use candle_core::{D, Device, Result, Tensor, bail};

use super::Pooling;
use super::config::{Activation, ModelConfig};
use super::packed::Packed;
use super::weights::{Layer, Linear, Norm, Weights};
use attention::{attend, runs};

/// The states after the last layer, row-major: D values for each token, or for each text where only its first token is
/// pooled; or the pooler's output.
pub(super) fn forward(
    weights: &Weights<Tensor>,
    config: &ModelConfig,
    pooling: Pooling,
    device: &Device,
    batch: &Packed,
) -> Result<Vec<f32>> {
    let mut x = embed(weights, config, device, batch)?;
    let mut normed = x.clone();
    let runs = runs(&batch.lengths);
    let Some((last, others)) = weights.layers.split_last() else { bail!("a model has at least one layer") };
    for layer in others {
        let context = attend(layer, &normed, &runs, config)?;
        (x, normed) = finish(layer, &context, &x, config)?;
    }
    let mut context = attend(last, &normed, &runs, config)?;
    if pooling != Pooling::Mean {
        let firsts: Vec<u32> = batch.spans().map(|tokens| tokens.start as u32).collect();
        let firsts = Tensor::new(firsts, device)?;
        context = context.index_select(&firsts, 0)?;
        x = x.index_select(&firsts, 0)?;
    }
    (_, normed) = finish(last, &context, &x, config)?;
    if let Some(pooler) = &weights.pooler {
        normed = linear(&normed, pooler)?.tanh()?;
    }
    normed.flatten_all()?.to_vec1()
}

/// What the first layer reads: T x D.
fn embed(weights: &Weights<Tensor>, config: &ModelConfig, device: &Device, batch: &Packed) -> Result<Tensor> {
    let mut x = weights.words.index_select(&Tensor::new(batch.tokens.as_slice(), device)?, 0)?;
    if let Some(positions) = &weights.positions {
        x = (x + positions.index_select(&Tensor::new(batch.positions.as_slice(), device)?, 0)?)?;
    }
    let x = norm(&x.broadcast_add(&weights.embedding_norm.bias)?, &weights.embedding_norm, config.norm_epsilon)?;
    match &weights.projection {
        Some(projection) => linear(&x, projection),
        None => Ok(x),
    }
}

/// What follows the attention in a layer; row by row. Given and returned are what the layers add to, and returned as well what
/// the next products read: of most models the same.
fn finish(layer: &Layer<Tensor>, context: &Tensor, x: &Tensor, config: &ModelConfig) -> Result<(Tensor, Tensor)> {
    let (x, normed) = add_norm(&product(context, &layer.attention_output)?, x, &layer.attention_norm, config)?;
    let mut up = linear(&normed, &layer.up)?;
    if config.is_gated() {
        let inner = activate(&up.narrow(1, 0, config.intermediate)?.contiguous()?, config.activation)?;
        up = (inner * up.narrow(1, config.intermediate, config.intermediate)?)?;
    } else {
        up = activate(&up, config.activation)?;
    }
    add_norm(&product(&up, &layer.down)?, &x, &layer.output_norm, config)
}

fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::Relu => x.relu(),
        Activation::Silu => x.silu(),
    }
}

/// `x + bias + residual` and its norm; where norms do not stand before what reads them, the norm twice.
fn add_norm(x: &Tensor, residual: &Tensor, by: &Norm<Tensor>, config: &ModelConfig) -> Result<(Tensor, Tensor)> {
    let x = (x.broadcast_add(&by.bias)? + residual)?;
    let normed = norm(&x, by, config.norm_epsilon)?;
    Ok(if config.norms_before() { (x, normed) } else { (normed.clone(), normed) })
}

/// The norm, row by row.
fn norm(x: &Tensor, by: &Norm<Tensor>, epsilon: f32) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(epsilon))?.sqrt()?;
    centred.broadcast_div(&deviation)?.broadcast_mul(&by.weight)?.broadcast_add(&by.shift)
}

fn linear(x: &Tensor, linear: &Linear<Tensor>) -> Result<Tensor> {
    product(x, &linear.weight)?.broadcast_add(&linear.bias)
}

fn product(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)
}
