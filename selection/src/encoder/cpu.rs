//! The forward pass on the CPU: plain slices, one thread, each step with as few passes over memory as it needs.
//!
//! What [`operators`](super::operators) says in whole tensors, this says in rows. A bias is added where the numbers are
//! touched anyway, and a product is added to its residual.

use std::mem::swap;

use faer::MatRef;

use super::attention::{Attended, Span, attend};
use super::config::ModelConfig;
use super::packed::Packed;
use super::products::{add_product, product, rows, rows_mut};
use super::steps::{activate, add_bias, normalise};
use super::weights::{Layer, Weights};
use super::{EncoderError, Pooling};

/// So many of the I values between `up` and `down` are there at once for each token. All of them would not stay in the
/// cache, and rows that lie a multiple of 2 KiB apart would evict each other from it.
const UP_BLOCK: usize = 384;

/// The states after the last layer, row-major: D values for each token, or for each text where only its first token is
/// pooled; or the pooler's output.
pub(super) fn forward(
    weights: &Weights<Vec<f32>>,
    config: &ModelConfig,
    pooling: Pooling,
    batch: &Packed,
) -> Result<Vec<f32>, EncoderError> {
    let (last, others) = weights.layers.split_last().ok_or_else(|| broken("a model has at least one layer"))?;
    let mut states = States::new(embed(weights, config, batch)?, config);
    for layer in others {
        states.attend(layer, batch);
        states.finish(layer);
    }
    match pooling {
        Pooling::Mean => states.attend(last, batch),
        Pooling::Cls | Pooling::Pooler => states.attend_with_firsts(last, batch),
    }
    states.finish(last);
    let States { x, mut y, .. } = states;
    let Some(pooler) = &weights.pooler else { return Ok(x) };
    linear(&mut y, rows(&x, config.hidden), &pooler.weight, &pooler.bias);
    y.iter_mut().for_each(|y| *y = y.tanh());
    Ok(y)
}

/// What the first layer reads: T x D.
fn embed(weights: &Weights<Vec<f32>>, config: &ModelConfig, batch: &Packed) -> Result<Vec<f32>, EncoderError> {
    let width = config.hidden;
    let mut x = Vec::with_capacity(batch.tokens.len() * width);
    for (&token, &position) in batch.tokens.iter().zip(&batch.positions) {
        let word = row(&weights.words, token as usize, width)?;
        let position = row(&weights.positions, position as usize, width)?;
        x.extend(word.iter().zip(position).map(|(word, position)| word + position));
    }
    add_bias(&mut x, &weights.embedding_norm.bias);
    normalise(&mut x, &weights.embedding_norm, config.norm_epsilon);
    Ok(x)
}

fn row(table: &[f32], index: usize, width: usize) -> Result<&[f32], EncoderError> {
    table.get(index * width..(index + 1) * width).ok_or_else(|| broken("a token has no embedding"))
}

/// The tokens' states on their way through the layers, and room for what is computed between.
struct States<'a> {
    config: &'a ModelConfig,
    /// T x D, between the layers.
    x: Vec<f32>,
    /// T x D.
    y: Vec<f32>,
    /// T x 3D, or T x 2D without the queries.
    qkv: Vec<f32>,
    /// T x D.
    context: Vec<f32>,
    /// T x `UP_BLOCK`.
    up: Vec<f32>,
}

impl<'a> States<'a> {
    fn new(x: Vec<f32>, config: &'a ModelConfig) -> Self {
        let empty = Vec::new;
        Self { config, x, y: empty(), qkv: empty(), context: empty(), up: empty() }
    }

    /// The attention of a layer before its output product.
    fn attend(&mut self, layer: &Layer<Vec<f32>>, batch: &Packed) {
        let width = self.config.hidden;
        linear(&mut self.qkv, rows(&self.x, width), &layer.qkv.weight, &layer.qkv.bias);
        let qkv = rows(&self.qkv, 3 * width);
        let [queries, keys, values] = [0, 1, 2].map(|part| qkv.subcols(part * width, width));
        let spans = batch.spans().map(|tokens| Span { queries: tokens.clone(), tokens });
        self.context.resize(self.x.len(), 0.0);
        let context = rows_mut(&mut self.context, width);
        attend(&Attended { queries, keys, values }, spans, self.config.heads, context);
    }

    /// The same for each text's first token alone, whose state is then all that is left of the text.
    fn attend_with_firsts(&mut self, layer: &Layer<Vec<f32>>, batch: &Packed) {
        let width = self.config.hidden;
        let (queries, others) = layer.qkv.weight.split_at(width * width);
        let (queries_bias, others_bias) = layer.qkv.bias.split_at(width);
        linear(&mut self.qkv, rows(&self.x, width), others, others_bias);
        let mut tokens = self.x.chunks_exact(width);
        let mut firsts = Vec::with_capacity(batch.lengths.len() * width);
        for &length in &batch.lengths {
            firsts.extend_from_slice(tokens.next().unwrap_or_default());
            tokens.by_ref().take(length - 1).for_each(drop);
        }
        self.x = firsts;
        linear(&mut self.y, rows(&self.x, width), queries, queries_bias);
        let others = rows(&self.qkv, 2 * width);
        let [keys, values] = [0, 1].map(|part| others.subcols(part * width, width));
        let spans = batch.spans().enumerate().map(|(text, tokens)| Span { queries: text..text + 1, tokens });
        self.context.resize(self.x.len(), 0.0);
        let context = rows_mut(&mut self.context, width);
        attend(&Attended { queries: rows(&self.y, width), keys, values }, spans, self.config.heads, context);
    }

    /// What follows the attention in a layer; row by row.
    fn finish(&mut self, layer: &Layer<Vec<f32>>) {
        let Self { config, x, y, context, up, .. } = self;
        let width = config.hidden;
        add_bias(x, &layer.attention_norm.bias);
        let attention_output = rows(&layer.attention_output, width).transpose();
        add_product(rows_mut(x, width), rows(context, width), attention_output);
        normalise(x, &layer.attention_norm, config.norm_epsilon);

        y.clear();
        y.extend_from_slice(x);
        add_bias(y, &layer.output_norm.bias);
        let blocks = layer.up.weight.chunks(UP_BLOCK * width).zip(layer.up.bias.chunks(UP_BLOCK));
        let down = rows(&layer.down, config.intermediate);
        for (start, (weight, bias)) in (0..).step_by(UP_BLOCK).zip(blocks) {
            let count = bias.len();
            up.resize(x.len() / width * count, 0.0);
            product(rows_mut(up, count), rows(x, width), rows(weight, width).transpose());
            activate(up, bias, config.activation);
            add_product(rows_mut(y, width), rows(up, count), down.subcols(start, count).transpose());
        }
        normalise(y, &layer.output_norm, config.norm_epsilon);
        swap(x, y);
    }
}

/// `x weight' + bias` for every row of `x`.
fn linear(out: &mut Vec<f32>, x: MatRef<'_, f32>, weight: &[f32], bias: &[f32]) {
    out.clear();
    (0..x.nrows()).for_each(|_| out.extend_from_slice(bias));
    add_product(rows_mut(out, bias.len()), x, rows(weight, x.ncols()).transpose());
}

fn broken(what: &str) -> EncoderError {
    EncoderError::Compute(what.into())
}
