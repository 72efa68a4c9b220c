//! Codecs, section 4: matrices of dense maps, and factors of low-rank ones.

use half::f16;

use super::reader::{Decoded, Refusal, ensure};

/// How many values of a row share a scale of codec `int4`, in a matrix.
const MATRIX_GROUP: usize = 32;

/// How many values of a row share a scale of the integer codecs, in factors.
const FACTORS_GROUP: usize = 64;

/// How matrix or factors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    F32,
    F16,
    Int8,
    Int4,
}

impl Codec {
    /// The codec of this number; R13: an unknown one is newer.
    pub(crate) fn from_number(number: u16) -> Decoded<Self> {
        match number {
            1 => Ok(Self::F32),
            2 => Ok(Self::F16),
            3 => Ok(Self::Int8),
            4 => Ok(Self::Int4),
            _ => Err(Refusal::Newer("R13: codec")),
        }
    }

    /// Its number in objects and cards.
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::F32 => 1,
            Self::F16 => 2,
            Self::Int8 => 3,
            Self::Int4 => 4,
        }
    }

    /// The bytes of a D x D matrix.
    pub(crate) fn matrix_length(self, d: usize) -> usize {
        match self {
            Self::F32 => 4 * d * d,
            Self::F16 => 2 * d * d,
            Self::Int8 => 4 * d + d * d,
            Self::Int4 => d * (2 * d.div_ceil(MATRIX_GROUP) + d.div_ceil(2)),
        }
    }

    /// The bytes of the factors of rank r.
    pub(crate) fn factors_length(self, d: usize, r: usize) -> usize {
        match self {
            Self::F32 => 8 * r * d,
            Self::F16 => 4 * r * d,
            Self::Int8 => 2 * r * (2 * d.div_ceil(FACTORS_GROUP) + d),
            Self::Int4 => 2 * r * (2 * d.div_ceil(FACTORS_GROUP) + d.div_ceil(2)),
        }
    }

    /// R, row by row, of bytes that are [`Codec::matrix_length`].
    pub(crate) fn matrix(self, bytes: &[u8], d: usize) -> Decoded<Vec<f32>> {
        match self {
            Self::F32 => Ok(floats(bytes)),
            Self::F16 => Ok(halves(bytes)),
            Self::Int8 => {
                let (scales, integers) = bytes.split_at(4 * d);
                Ok(scaled(&floats(scales), &int8(integers), d, d))
            }
            Self::Int4 => {
                let (scales, integers) = bytes.split_at(2 * d.div_ceil(MATRIX_GROUP) * d);
                Ok(scaled(&halves(scales), &int4(integers, d)?, d, MATRIX_GROUP))
            }
        }
    }

    /// The 2 r rows of the factors, of bytes that are [`Codec::factors_length`].
    pub(crate) fn factors(self, bytes: &[u8], d: usize, r: usize) -> Decoded<Vec<f32>> {
        let scales = 2 * d.div_ceil(FACTORS_GROUP) * 2 * r;
        match self {
            Self::F32 => Ok(floats(bytes)),
            Self::F16 => Ok(halves(bytes)),
            Self::Int8 => {
                let (scales, integers) = bytes.split_at(scales);
                Ok(scaled(&halves(scales), &int8(integers), d, FACTORS_GROUP))
            }
            Self::Int4 => {
                let (scales, integers) = bytes.split_at(scales);
                Ok(scaled(&halves(scales), &int4(integers, d)?, d, FACTORS_GROUP))
            }
        }
    }
}

/// Consecutive `f32`.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}

/// Consecutive `f16`, widened.
pub(crate) fn halves(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|chunk| f16::from_le_bytes(*chunk).to_f32()).collect()
}

/// R15: integers times the scales of their groups, of which each row of `d` has as many as it needs.
fn scaled(scales: &[f32], integers: &[i8], d: usize, group: usize) -> Vec<f32> {
    let groups = integers.chunks(d).flat_map(|row| row.chunks(group));
    groups.zip(scales).flat_map(|(group, scale)| group.iter().map(move |q| scale * f32::from(*q))).collect()
}

/// Signed bytes.
fn int8(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|byte| byte.cast_signed()).collect()
}

/// Halves of bytes, the low one first, each row of `d` on bytes of its own.
fn int4(bytes: &[u8], d: usize) -> Decoded<Vec<i8>> {
    let mut integers = Vec::new();
    for row in bytes.chunks(d.div_ceil(2)) {
        let halves: Vec<u8> = row.iter().flat_map(|byte| [byte & 0xf, byte >> 4]).collect();
        let (row, padding) = halves.split_at(d);
        ensure(padding.iter().all(|half| *half == 0), Refusal::Invalid("section 4: the last half byte of a row"))?;
        integers.extend(row.iter().map(|half| sign_extended(*half)));
    }
    Ok(integers)
}

/// Four bits of two's complement, -8 to 7.
fn sign_extended(half: u8) -> i8 {
    (half << 4).cast_signed() >> 4
}
