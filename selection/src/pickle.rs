//! `pytorch_model.bin`: the one home of candle's pickle reader.
//!
//! The reader builds tensors and dictionaries and executes nothing. It trusts the file with lengths, copies and depth, so
//! that a hostile one could exhaust the memory or the stack: a scan with limits comes first. It also indexes unchecked, so
//! that a damaged file can make it panic; every call into it is guarded.

mod scan;

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use candle_core::pickle::PthTensors;
use candle_core::{DType, Tensor};
use esmhub_store_format::DenseMap;
use esmhub_store_format::exchange::{self, WeightsError};
use zip::ZipArchive;
use zip::result::ZipError;

/// Bytes of `data.pkl`, which describes the tensors but does not hold their numbers: a model of 1,000 tensors needs some
/// 190,000.
const MAX_PICKLE: u64 = 8 << 20;
/// Bytes of the name of `data.pkl` with its folder, which torch names after the file. candle copies it for every tensor.
const MAX_ENTRY_NAME: usize = 512;
/// Characters of what a reader says.
const MAX_CAUSE: usize = 200;

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
        let values = file.read(name)?.map(|tensor| to_f32(&tensor)).transpose().map_err(|e| unreadable(path, e))?;
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
        guarded(path, || check(path))??;
        let tensors = guarded(path, || PthTensors::new(path, None))?.map_err(|e| unreadable(path, e))?;
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
        if bytes.saturating_add(info.layout.start_offset() as u64) > self.size {
            return Err(damaged(&self.path, format!("the tensor {name} is larger than the file")));
        }
        guarded(&self.path, || self.tensors.get(name))?.map_err(|e| unreadable(&self.path, e))
    }
}

/// Refuses what candle's reader must not be given.
fn check(path: &Path) -> Result<(), PickleError> {
    let read = |source| PickleError::Read { path: path.to_owned(), source };
    let damaged = |reason| damaged(path, reason);
    let unpacking = |error: ZipError| damaged(format!("an entry cannot be unpacked: {}", first_line(error)));

    let file = File::open(path).map_err(read)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| match error {
        ZipError::Io(error) if error.kind() != ErrorKind::UnexpectedEof => read(error),
        _ => damaged("not a zip archive: PyTorch before 1.6 wrote another format, or the file is damaged".into()),
    })?;
    let names = archive.file_names().map(|name| name.map(|name| name.into_owned()));
    let names = names.collect::<Result<Vec<String>, _>>().map_err(unpacking)?;

    for name in names.iter().filter(|name| name.rsplit('/').next() == Some("byteorder")) {
        let entry = archive.by_name(name).map_err(unpacking)?;
        let mut order = Vec::new();
        entry.take(16).read_to_end(&mut order).map_err(|error| unpacking(ZipError::Io(error)))?;
        if order.trim_ascii() == b"big" {
            return Err(damaged("its byte order is big, expected little".into()));
        }
    }

    // candle would read all that end so and merge them.
    let pickles: Vec<&String> = names.iter().filter(|name| name.ends_with("data.pkl")).collect();
    let [name] = pickles[..] else {
        return Err(damaged(format!("a zip archive with {} entries data.pkl, expected 1", pickles.len())));
    };
    if name.len() > MAX_ENTRY_NAME {
        let reason = format!("the name of data.pkl has {} bytes, expected at most {MAX_ENTRY_NAME}", name.len());
        return Err(damaged(reason));
    }
    let entry = archive.by_name(name).map_err(unpacking)?;
    let mut pickle = Vec::new();
    let limited = entry.take(MAX_PICKLE.saturating_add(1));
    BufReader::new(limited).read_to_end(&mut pickle).map_err(|error| unpacking(ZipError::Io(error)))?;
    if pickle.len() as u64 > MAX_PICKLE {
        return Err(damaged(format!("data.pkl has more than {MAX_PICKLE} bytes")));
    }
    scan::scan(&pickle).map(drop).map_err(|flaw| damaged(format!("data.pkl: {flaw}")))
}

fn damaged(path: &Path, reason: String) -> PickleError {
    PickleError::Damaged { path: path.to_owned(), reason }
}

fn unreadable(path: &Path, error: candle_core::Error) -> PickleError {
    damaged(path, format!("not a PyTorch checkpoint that can be read: {}", first_line(error)))
}

/// The rest may be a backtrace, and the line may quote the file.
fn first_line(error: impl Display) -> String {
    error.to_string().lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(MAX_CAUSE).collect()
}

fn guarded<T>(path: &Path, work: impl FnOnce() -> T) -> Result<T, PickleError> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| damaged(path, "damaged: the reader of PyTorch checkpoints gave up on it".into()))
}

#[cfg(test)]
mod tests;
