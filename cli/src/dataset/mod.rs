//! The files that users bring: tables of texts, and arrays of embeddings.
//!
//! - [`Table`], and [`Tables`] where a table is several files, reads `.csv`, `.tsv`, `.jsonl`, `.ndjson` and `.parquet`: the texts of named columns, and labels as the
//!   file states them.
//! - [`read_target`] and [`read_pairs`] read `.npz` and `.safetensors`: embeddings with labels, or with other embeddings.
//! - [`interpret`] turns stated labels into classes or numbers, and [`choose`] draws rows.
//!
//! Promised: a file is read within the limits of `limits.rs`, whatever it claims; a row is either read whole or the
//! reading fails with an error that says where; the same file and the same arguments give the same rows on every machine.
//!
//! Never: printing, guessing a column or a format from the contents, following a name inside a file, dropping a row
//! without counting it.

mod arrays;
mod error;
mod file;
mod format;
mod labels;
mod limits;
mod nearest;
mod sampling;
mod table;

pub use arrays::{PairArrays, read_embeddings, read_pairs, read_target};
pub use error::{DatasetError, Fault};
pub use format::Format;
pub use labels::{LabelSet, RawLabel, Task, interpret};
pub(crate) use limits::MAX_TABLE_BYTES;
pub(crate) use nearest::nearest;
pub use sampling::{Sampling, choose};
pub use table::{Columns, Limit, Table, Tables, parquet_ranges};

#[cfg(test)]
mod tests;
