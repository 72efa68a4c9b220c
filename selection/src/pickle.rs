//! `pytorch_model.bin`: the one home of candle's pickle reader.
//!
//! The reader builds tensors and dictionaries and executes nothing. It trusts the file with lengths, copies and depth, so
//! that a hostile one could exhaust the memory or the stack: a scan with limits comes first. It also indexes unchecked, so
//! that a damaged file can make it panic; every call into it is guarded. Only its parts are used, because the whole prints
//! a line for every tensor of a type that it does not know.

mod scan;

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use candle_core::pickle::{Object, Stack, TensorInfo};
use candle_core::{DType, Device, Tensor};
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
    /// By name; why, where candle does not know how to read it.
    tensors: HashMap<String, Result<TensorInfo, String>>,
    size: u64,
}

impl PickleFile {
    pub(crate) fn open(path: &Path) -> Result<Self, PickleError> {
        let size = path.metadata().map_err(|source| PickleError::Read { path: path.to_owned(), source })?.len();
        let tensors = guarded(path, || tensors(path))??;
        Ok(Self { path: path.to_owned(), tensors, size })
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.tensors.keys().map(String::as_str).collect()
    }

    /// The shape that the file states; `None` where there is no such tensor, or none that can be read.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name)?.as_ref().ok().map(|info| info.layout.dims())
    }

    /// A tensor of floats; `None` where there is none of this name.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Tensor>, PickleError> {
        let info = match self.tensors.get(name) {
            None => return Ok(None),
            Some(Err(reason)) => {
                return Err(damaged(&self.path, format!("the tensor {name} cannot be read: {reason}")));
            }
            Some(Ok(info)) => info,
        };
        if !matches!(info.dtype, DType::F32 | DType::F16 | DType::BF16 | DType::F64) {
            return Err(PickleError::TensorType { name: name.into(), found: format!("{:?}", info.dtype) });
        }
        // torch stores without compressing: more bytes than the file has cannot be there.
        let dimensions = info.layout.dims().iter();
        let bytes = dimensions.fold(info.dtype.size_in_bytes() as u64, |n, &dim| n.saturating_mul(dim as u64));
        if bytes.saturating_add(info.layout.start_offset() as u64) > self.size {
            return Err(damaged(&self.path, format!("the tensor {name} is larger than the file")));
        }
        let tensor = guarded(&self.path, || values(&self.path, info, bytes))?;
        tensor.map(Some).map_err(|error| unreadable(&self.path, error))
    }
}

/// What the pickle says of its tensors.
fn tensors(path: &Path) -> Result<HashMap<String, Result<TensorInfo, String>>, PickleError> {
    let (name, pickle) = checked_pickle(path)?;
    let failed = |error| unreadable(path, error);
    let mut stack = Stack::empty();
    stack.read_loop(&mut &*pickle).map_err(failed)?;
    // Where else it is, there are no tensors that this reader knows.
    let Object::Dict(pairs) = stack.finalize().map_err(failed)? else {
        return Ok(HashMap::new());
    };
    let folder = PathBuf::from(name.strip_suffix(".pkl").unwrap_or(&name));
    let mut tensors = HashMap::new();
    for (key, value) in pairs {
        let Object::Unicode(name) = &key else { continue };
        let name = name.clone();
        let tensor = match value.into_tensor_info(key, &folder) {
            Ok(Some(info)) => Ok(info),
            Ok(None) => continue,
            Err(error) => Err(first_line(error)),
        };
        // Which of them is meant, readers disagree on.
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(damaged(path, format!("the tensor {} is there twice", short(&name))));
        }
    }
    Ok(tensors)
}

/// The numbers of a tensor, which lie in an entry of their own.
fn values(path: &Path, info: &TensorInfo, bytes: u64) -> candle_core::Result<Tensor> {
    let layout = &info.layout;
    let is_transposed = !layout.is_contiguous() && layout.is_fortran_contiguous();
    if !layout.is_contiguous() && !is_transposed {
        candle_core::bail!("the tensor {} is not contiguous", short(&info.name));
    }
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    let mut entry = archive.by_name(&info.path)?;
    std::io::copy(&mut entry.by_ref().take(layout.start_offset() as u64), &mut std::io::sink())?;
    let mut values = Vec::new();
    entry.take(bytes).read_to_end(&mut values)?;
    if values.len() as u64 != bytes {
        candle_core::bail!("the tensor {} has {} bytes, expected {bytes}", short(&info.name), values.len());
    }
    if is_transposed {
        let reversed: Vec<usize> = layout.dims().iter().rev().copied().collect();
        return Tensor::from_raw_buffer(&values, info.dtype, &reversed, &Device::Cpu)?.t();
    }
    Tensor::from_raw_buffer(&values, info.dtype, layout.dims(), &Device::Cpu)
}

/// The pickle, and the name of its entry; refused is what candle's reader must not be given.
fn checked_pickle(path: &Path) -> Result<(String, Vec<u8>), PickleError> {
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
    scan::scan(&pickle).map_err(|flaw| damaged(format!("data.pkl: {flaw}")))?;
    Ok((name.clone(), pickle))
}

fn damaged(path: &Path, reason: String) -> PickleError {
    PickleError::Damaged { path: path.to_owned(), reason }
}

fn unreadable(path: &Path, error: candle_core::Error) -> PickleError {
    damaged(path, format!("not a PyTorch checkpoint that can be read: {}", first_line(error)))
}

/// A name from outside, cut to what a message can bear.
fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
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
