//! A batch of texts as tokens that lie end to end, so that no padding is computed.

use std::ops::Range;

use super::config::ModelConfig;

/// Texts as tokens, end to end; T is the number of all tokens.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// T token ids.
    pub(super) tokens: Vec<u32>,
    /// For each token its row of the position table.
    pub(super) positions: Vec<u32>,
    /// Tokens per text, at least one.
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

    /// The positions of each text's tokens among all.
    pub(super) fn spans(&self) -> impl Iterator<Item = Range<usize>> {
        self.lengths.iter().scan(0, |next, &length| {
            let start = *next;
            *next += length;
            Some(start..*next)
        })
    }

    /// The mean of each text's rows, summed in f64; `values` are T rows of this width.
    pub(super) fn means(&self, values: &[f32], width: usize) -> Vec<f32> {
        let mut rows = values.chunks_exact(width);
        let mut means = Vec::with_capacity(self.lengths.len() * width);
        for &length in &self.lengths {
            let mut sum = vec![0.0_f64; width];
            for row in rows.by_ref().take(length) {
                sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            means.extend(sum.iter().map(|sum| (sum / length as f64) as f32));
        }
        means
    }
}
