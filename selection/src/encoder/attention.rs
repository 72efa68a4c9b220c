//! Self-attention on the CPU over packed texts: every token sees the tokens of its own text and nothing else.

use std::ops::Range;

use faer::{MatMut, MatRef};

use super::near::{Block, Scratch, add_biases, add_disentangled, hide};
use super::products::{product, rows, rows_mut};
use super::steps;
use super::weights::Placed;

/// So many attention weights are computed at once (128 KiB): those of a head where they are fewer, else of as many queries.
/// They never leave the cache.
const MAX_SCORES: usize = 1 << 15;
/// The least queries that go together, in texts of more than a thousand tokens: fewer would make thin products, which read all
/// keys each time, take twice as long. So many rows of weights are all the memory that a long text needs.
const MIN_BLOCK: usize = 32;

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
/// There is no mask for padding, as there is none, and the heads are read where they stand. What is added for places is added
/// before `scale` is multiplied with.
pub(super) fn attend(
    attended: &Attended<'_>,
    spans: impl Iterator<Item = Span>,
    heads: usize,
    scale: f32,
    placed: &Placed<Vec<f32>>,
    mut context: MatMut<'_, f32>,
) {
    let size = context.ncols() / heads;
    let mut weights = Vec::new();
    let mut scratch = Scratch::default();
    for Span { queries, tokens } in spans {
        let length = tokens.len();
        let block = block(length, placed.window()).clamp(1, queries.len());
        for (head, column) in (0..heads).map(|head| (head, head * size)) {
            let keys = attended.keys.submatrix(tokens.start, column, length, size);
            let values = attended.values.submatrix(tokens.start, column, length, size);
            for start in queries.clone().step_by(block) {
                let count = block.min(queries.end - start);
                let place = start - queries.start;
                let seen = seen(place..place + count, length, placed.window());
                let queries = attended.queries.submatrix(start, column, count, size);
                weights.resize(count * seen.len(), 0.0);
                let keys_seen = keys.subrows(seen.start, seen.len());
                product(rows_mut(&mut weights, seen.len()), queries, keys_seen.transpose());
                match placed {
                    Placed::Embedded | Placed::Rotary { window: None, .. } => {}
                    Placed::Rotary { window: Some(window), .. } => hide(&mut weights, place, &seen, *window),
                    Placed::Biased(table) => add_biases(&mut weights, table, head, heads, place, length),
                    Placed::Disentangled(table) => {
                        let block = Block { queries, keys, place, column };
                        add_disentangled(&mut weights, table, &block, heads * size, &mut scratch);
                    }
                }
                steps::softmax(&mut weights, seen.len(), scale);
                let context = context.as_mut().submatrix_mut(start, column, count, size);
                product(context, rows(&weights, seen.len()), values.subrows(seen.start, seen.len()));
            }
        }
    }
}

/// So many queries go together.
fn block(length: usize, window: Option<usize>) -> usize {
    let all = (MAX_SCORES / length).max(MIN_BLOCK);
    match window {
        // b queries see at most b + 2w keys: the root of b (b + 2w) = MAX_SCORES.
        Some(window) => {
            let window = window as f64;
            all.max(((window * window + MAX_SCORES as f64).sqrt() - window) as usize)
        }
        None => all,
    }
}

/// The tokens of a text of this length that some of these queries see.
fn seen(queries: Range<usize>, length: usize, window: Option<usize>) -> Range<usize> {
    match window {
        Some(window) => queries.start.saturating_sub(window)..length.min(queries.end + window),
        None => 0..length,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

    use std::sync::Arc;

    use super::super::weights::{Disentangling, Rotation};
    use super::*;

    const HEADS: usize = 2;
    const SIZE: usize = 4;
    const WIDTH: usize = HEADS * SIZE;
    /// 700 tokens are more than one block of queries, 20 are less; neither sees the other.
    const LENGTHS: [usize; 3] = [700, 20, 1];
    /// P.
    const POSITIONS: usize = 700;

    fn waves(count: usize, frequency: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * frequency).sin()).collect()
    }

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    /// Numbers of one head in one row.
    fn part(x: &[f32], row: usize, width: usize, start: usize) -> &[f32] {
        &x[row * width + start..][..SIZE]
    }

    /// What is added for a place: of all numbers, a head, and the row and place of a query and of a key.
    type Added<'a> = &'a dyn Fn(&[f32], usize, (usize, usize), (usize, usize)) -> Option<f64>;

    /// `added` is what is added for a query and a key at these rows, of this head, that stand at these places of their text;
    /// `None` hides the key.
    fn assert_attention(placed: &Placed<Vec<f32>>, first_only: bool, added: Added<'_>) {
        let tokens: usize = LENGTHS.iter().sum();
        let values = waves(tokens * 3 * WIDTH, 0.37);
        let qkv = rows(&values, 3 * WIDTH);
        let [queries, keys, last] = [0, 1, 2].map(|part| qkv.subcols(part * WIDTH, WIDTH));
        let starts = [0, 700, 720];
        let firsts: Vec<f32> = starts.iter().flat_map(|&start| values[start * 3 * WIDTH..][..WIDTH].to_vec()).collect();
        let queries = if first_only { rows(&firsts, WIDTH) } else { queries };
        let spans = starts.into_iter().zip(LENGTHS).enumerate().map(|(text, (start, length))| {
            let tokens = start..start + length;
            Span { queries: if first_only { text..text + 1 } else { tokens.clone() }, tokens }
        });
        let mut context = vec![f32::NAN; queries.nrows() * WIDTH];
        let scale = 0.6_f32;
        let attended = Attended { queries, keys, values: last };
        attend(&attended, spans, HEADS, scale, placed, rows_mut(&mut context, WIDTH));
        let mut row = 0;
        for (start, length) in starts.into_iter().zip(LENGTHS) {
            for query in 0..if first_only { 1 } else { length } {
                for head in 0..HEADS {
                    let at = start + query;
                    let weight = |key: usize| {
                        let product = dot(
                            part(&values, at, 3 * WIDTH, head * SIZE),
                            part(&values, start + key, 3 * WIDTH, WIDTH + head * SIZE),
                        );
                        let added = added(&values, head, (at, query), (start + key, key));
                        added.map_or(0.0, |added| (f64::from(scale) * (product + added)).exp())
                    };
                    let weights: Vec<f64> = (0..length).map(weight).collect();
                    let total: f64 = weights.iter().sum();
                    for column in 0..SIZE {
                        let value = |key: usize| {
                            f64::from(values[(start + key) * 3 * WIDTH + 2 * WIDTH + head * SIZE + column])
                        };
                        let exact =
                            weights.iter().enumerate().map(|(key, weight)| weight * value(key)).sum::<f64>() / total;
                        let ours = f64::from(context[row * WIDTH + head * SIZE + column]);
                        assert!((ours - exact).abs() < 4e-6, "query {query} of {length}: {ours} {exact}");
                    }
                }
                row += 1;
            }
        }
    }

    #[test]
    fn texts_longer_than_a_block_of_weights_lose_no_query() {
        for first_only in [false, true] {
            assert_attention(&Placed::Embedded, first_only, &|_, _, _, _| Some(0.0));
        }
    }

    #[test]
    fn windows_hide_what_is_further_in_every_block() {
        let rotation = Arc::new(Rotation { half: SIZE / 2, cosines: Vec::new(), sines: Vec::new() });
        for window in [0, 1, 5, 64, 699, 1 << 20] {
            let placed = Placed::Rotary { rotation: Arc::clone(&rotation), window: Some(window) };
            for first_only in [false, true] {
                assert_attention(&placed, first_only, &|_, _, (_, query), (_, key)| {
                    (key.abs_diff(query) <= window).then_some(0.0)
                });
            }
        }
    }

    #[test]
    fn biases_are_those_of_their_distance_in_every_block() {
        let width = 2 * POSITIONS - 1;
        let table = waves(HEADS * width, 0.91);
        let placed = Placed::Biased(Arc::new(table.clone()));
        for first_only in [false, true] {
            assert_attention(&placed, first_only, &|_, head, (_, query), (_, key)| {
                Some(f64::from(table[head * width + POSITIONS - 1 + key - query]))
            });
        }
    }

    #[test]
    fn disentangled_products_are_those_of_their_distance_in_every_tile() {
        // 40 rows on each side; what is further away shares the last.
        let row = |key: usize, query: usize| (40 + query as isize - key as isize).clamp(0, 79) as usize;
        let behind = 1 - POSITIONS as isize..POSITIONS as isize;
        let rows: Arc<Vec<u32>> = Arc::new(behind.map(|behind| (40 - behind).clamp(0, 79) as u32).collect());
        let (keys, queries) = (waves(80 * WIDTH, 0.71), waves(80 * WIDTH, 1.3));
        for (with_keys, with_queries) in [(true, true), (true, false), (false, true), (false, false)] {
            let placed = Placed::Disentangled(Disentangling {
                rows: Arc::clone(&rows),
                keys: with_keys.then(|| keys.clone()),
                queries: with_queries.then(|| queries.clone()),
            });
            for first_only in [false, true] {
                assert_attention(&placed, first_only, &|values, head, (query_row, query), (key_row, key)| {
                    let column = head * SIZE;
                    let row = row(key, query);
                    let by_query = dot(part(values, query_row, 3 * WIDTH, column), part(&keys, row, WIDTH, column));
                    let by_key =
                        dot(part(values, key_row, 3 * WIDTH, WIDTH + column), part(&queries, row, WIDTH, column));
                    Some(if with_keys { by_query } else { 0.0 } + if with_queries { by_key } else { 0.0 })
                });
            }
        }
    }
}
