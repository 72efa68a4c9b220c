//! Codecs: how the values of a weight matrix are written.
//!
//! Every codec writes a matrix `R` of D x D, row-major, which is `W - identity * I`. What fine-tuning does is close to a
//! scaled identity, so the diagonal would otherwise dominate every scale. `f32` keeps `W` itself, bit for bit. The bias
//! of a dense map is f32 in every codec: it is 1/D of the bytes.
//!
//! | codec | bytes of R | what a value is |
//! |---|---|---|
//! | `f32` | 4 D^2 | IEEE 754 binary32 |
//! | `f16` | 2 D^2 | IEEE 754 binary16 |
//! | `int8` | 4 D + D^2 | integer times the f32 scale of its row |
//! | `int4` | D (2 ceil(D/32) + ceil(D/2)) | integer times the f16 scale of its group of 32 |
//!
//! The factors of a low-rank map are a matrix of 2 r x D. Both integer codecs give them one f16 scale per group of 64
//! values of a row: the halves of one component differ in size from stretch to stretch, and at so few rows a scale of two
//! bytes for 64 values is 0.25 bits per value.

mod factors;
mod floats;
mod int4;
mod int8;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::FormatError;

/// How the values of a weight matrix are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// 32-bit floats: bit for bit.
    F32,
    /// 16-bit floats.
    F16,
    /// 8-bit integers with one f32 scale per row.
    Int8,
    /// 4-bit integers with one f16 scale per group of 32 values of a row.
    Int4,
}

impl Codec {
    /// All codecs, the most exact first.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Int8, Self::Int4];

    /// The number that stands for it in an object's header and in a card.
    pub const fn code(self) -> u16 {
        match self {
            Self::F32 => 1,
            Self::F16 => 2,
            Self::Int8 => 3,
            Self::Int4 => 4,
        }
    }

    /// The codec of this number, where this program knows it.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.code() == code)
    }

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }

    /// The bytes that a D x D matrix takes.
    pub const fn matrix_bytes(self, dimension: u32) -> u64 {
        let d = dimension as u64;
        match self {
            Self::F32 => 4 * d * d,
            Self::F16 => 2 * d * d,
            Self::Int8 => 4 * d + d * d,
            Self::Int4 => d * (2 * d.div_ceil(int4::GROUP as u64) + d.div_ceil(2)),
        }
    }

    /// Appends the bytes of a matrix whose rows have `dimension` values each.
    pub(crate) fn write(self, dimension: usize, values: &[f32], out: &mut Vec<u8>) -> Result<(), FormatError> {
        match self {
            Self::F32 => floats::write_f32(values, out),
            Self::F16 => floats::write_f16(values, out)?,
            Self::Int8 => int8::write(dimension, values, out),
            Self::Int4 => int4::write(dimension, int4::GROUP, values, out)?,
        }
        Ok(())
    }

    /// The values of a matrix whose bytes are exactly [`Codec::matrix_bytes`] long.
    pub(crate) fn read(self, dimension: usize, bytes: &[u8]) -> Result<Vec<f32>, FormatError> {
        finite(match self {
            Self::F32 => floats::read_f32(bytes),
            Self::F16 => floats::read_f16(bytes),
            Self::Int8 => int8::read(dimension, bytes),
            Self::Int4 => int4::read(dimension, int4::GROUP, bytes)?,
        })
    }
}

/// R12: a reader refuses what is not finite.
fn finite(values: Vec<f32>) -> Result<Vec<f32>, FormatError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(values),
        Some(at) => Err(FormatError::invalid("object", format!("weight {at} is not finite"))),
    }
}

pub(crate) use floats::{read_f16, read_f32, write_f16, write_f32};

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A codec's name was not one of [`Codec::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a codec: f32, f16, int8 or int4 is expected")]
pub struct CodecError(String);

impl FromStr for Codec {
    type Err = CodecError;

    fn from_str(text: &str) -> Result<Self, CodecError> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name() == text)
            .ok_or_else(|| CodecError(text.chars().take(40).collect()))
    }
}
