//! Objects: immutable canonical bytes that hold the weights of one ESM (R10 to R19).
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 2 | kind: 1 dense map, 2 low-rank map (3 is an anchor set, [`crate::anchors`]) |
//! | 2 | 2 | codec |
//! | 4 | 4 | dimension D |
//! | 8 | 4 | scale, f32: what is added to every value of the diagonal |
//! | 12 | 4 | rank r; 0 for a dense map |
//! | 16 | 8 | length of the matrix or of the factors in bytes |
//! | 24 | … | the matrix, or the factors, as the codec writes them |
//! | … | … | bias: D values of f32, or of f16 for a low-rank map whose codec is not `f32` |

mod dense;
mod low_rank;
mod map;

use bincode::{Decode, Encode};

pub use dense::DenseMap;
pub use low_rank::LowRankMap;
pub use map::Map;

use crate::codec::{Codec, write_f16, write_f32};
use crate::limits::MAX_DIMENSION;
use crate::{Digest, FormatError, frame, wire};

/// The kind of a dense map in an object's header.
pub const KIND_DENSE: u16 = 1;
/// The kind of a scaled identity plus a map of low rank.
pub const KIND_LOW_RANK: u16 = 2;
/// The kind of an anchor set, which is no map.
pub const KIND_ANCHORS: u16 = 3;
pub(crate) const HEADER_BYTES: usize = 24;

#[derive(Encode, Decode)]
struct Header {
    kind: u16,
    codec: u16,
    dimension: u32,
    scale: f32,
    rank: u32,
    matrix_bytes: u64,
}

impl Header {
    fn encode(&self) -> Result<Vec<u8>, FormatError> {
        wire::encode::<HEADER_BYTES, _>("object", self)
    }
}

/// An object: canonical bytes, checked once, with their digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    digest: Digest,
    canonical: Vec<u8>,
    codec: Codec,
    map: Map,
}

impl Object {
    /// Writes a dense map with a codec. [`Object::map`] is then what a reader will see: the decoded values, not those given.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where a value is beyond the codec's range.
    pub fn encode(map: &DenseMap, codec: Codec) -> Result<Self, FormatError> {
        Self::from_canonical(dense::encode(map, codec)?)
    }

    /// Writes a low-rank map with a codec for its factors. All codecs but `f32` first balance them
    /// ([`LowRankMap::balanced`]).
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where a value is beyond the codec's range.
    pub fn encode_low_rank(map: &LowRankMap, codec: Codec) -> Result<Self, FormatError> {
        Self::from_canonical(low_rank::encode(map, codec)?)
    }

    /// Writes a map of either kind with a codec.
    ///
    /// # Errors
    /// As [`Object::encode`] and [`Object::encode_low_rank`].
    pub fn encode_map(map: &Map, codec: Codec) -> Result<Self, FormatError> {
        match map {
            Map::Dense(map) => Self::encode(map, codec),
            Map::LowRank(map) => Self::encode_low_rank(map, codec),
        }
    }

    /// The same scale and matrix or factors, to the bit, with another bias.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where it has not D values, or one of them is beyond the codec's range.
    pub fn with_bias(&self, bias: &[f32]) -> Result<Self, FormatError> {
        let held = self.map.bias().len();
        if bias.len() != held {
            return Err(FormatError::invalid("bias", format!("{} values, expected {held}", bias.len())));
        }
        let width = if self.map.rank().is_some() && self.codec != Codec::F32 { 2 } else { 4 };
        let kept = self.canonical.len().saturating_sub(width * held);
        let mut canonical = self.canonical.get(..kept).unwrap_or_default().to_vec();
        if width == 2 {
            write_f16(bias, &mut canonical)?
        } else {
            write_f32(bias, &mut canonical)
        }
        Self::from_canonical(canonical)
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`FormatError::Newer`] for a kind or codec that this program does not know, [`FormatError::Invalid`] where a rule
    /// is broken, or where the bytes are those of an anchor set.
    pub fn from_canonical(canonical: Vec<u8>) -> Result<Self, FormatError> {
        let (codec, map) = decode(&canonical)?;
        Ok(Self { digest: Digest::of(&canonical), canonical, codec, map })
    }

    /// Reads a frame, as it lies on disk, that must hold the object of this digest.
    ///
    /// # Errors
    /// As [`frame::decode_as`] and [`Object::from_canonical`].
    pub fn from_frame(bytes: &[u8], expected: &Digest) -> Result<Self, FormatError> {
        Self::from_canonical(frame::decode_as(frame::Content::Object, bytes, expected)?)
    }

    /// The frame that goes to disk.
    ///
    /// # Errors
    /// [`FormatError::TooLarge`] over [`crate::limits::MAX_OBJECT_BYTES`].
    pub fn to_frame(&self) -> Result<Vec<u8>, FormatError> {
        frame::encode(frame::Content::Object, &self.canonical)
    }

    /// Its name: the digest of its canonical bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its canonical bytes.
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// How its matrix or its factors are written.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The map that it holds.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The map that it holds, taken out.
    pub fn into_map(self) -> Map {
        self.map
    }
}

fn decode(canonical: &[u8]) -> Result<(Codec, Map), FormatError> {
    let what = "object";
    let (kind, _) = wire::decode_prefix::<2, u16>(what, canonical)?;
    match kind {
        KIND_DENSE | KIND_LOW_RANK => {}
        KIND_ANCHORS => return Err(FormatError::invalid(what, "it is an anchor set, a map is expected")),
        _ => return Err(FormatError::Newer { what, found: u32::from(kind), supported: u32::from(KIND_ANCHORS) }),
    }
    let ((_, code), _) = wire::decode_prefix::<4, (u16, u16)>(what, canonical)?;
    let Some(codec) = Codec::from_code(code) else {
        let supported = u32::from(Codec::Int4.code());
        return Err(FormatError::Newer { what: "codec", found: u32::from(code), supported });
    };
    let (header, body): (Header, _) = wire::decode_prefix::<HEADER_BYTES, _>(what, canonical)?;
    if header.dimension == 0 || header.dimension > MAX_DIMENSION {
        let dimension = header.dimension;
        return Err(FormatError::invalid(what, format!("dimension {dimension}, expected 1 to {MAX_DIMENSION}")));
    }
    let map = match kind {
        KIND_LOW_RANK => low_rank::decode(&header, codec, body)?.into(),
        _ => dense::decode(&header, codec, body)?.into(),
    };
    Ok((codec, map))
}
