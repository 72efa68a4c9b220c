//! From a path to a table.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};

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
        let mut tables = Tables::new(columns, limit);
        tables.read(path, path)?;
        tables.into_table()
    }

    /// N, the number of rows.
    pub fn rows(&self) -> usize {
        self.texts.len()
    }
}

/// Several files that are one table: the rows of each behind those of the one before.
pub struct Tables<'a> {
    columns: Columns<'a>,
    rows: Rows,
    /// The file that was read last, for what is wrong with all of them.
    last: PathBuf,
}

impl<'a> Tables<'a> {
    /// No file yet.
    pub fn new(columns: Columns<'a>, limit: Limit) -> Self {
        Self { columns, rows: Rows::new(columns.label.is_some(), limit), last: PathBuf::new() }
    }

    /// Whether all rows that were asked for are there.
    pub fn are_full(&self) -> bool {
        self.rows.full()
    }

    /// How many rows are still wanted; `None` where all are.
    pub fn wanted(&self) -> Option<NonZeroUsize> {
        self.rows.wanted()
    }

    /// Reads a file as [`Table::read`] does; errors call it `shown`.
    ///
    /// # Errors
    ///
    /// Those of [`Table::read`], but that a file may have no rows.
    pub fn read(&mut self, path: &Path, shown: &Path) -> Result<(), DatasetError> {
        let read: fn(_, Columns<'_>, &mut Rows) -> _ = match Format::of(shown)? {
            Format::Csv => |file, columns, rows| delimited::read(file, b',', columns, rows),
            Format::Tsv => |file, columns, rows| delimited::read(file, b'\t', columns, rows),
            Format::JsonLines => json_lines::read,
            Format::Parquet => parquet::read,
            Format::Npz | Format::Safetensors => return Err(DatasetError::file(shown, FileProblem::NotATable)),
        };
        let refuse = |problem| DatasetError::table(shown, problem);
        if self.columns.texts.is_empty() {
            return Err(refuse(TableProblem::NoTextColumn));
        }
        let mut named = self.columns.texts.iter().map(String::as_str).chain(self.columns.label);
        while let Some(name) = named.next() {
            if named.clone().any(|other| other == name) {
                return Err(refuse(TableProblem::NamedTwice { name: name.to_owned() }));
            }
        }
        let (file, bytes) = file::open(path, MAX_TABLE_BYTES)?;
        self.rows.begin(bytes);
        self.last = shown.to_owned();
        read(file, self.columns, &mut self.rows).map_err(refuse)
    }

    /// All rows.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Table`] where there are none.
    pub fn into_table(self) -> Result<Table, DatasetError> {
        let last = self.last;
        self.rows.into_table().map_err(|problem| DatasetError::table(&last, problem))
    }
}

/// Where in a Parquet file the bytes lie from which the first `rows` rows are read, besides its footer: the file needs to hold nothing
/// else. Errors call it `shown`.
///
/// # Errors
///
/// [`DatasetError::File`], [`DatasetError::Table`] where its footer cannot be read.
pub fn parquet_ranges(
    path: &Path,
    shown: &Path,
    columns: Columns<'_>,
    rows: NonZeroUsize,
) -> Result<Vec<Range<u64>>, DatasetError> {
    let (file, _) = file::open(path, MAX_TABLE_BYTES)?;
    parquet::ranges(file, columns, rows).map_err(|problem| DatasetError::table(shown, problem))
}
