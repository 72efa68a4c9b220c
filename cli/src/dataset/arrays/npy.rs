//! One array inside a `.npz`, by the `npyz` crate.
//!
//! The crate's header parser recurses without bound, tries nested brackets again and again, and multiplies shapes without
//! a check, so a header is looked at here first and only then given to it.

use std::io::{self, BufReader, Read, Take};
use std::str;

use esmhub_selection::Embeddings;
use half::f16;
use npyz::{DType, Deserialize, NpyFile, NpyHeader, Order, TypeChar};

use super::super::labels::RawLabel;
use super::super::limits::{MAX_CELL_BYTES, MAX_NPY_HEADER_BYTES};
use super::problem::ArrayProblem;
use super::shape::{self, Budget};

/// An array whose header is read.
pub(super) struct Npy<R> {
    name: String,
    header: NpyHeader,
    /// Its type as numpy writes it, and the bytes of one value.
    kind: TypeChar,
    descr: String,
    width: u64,
    /// The bytes behind the header, as the zip declares them.
    declared: u64,
    data: R,
}

impl<R: Read> Npy<R> {
    /// Reads the header of the array `name`, which the zip declares to be `bytes` long.
    pub(super) fn open(name: &str, bytes: u64, mut data: R) -> Result<Self, ArrayProblem> {
        let raw = read_header(name, &mut data)?;
        let malformed = |reason: String| ArrayProblem::Header { array: name.to_owned(), reason };
        let header = NpyHeader::from_reader(raw.as_slice()).map_err(|error| malformed(error.to_string()))?;
        let dtype = header.dtype();
        let descr = dtype.descr();
        let DType::Plain(plain) = dtype else {
            return Err(malformed("structured types are not read".to_owned()));
        };
        let width = plain.num_bytes().unwrap_or_default() as u64;
        let declared = bytes.saturating_sub(raw.len() as u64);
        Ok(Self { name: name.to_owned(), header, kind: plain.type_char(), descr, width, declared, data })
    }

    /// The array as N x D 32-bit floats.
    pub(super) fn matrix(self, budget: &mut Budget) -> Result<Embeddings, ArrayProblem> {
        let (rows, dimension) = shape::matrix(&self.name, self.header.shape())?;
        let count = rows * dimension;
        let (name, order) = (self.name.clone(), self.header.order());
        let values = match (self.kind, self.width) {
            (TypeChar::Float, 2) => self.values(count, budget, f16::to_f32)?,
            (TypeChar::Float, 4) => self.values(count, budget, |value: f32| value)?,
            (TypeChar::Float, 8) => self.values(count, budget, |value: f64| value as f32)?,
            _ => return Err(self.unsupported("16-, 32- or 64-bit floats")),
        };
        let values = match order {
            Order::C => values,
            Order::Fortran => transposed(&values, rows, dimension),
        };
        Embeddings::new(dimension, values).ok_or(ArrayProblem::NoRows { array: name })
    }

    /// The array as N labels.
    pub(super) fn labels(self, budget: &mut Budget) -> Result<Vec<RawLabel>, ArrayProblem> {
        let count = shape::vector(&self.name, self.header.shape())?;
        match (self.kind, self.width) {
            (TypeChar::Bool, 1) => self.values(count, budget, RawLabel::Bool),
            (TypeChar::Int, 1) => self.values(count, budget, |value: i8| RawLabel::Integer(value.into())),
            (TypeChar::Int, 2) => self.values(count, budget, |value: i16| RawLabel::Integer(value.into())),
            (TypeChar::Int, 4) => self.values(count, budget, |value: i32| RawLabel::Integer(value.into())),
            (TypeChar::Int, 8) => self.values(count, budget, |value: i64| RawLabel::Integer(value.into())),
            (TypeChar::Uint, 1) => self.values(count, budget, |value: u8| RawLabel::Integer(value.into())),
            (TypeChar::Uint, 2) => self.values(count, budget, |value: u16| RawLabel::Integer(value.into())),
            (TypeChar::Uint, 4) => self.values(count, budget, |value: u32| RawLabel::Integer(value.into())),
            (TypeChar::Uint, 8) => self.values(count, budget, |value: u64| RawLabel::Integer(value.into())),
            (TypeChar::Float, 2) => self.values(count, budget, |value: f16| RawLabel::Float(value.into())),
            (TypeChar::Float, 4) => self.values(count, budget, |value: f32| RawLabel::Float(value.into())),
            (TypeChar::Float, 8) => self.values(count, budget, RawLabel::Float),
            (TypeChar::UnicodeStr, 4..) if self.width <= MAX_CELL_BYTES as u64 => {
                self.values(count, budget, RawLabel::Text)
            }
            _ => Err(self.unsupported("integers, floats, booleans or strings (<U, at most 262144 characters)")),
        }
    }

    /// Decodes all values, in the order of the file.
    fn values<T: Deserialize, V>(
        mut self,
        count: usize,
        budget: &mut Budget,
        convert: impl Fn(T) -> V,
    ) -> Result<Vec<V>, ArrayProblem> {
        budget.take(&self.name, count, self.width.max(size_of::<V>() as u64))?;
        let implied = count as u64 * self.width;
        if self.declared != implied {
            return Err(ArrayProblem::Size { array: self.name, implied, found: self.declared });
        }
        let read = |error: io::Error| ArrayProblem::Read { array: self.name.clone(), source: error };
        let reader: BufReader<Take<&mut R>> = BufReader::new((&mut self.data).take(implied));
        let items = NpyFile::with_header(self.header, reader).data::<T>();
        let items = items.map_err(|error| read(io::Error::other(error)))?;
        // Not `collect`: it would ask for the memory of all values before the first one is there.
        let mut values = Vec::new();
        for item in items {
            values.push(convert(item.map_err(read)?));
        }
        // Reading on to the end makes the zip crate check the checksum, and shows what the declared size concealed.
        match self.data.read(&mut [0]).map_err(read)? {
            0 => Ok(values),
            more => Err(ArrayProblem::Size { array: self.name.clone(), implied, found: implied + more as u64 }),
        }
    }

    fn unsupported(self, expected: &'static str) -> ArrayProblem {
        ArrayProblem::Type { array: self.name, found: self.descr, expected }
    }
}

/// The bytes of the header, which parse without deep recursion and whose shape multiplies without overflow.
fn read_header(name: &str, data: &mut impl Read) -> Result<Vec<u8>, ArrayProblem> {
    let read = |source: io::Error| ArrayProblem::Read { array: name.to_owned(), source };
    let malformed = |reason: &str| ArrayProblem::Header { array: name.to_owned(), reason: reason.to_owned() };
    let mut raw = vec![0; 10];
    data.read_exact(&mut raw).map_err(read)?;
    let length = match *raw.as_slice() {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, 0, low, high] => u64::from(u16::from_le_bytes([low, high])),
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, 0, a, b] => {
            let mut upper = [0; 2];
            data.read_exact(&mut upper).map_err(read)?;
            raw.extend(upper);
            let [c, d] = upper;
            u64::from(u32::from_le_bytes([a, b, c, d]))
        }
        _ => return Err(malformed("not an array of numpy format 1.0, 2.0 or 3.0")),
    };
    if length > MAX_NPY_HEADER_BYTES {
        return Err(malformed("longer than 10000 bytes"));
    }
    let start = raw.len();
    data.take(length).read_to_end(&mut raw).map_err(read)?;
    let text = raw.get(start..).unwrap_or_default();
    if text.len() as u64 != length {
        return Err(read(io::ErrorKind::UnexpectedEof.into()));
    }
    let text = str::from_utf8(text).map_err(|_| malformed("not UTF-8"))?;
    let count = |bracket: char| text.chars().filter(|other| *other == bracket).count();
    if count('{') != 1 || count('(') != 1 || count('[') != 0 {
        return Err(malformed("expected one dictionary with one tuple, the shape"));
    }
    let shape = text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(shape, _)| shape);
    let lengths = shape.unwrap_or_default().split(',').map(str::trim).filter(|length| !length.is_empty());
    let values = lengths.map(|length| length.parse().ok()).try_fold(1_u64, |product, length: Option<u64>| {
        // A length of 0 must not hide the overflow of those before or behind it.
        product.checked_mul(length?.max(1))
    });
    if values.is_none_or(|values| values > 1 << 60) {
        return Err(malformed("the shape is too large"));
    }
    Ok(raw)
}

/// From columns one after the other to rows one after the other.
fn transposed(values: &[f32], rows: usize, dimension: usize) -> Vec<f32> {
    let mut transposed = Vec::with_capacity(values.len());
    for row in 0..rows {
        transposed.extend(values.iter().skip(row).step_by(rows).take(dimension));
    }
    transposed
}
