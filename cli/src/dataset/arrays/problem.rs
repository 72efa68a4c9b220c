//! What can be wrong inside a file of arrays.

use std::io;

use thiserror::Error;

use super::super::error::{Fault, Names, Quoted};
use super::super::limits::{MAX_DIMENSION, MAX_ROWS};

/// What is wrong inside a file of arrays. Rows and columns are counted from 0 here, as numpy counts them.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "each message says what its fields are")]
pub enum ArrayProblem {
    /// The bytes end early, the checksum of the zip does not match, or the operating system failed.
    #[error("{array}: cannot be read")]
    Read {
        array: String,
        #[source]
        source: io::Error,
    },
    /// Not a zip, or a zip with a feature that is not read.
    #[error("not a readable .npz")]
    Zip(#[source] zip::result::ZipError),
    /// An entry of the zip has a name that numpy does not write.
    #[error("entry {} of the zip is not named as an array, expected NAME.npy", Quoted(name))]
    OddName { name: String },
    /// Two entries of the zip have the same name.
    #[error("two entries of the zip have the same name")]
    RepeatedName,
    /// An array that is needed is not there.
    #[error("array {} does not exist, the arrays are: {}", Quoted(array), Names(exists))]
    Missing { array: String, exists: Vec<String> },
    /// The header of an array inside a `.npz`.
    #[error("{array}: malformed header: {reason}")]
    Header { array: String, reason: String },
    /// The header of a safetensors file is longer than is read, or than the file.
    #[error("header claims {length} bytes, expected at most {limit} in a file of {file} bytes")]
    HeaderLength { length: u64, limit: u64, file: u64 },
    /// The header of a safetensors file is not valid.
    #[error("malformed header")]
    Json(#[source] serde_json::Error),
    /// The data of a safetensors file are not as long as its header says.
    #[error("{found} bytes of data, the header implies {implied}")]
    DataLength { implied: u64, found: u64 },
    /// The data of an array are not as long as its header says.
    #[error("{array}: {found} bytes of data, the shape implies {implied}")]
    Size { array: String, implied: u64, found: u64 },
    /// A type of values that is not read.
    #[error("{array}: values are {found}, expected {expected}")]
    Type { array: String, found: String, expected: &'static str },
    /// The wrong number of axes.
    #[error("{array}: shape is {}, expected {expected}", tuple(shape))]
    Shape { array: String, shape: Vec<u64>, expected: &'static str },
    /// No rows.
    #[error("{array}: has no rows")]
    NoRows { array: String },
    /// Too many rows.
    #[error("{array}: {rows} rows, expected at most {MAX_ROWS}")]
    TooManyRows { array: String, rows: u64 },
    /// No dimension or too many.
    #[error("{array}: dimension is {dimension}, expected 1 to {MAX_DIMENSION}")]
    Dimension { array: String, dimension: u64 },
    /// Too many bytes.
    #[error("{array}: the arrays are larger than {limit} bytes, which is too much for a file of this size")]
    TooManyBytes { array: String, limit: u64 },
    /// NaN, infinite, or too large for a 32-bit float.
    #[error("{array}[{row}, {column}] is not a finite 32-bit float")]
    NotFinite { array: &'static str, row: usize, column: usize },
    /// Not one label per row.
    #[error("x has {rows} rows, but y has {labels} labels")]
    LabelCount { rows: usize, labels: usize },
    /// Pairs of two shapes.
    #[error("x is {} x {}, but y is {} x {}, expected the same shape", x.0, x.1, y.0, y.1)]
    PairShapes { x: (usize, usize), y: (usize, usize) },
}

impl ArrayProblem {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let advice = match self {
            Self::Missing { .. } => "a target has x (N x D) and y (N labels), a pair file x and y (both N x D)",
            Self::Shape { expected: "(N, D)", .. } => {
                "x, and y of a pair file, are N x D embeddings; a file with labels is a target to rank for"
            }
            Self::Shape { .. } => "y of a target is N labels; a file with two embeddings is one to publish from",
            Self::Type { found, .. } if found.contains('O') => {
                "Python objects are not read: save strings with y.astype(str)"
            }
            Self::Zip(_) | Self::OddName { .. } => "save the arrays with numpy.savez or numpy.savez_compressed",
            _ => return None,
        };
        Some(advice.to_owned())
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::LabelCount { .. } | Self::PairShapes { .. } | Self::Dimension { .. } => Fault::Incompatible,
            _ => Fault::Input,
        }
    }
}

fn tuple(shape: &[u64]) -> String {
    match shape {
        [length] => format!("({length},)"),
        lengths => format!("({})", lengths.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
}
