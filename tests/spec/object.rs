//! Objects and codecs, sections 3 and 4.

use half::f16;

use super::reader::{Decoded, Reader, Refusal, ensure};

/// The kind of a dense map.
pub(crate) const DENSE: u16 = 1;

/// How many values of a row share a scale of codec `int4`.
const GROUP: usize = 32;

/// The largest D (section 10).
pub(crate) const DIMENSION: u32 = 8192;

/// How the matrix is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    F32,
    F16,
    Int8,
    Int4,
}

impl Codec {
    /// The codec of this number; R13: an unknown one is newer.
    fn from_number(number: u16) -> Decoded<Self> {
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

    /// The bytes of a D x D matrix (section 4).
    fn matrix_length(self, dimension: usize) -> usize {
        match self {
            Self::F32 => 4 * dimension * dimension,
            Self::F16 => 2 * dimension * dimension,
            Self::Int8 => 4 * dimension + dimension * dimension,
            Self::Int4 => dimension * (2 * dimension.div_ceil(GROUP) + dimension.div_ceil(2)),
        }
    }
}

/// Reads a dimension, 1 to 8192.
pub(crate) fn dimension(reader: &mut Reader<'_>) -> Decoded<u32> {
    let dimension = reader.u32()?;
    ensure((1..=DIMENSION).contains(&dimension), Refusal::Invalid("section 10: dimension"))?;
    Ok(dimension)
}

/// One Embedding Space Map `f(x) = W x + b`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    pub(crate) codec: Codec,
    pub(crate) dimension: u32,
    pub(crate) identity: f32,
    /// W, D x D, row-major.
    pub(crate) weight: Vec<f32>,
    /// b, D values.
    pub(crate) bias: Vec<f32>,
}

impl Object {
    /// Decodes the canonical bytes of an object.
    pub(crate) fn decode(canonical: &[u8]) -> Decoded<Self> {
        let mut reader = Reader::new(canonical);
        ensure(reader.u16()? == DENSE, Refusal::Newer("R13: kind"))?;
        let codec = Codec::from_number(reader.u16()?)?;
        let dimension = dimension(&mut reader)?;
        let identity_bytes: [u8; 4] = reader.array()?;
        let identity = f32::from_le_bytes(identity_bytes);
        ensure(identity.is_finite(), Refusal::Invalid("section 3: identity is not finite"))?;
        let identity_allowed = codec != Codec::F32 || identity_bytes == [0; 4];
        ensure(identity_allowed, Refusal::Invalid("section 3: f32 with an identity"))?;
        ensure(reader.u32()? == 0, Refusal::Invalid("section 3: reserved bytes"))?;

        let d = usize::try_from(dimension).map_err(|_| Refusal::Invalid("section 10: dimension"))?;
        let length = codec.matrix_length(d);
        let stated = reader.u64()?;
        ensure(usize::try_from(stated) == Ok(length), Refusal::Invalid("R14: matrix length"))?;
        let matrix = reader.take(length)?;
        let bias = floats(reader.take(4 * d)?);
        reader.finish()?;

        let mut weight = match codec {
            Codec::F32 => floats(matrix),
            Codec::F16 => halves(matrix),
            Codec::Int8 => int8(matrix, d),
            Codec::Int4 => int4(matrix, d)?,
        };
        if identity != 0.0 {
            weight.iter_mut().step_by(d + 1).for_each(|diagonal| *diagonal += identity);
        }
        let finite = weight.iter().chain(&bias).all(|value| value.is_finite());
        ensure(finite, Refusal::Invalid("R12: a decoded value is not finite"))?;
        Ok(Self { codec, dimension, identity, weight, bias })
    }
}

/// Consecutive `f32`.
fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}

/// Consecutive `f16`, widened.
fn halves(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|chunk| f16::from_le_bytes(*chunk).to_f32()).collect()
}

/// One `f32` scale for each of `d` rows, then the signed bytes.
fn int8(matrix: &[u8], d: usize) -> Vec<f32> {
    let (scales, integers) = matrix.split_at(4 * d);
    let rows = floats(scales).into_iter().zip(integers.chunks_exact(d));
    rows.flat_map(|(scale, row)| row.iter().map(move |q| scale * f32::from(q.cast_signed()))).collect()
}

/// One `f16` scale for each group of each of `d` rows, then the halves of bytes, each row on bytes of its own.
fn int4(matrix: &[u8], d: usize) -> Decoded<Vec<f32>> {
    let (groups, row_bytes) = (d.div_ceil(GROUP), d.div_ceil(2));
    let (scales, integers) = matrix.split_at(2 * groups * d);
    let scales = halves(scales);
    let mut values = Vec::with_capacity(d * d);
    for (scales, row) in scales.chunks_exact(groups).zip(integers.chunks_exact(row_bytes)) {
        let halves: Vec<u8> = row.iter().flat_map(|byte| [byte & 0xf, byte >> 4]).collect();
        let (row, padding) = halves.split_at(d);
        ensure(padding.iter().all(|half| *half == 0), Refusal::Invalid("section 4: the last half byte of a row"))?;
        for (scale, group) in scales.iter().zip(row.chunks(GROUP)) {
            values.extend(group.iter().map(|half| scale * f32::from(sign_extended(*half))));
        }
    }
    Ok(values)
}

/// Four bits of two's complement, -8 to 7.
fn sign_extended(half: u8) -> i8 {
    (half << 4).cast_signed() >> 4
}
