//! `.safetensors`, by the `safetensors` crate: its header names, types, shapes and places of all tensors.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use esmhub_selection::Embeddings;
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::super::labels::RawLabel;
use super::super::limits::MAX_SAFETENSORS_HEADER_BYTES;
use super::problem::ArrayProblem;
use super::read::ArrayFile;
use super::shape::{self, Budget};

pub(super) struct Safetensors {
    file: BufReader<File>,
    metadata: Metadata,
    /// Where the data begin in the file.
    start: u64,
    budget: Budget,
}

impl Safetensors {
    /// Reads the header of a file of `bytes` bytes. What the crate has checked is that the tensors fill the data without
    /// gaps or overlaps, each with the bytes that its shape and type imply.
    pub(super) fn open(file: File, bytes: u64) -> Result<Self, ArrayProblem> {
        let mut file = BufReader::new(file);
        let read = |source: io::Error| ArrayProblem::Read { array: "header".to_owned(), source };
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(read)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_SAFETENSORS_HEADER_BYTES || length > bytes.saturating_sub(8) {
            return Err(ArrayProblem::HeaderLength { length, limit: MAX_SAFETENSORS_HEADER_BYTES, file: bytes });
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(read)?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(ArrayProblem::Json)?;
        let (implied, found) = (metadata.data_len() as u64, bytes - 8 - length);
        if implied != found {
            return Err(ArrayProblem::DataLength { implied, found });
        }
        Ok(Self { file, metadata, start: 8 + length, budget: Budget::new(bytes) })
    }

    /// The tensor of this name, its shape, and the file at its first byte.
    fn tensor(&mut self, name: &str) -> Result<(TensorInfo, Vec<u64>), ArrayProblem> {
        let Some(info) = self.metadata.info(name) else {
            let exists = self.metadata.offset_keys();
            return Err(ArrayProblem::Missing { array: name.to_owned(), exists });
        };
        let place = SeekFrom::Start(self.start + info.data_offsets.0 as u64);
        let read = |source| ArrayProblem::Read { array: name.to_owned(), source };
        self.file.seek(place).map_err(read)?;
        Ok((info.clone(), info.shape.iter().map(|&length| length as u64).collect()))
    }

    /// Decodes `count` values of `WIDTH` little-endian bytes from where the file stands.
    fn values<const WIDTH: usize, V>(
        &mut self,
        array: &str,
        count: usize,
        convert: impl Fn([u8; WIDTH]) -> V,
    ) -> Result<Vec<V>, ArrayProblem> {
        self.budget.take(array, count, WIDTH.max(size_of::<V>()) as u64)?;
        let mut values = Vec::new();
        let mut bytes = [0; WIDTH];
        for _ in 0..count {
            let read = |source| ArrayProblem::Read { array: array.to_owned(), source };
            self.file.read_exact(&mut bytes).map_err(read)?;
            values.push(convert(bytes));
        }
        Ok(values)
    }
}

impl ArrayFile for Safetensors {
    fn matrix(&mut self, name: &str) -> Result<Embeddings, ArrayProblem> {
        let (info, shape) = self.tensor(name)?;
        let (rows, dimension) = shape::matrix(name, &shape)?;
        let count = rows * dimension;
        let values = match info.dtype {
            Dtype::F16 => self.values(name, count, |bytes| f16::from_le_bytes(bytes).to_f32())?,
            Dtype::BF16 => self.values(name, count, |bytes| bf16::from_le_bytes(bytes).to_f32())?,
            Dtype::F32 => self.values(name, count, f32::from_le_bytes)?,
            Dtype::F64 => self.values(name, count, |bytes| f64::from_le_bytes(bytes) as f32)?,
            other => return Err(unsupported(name, other, "F16, BF16, F32 or F64")),
        };
        Embeddings::new(dimension, values).ok_or(ArrayProblem::NoRows { array: name.to_owned() })
    }

    fn labels(&mut self, name: &str) -> Result<Vec<RawLabel>, ArrayProblem> {
        let (info, shape) = self.tensor(name)?;
        let count = shape::vector(name, &shape)?;
        let integer = |value: i128| RawLabel::Integer(value);
        match info.dtype {
            Dtype::BOOL => self.values(name, count, |[byte]| RawLabel::Bool(byte != 0)),
            Dtype::I8 => self.values(name, count, |bytes| integer(i8::from_le_bytes(bytes).into())),
            Dtype::I16 => self.values(name, count, |bytes| integer(i16::from_le_bytes(bytes).into())),
            Dtype::I32 => self.values(name, count, |bytes| integer(i32::from_le_bytes(bytes).into())),
            Dtype::I64 => self.values(name, count, |bytes| integer(i64::from_le_bytes(bytes).into())),
            Dtype::U8 => self.values(name, count, |bytes| integer(u8::from_le_bytes(bytes).into())),
            Dtype::U16 => self.values(name, count, |bytes| integer(u16::from_le_bytes(bytes).into())),
            Dtype::U32 => self.values(name, count, |bytes| integer(u32::from_le_bytes(bytes).into())),
            Dtype::U64 => self.values(name, count, |bytes| integer(u64::from_le_bytes(bytes).into())),
            Dtype::F16 => self.values(name, count, |bytes| RawLabel::Float(f16::from_le_bytes(bytes).into())),
            Dtype::BF16 => self.values(name, count, |bytes| RawLabel::Float(bf16::from_le_bytes(bytes).into())),
            Dtype::F32 => self.values(name, count, |bytes| RawLabel::Float(f32::from_le_bytes(bytes).into())),
            Dtype::F64 => self.values(name, count, |bytes| RawLabel::Float(f64::from_le_bytes(bytes))),
            other => Err(unsupported(name, other, "integers, floats or BOOL")),
        }
    }
}

fn unsupported(array: &str, found: Dtype, expected: &'static str) -> ArrayProblem {
    ArrayProblem::Type { array: array.to_owned(), found: found.to_string(), expected }
}
