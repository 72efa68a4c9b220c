//! Objects that hold maps, section 3.

use super::codec::{Codec, floats, halves};
use super::reader::{Decoded, Reader, Refusal, ensure};

/// The kinds of objects.
pub(crate) const DENSE: u16 = 1;
pub(crate) const LOW_RANK: u16 = 2;
pub(crate) const ANCHORS: u16 = 3;

/// The largest D (section 10).
pub(crate) const DIMENSION: u32 = 8192;

/// Reads a dimension, 1 to 8192.
pub(crate) fn dimension(reader: &mut Reader<'_>) -> Decoded<u32> {
    let dimension = reader.u32()?;
    ensure((1..=DIMENSION).contains(&dimension), Refusal::Invalid("section 10: dimension"))?;
    Ok(dimension)
}

/// One Embedding Space Map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    pub(crate) codec: Codec,
    pub(crate) dimension: u32,
    /// s.
    pub(crate) scale: f32,
    pub(crate) map: Map,
    /// b, D values.
    pub(crate) bias: Vec<f32>,
}

/// What stands before the bias.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Map {
    /// `f(x) = W x + b`: W, D x D, row-major.
    Dense { weight: Vec<f32> },
    /// `f(x) = s x + A (B x) + b`: the columns of A and the rows of B, each r x D.
    LowRank { a: Vec<f32>, b: Vec<f32> },
}

impl Object {
    /// Decodes the canonical bytes of an object that must be a map.
    pub(crate) fn decode(canonical: &[u8]) -> Decoded<Self> {
        let mut reader = Reader::new(canonical);
        let low_rank = match reader.u16()? {
            DENSE => false,
            LOW_RANK => true,
            ANCHORS => return Err(Refusal::Invalid("R19: an anchor set, not a map")),
            _ => return Err(Refusal::Newer("R13: kind")),
        };
        let codec = Codec::from_number(reader.u16()?)?;
        let dimension = dimension(&mut reader)?;
        let scale_bytes: [u8; 4] = reader.array()?;
        let scale = f32::from_le_bytes(scale_bytes);
        ensure(scale.is_finite(), Refusal::Invalid("section 3: scale is not finite"))?;
        let scale_allowed = low_rank || codec != Codec::F32 || scale_bytes == [0; 4];
        ensure(scale_allowed, Refusal::Invalid("section 3: dense f32 with a scale"))?;
        let rank = reader.u32()?;
        let largest = if low_rank { dimension / 2 } else { 0 };
        ensure(rank <= largest, Refusal::Invalid("section 3: rank"))?;

        let wide = |number| usize::try_from(number).map_err(|_| Refusal::Invalid("section 10: dimension"));
        let (d, r) = (wide(dimension)?, wide(rank)?);
        let length = if low_rank { codec.factors_length(d, r) } else { codec.matrix_length(d) };
        ensure(usize::try_from(reader.u64()?) == Ok(length), Refusal::Invalid("R14: length of R or of the factors"))?;
        let values = reader.take(length)?;
        let bias =
            if low_rank && codec != Codec::F32 { halves(reader.take(2 * d)?) } else { floats(reader.take(4 * d)?) };
        reader.finish()?;

        let map = if low_rank {
            let mut a = codec.factors(values, d, r)?;
            let b = a.split_off(r * d);
            Map::LowRank { a, b }
        } else {
            let mut weight = codec.matrix(values, d)?;
            if scale != 0.0 {
                weight.iter_mut().step_by(d + 1).for_each(|diagonal| *diagonal += scale);
            }
            Map::Dense { weight }
        };
        let finite = map.values().chain(&bias).all(|value| value.is_finite());
        ensure(finite, Refusal::Invalid("R12: a decoded value is not finite"))?;
        Ok(Self { codec, dimension, scale, map, bias })
    }

    /// Its kind.
    pub(crate) fn kind(&self) -> u16 {
        match self.map {
            Map::Dense { .. } => DENSE,
            Map::LowRank { .. } => LOW_RANK,
        }
    }
}

impl Map {
    /// Every value of the matrix, or of the factors.
    pub(crate) fn values(&self) -> impl Iterator<Item = &f32> {
        let (first, second) = match self {
            Self::Dense { weight } => (weight, None),
            Self::LowRank { a, b } => (a, Some(b)),
        };
        first.iter().chain(second.into_iter().flatten())
    }
}
