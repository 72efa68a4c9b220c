//! 8-bit integers with one f32 scale per row: all D scales, then all D x D integers.

use super::floats::{read_f32, write_f32};

/// The largest integer that the writer uses; symmetric, so that negating a row negates its integers.
const LARGEST: f32 = 127.0;

pub(super) fn write(dimension: usize, values: &[f32], out: &mut Vec<u8>) {
    let rows = values.chunks_exact(dimension.max(1));
    // The division can underflow to 0 for rows of subnormal values: such a row is written as zeros.
    let scales: Vec<f32> = rows.clone().map(|row| row.iter().fold(0.0f32, |m, v| m.max(v.abs())) / LARGEST).collect();
    write_f32(&scales, out);
    for (row, &scale) in rows.zip(&scales) {
        out.extend(row.iter().map(|&value| {
            let integer =
                if scale > 0.0 { (value / scale).round_ties_even().clamp(-LARGEST, LARGEST) as i8 } else { 0 };
            integer as u8
        }));
    }
}

pub(super) fn read(dimension: usize, bytes: &[u8]) -> Vec<f32> {
    let (scales, integers) = bytes.split_at_checked(4 * dimension).unwrap_or_default();
    let mut values = Vec::with_capacity(integers.len());
    for (row, scale) in integers.chunks_exact(dimension.max(1)).zip(read_f32(scales)) {
        values.extend(row.iter().map(|&byte| scale * f32::from(byte as i8)));
    }
    values
}
