//! Attention in candle's operators. Texts of one length go through its products together; there is no mask for padding, as
//! there is none.

use std::ops::Range;

use candle_core::{D, Result, Tensor};
use candle_nn::ops::softmax;
use candle_nn::rotary_emb::rope;

use super::super::config::ModelConfig;
use super::super::weights::{Disentangling, Layer, Placed};
use super::linear;

/// The most attention weights that are held at once (64 MiB); longer sequences are worked through in blocks of queries.
const MAX_SCORES: usize = 1 << 24;
/// Queries that go together where each sees a window: enough that what two blocks see of each other costs little.
const MIN_BLOCK: usize = 512;

/// So many neighbouring texts have the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    texts: usize,
    /// Tokens per text.
    length: usize,
}

/// Runs of equal lengths in this order of texts.
pub(super) fn runs(lengths: &[usize]) -> Vec<Run> {
    lengths.chunk_by(|a, b| a == b).filter_map(|same| Some(Run { texts: same.len(), length: *same.first()? })).collect()
}

/// The attention of a layer before its output product.
pub(super) fn attend(layer: &Layer<Tensor>, x: &Tensor, runs: &[Run], config: &ModelConfig) -> Result<Tensor> {
    let qkv = linear(x, &layer.qkv)?;
    let mut start = 0;
    let mut contexts = Vec::with_capacity(runs.len());
    for run in runs {
        let together = match &layer.placed {
            // A row per token of the products with positions, of which there are at most two per token of a text.
            Placed::Disentangled(_) => {
                (MAX_SCORES / run.length.saturating_mul(2 * run.length * config.heads)).clamp(1, run.texts)
            }
            Placed::Embedded | Placed::Biased(_) | Placed::Rotary { .. } => run.texts,
        };
        for first in (0..run.texts).step_by(together) {
            let run = Run { texts: together.min(run.texts - first), length: run.length };
            let tokens = run.texts * run.length;
            contexts.push(attend_run(&qkv.narrow(0, start, tokens)?, run, &layer.placed, config)?);
            start += tokens;
        }
    }
    Tensor::cat(&contexts, 0)
}

/// All tensors between have the dimensions H (heads), B (texts), then tokens; d is the width of a head.
fn attend_run(qkv: &Tensor, run: Run, placed: &Placed<Tensor>, config: &ModelConfig) -> Result<Tensor> {
    let Run { texts, length } = run;
    let (heads, size) = (config.heads, config.head());
    let split = qkv.reshape((texts, length, 3, heads, size))?.permute((2, 3, 0, 1, 4))?.contiguous()?;
    let (mut queries, mut keys, values) = (split.get(0)?, split.get(1)?, split.get(2)?);
    if let Placed::Rotary { rotation, .. } = placed {
        queries = rope(&queries, &rotation.cosines, &rotation.sines)?;
        keys = rope(&keys, &rotation.cosines, &rotation.sines)?;
    }
    let positions = match placed {
        Placed::Disentangled(table) => Some(Positions::of(table, &keys, length)?),
        Placed::Embedded | Placed::Biased(_) | Placed::Rotary { .. } => None,
    };
    let mut block = (MAX_SCORES / (texts * heads * length)).clamp(1, length);
    if let Some(window) = placed.window() {
        block = block.min((2 * window).max(MIN_BLOCK));
    }
    let mut blocks = Vec::with_capacity(length.div_ceil(block));
    for start in (0..length).step_by(block) {
        let places = start..length.min(start + block);
        let queries = queries.narrow(2, start, places.len())?.contiguous()?;
        let seen = match placed.window() {
            Some(window) => start.saturating_sub(window)..length.min(places.end + window),
            None => 0..length,
        };
        let seen_keys = keys.narrow(2, seen.start, seen.len())?.transpose(2, 3)?.contiguous()?;
        let mut scores = queries.matmul(&seen_keys)?;
        match (placed, &positions) {
            (Placed::Rotary { window: Some(window), .. }, _) => {
                scores = scores.broadcast_add(&hidden(&places, &seen, *window, &scores)?)?;
            }
            (Placed::Biased(table), _) => scores = scores.broadcast_add(&biases(table, &places, length)?)?,
            (_, Some(positions)) => scores = positions.add(&scores, &queries, &places)?,
            _ => {}
        }
        let weights = softmax(&(scores * f64::from(config.attention_scale()))?, D::Minus1)?;
        blocks.push(weights.matmul(&values.narrow(2, seen.start, seen.len())?.contiguous()?)?);
    }
    Tensor::cat(&blocks, 2)?.permute((1, 2, 0, 3))?.contiguous()?.reshape((texts * length, heads * size))
}

/// Minus infinity where a key stands further than the window from its query, else 0: queries x keys.
fn hidden(queries: &Range<usize>, keys: &Range<usize>, window: usize, like: &Tensor) -> Result<Tensor> {
    let hidden = |query: usize, key: usize| if key.abs_diff(query) > window { f32::NEG_INFINITY } else { 0.0 };
    let values: Vec<f32> = queries.clone().flat_map(|query| keys.clone().map(move |key| hidden(query, key))).collect();
    Tensor::from_vec(values, (queries.len(), keys.len()), like.device())
}

/// The biases by distance, H x 1 x queries x keys.
fn biases(table: &Tensor, queries: &Range<usize>, length: usize) -> Result<Tensor> {
    let (heads, width) = table.dims2()?;
    // The column of the distance 0 is the middle.
    let columns = queries.clone().flat_map(|query| (0..length).map(move |key| (width / 2 + key - query) as u32));
    let columns = Tensor::from_vec(columns.collect::<Vec<u32>>(), queries.len() * length, table.device())?;
    table.index_select(&columns, 1)?.reshape((heads, 1, queries.len(), length))
}

/// The products with positions of one run, of which only the rows are taken whose distances the texts have.
struct Positions<'a> {
    /// For each distance of a key behind its query, the row of the table.
    rows: &'a [u32],
    lowest: u32,
    /// d x rows, for each head: what queries are multiplied with.
    keys: Option<Tensor>,
    /// The products of keys, H x B x keys x rows.
    by_key: Option<Tensor>,
}

impl<'a> Positions<'a> {
    fn of(table: &'a Disentangling<Tensor>, keys: &Tensor, length: usize) -> Result<Self> {
        let same = table.rows.len() / 2;
        let row = |place: usize| table.rows.get(place).copied().unwrap_or(0);
        let (lowest, highest) = (row(same + length - 1), row((same + 1).saturating_sub(length)));
        let (heads, _, _, size) = keys.dims4()?;
        let part = |positions: &Tensor| {
            let reach = (highest - lowest) as usize + 1;
            let positions = positions.narrow(0, lowest as usize, reach)?.reshape((reach, heads, size))?;
            positions.permute((1, 2, 0))?.contiguous()
        };
        let by_key = table.queries.as_ref().map(|queries| multiply(keys, &part(queries)?)).transpose()?;
        Ok(Self { rows: &table.rows, lowest, keys: table.keys.as_ref().map(part).transpose()?, by_key })
    }

    fn add(&self, scores: &Tensor, queries: &Tensor, places: &Range<usize>) -> Result<Tensor> {
        let (heads, texts, count, length) = scores.dims4()?;
        let same = self.rows.len() / 2;
        let row = |query: usize, key: usize| {
            self.rows.get((same + key).saturating_sub(query)).copied().unwrap_or(self.lowest) - self.lowest
        };
        let index = |rows: Vec<u32>, shape: (usize, usize)| {
            let index = Tensor::from_vec(rows, shape, scores.device())?;
            index.broadcast_as((heads, texts, shape.0, shape.1))?.contiguous()
        };
        let mut scores = scores.clone();
        if let Some(keys) = &self.keys {
            let rows = places.clone().flat_map(|query| (0..length).map(move |key| row(query, key))).collect();
            scores = (scores + multiply(queries, keys)?.gather(&index(rows, (count, length))?, 3)?)?;
        }
        if let Some(by_key) = &self.by_key {
            let rows = (0..length).flat_map(|key| places.clone().map(move |query| row(query, key))).collect();
            scores = (scores + by_key.gather(&index(rows, (length, count))?, 3)?.transpose(2, 3)?)?;
        }
        Ok(scores)
    }
}

/// H x B x tokens x d times H x d x rows.
fn multiply(x: &Tensor, positions: &Tensor) -> Result<Tensor> {
    let (heads, texts, tokens, size) = x.dims4()?;
    let product = x.reshape((heads, texts * tokens, size))?.matmul(positions)?;
    product.reshape((heads, texts, tokens, positions.dim(2)?))
}
