//! `model.safetensors` of an ESM: a matrix and a bias, under the names of either version of hfselect.

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, View};

use crate::limits::{MAX_DIMENSION, MAX_OBJECT_BYTES};
use crate::object::DenseMap;
use crate::{FormatError, codec};

/// The largest `model.safetensors` that is read: a dense f64 map of the largest dimension, and room for its header.
pub const MAX_SAFETENSORS_BYTES: u64 = 2 * MAX_OBJECT_BYTES + (1 << 20);

/// The names under which hfselect keeps matrix and bias, from version 0.2.0 on and before.
const NAMES: [(&str, &str); 2] = [("model.weight", "model.bias"), ("sequential.0.weight", "sequential.0.bias")];

/// An ESM's weights were refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// Too large to be an ESM.
    #[error("the file has {found} bytes, at most {limit} are read")]
    TooLarge {
        /// Its size.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Not a safetensors file: cut short, or with a header that does not fit.
    #[error("not a safetensors file")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// The tensors of an ESM are not there.
    #[error(
        "no ESM: expected the tensors model.weight and model.bias (or sequential.0.weight and sequential.0.bias), found {found}"
    )]
    Missing {
        /// The tensors that are there.
        found: String,
    },
    /// A tensor's type cannot hold weights.
    #[error("{name} has the type {found}, expected F32, F16, BF16 or F64")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// A tensor's shape is not that of an ESM.
    #[error("{name} has the shape {found:?}, expected {expected}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that it should have.
        expected: String,
    },
    /// The values are not those of a map.
    #[error(transparent)]
    Values(#[from] FormatError),
}

impl WeightsError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Safetensors(_) => Some("fetch or save the file again: it may be cut short".into()),
            Self::Missing { .. } => Some("an ESM is a folder as hfselect saves it, not a whole language model".into()),
            Self::Values(FormatError::Invalid { .. }) => {
                Some("the training of this ESM has diverged; train it again".into())
            }
            _ => None,
        }
    }
}

/// One tensor as a file holds it: name, shape and values already turned into f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// The ESM in a safetensors file.
///
/// # Errors
/// [`WeightsError`].
pub fn read_safetensors(bytes: &[u8]) -> Result<DenseMap, WeightsError> {
    if bytes.len() as u64 > MAX_SAFETENSORS_BYTES {
        return Err(WeightsError::TooLarge { found: bytes.len() as u64, limit: MAX_SAFETENSORS_BYTES });
    }
    let file = SafeTensors::deserialize(bytes)?;
    let names: Vec<&str> = file.names();
    let (weight, bias) = find_names(&names)?;
    let read = |name: &str| -> Result<Tensor, WeightsError> {
        let tensor = file.tensor(name)?;
        let shape = tensor.shape().to_vec();
        check_shape(name, &shape)?;
        let values = to_f32(tensor.dtype(), tensor.data())
            .ok_or_else(|| WeightsError::Dtype { name: name.into(), found: format!("{:?}", tensor.dtype()) })?;
        Ok(Tensor { name: name.into(), shape, values })
    };
    dense_map(read(weight)?, read(bias)?)
}

/// The ESM that a matrix and a bias make, whatever file they came from.
///
/// # Errors
/// [`WeightsError::Shape`], [`WeightsError::Values`].
pub fn dense_map(weight: Tensor, bias: Tensor) -> Result<DenseMap, WeightsError> {
    let wrong = |tensor: Tensor, expected: String| {
        Err(WeightsError::Shape { name: tensor.name, found: tensor.shape, expected })
    };
    let [dimension] = *bias.shape.as_slice() else {
        return wrong(bias, "one dimension".into());
    };
    if weight.shape != [dimension, dimension] {
        return wrong(weight, format!("[{dimension}, {dimension}], because the bias has {dimension} values"));
    }
    Ok(DenseMap::new(weight.values, bias.values)?)
}

/// The names of matrix and bias among these.
///
/// # Errors
/// [`WeightsError::Missing`] where neither pair of names is there.
pub fn find_names(names: &[&str]) -> Result<(&'static str, &'static str), WeightsError> {
    let complete = |(weight, bias): &(&str, &str)| names.contains(weight) && names.contains(bias);
    NAMES.into_iter().find(complete).ok_or_else(|| {
        let mut found: Vec<&str> = names.to_vec();
        found.sort_unstable();
        let more = found.len().saturating_sub(8);
        found.truncate(8);
        let mut found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
        if more > 0 {
            found.push_str(&format!(" and {more} more"));
        }
        WeightsError::Missing { found }
    })
}

/// The ESM as hfselect loads it: `model.weight` and `model.bias`, f32.
pub fn write_safetensors(map: &DenseMap) -> Result<Vec<u8>, WeightsError> {
    let dimension = map.dimension() as usize;
    let tensors = [
        ("model.bias", F32Tensor { shape: vec![dimension], values: map.bias() }),
        ("model.weight", F32Tensor { shape: vec![dimension, dimension], values: map.weight() }),
    ];
    Ok(safetensors::serialize(tensors, None)?)
}

struct F32Tensor<'a> {
    shape: Vec<usize>,
    values: &'a [f32],
}

impl View for F32Tensor<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        codec::write_f32(self.values, &mut bytes);
        bytes.into()
    }

    fn data_len(&self) -> usize {
        4 * self.values.len()
    }
}

fn check_shape(name: &str, shape: &[usize]) -> Result<(), WeightsError> {
    if shape.iter().any(|&n| n == 0 || n > MAX_DIMENSION as usize) {
        let expected = format!("dimensions of 1 to {MAX_DIMENSION}");
        return Err(WeightsError::Shape { name: name.into(), found: shape.to_vec(), expected });
    }
    Ok(())
}

fn to_f32(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F32 => codec::read_f32(bytes),
        Dtype::F16 => bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        _ => return None,
    })
}
