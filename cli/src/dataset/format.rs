//! Which format a file has: its extension decides, never its contents.

use std::path::Path;

use super::error::DatasetError;
use super::file::FileProblem;

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header line (RFC 4180), UTF-8.
    Csv,
    /// Tab-separated values with a header line, quoted as CSV is, UTF-8.
    Tsv,
    /// One JSON object per line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// numpy's zip of arrays.
    Npz,
    /// safetensors.
    Safetensors,
}

impl Format {
    /// The format that the extension names, upper and lower case alike.
    ///
    /// # Errors
    ///
    /// `FileProblem::Format` where there is no extension or an unknown one.
    pub fn of(path: &Path) -> Result<Self, DatasetError> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("csv") => Ok(Self::Csv),
            Some("tsv") => Ok(Self::Tsv),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            Some("parquet") => Ok(Self::Parquet),
            Some("npz") => Ok(Self::Npz),
            Some("safetensors") => Ok(Self::Safetensors),
            _ => Err(DatasetError::file(path, FileProblem::Format { extension })),
        }
    }

    /// Whether the file holds embeddings (`true`) or texts (`false`).
    pub fn holds_embeddings(self) -> bool {
        matches!(self, Self::Npz | Self::Safetensors)
    }
}
