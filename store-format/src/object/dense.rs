//! Dense maps, kind 1: what the peer package trains.
//!
//! The matrix is written as `W - identity * I`: what fine-tuning does is close to a scaled identity, so the diagonal would
//! otherwise dominate every scale. `f32` keeps `W` itself, bit for bit.

use super::Header;
use crate::FormatError;
use crate::codec::{Codec, read_f32, write_f32};
use crate::limits::MAX_DIMENSION;

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

/// Writes a dense map.
pub(super) fn encode(map: &DenseMap, codec: Codec) -> Result<Vec<u8>, FormatError> {
    let dimension = map.dimension as usize;
    let identity = if codec == Codec::F32 { 0.0 } else { mean_diagonal(map) };
    let mut residual = map.weight.clone();
    add_to_diagonal(&mut residual, dimension, -identity);
    let mut canonical = Header {
        kind: super::KIND_DENSE,
        codec: codec.code(),
        dimension: map.dimension,
        scale: identity,
        rank: 0,
        matrix_bytes: codec.matrix_bytes(map.dimension),
    }
    .encode()?;
    codec.write(dimension, &residual, &mut canonical)?;
    write_f32(&map.bias, &mut canonical);
    Ok(canonical)
}

/// Reads what stands behind the header.
pub(super) fn decode(header: &Header, codec: Codec, body: &[u8]) -> Result<DenseMap, FormatError> {
    let dimension = header.dimension;
    if header.rank != 0 || !header.scale.is_finite() || (codec == Codec::F32 && header.scale.to_bits() != 0) {
        return Err(FormatError::invalid("object", "its header has a value that the format does not allow"));
    }
    let expected = codec.matrix_bytes(dimension);
    if header.matrix_bytes != expected || body.len() as u64 != expected + 4 * u64::from(dimension) {
        let (stated, found) = (header.matrix_bytes, body.len());
        let detail = format!(
            "a {codec} matrix of dimension {dimension} has {expected} bytes: {stated} are stated, {found} follow"
        );
        return Err(FormatError::invalid("object", detail));
    }
    let (matrix, bias) = body.split_at_checked(expected as usize).unwrap_or_default();
    let mut weight = codec.read(dimension as usize, matrix)?;
    if header.scale != 0.0 {
        add_to_diagonal(&mut weight, dimension as usize, header.scale);
    }
    DenseMap::new(weight, read_f32(bias))
}

fn mean_diagonal(map: &DenseMap) -> f32 {
    let dimension = map.dimension as usize;
    let sum: f64 = map.weight.iter().step_by(dimension + 1).map(|&v| f64::from(v)).sum();
    (sum / f64::from(map.dimension)) as f32
}

fn add_to_diagonal(weight: &mut [f32], dimension: usize, value: f32) {
    weight.iter_mut().step_by(dimension + 1).for_each(|w| *w += value);
}
