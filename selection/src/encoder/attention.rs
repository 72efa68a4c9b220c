//! Self-attention on the CPU over packed texts: every token sees the tokens of its own text and nothing else.

use std::ops::Range;

use faer::{MatMut, MatRef};

use super::products::{product, rows, rows_mut};
use super::steps;

/// So many attention weights are computed at once (128 KiB): those of a head where they are fewer, else of as many queries.
/// They never leave the cache, and texts of any length need no more memory.
const MAX_SCORES: usize = 1 << 15;

/// What attention reads. All three have the same width, heads side by side.
pub(super) struct Attended<'a> {
    pub(super) queries: MatRef<'a, f32>,
    /// One row per token.
    pub(super) keys: MatRef<'a, f32>,
    /// One row per token.
    pub(super) values: MatRef<'a, f32>,
}

/// The rows of one text.
pub(super) struct Span {
    /// Its rows among the queries: those of all its tokens, or of the tokens that are wanted.
    pub(super) queries: Range<usize>,
    /// Its rows among keys and values.
    pub(super) tokens: Range<usize>,
}

/// Scaled dot-product attention (Vaswani et al. 2017, arXiv 1706.03762, equation 1): a row of `context` per query.
///
/// There is no mask, as there is no padding, and the heads are read where they stand.
pub(super) fn attend(
    attended: &Attended<'_>,
    spans: impl Iterator<Item = Span>,
    heads: usize,
    mut context: MatMut<'_, f32>,
) {
    let size = context.ncols() / heads;
    let scale = (size as f32).sqrt().recip();
    let mut weights = Vec::new();
    for Span { queries, tokens } in spans {
        let length = tokens.len();
        let block = (MAX_SCORES / length).clamp(1, queries.len());
        for column in (0..heads).map(|head| head * size) {
            let keys = attended.keys.submatrix(tokens.start, column, length, size).transpose();
            let values = attended.values.submatrix(tokens.start, column, length, size);
            for start in queries.clone().step_by(block) {
                let count = block.min(queries.end - start);
                weights.resize(count * length, 0.0);
                product(rows_mut(&mut weights, length), attended.queries.submatrix(start, column, count, size), keys);
                steps::softmax(&mut weights, length, scale);
                let context = context.as_mut().submatrix_mut(start, column, count, size);
                product(context, rows(&weights, length), values);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attention of one head by its definition, in f64.
    fn by_definition(queries: MatRef<'_, f32>, keys: MatRef<'_, f32>, values: MatRef<'_, f32>) -> Vec<f64> {
        let size = queries.ncols();
        let dot = |a: faer::RowRef<'_, f32>, b: faer::RowRef<'_, f32>| -> f64 {
            a.iter().zip(b.iter()).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        let mut out = Vec::new();
        for query in queries.row_iter() {
            let weights: Vec<f64> = keys.row_iter().map(|key| (dot(query, key) / (size as f64).sqrt()).exp()).collect();
            let total: f64 = weights.iter().sum();
            for column in values.col_iter() {
                let sum: f64 =
                    weights.iter().zip(column.iter()).map(|(weight, &value)| weight * f64::from(value)).sum();
                out.push(sum / total);
            }
        }
        out
    }

    #[test]
    fn texts_longer_than_a_block_of_weights_lose_no_query() {
        // 700 tokens are more than one block of queries, 20 are less; neither sees the other.
        let (heads, size, lengths) = (2, 3, [700, 20, 1]);
        let width = heads * size;
        let tokens: usize = lengths.iter().sum();
        let qkv: Vec<f32> = (0..tokens * 3 * width).map(|i| (i as f32 * 0.37).sin()).collect();
        let qkv = rows(&qkv, 3 * width);
        let [queries, keys, values] = [0, 1, 2].map(|part| qkv.subcols(part * width, width));
        let starts = [0, 700, 720];
        let spans = starts.into_iter().zip(lengths).map(|(start, length)| {
            let tokens = start..start + length;
            Span { queries: tokens.clone(), tokens }
        });
        let mut context = vec![f32::NAN; tokens * width];
        attend(&Attended { queries, keys, values }, spans, heads, rows_mut(&mut context, width));
        let context = rows(&context, width);
        for (start, length) in starts.into_iter().zip(lengths) {
            for head in 0..heads {
                let part = |all: MatRef<'_, f32>| all.submatrix(start, head * size, length, size).to_owned();
                let exact = by_definition(part(queries).as_ref(), part(keys).as_ref(), part(values).as_ref());
                let ours = part(context);
                let ours = ours.row_iter().flat_map(|row| row.iter().copied().collect::<Vec<_>>());
                let worst = ours.zip(&exact).map(|(a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
                assert!(worst < 2e-6, "{worst}");
            }
        }
    }
}
