//! 4-bit integers with one f16 scale per group of values of a row: of 32 in a matrix, of 64 in factors.
//!
//! All scales come first (row by row), then the integers: two to a byte, the earlier one in the low half, two's
//! complement, each row beginning on a byte of its own. The last group of a row may be shorter.

use half::f16;

use crate::FormatError;

/// Values of a dense matrix that share one scale.
pub(super) const GROUP: usize = 32;

/// Where the value of largest magnitude lands. Two's complement reaches -8 but only 7, so a *signed* scale that sends the
/// extreme to -8 uses all 16 steps; the others trade clipping of the extreme against finer steps for the rest.
const EXTREME_AT: [f32; 5] = [-8.0, -8.5, -7.5, -7.0, 7.0];

pub(super) fn write(columns: usize, group: usize, values: &[f32], out: &mut Vec<u8>) -> Result<(), FormatError> {
    let mut integers = Vec::with_capacity(values.len());
    for row in values.chunks_exact(columns.max(1)) {
        for values in row.chunks(group) {
            let scale = best_scale(values)?;
            out.extend_from_slice(&scale.to_le_bytes());
            integers.extend(values.iter().map(|&value| quantise(value, scale.to_f32()) as i8));
        }
    }
    for row in integers.chunks_exact(columns.max(1)) {
        out.extend(row.chunks(2).map(|pair| match *pair {
            [low, high] => (low as u8 & 0xf) | (high as u8) << 4,
            [low] => low as u8 & 0xf,
            _ => 0,
        }));
    }
    Ok(())
}

pub(super) fn read(columns: usize, group: usize, bytes: &[u8]) -> Result<Vec<f32>, FormatError> {
    let groups = columns.div_ceil(group);
    let (row_scales, row_bytes) = (2 * groups, columns.div_ceil(2));
    let rows = bytes.len() / (row_scales + row_bytes).max(1);
    let (scales, integers) = bytes.split_at_checked(row_scales * rows).unwrap_or_default();
    let scales: Vec<f32> = scales.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect();
    let mut values = vec![0.0; rows * columns];
    let rows = integers.chunks_exact(row_bytes.max(1)).zip(scales.chunks_exact(groups.max(1)));
    for (values, (row, scales)) in values.chunks_exact_mut(columns.max(1)).zip(rows) {
        // Any other spare half would be a second spelling of the same map.
        if columns % 2 == 1 && row.last().is_some_and(|byte| byte >> 4 != 0) {
            return Err(FormatError::invalid("object", "the spare half byte of a row is not 0"));
        }
        for ((values, row), &scale) in values.chunks_mut(group).zip(row.chunks(group / 2)).zip(scales) {
            // Shifting up and back again extends the sign of four bits.
            let low = |byte: u8| scale * f32::from((byte << 4) as i8 >> 4);
            let high = |byte: u8| scale * f32::from(byte as i8 >> 4);
            let (pairs, odd) = values.as_chunks_mut();
            pairs.iter_mut().zip(row).for_each(|(pair, &byte)| *pair = [low(byte), high(byte)]);
            odd.iter_mut().zip(row.last()).for_each(|(value, &byte)| *value = low(byte));
        }
    }
    Ok(values)
}

/// The scale of least squared error among a few, after its own rounding to f16.
fn best_scale(group: &[f32]) -> Result<f16, FormatError> {
    let extreme = group.iter().fold(0.0f32, |e, &v| if v.abs() > e.abs() { v } else { e });
    let error = |scale: f16| -> f64 {
        let residual = |&v: &f32| f64::from(v - scale.to_f32() * quantise(v, scale.to_f32()));
        group.iter().map(|v| residual(v).powi(2)).sum()
    };
    let candidates = EXTREME_AT.map(|at| f16::from_f32(extreme / at));
    let best = candidates.into_iter().filter(|s| s.is_finite()).min_by(|a, b| error(*a).total_cmp(&error(*b)));
    best.ok_or_else(|| {
        FormatError::invalid("weights", format!("{extreme} is beyond the range of int4; use the codec f32"))
    })
}

fn quantise(value: f32, scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { (value / scale).round_ties_even().clamp(-8.0, 7.0) }
}
