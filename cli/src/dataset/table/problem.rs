//! What can be wrong inside a table.

use std::fmt;
use std::io;

use thiserror::Error;

use super::super::error::{Fault, Names, Quoted};
use super::super::limits::{MAX_CELL_BYTES, MAX_RECORD_BYTES, MAX_ROWS};
use super::super::nearest::nearest;

/// Where in a table, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The line on which the row begins, the header included.
    Line(u64),
    /// The row, where the format has no lines.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// What is wrong inside a table.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "each message says what its fields are")]
pub enum TableProblem {
    /// The operating system failed in the middle of the file.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// No text column was asked for.
    #[error("no text column was named")]
    NoTextColumn,
    /// A column was asked for twice, as two texts or as text and label.
    #[error("column {} was named twice", Quoted(name))]
    NamedTwice { name: String },
    /// A column that was asked for is not there.
    #[error("column {} does not exist, the columns are: {}", Quoted(name), Names(exists))]
    MissingColumn { name: String, exists: Vec<String> },
    /// A column that was asked for is there more than once.
    #[error("column {} exists {times} times, expected once", Quoted(name))]
    RepeatedColumn { name: String, times: usize },
    /// A column cannot hold texts or labels at all.
    #[error("column {} is {found}, expected texts, numbers or booleans", Quoted(name))]
    UnusableColumn { name: String, found: &'static str },
    /// A JSON object lacks a key.
    #[error("line {line}: key {} is missing, the keys are: {}", Quoted(key), Names(exists))]
    MissingKey { line: u64, key: String, exists: Vec<String> },
    /// A JSON object has a key twice.
    #[error("line {line}: key {} stands there more than once", Quoted(key))]
    RepeatedKey { line: u64, key: String },
    /// Columns, but no row.
    #[error("has no rows")]
    NoRows,
    /// A row has more or fewer fields than the header.
    #[error("line {line}: the number of fields is {found}, expected {expected}")]
    UnequalFields { line: u64, expected: usize, found: usize },
    /// Not UTF-8.
    #[error("{place}: not valid UTF-8")]
    NotUtf8 { place: Place },
    /// A quote that is never closed takes the rest of the file for one field.
    #[error("line {line}: a quoted field is never closed")]
    OpenQuote { line: u64 },
    /// An unbalanced quote in a TSV takes following lines into one field.
    #[error("line {line}: a quoted field holds both a tab and a line break")]
    SwallowedLine { line: u64 },
    /// A blank line that is not at the end.
    #[error("line {line}: blank line before the end")]
    BlankLine { line: u64 },
    /// Not a JSON object.
    #[error("line {line}, column {column}: not a JSON object: {reason}")]
    NotJson { line: u64, column: usize, reason: String },
    /// No text.
    #[error("{place}: column {} has no text", Quoted(column))]
    MissingText { place: Place, column: String },
    /// A text column that holds something else.
    #[error("{place}: column {} holds {found}, expected a text", Quoted(column))]
    NotAText { place: Place, column: String, found: &'static str },
    /// A label column that holds something else.
    #[error("{place}: column {} holds {found}, expected a text, a number or a boolean", Quoted(column))]
    NotALabel { place: Place, column: String, found: &'static str },
    /// One cell is too long.
    #[error("{place}: column {} holds {bytes} bytes, expected at most {MAX_CELL_BYTES}", Quoted(column))]
    CellTooLong { place: Place, column: String, bytes: usize },
    /// One line is too long.
    #[error("line {line}: longer than {MAX_RECORD_BYTES} bytes")]
    LineTooLong { line: u64 },
    /// Too many rows.
    #[error("more than {MAX_ROWS} rows")]
    TooManyRows,
    /// Too much text.
    #[error("more than {limit} bytes of texts, labels and rows, which is too much for a file of this size")]
    TooMuchText { limit: u64 },
    /// The footer claims what cannot be.
    #[error("its Parquet footer is damaged: {reason}")]
    ParquetFooter {
        /// What was found.
        reason: String,
    },
    /// The Parquet decoder refused.
    #[error("not a readable Parquet file")]
    Parquet(#[source] parquet::errors::ParquetError),
    /// The Parquet decoder panicked.
    #[error("damaged: the Parquet decoder gave up on it")]
    ParquetPanic,
}

impl TableProblem {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoTextColumn => Some("name the column that holds the texts with --text".to_owned()),
            Self::MissingColumn { name, exists } | Self::MissingKey { key: name, exists, .. } => {
                let near = nearest(name, exists.iter().map(String::as_str))?;
                Some(format!("did you mean {}?", Quoted(near)))
            }
            Self::NotUtf8 { .. } => Some("save the file as UTF-8".to_owned()),
            Self::UnequalFields { .. } => {
                Some("put quotes around fields that contain the separator, a quote or a line break".to_owned())
            }
            Self::OpenQuote { .. } | Self::SwallowedLine { .. } => {
                Some("write a quote inside a field as two quotes, and put quotes around the field".to_owned())
            }
            Self::MissingText { .. } => Some("fill in the text or take the row out".to_owned()),
            Self::NotAText { .. } => Some("name the column that holds the texts with --text".to_owned()),
            Self::TooManyRows | Self::TooMuchText { .. } => {
                Some("read the first rows only, with --sample first and --rows".to_owned())
            }
            _ => None,
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoTextColumn
            | Self::NamedTwice { .. }
            | Self::MissingColumn { .. }
            | Self::MissingKey { line: 1, .. } => Fault::Usage,
            _ => Fault::Input,
        }
    }
}

/// The position of the one column of this name.
pub(super) fn position(columns: &[String], name: &str) -> Result<usize, TableProblem> {
    let mut found = columns.iter().enumerate().filter(|(_, column)| *column == name);
    let Some((position, _)) = found.next() else {
        return Err(TableProblem::MissingColumn { name: name.to_owned(), exists: columns.to_vec() });
    };
    match found.count() {
        0 => Ok(position),
        more => Err(TableProblem::RepeatedColumn { name: name.to_owned(), times: more + 1 }),
    }
}
