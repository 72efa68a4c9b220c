//! Self-attention over packed sequences: every token sees the tokens of its own text and nothing else.

use candle_core::{D, Result, Tensor};

use super::kernels;

/// So many neighbouring sequences have the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) sequences: usize,
    /// Tokens per sequence.
    pub(super) length: usize,
}

/// The most attention weights that are held at once (64 MiB); longer sequences are worked through in blocks of queries.
const MAX_SCORES: usize = 1 << 24;

/// Runs of equal lengths in this order of sequences.
pub(super) fn runs(lengths: &[usize]) -> Vec<Run> {
    lengths
        .chunk_by(|a, b| a == b)
        .filter_map(|same| Some(Run { sequences: same.len(), length: *same.first()? }))
        .collect()
}

/// Scaled dot-product attention (Vaswani et al. 2017, arXiv 1706.03762, equation 1), heads side by side.
///
/// `qkv` is T x 3D: queries, keys and values of all tokens, sequence after sequence as `runs` counts them. The result is
/// T x D. Sequences of one length go through the products together; there is no mask, as there is no padding.
pub(super) fn attend(qkv: &Tensor, runs: &[Run], heads: usize) -> Result<Tensor> {
    let mut start = 0;
    let mut contexts = Vec::with_capacity(runs.len());
    for run in runs {
        let tokens = run.sequences * run.length;
        contexts.push(attend_run(&qkv.narrow(0, start, tokens)?, *run, heads)?);
        start += tokens;
    }
    Tensor::cat(&contexts, 0)
}

fn attend_run(qkv: &Tensor, Run { sequences, length }: Run, heads: usize) -> Result<Tensor> {
    let size = qkv.dim(D::Minus1)? / 3 / heads;
    let split = qkv.reshape((sequences, length, 3, heads, size))?.permute((2, 0, 3, 1, 4))?.contiguous()?;
    let split = split.reshape((3, sequences * heads, length, size))?;
    let (queries, keys, values) = (split.get(0)?, split.get(1)?.transpose(1, 2)?, split.get(2)?);
    let scale = (size as f32).sqrt().recip();
    let block = (MAX_SCORES / (sequences * heads * length)).clamp(1, length);
    let mut blocks = Vec::with_capacity(length.div_ceil(block));
    for start in (0..length).step_by(block) {
        let queries = queries.narrow(1, start, block.min(length - start))?.contiguous()?;
        let weights = kernels::softmax(queries.matmul(&keys)?, scale)?;
        blocks.push(weights.matmul(&values)?);
    }
    let context = Tensor::cat(&blocks, 1)?.reshape((sequences, heads, length, size))?;
    context.transpose(1, 2)?.contiguous()?.reshape((sequences * length, heads * size))
}
