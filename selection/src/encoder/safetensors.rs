//! The header of a safetensors file, read without reading the tensors.
//!
//! Format: u64 little-endian length of the header, the header as JSON, then the tensors' bytes
//! (<https://github.com/huggingface/safetensors>). The safetensors crate wants the whole file in memory or mapped; a model
//! has up to gigabytes, of which this encoder needs one tensor at a time.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::DType;
use serde::Deserialize;

use super::EncoderError;

/// A header has about 100 bytes per tensor.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// An open safetensors file; every tensor in it lies inside the file and has as many bytes as its shape says.
pub(super) struct SafetensorsFile {
    path: PathBuf,
    file: File,
    tensors: HashMap<String, StoredTensor>,
}

/// Where a tensor lies.
pub(super) struct StoredTensor {
    /// `None`: a type that no weight has, such as I64.
    pub(super) dtype: Option<DType>,
    pub(super) type_name: String,
    pub(super) shape: Vec<usize>,
    start: u64,
    bytes: usize,
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

impl SafetensorsFile {
    pub(super) fn open(path: &Path) -> Result<Self, EncoderError> {
        let read = |source| EncoderError::Read { path: path.into(), source };
        let damaged = |reason: &str| damaged(path, reason);
        let mut file = File::open(path).map_err(read)?;
        let size = file.metadata().map_err(read)?.len();
        let mut length = [0; 8];
        if size < 8 {
            return Err(damaged("the file ends within the length of its header"));
        }
        file.read_exact(&mut length).map_err(read)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER_BYTES {
            return Err(damaged(&format!("a header of {length} bytes, at most {MAX_HEADER_BYTES} are read")));
        }
        let data = 8 + length;
        if data > size {
            return Err(damaged(&format!("a header of {length} bytes in a file of {size}")));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(read)?;
        let entries: HashMap<String, serde_json::Value> =
            serde_json::from_slice(&header).map_err(|source| EncoderError::Weights {
                path: path.into(),
                reason: "the header is not JSON".into(),
                source: Some(Box::new(source)),
            })?;
        let mut tensors = HashMap::with_capacity(entries.len());
        for (name, entry) in entries.into_iter().filter(|(name, _)| name != "__metadata__") {
            let stored = serde_json::from_value(entry).ok().and_then(|entry| StoredTensor::checked(entry, data, size));
            let stored = stored.ok_or_else(|| {
                let name: String = name.chars().take(128).collect();
                damaged(&format!("the entry of the tensor {name} does not fit the file's {size} bytes"))
            })?;
            tensors.insert(name, stored);
        }
        Ok(Self { path: path.into(), file, tensors })
    }

    pub(super) fn get(&self, name: &str) -> Option<&StoredTensor> {
        self.tensors.get(name)
    }

    /// The tensor's bytes, little-endian.
    pub(super) fn read(&self, tensor: &StoredTensor) -> Result<Vec<u8>, EncoderError> {
        let mut bytes = vec![0; tensor.bytes];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(tensor.start))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|source| EncoderError::Read { path: self.path.clone(), source })?;
        Ok(bytes)
    }
}

impl StoredTensor {
    /// `None` where the tensor does not lie between `data` and `size`, or has not the bytes of its shape and type.
    fn checked(entry: Entry, data: u64, size: u64) -> Option<Self> {
        let (begin, end) = entry.data_offsets;
        let bytes = usize::try_from(end.checked_sub(begin)?).ok()?;
        let start = data.checked_add(begin)?;
        if data.checked_add(end)? > size {
            return None;
        }
        let dtype = match entry.dtype.as_str() {
            "F32" => Some(DType::F32),
            "F16" => Some(DType::F16),
            "BF16" => Some(DType::BF16),
            "F64" => Some(DType::F64),
            _ => None,
        };
        if let Some(dtype) = dtype {
            let expected = entry.shape.iter().try_fold(dtype.size_in_bytes(), |n, &dim| n.checked_mul(dim))?;
            if bytes != expected {
                return None;
            }
        }
        Some(Self { dtype, type_name: entry.dtype, shape: entry.shape, start, bytes })
    }
}

pub(super) fn damaged(path: &Path, reason: &str) -> EncoderError {
    EncoderError::Weights { path: path.into(), reason: reason.into(), source: None }
}
