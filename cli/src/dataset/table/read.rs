//! From a path to a table.

use std::num::NonZeroUsize;
use std::path::Path;

use super::super::error::DatasetError;
use super::super::file::{self, FileProblem};
use super::super::format::Format;
use super::super::labels::RawLabel;
use super::super::limits::MAX_TABLE_BYTES;
use super::problem::TableProblem;
use super::rows::Rows;
use super::{delimited, json_lines, parquet};

/// The columns of a table that are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// The text columns, at least one; several are joined by `" [SEP] "` in this order.
    pub texts: &'a [String],
    /// The label column.
    pub label: Option<&'a str>,
}

/// How many rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// All of them.
    All,
    /// The first so many; what follows them is not looked at.
    First(NonZeroUsize),
}

/// N rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The text of each row: its text columns joined by `" [SEP] "`.
    pub texts: Vec<String>,
    /// The label of each row, where a label column was asked for.
    pub labels: Option<Vec<RawLabel>>,
}

impl Table {
    /// Reads `columns` of a `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.parquet` file.
    ///
    /// CSV and TSV: the first line names the columns; quotes, line breaks inside quotes, CRLF and a UTF-8 byte order
    /// mark are understood; lines of no character at all are skipped, as every reader of CSV does. JSON lines: blank
    /// lines at the end alone; columns that are not asked for may hold anything.
    ///
    /// # Errors
    ///
    /// [`DatasetError::File`] where it cannot be opened or is no table, [`DatasetError::Table`] for all that is wrong
    /// inside it, with the line (CSV, TSV, JSON lines) or the row (Parquet), both counted from 1.
    pub fn read(path: &Path, columns: Columns<'_>, limit: Limit) -> Result<Self, DatasetError> {
        let format = Format::of(path)?;
        let read: fn(_, Columns<'_>, &mut Rows) -> _ = match format {
            Format::Csv => |file, columns, rows| delimited::read(file, b',', columns, rows),
            Format::Tsv => |file, columns, rows| delimited::read(file, b'\t', columns, rows),
            Format::JsonLines => json_lines::read,
            Format::Parquet => parquet::read,
            Format::Npz | Format::Safetensors => return Err(DatasetError::file(path, FileProblem::NotATable)),
        };
        if columns.texts.is_empty() {
            return Err(DatasetError::table(path, TableProblem::NoTextColumn));
        }
        let mut named = columns.texts.iter().map(String::as_str).chain(columns.label);
        while let Some(name) = named.next() {
            if named.clone().any(|other| other == name) {
                return Err(DatasetError::table(path, TableProblem::NamedTwice { name: name.to_owned() }));
            }
        }
        let (file, bytes) = file::open(path, MAX_TABLE_BYTES)?;
        let mut rows = Rows::new(columns.label.is_some(), limit, bytes);
        read(file, columns, &mut rows)
            .and_then(|()| rows.into_table())
            .map_err(|problem| DatasetError::table(path, problem))
    }

    /// N, the number of rows.
    pub fn rows(&self) -> usize {
        self.texts.len()
    }
}
