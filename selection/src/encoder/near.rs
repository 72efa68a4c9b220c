//! What is added to attention weights for where queries and keys stand: on the CPU, for a block of one head's weights.

use std::ops::Range;

use faer::MatRef;

use super::products::{product, rows, rows_mut};
use super::weights::Disentangling;

/// The smallest number of keys that go together: fewer would be too small for a product.
const MIN_TILE: usize = 16;

/// Hides the keys that stand further than `window` from their query. A row of `weights` per query, the first of which has this
/// place in its text; `seen` are the keys' places.
pub(super) fn hide(weights: &mut [f32], place: usize, seen: &Range<usize>, window: usize) {
    for (query, row) in (place..).zip(weights.chunks_exact_mut(seen.len())) {
        for (key, weight) in seen.clone().zip(row) {
            if key.abs_diff(query) > window {
                *weight = f32::NEG_INFINITY;
            }
        }
    }
}

/// Adds a head's biases by distance; `table` is H x (2P - 1). The text has `length` tokens, each a key.
pub(super) fn add_biases(weights: &mut [f32], table: &[f32], head: usize, heads: usize, place: usize, length: usize) {
    let width = table.len() / heads;
    let table = table.get(head * width..(head + 1) * width).unwrap_or_default();
    for (query, row) in (place..).zip(weights.chunks_exact_mut(length)) {
        // From the distance of the first key on; no text is longer than the table has distances for.
        let biases = table.get((width / 2).saturating_sub(query)..).unwrap_or_default();
        row.iter_mut().zip(biases).for_each(|(weight, bias)| *weight += bias);
    }
}

/// A head's queries that go together, and all keys of their text.
pub(super) struct Block<'a> {
    pub(super) queries: MatRef<'a, f32>,
    pub(super) keys: MatRef<'a, f32>,
    /// Of the first query in its text.
    pub(super) place: usize,
    /// Where the head begins in a row of all heads.
    pub(super) column: usize,
}

/// Room for products with positions.
#[derive(Default)]
pub(super) struct Scratch {
    by_query: Vec<f32>,
    by_key: Vec<f32>,
}

/// Adds the products of queries with the keys of positions, and of keys with the queries of positions.
///
/// The keys go through in tiles as long as the block, so that of the R x D numbers of each table only the rows are read whose
/// distances there are between block and tile, and no more room is needed than for a few such tiles.
pub(super) fn add_disentangled(
    weights: &mut [f32],
    table: &Disentangling<Vec<f32>>,
    block: &Block<'_>,
    width: usize,
    scratch: &mut Scratch,
) {
    let (count, length, size) = (block.queries.nrows(), block.keys.nrows(), block.queries.ncols());
    let Scratch { by_query, by_key } = scratch;
    // The table's row for a key that stands `key - query` behind its query.
    let same = table.rows.len() / 2;
    let row_of = |key: usize, query: usize| table.rows.get((same + key).saturating_sub(query)).copied().unwrap_or(0);
    let tile = count.max(MIN_TILE);
    for start in (0..length).step_by(tile) {
        let keys = tile.min(length - start);
        let (lowest, highest) = (row_of(start + keys - 1, block.place), row_of(start, block.place + count - 1));
        let reach = (highest - lowest) as usize + 1;
        let part = |positions: &Option<Vec<f32>>, x: MatRef<'_, f32>, out: &mut Vec<f32>| {
            out.resize(x.nrows() * reach, 0.0);
            match positions {
                Some(positions) => {
                    let positions = rows(positions, width).submatrix(lowest as usize, block.column, reach, size);
                    product(rows_mut(out, reach), x, positions.transpose());
                }
                None => out.fill(0.0),
            }
        };
        part(&table.keys, block.queries, by_query);
        part(&table.queries, block.keys.subrows(start, keys), by_key);
        let queries = weights.chunks_exact_mut(length).zip(by_query.chunks_exact(reach));
        for (query, (weights, by_query)) in (block.place..).zip(queries) {
            let weights = weights.get_mut(start..start + keys).unwrap_or_default();
            let found = table.rows.get((same + start).saturating_sub(query)..).unwrap_or_default();
            for ((weight, by_key), row) in weights.iter_mut().zip(by_key.chunks_exact(reach)).zip(found) {
                let row = (row - lowest) as usize;
                *weight += by_query.get(row).unwrap_or(&0.0) + by_key.get(row).unwrap_or(&0.0);
            }
        }
    }
}
