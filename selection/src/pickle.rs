//! `pytorch_model.bin`: the one home of candle's pickle reader.
//!
//! The reader builds tensors and dictionaries and executes nothing. It does index and shift unchecked, so that a damaged
//! file can make it panic; every call into it is guarded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use candle_core::pickle::PthTensors;
use candle_core::{DType, Tensor};
use esmhub_store_format::DenseMap;
use esmhub_store_format::exchange::{self, WeightsError};

/// A `pytorch_model.bin` was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PickleError {
    /// The file is there but cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not a checkpoint, or a damaged one.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What the reader says, where it says something.
        source: Option<Box<candle_core::Error>>,
    },
    /// A tensor's numbers are of a type that weights do not have.
    #[error("the tensor {name} has the type {found}, expected F32, F16, BF16 or F64")]
    TensorType {
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// The tensors make no ESM.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl PickleError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { .. } => Some("fetch or save the file again: it may be cut short".into()),
            Self::Weights(error) => error.hint(),
            Self::Read { .. } | Self::TensorType { .. } => None,
        }
    }
}

/// The ESM in a `pytorch_model.bin`.
///
/// # Errors
/// [`PickleError`].
pub fn read_pickle(path: &Path) -> Result<DenseMap, PickleError> {
    let file = PickleFile::open(path)?;
    let (weight, bias) = exchange::find_names(&file.names())?;
    let read = |name: &str| -> Result<exchange::Tensor, PickleError> {
        let shape = file.shape(name).unwrap_or_default().to_vec();
        let values = file.read(name)?.map(|tensor| to_f32(&tensor)).transpose().map_err(|e| file.unreadable(e))?;
        Ok(exchange::Tensor { name: name.to_owned(), shape, values: values.unwrap_or_default() })
    };
    Ok(exchange::dense_map(read(weight)?, read(bias)?)?)
}

fn to_f32(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

/// A checkpoint whose tensors are read one at a time.
pub(crate) struct PickleFile {
    path: PathBuf,
    tensors: PthTensors,
    size: u64,
}

impl PickleFile {
    pub(crate) fn open(path: &Path) -> Result<Self, PickleError> {
        let read = |source| PickleError::Read { path: path.to_owned(), source };
        let size = path.metadata().map_err(read)?.len();
        let tensors = guarded(path, || PthTensors::new(path, None))?;
        Ok(Self { path: path.to_owned(), tensors, size })
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.tensors.tensor_infos().keys().map(String::as_str).collect()
    }

    /// The shape that the file states; `None` where there is no such tensor.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.tensor_infos().get(name).map(|info| info.layout.dims())
    }

    /// A tensor of floats; `None` where there is none of this name.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Tensor>, PickleError> {
        let Some(info) = self.tensors.tensor_infos().get(name) else {
            return Ok(None);
        };
        if !matches!(info.dtype, DType::F32 | DType::F16 | DType::BF16 | DType::F64) {
            return Err(PickleError::TensorType { name: name.into(), found: format!("{:?}", info.dtype) });
        }
        // torch stores without compressing: more bytes than the file has cannot be there, and candle would allocate them
        // before it finds out.
        let dimensions = info.layout.dims().iter();
        let bytes = dimensions.fold(info.dtype.size_in_bytes() as u64, |n, &dim| n.saturating_mul(dim as u64));
        if bytes > self.size {
            return Err(self.damaged(format!("the tensor {name} is larger than the file")));
        }
        guarded(&self.path, || self.tensors.get(name))
    }

    fn damaged(&self, reason: String) -> PickleError {
        PickleError::Damaged { path: self.path.clone(), reason, source: None }
    }

    fn unreadable(&self, source: candle_core::Error) -> PickleError {
        let reason = "not a PyTorch checkpoint that can be read".into();
        PickleError::Damaged { path: self.path.clone(), reason, source: Some(Box::new(source)) }
    }
}

fn guarded<T>(path: &Path, work: impl FnOnce() -> candle_core::Result<T>) -> Result<T, PickleError> {
    let damaged = |reason: &str, source| PickleError::Damaged { path: path.to_owned(), reason: reason.into(), source };
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(damaged("not a PyTorch checkpoint that can be read", Some(Box::new(source)))),
        Err(_) => Err(damaged("damaged: the reader of PyTorch checkpoints gave up on it", None)),
    }
}
