//! Tables: rows of texts, and labels as the file states them.
//!
//! One file per format (`delimited`, `json_lines`, `parquet` with `pages` and `page_source`), each the only place that knows its parser; all
//! hand their cells to `rows`, which joins texts, counts bytes and refuses what is missing.
//!
//! A text is never invented: null, and the empty cell of a format that cannot tell it from null, is an error that names
//! the row, never the text "None". Only the columns asked for are kept.

mod delimited;
mod footer;
mod json_lines;
mod page_source;
mod pages;
mod parquet;
mod problem;
mod read;
mod rows;
mod thrift;

pub(super) use problem::TableProblem;
pub use read::{Columns, Limit, Table, Tables, parquet_ranges};
