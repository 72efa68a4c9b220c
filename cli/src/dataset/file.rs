//! Opening a user's file: a regular file, of a bounded size.

use std::fs::File;
use std::io;
use std::path::Path;

use thiserror::Error;

use super::error::{DatasetError, Fault};

/// Why a file could not even be opened.
#[derive(Debug, Error)]
pub enum FileProblem {
    /// The operating system refused.
    #[error("cannot be opened")]
    Open(#[source] io::Error),
    /// A folder, a pipe or a device.
    #[error("is not a regular file")]
    NotAFile,
    /// Zero bytes.
    #[error("file is empty")]
    Empty,
    /// Larger than is read.
    #[error("file is {bytes} bytes, expected at most {limit}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// The extension is not one that is read.
    #[error("{}, expected .csv, .tsv, .jsonl, .ndjson, .parquet, .npz or .safetensors", match extension {
        Some(extension) => format!("extension is .{}", extension.escape_debug()),
        None => "file name has no extension".to_owned(),
    })]
    Format {
        /// The extension, in lower case, without its dot.
        extension: Option<String>,
    },
    /// Arrays where a table is expected.
    #[error("holds arrays, expected a table: .csv, .tsv, .jsonl, .ndjson or .parquet")]
    NotATable,
    /// A table where arrays are expected.
    #[error("holds a table, expected arrays: .npz or .safetensors")]
    NotArrays,
}

impl FileProblem {
    /// Whose fault it is.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Format { .. } | Self::NotATable | Self::NotArrays => Fault::Usage,
            Self::Open(_) | Self::NotAFile | Self::Empty | Self::TooLarge { .. } => Fault::Input,
        }
    }

    /// What the user can do about it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Format { extension: Some(extension) }
                if matches!(extension.as_str(), "gz" | "zst" | "bz2" | "xz" | "zip") =>
            {
                Some("decompress the file first".to_owned())
            }
            Self::Format { extension: Some(extension) } if matches!(extension.as_str(), "json" | "txt") => {
                Some("write one JSON object per line into a .jsonl file, or a table into a .csv file".to_owned())
            }
            Self::Format { extension: Some(extension) } if matches!(extension.as_str(), "npy" | "pt" | "bin") => {
                Some("save the arrays x and y with numpy.savez".to_owned())
            }
            _ => None,
        }
    }
}

/// Opens a regular file of 1 to `limit` bytes, and says how many it has.
pub(super) fn open(path: &Path, limit: u64) -> Result<(File, u64), DatasetError> {
    let refuse = |problem| DatasetError::file(path, problem);
    // Before opening: to open a named pipe without a writer would wait for ever.
    let metadata = std::fs::metadata(path).map_err(|error| refuse(FileProblem::Open(error)))?;
    if !metadata.is_file() {
        return Err(refuse(FileProblem::NotAFile));
    }
    let file = File::open(path).map_err(|error| refuse(FileProblem::Open(error)))?;
    match file.metadata().map_err(|error| refuse(FileProblem::Open(error)))?.len() {
        0 => Err(refuse(FileProblem::Empty)),
        bytes if bytes > limit => Err(refuse(FileProblem::TooLarge { bytes, limit })),
        bytes => Ok((file, bytes)),
    }
}
