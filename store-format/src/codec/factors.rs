//! The factors of a low-rank map: a matrix of 2 r rows and D columns.

use half::f16;

use super::{Codec, finite, floats, int4};
use crate::FormatError;

/// Values of a row that share one scale in the integer codecs.
pub(super) const GROUP: usize = 64;
/// The largest integer that the writer of `int8` uses.
const LARGEST: f32 = 127.0;

impl Codec {
    /// The bytes that the factors of a map of dimension D and rank r take: 2 r rows of D values.
    ///
    /// `f32` 8 r D, `f16` 4 r D, `int8` 2 r (2 ceil(D/64) + D), `int4` 2 r (2 ceil(D/64) + ceil(D/2)).
    pub const fn factor_bytes(self, dimension: u32, rank: u32) -> u64 {
        let (d, rows) = (dimension as u64, 2 * rank as u64);
        let scales = 2 * d.div_ceil(GROUP as u64);
        match self {
            Self::F32 => 4 * rows * d,
            Self::F16 => 2 * rows * d,
            Self::Int8 => rows * (scales + d),
            Self::Int4 => rows * (scales + d.div_ceil(2)),
        }
    }

    /// Appends the bytes of factors whose rows have `columns` values each.
    pub(crate) fn write_factors(self, columns: usize, values: &[f32], out: &mut Vec<u8>) -> Result<(), FormatError> {
        match self {
            Self::F32 => floats::write_f32(values, out),
            Self::F16 => floats::write_f16(values, out)?,
            Self::Int8 => write_int8(columns, values, out)?,
            Self::Int4 => int4::write(columns, GROUP, values, out)?,
        }
        Ok(())
    }

    /// The values of factors whose bytes are exactly [`Codec::factor_bytes`] long.
    pub(crate) fn read_factors(self, columns: usize, bytes: &[u8]) -> Result<Vec<f32>, FormatError> {
        finite(match self {
            Self::F32 => floats::read_f32(bytes),
            Self::F16 => floats::read_f16(bytes),
            Self::Int8 => read_int8(columns, bytes),
            Self::Int4 => int4::read(columns, GROUP, bytes)?,
        })
    }
}

/// All scales first, row by row, group by group; then the integers, row by row.
fn write_int8(columns: usize, values: &[f32], out: &mut Vec<u8>) -> Result<(), FormatError> {
    let mut integers = Vec::with_capacity(values.len());
    for row in values.chunks_exact(columns.max(1)) {
        for group in row.chunks(GROUP) {
            let largest = group.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            let scale = f16::from_f32(largest / LARGEST);
            if !scale.is_finite() {
                let detail = format!("{largest} is beyond the range of int8; use the codec f32");
                return Err(FormatError::invalid("weights", detail));
            }
            out.extend_from_slice(&scale.to_le_bytes());
            let scale = scale.to_f32();
            // A scale that is 0 in f16 belongs to a group that is all but 0.
            let quantise = |value: &f32| {
                if scale > 0.0 { (value / scale).round_ties_even().clamp(-LARGEST, LARGEST) as i8 } else { 0 }
            };
            integers.extend(group.iter().map(|value| quantise(value) as u8));
        }
    }
    out.extend(integers);
    Ok(())
}

fn read_int8(columns: usize, bytes: &[u8]) -> Vec<f32> {
    let groups = columns.div_ceil(GROUP);
    let rows = bytes.len() / (2 * groups + columns).max(1);
    let (scales, integers) = bytes.split_at_checked(2 * groups * rows).unwrap_or_default();
    let scales = floats::read_f16(scales);
    let mut values = Vec::with_capacity(integers.len());
    for (row, scales) in integers.chunks_exact(columns.max(1)).zip(scales.chunks_exact(groups.max(1))) {
        for (group, &scale) in row.chunks(GROUP).zip(scales) {
            values.extend(group.iter().map(|&q| scale * f32::from(q as i8)));
        }
    }
    values
}
