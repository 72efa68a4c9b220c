//! Low-rank maps, kind 2: a scaled identity, two factors and a bias.
//!
//! `f(x) = s x + A (B x) + b` with A of D x r and B of r x D takes `2 r D` values where a dense map takes `D^2`. Fine-tuning
//! moves embeddings in few directions, so a rank of D/12 keeps what a ranking needs.
//!
//! The factors are written as one matrix of 2 r rows and D columns: the columns of A, then the rows of B. Row k and row
//! r + k together are *component* k; a fit writes its components by what they contribute, so that the first of them are
//! the best map of a smaller rank.

use super::{Header, KIND_LOW_RANK};
use crate::FormatError;
use crate::codec::{Codec, read_f16, read_f32, write_f16, write_f32};
use crate::limits::MAX_DIMENSION;
use crate::object::DenseMap;

/// A low-rank ESM, `f(x) = s x + A (B x) + b`.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRankMap {
    dimension: u32,
    rank: u32,
    scale: f32,
    /// The columns of A, then the rows of B: 2 r x D, row-major.
    factors: Vec<f32>,
    bias: Vec<f32>,
}

impl LowRankMap {
    /// The largest rank of a map of this dimension: beyond it, a dense map is smaller.
    pub const fn max_rank(dimension: u32) -> u32 {
        dimension / 2
    }

    /// Takes `s`; the columns of A and then the rows of B (together 2 r x D, row-major); and `b` (D values).
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where D is 0 or over [`MAX_DIMENSION`], r is over [`LowRankMap::max_rank`], the lengths do
    /// not fit, or a value is not finite.
    pub fn new(scale: f32, factors: Vec<f32>, bias: Vec<f32>) -> Result<Self, FormatError> {
        let dimension = u32::try_from(bias.len()).unwrap_or(u32::MAX);
        if dimension == 0 || dimension > MAX_DIMENSION {
            return Err(FormatError::invalid("bias", format!("{} values, expected 1 to {MAX_DIMENSION}", bias.len())));
        }
        if !factors.len().is_multiple_of(2 * bias.len()) {
            let detail = format!("{} values, expected a multiple of 2 x {dimension}", factors.len());
            return Err(FormatError::invalid("factors", detail));
        }
        let rank = u32::try_from(factors.len() / (2 * bias.len())).unwrap_or(u32::MAX);
        check_rank(rank, dimension)?;
        for (what, values) in [("scale", &[scale][..]), ("factors", &factors), ("bias", &bias)] {
            if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                let found = values.get(at).copied().unwrap_or_default();
                return Err(FormatError::invalid(what, format!("value {at} is {found}, expected a finite number")));
            }
        }
        Ok(Self { dimension, rank, scale, factors, bias })
    }

    /// The dimension D of the embeddings.
    pub fn dimension(&self) -> u32 {
        self.dimension
    }

    /// The rank r of the factors.
    pub fn rank(&self) -> u32 {
        self.rank
    }

    /// `s`, what the identity is multiplied by.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The columns of A, r x D, row-major: `a()[k * D + i]` takes component k to output i.
    pub fn a(&self) -> &[f32] {
        self.halves().0
    }

    /// The rows of B, r x D, row-major: `b()[k * D + j]` takes input j to component k.
    pub fn b(&self) -> &[f32] {
        self.halves().1
    }

    /// The bias `b`, D values.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    fn halves(&self) -> (&[f32], &[f32]) {
        self.factors.split_at_checked(self.factors.len() / 2).unwrap_or_default()
    }

    /// The components: for each the column of A and the row of B.
    fn components(&self) -> impl Iterator<Item = (&[f32], &[f32])> {
        let (a, b) = self.halves();
        a.chunks_exact(self.bias.len()).zip(b.chunks_exact(self.bias.len()))
    }

    /// The map of its first `rank` components; all of them where it has no more.
    pub fn truncated(&self, rank: u32) -> Self {
        let values = self.bias.len() * rank.min(self.rank) as usize;
        let first = |half: &[f32]| half.get(..values).map(<[f32]>::to_vec).unwrap_or_default();
        let (a, b) = self.halves();
        let factors = [first(a), first(b)].concat();
        Self { rank: rank.min(self.rank), factors, bias: self.bias.clone(), ..*self }
    }

    /// The same map with the two halves of every component equally long: `A_k` and `B_k` may be scaled against each other
    /// at will, and this choice keeps both as far as can be from the ends of f16's range. Groups with a scale of their
    /// own make the choice indifferent for the integer codecs, up to the rounding of the scales.
    #[must_use]
    pub fn balanced(&self) -> Self {
        let norm = |row: &[f32]| row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for (a, b) in self.components() {
            let (long, short) = (norm(a), norm(b));
            // A component with an empty half contributes nothing, however its other half is scaled.
            let (up, down) =
                if long > 0.0 && short > 0.0 { ((short / long).sqrt(), (long / short).sqrt()) } else { (0.0, 0.0) };
            let scaled = |row: &[f32], by: f64| row.iter().map(|&v| (f64::from(v) * by) as f32).collect::<Vec<_>>();
            let (even_a, even_b) = (scaled(a, up), scaled(b, down));
            // Near the end of f32's range, a component of even halves can be beyond it: such a one stays as it is.
            let fits = even_a.iter().chain(&even_b).all(|v| v.is_finite());
            left.extend_from_slice(if fits { &even_a } else { a });
            right.extend_from_slice(if fits { &even_b } else { b });
        }
        Self { factors: [left, right].concat(), bias: self.bias.clone(), ..*self }
    }

    /// The map with its matrix written out: `W = s I + A B`, computed in f64.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where a value of `W` is beyond f32.
    pub fn to_dense(&self) -> Result<DenseMap, FormatError> {
        let dimension = self.bias.len();
        let mut weight = Vec::with_capacity(dimension * dimension);
        let mut row = vec![0.0f64; dimension];
        let (a, b) = self.halves();
        let b: Vec<f64> = b.iter().map(|&value| f64::from(value)).collect();
        for i in 0..dimension {
            row.fill(0.0);
            for (a, b) in a.iter().skip(i).step_by(dimension).zip(b.chunks_exact(dimension)) {
                let a = f64::from(*a);
                row.iter_mut().zip(b).for_each(|(sum, b)| *sum += a * b);
            }
            if let Some(diagonal) = row.get_mut(i) {
                *diagonal += f64::from(self.scale);
            }
            weight.extend(row.iter().map(|&value| value as f32));
        }
        DenseMap::new(weight, self.bias.clone())
    }
}

fn check_rank(rank: u32, dimension: u32) -> Result<(), FormatError> {
    let most = LowRankMap::max_rank(dimension);
    if rank > most {
        return Err(FormatError::invalid("rank", format!("{rank}, expected 0 to {most} at dimension {dimension}")));
    }
    Ok(())
}

/// Writes a low-rank map.
pub(super) fn encode(map: &LowRankMap, codec: Codec) -> Result<Vec<u8>, FormatError> {
    let mut canonical = Header {
        kind: KIND_LOW_RANK,
        codec: codec.code(),
        dimension: map.dimension,
        scale: map.scale,
        rank: map.rank,
        matrix_bytes: codec.factor_bytes(map.dimension, map.rank),
    }
    .encode()?;
    if codec == Codec::F32 {
        write_f32(&map.factors, &mut canonical);
        write_f32(&map.bias, &mut canonical);
    } else {
        codec.write_factors(map.dimension as usize, &map.balanced().factors, &mut canonical)?;
        write_f16(&map.bias, &mut canonical)?;
    }
    Ok(canonical)
}

/// Reads what stands behind the header.
pub(super) fn decode(header: &Header, codec: Codec, body: &[u8]) -> Result<LowRankMap, FormatError> {
    let Header { dimension, rank, scale, .. } = *header;
    check_rank(rank, dimension)?;
    let factors = codec.factor_bytes(dimension, rank);
    let bias = u64::from(dimension) * if codec == Codec::F32 { 4 } else { 2 };
    if header.matrix_bytes != factors || body.len() as u64 != factors + bias {
        let (stated, found) = (header.matrix_bytes, body.len());
        let detail = format!(
            "{codec} factors of dimension {dimension} and rank {rank} have {factors} bytes: {stated} are stated, {found} follow"
        );
        return Err(FormatError::invalid("object", detail));
    }
    let (factors, bias) = body.split_at_checked(factors as usize).unwrap_or_default();
    let bias = if codec == Codec::F32 { read_f32(bias) } else { read_f16(bias) };
    LowRankMap::new(scale, codec.read_factors(dimension as usize, factors)?, bias)
}
