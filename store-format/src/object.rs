//! Objects: immutable canonical bytes that hold the weights of one ESM (R10 to R14).
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 2 | kind: 1 dense map |
//! | 2 | 2 | codec |
//! | 4 | 4 | dimension D |
//! | 8 | 4 | identity, f32: what is added to every value of the diagonal |
//! | 12 | 4 | 0 |
//! | 16 | 8 | length of the matrix in bytes |
//! | 24 | … | the matrix, as the codec writes it |
//! | … | 4 D | bias, f32 |

use bincode::{Decode, Encode};

use crate::codec::{Codec, read_f32, write_f32};
use crate::limits::MAX_DIMENSION;
use crate::{Digest, FormatError, frame, wire};

/// The kind of a dense map in an object's header.
pub const KIND_DENSE: u16 = 1;
const HEADER_BYTES: usize = 24;

#[derive(Encode, Decode)]
struct Header {
    kind: u16,
    codec: u16,
    dimension: u32,
    identity: f32,
    reserved: u32,
    matrix_bytes: u64,
}

/// A dense ESM, `f(x) = W x + b`: what the peer package trains, and what any object decodes to.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseMap {
    dimension: u32,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl DenseMap {
    /// Takes `W` (D x D, row-major: `weight[i * D + j]` takes input j to output i) and `b` (D values).
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where D is 0 or over [`MAX_DIMENSION`], the lengths do not fit, or a value is not finite.
    pub fn new(weight: Vec<f32>, bias: Vec<f32>) -> Result<Self, FormatError> {
        let dimension = u32::try_from(bias.len()).unwrap_or(u32::MAX);
        if dimension == 0 || dimension > MAX_DIMENSION {
            return Err(FormatError::invalid("bias", format!("{} values, expected 1 to {MAX_DIMENSION}", bias.len())));
        }
        if weight.len() != bias.len() * bias.len() {
            let detail = format!("{} values, expected {dimension} x {dimension}", weight.len());
            return Err(FormatError::invalid("weight", detail));
        }
        for (what, values) in [("weight", &weight), ("bias", &bias)] {
            if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                let found = values.get(at).copied().unwrap_or_default();
                let detail = if what == "bias" {
                    format!("value {at} is {found}, expected a finite number")
                } else {
                    format!("row {}, column {} is {found}, expected a finite number", at / bias.len(), at % bias.len())
                };
                return Err(FormatError::invalid(what, detail));
            }
        }
        Ok(Self { dimension, weight, bias })
    }

    /// The dimension D of the embeddings.
    pub fn dimension(&self) -> u32 {
        self.dimension
    }

    /// `W`, D x D, row-major.
    pub fn weight(&self) -> &[f32] {
        &self.weight
    }

    /// `b`, D values.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// How far another map is from this one, as a share of what this one changes: `|W' - W| / |W - I|` (Frobenius).
    ///
    /// 0 where they are equal; the plain distance where this map is the identity.
    pub fn relative_error(&self, other: &Self) -> f64 {
        let mut changed = 0.0;
        let mut apart = 0.0;
        let diagonal = self.dimension as usize + 1;
        for (at, (&w, &v)) in self.weight.iter().zip(&other.weight).enumerate() {
            let identity = if at % diagonal == 0 { 1.0 } else { 0.0 };
            changed += (f64::from(w) - identity).powi(2);
            apart += (f64::from(v) - f64::from(w)).powi(2);
        }
        if changed > 0.0 { (apart / changed).sqrt() } else { apart.sqrt() }
    }
}

/// An object: canonical bytes, checked once, with their digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    digest: Digest,
    canonical: Vec<u8>,
    codec: Codec,
    map: DenseMap,
}

impl Object {
    /// Writes a map with a codec. [`Object::map`] is then what a reader will see: the decoded values, not those given.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where a value is beyond the codec's range.
    pub fn encode(map: &DenseMap, codec: Codec) -> Result<Self, FormatError> {
        let dimension = map.dimension as usize;
        let identity = if codec == Codec::F32 { 0.0 } else { mean_diagonal(map) };
        let mut residual = map.weight.clone();
        add_to_diagonal(&mut residual, dimension, -identity);
        let mut canonical = wire::encode::<HEADER_BYTES, _>(
            "object",
            &Header {
                kind: KIND_DENSE,
                codec: codec.code(),
                dimension: map.dimension,
                identity,
                reserved: 0,
                matrix_bytes: codec.matrix_bytes(map.dimension),
            },
        )?;
        codec.write(dimension, &residual, &mut canonical)?;
        write_f32(&map.bias, &mut canonical);
        Self::from_canonical(canonical)
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`FormatError::Newer`] for a kind or codec that this program does not know, [`FormatError::Invalid`] where a rule
    /// is broken.
    pub fn from_canonical(canonical: Vec<u8>) -> Result<Self, FormatError> {
        let (codec, map) = decode_dense(&canonical)?;
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

    /// How its matrix is written.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The map that it holds.
    pub fn map(&self) -> &DenseMap {
        &self.map
    }

    /// The map that it holds, taken out.
    pub fn into_map(self) -> DenseMap {
        self.map
    }
}

fn decode_dense(canonical: &[u8]) -> Result<(Codec, DenseMap), FormatError> {
    let what = "object";
    let (kind, _) = wire::decode_prefix::<2, u16>(what, canonical)?;
    if kind != KIND_DENSE {
        return Err(FormatError::Newer { what, found: u32::from(kind), supported: u32::from(KIND_DENSE) });
    }
    let ((_, code), _) = wire::decode_prefix::<4, (u16, u16)>(what, canonical)?;
    let Some(codec) = Codec::from_code(code) else {
        let supported = u32::from(Codec::Int4.code());
        return Err(FormatError::Newer { what: "codec", found: u32::from(code), supported });
    };
    let (header, body): (Header, _) = wire::decode_prefix::<HEADER_BYTES, _>(what, canonical)?;
    let dimension = header.dimension;
    if dimension == 0 || dimension > MAX_DIMENSION {
        return Err(FormatError::invalid(what, format!("dimension {dimension}, expected 1 to {MAX_DIMENSION}")));
    }
    if header.reserved != 0 || !header.identity.is_finite() || (codec == Codec::F32 && header.identity.to_bits() != 0) {
        return Err(FormatError::invalid(what, "its header has a value that the format does not allow"));
    }
    let expected = codec.matrix_bytes(dimension);
    if header.matrix_bytes != expected || body.len() as u64 != expected + 4 * u64::from(dimension) {
        let (stated, found) = (header.matrix_bytes, body.len());
        let detail = format!(
            "a {codec} matrix of dimension {dimension} has {expected} bytes: {stated} are stated, {found} follow"
        );
        return Err(FormatError::invalid(what, detail));
    }
    let (matrix, bias) = body.split_at_checked(expected as usize).unwrap_or_default();
    let mut weight = codec.read(dimension as usize, matrix)?;
    if header.identity != 0.0 {
        add_to_diagonal(&mut weight, dimension as usize, header.identity);
    }
    Ok((codec, DenseMap::new(weight, read_f32(bias))?))
}

fn mean_diagonal(map: &DenseMap) -> f32 {
    let dimension = map.dimension as usize;
    let sum: f64 = map.weight.iter().step_by(dimension + 1).map(|&v| f64::from(v)).sum();
    (sum / f64::from(map.dimension)) as f32
}

fn add_to_diagonal(weight: &mut [f32], dimension: usize, value: f32) {
    weight.iter_mut().step_by(dimension + 1).for_each(|w| *w += value);
}
