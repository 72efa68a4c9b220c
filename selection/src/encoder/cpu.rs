//! The forward pass on the CPU: plain slices, one thread, each step with as few passes over memory as it needs.
//!
//! What [`operators`](super::operators) says in whole tensors, this says in rows. A bias is added where the numbers are
//! touched anyway, and a product is added to its residual.

use faer::MatRef;

use super::attention::{Attended, Span, attend};
use super::config::ModelConfig;
use super::packed::Packed;
use super::products::{add_product, linear, product, rows, rows_mut};
use super::steps::{activate, add_bias, gate, normalise, rotate};
use super::weights::{Layer, Placed, Weights};
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
    let States { x, normed, y: mut pooled, .. } = states;
    let last = if config.norms_before() { normed } else { x };
    let Some(pooler) = &weights.pooler else { return Ok(last) };
    linear(&mut pooled, rows(&last, config.hidden), &pooler.weight, &pooler.bias);
    pooled.iter_mut().for_each(|y| *y = y.tanh());
    Ok(pooled)
}

/// What the first layer reads: T x D.
fn embed(weights: &Weights<Vec<f32>>, config: &ModelConfig, batch: &Packed) -> Result<Vec<f32>, EncoderError> {
    let width = config.embedding;
    let mut x = Vec::with_capacity(batch.tokens.len() * width);
    for (&token, &position) in batch.tokens.iter().zip(&batch.positions) {
        let word = row(&weights.words, token as usize, width)?;
        match &weights.positions {
            Some(positions) => {
                let position = row(positions, position as usize, width)?;
                x.extend(word.iter().zip(position).map(|(word, position)| word + position));
            }
            None => x.extend_from_slice(word),
        }
    }
    add_bias(&mut x, &weights.embedding_norm.bias);
    normalise(&mut x, &weights.embedding_norm, config.norm_epsilon);
    let Some(projection) = &weights.projection else { return Ok(x) };
    let mut projected = Vec::new();
    linear(&mut projected, rows(&x, width), &projection.weight, &projection.bias);
    Ok(projected)
}

fn row(table: &[f32], index: usize, width: usize) -> Result<&[f32], EncoderError> {
    table.get(index * width..(index + 1) * width).ok_or_else(|| broken("a token has no embedding"))
}

/// The tokens' states on their way through the layers, and room for what is computed between.
struct States<'a> {
    config: &'a ModelConfig,
    /// T x D: what the layers add to.
    x: Vec<f32>,
    /// T x D: what the products of a feed-forward layer read; of a model that norms before, those of attention as well.
    normed: Vec<f32>,
    /// A row per text: the queries of first tokens.
    y: Vec<f32>,
    /// T x 3D, or T x 2D without the queries.
    qkv: Vec<f32>,
    /// T x D.
    context: Vec<f32>,
    /// T x `UP_BLOCK`.
    up: Vec<f32>,
    /// T x `UP_BLOCK`.
    gates: Vec<f32>,
}

impl<'a> States<'a> {
    fn new(x: Vec<f32>, config: &'a ModelConfig) -> Self {
        let empty = Vec::new;
        // The first layer reads the embeddings: they have had their norm.
        let normed = if config.norms_before() { x.clone() } else { empty() };
        Self { config, x, normed, y: empty(), qkv: empty(), context: empty(), up: empty(), gates: empty() }
    }

    /// The attention of a layer before its output product.
    fn attend(&mut self, layer: &Layer<Vec<f32>>, batch: &Packed) {
        let width = self.config.hidden;
        let read = if self.config.norms_before() { &self.normed } else { &self.x };
        linear(&mut self.qkv, rows(read, width), &layer.qkv.weight, &layer.qkv.bias);
        if let Placed::Rotary { rotation, .. } = &layer.placed {
            rotate(&mut self.qkv, 3 * width, 2 * width, &batch.positions, rotation);
        }
        let qkv = rows(&self.qkv, 3 * width);
        let [queries, keys, values] = [0, 1, 2].map(|part| qkv.subcols(part * width, width));
        let spans = batch.spans().map(|tokens| Span { queries: tokens.clone(), tokens });
        self.context.resize(self.x.len(), 0.0);
        let context = rows_mut(&mut self.context, width);
        let scale = self.config.attention_scale();
        attend(&Attended { queries, keys, values }, spans, self.config.heads, scale, &layer.placed, context);
    }

    /// The same for each text's first token alone, whose state is then all that is left of the text.
    fn attend_with_firsts(&mut self, layer: &Layer<Vec<f32>>, batch: &Packed) {
        let width = self.config.hidden;
        let (queries, others) = layer.qkv.weight.split_at(width * width);
        let (queries_bias, others_bias) = layer.qkv.bias.split_at(width);
        let read = if self.config.norms_before() { &self.normed } else { &self.x };
        linear(&mut self.qkv, rows(read, width), others, others_bias);
        if let Placed::Rotary { rotation, .. } = &layer.placed {
            // The queries stand at position 0, where nothing is rotated.
            rotate(&mut self.qkv, 2 * width, width, &batch.positions, rotation);
        }
        self.x = firsts(&self.x, batch, width);
        let read = if self.config.norms_before() {
            self.normed = firsts(&self.normed, batch, width);
            &self.normed
        } else {
            &self.x
        };
        linear(&mut self.y, rows(read, width), queries, queries_bias);
        let others = rows(&self.qkv, 2 * width);
        let [keys, values] = [0, 1].map(|part| others.subcols(part * width, width));
        let spans = batch.spans().enumerate().map(|(text, tokens)| Span { queries: text..text + 1, tokens });
        self.context.resize(self.x.len(), 0.0);
        let context = rows_mut(&mut self.context, width);
        let attended = Attended { queries: rows(&self.y, width), keys, values };
        attend(&attended, spans, self.config.heads, self.config.attention_scale(), &layer.placed, context);
    }

    /// What follows the attention in a layer; row by row.
    fn finish(&mut self, layer: &Layer<Vec<f32>>) {
        let Self { config, x, normed, context, up, gates, .. } = self;
        let width = config.hidden;
        add_bias(x, &layer.attention_norm.bias);
        let attention_output = rows(&layer.attention_output, width).transpose();
        add_product(rows_mut(x, width), rows(context, width), attention_output);
        if config.norms_before() {
            copy(normed, x);
            normalise(normed, &layer.attention_norm, config.norm_epsilon);
        } else {
            normalise(x, &layer.attention_norm, config.norm_epsilon);
            copy(normed, x);
        }

        add_bias(x, &layer.output_norm.bias);
        let split = config.intermediate;
        let (weight, gate_weight) = layer.up.weight.split_at(split * width);
        let (bias, gate_bias) = layer.up.bias.split_at(split);
        let down = rows(&layer.down, config.intermediate);
        for start in (0..split).step_by(UP_BLOCK) {
            let count = UP_BLOCK.min(split - start);
            inner(up, rows(normed, width), weight, start, count);
            activate(up, part(bias, start, count), config.activation);
            if config.is_gated() {
                inner(gates, rows(normed, width), gate_weight, start, count);
                gate(up, gates, part(gate_bias, start, count));
            }
            add_product(rows_mut(x, width), rows(up, count), down.subcols(start, count).transpose());
        }
        if config.norms_before() {
            copy(normed, x);
            normalise(normed, &layer.output_norm, config.norm_epsilon);
        } else {
            normalise(x, &layer.output_norm, config.norm_epsilon);
        }
    }
}

/// The products of `x` with so many rows of a weight.
fn inner(out: &mut Vec<f32>, x: MatRef<'_, f32>, weight: &[f32], start: usize, count: usize) {
    out.resize(x.nrows() * count, 0.0);
    let weight = rows(weight, x.ncols()).subrows(start, count);
    product(rows_mut(out, count), x, weight.transpose());
}

fn part(bias: &[f32], start: usize, count: usize) -> &[f32] {
    bias.get(start..start + count).unwrap_or_default()
}

fn copy(to: &mut Vec<f32>, from: &[f32]) {
    to.clear();
    to.extend_from_slice(from);
}

/// The rows of the texts' first tokens.
fn firsts(x: &[f32], batch: &Packed, width: usize) -> Vec<f32> {
    let mut tokens = x.chunks_exact(width);
    let mut firsts = Vec::with_capacity(batch.lengths.len() * width);
    for &length in &batch.lengths {
        firsts.extend_from_slice(tokens.next().unwrap_or_default());
        tokens.by_ref().take(length - 1).for_each(drop);
    }
    firsts
}

fn broken(what: &str) -> EncoderError {
    EncoderError::Compute(what.into())
}
