//! From a path to checked arrays.

use std::path::Path;

use esmhub_selection::Embeddings;

use super::super::error::DatasetError;
use super::super::file::{self, FileProblem};
use super::super::format::Format;
use super::super::labels::RawLabel;
use super::super::limits::MAX_ARRAY_BYTES;
use super::npz::Npz;
use super::problem::ArrayProblem;
use super::safetensors::Safetensors;

/// A target: embeddings and the label of each row.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetArrays {
    /// N x D, finite.
    pub x: Embeddings,
    /// N labels.
    pub labels: Vec<RawLabel>,
}

/// Pairs that an ESM is fitted from.
#[derive(Debug, Clone, PartialEq)]
pub struct PairArrays {
    /// N x D, the base model's embeddings, finite.
    pub x: Embeddings,
    /// N x D, the tuned model's embeddings of the same texts, finite.
    pub y: Embeddings,
}

/// A file of named arrays.
pub(super) trait ArrayFile {
    /// The array of this name as N x D 32-bit floats, not yet checked for NaN.
    fn matrix(&mut self, name: &str) -> Result<Embeddings, ArrayProblem>;
    /// The array of this name as N labels.
    fn labels(&mut self, name: &str) -> Result<Vec<RawLabel>, ArrayProblem>;
}

/// Reads a target from a `.npz` or `.safetensors` file: `x` (N x D; 16-, 32- or 64-bit floats) and `y` (N labels;
/// integers, floats, booleans, in `.npz` also strings).
///
/// # Errors
///
/// [`DatasetError::File`] where it cannot be opened or holds no arrays, [`DatasetError::Arrays`] for all that is wrong
/// inside it.
pub fn read_target(path: &Path) -> Result<TargetArrays, DatasetError> {
    let read = |mut file: Box<dyn ArrayFile>| {
        let x = finite("x", file.matrix("x")?)?;
        let labels = file.labels("y")?;
        if labels.len() != x.rows() {
            return Err(ArrayProblem::LabelCount { rows: x.rows(), labels: labels.len() });
        }
        Ok(TargetArrays { x, labels })
    };
    open(path)?.and_then(read).map_err(|problem| DatasetError::arrays(path, problem))
}

/// Reads pairs from a `.npz` or `.safetensors` file: `x` and `y`, both N x D of 16-, 32- or 64-bit floats.
///
/// # Errors
///
/// As [`read_target`].
pub fn read_pairs(path: &Path) -> Result<PairArrays, DatasetError> {
    let read = |mut file: Box<dyn ArrayFile>| {
        let x = finite("x", file.matrix("x")?)?;
        let y = finite("y", file.matrix("y")?)?;
        if (x.rows(), x.dimension()) != (y.rows(), y.dimension()) {
            let (x, y) = ((x.rows(), x.dimension()), (y.rows(), y.dimension()));
            return Err(ArrayProblem::PairShapes { x, y });
        }
        Ok(PairArrays { x, y })
    };
    open(path)?.and_then(read).map_err(|problem| DatasetError::arrays(path, problem))
}

/// Reads base embeddings from a `.npz` or `.safetensors` file: `x`, N x D of 16-, 32- or 64-bit floats. Whatever else is in
/// the file is not looked at.
///
/// # Errors
///
/// As [`read_target`].
pub fn read_embeddings(path: &Path) -> Result<Embeddings, DatasetError> {
    let read = |mut file: Box<dyn ArrayFile>| finite("x", file.matrix("x")?);
    open(path)?.and_then(read).map_err(|problem| DatasetError::arrays(path, problem))
}

type Opened = Result<Box<dyn ArrayFile>, ArrayProblem>;

fn open(path: &Path) -> Result<Opened, DatasetError> {
    let opened = match Format::of(path)? {
        Format::Npz => {
            let (file, bytes) = file::open(path, MAX_ARRAY_BYTES)?;
            Npz::open(file, bytes).map(|npz| Box::new(npz) as Box<dyn ArrayFile>)
        }
        Format::Safetensors => {
            let (file, bytes) = file::open(path, MAX_ARRAY_BYTES)?;
            Safetensors::open(file, bytes).map(|tensors| Box::new(tensors) as Box<dyn ArrayFile>)
        }
        Format::Csv | Format::Tsv | Format::JsonLines | Format::Parquet => {
            return Err(DatasetError::file(path, FileProblem::NotArrays));
        }
    };
    Ok(opened)
}

fn finite(array: &'static str, embeddings: Embeddings) -> Result<Embeddings, ArrayProblem> {
    match embeddings.first_non_finite() {
        Some((row, column)) => Err(ArrayProblem::NotFinite { array, row, column }),
        None => Ok(embeddings),
    }
}
