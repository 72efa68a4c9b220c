//! Where the cells of every table format go: joins texts, counts bytes, stops at the limit.

use std::num::NonZeroUsize;

use super::super::labels::RawLabel;
use super::super::limits::{MAX_CELL_BYTES, MAX_ROWS, MAX_TEXT_BYTES, ROW_BYTES, expanded};
use super::problem::{Place, TableProblem};
use super::read::{Limit, Table};

/// What stands between the texts of several columns, as hfselect joins them.
const SEPARATOR: &str = " [SEP] ";

/// The rows read so far, and the text of the row being read.
pub(super) struct Rows {
    limit: Limit,
    text: Option<String>,
    bytes: u64,
    most_bytes: u64,
    /// Bytes of all files so far.
    files: u64,
    /// Rows of the files before this one.
    before: usize,
    texts: Vec<String>,
    labels: Option<Vec<RawLabel>>,
}

impl Rows {
    /// No rows yet.
    pub(super) fn new(labelled: bool, limit: Limit) -> Self {
        let labels = labelled.then(Vec::new);
        Self { limit, text: None, bytes: 0, most_bytes: 0, files: 0, before: 0, texts: Vec::new(), labels }
    }

    /// What comes now is of a file of so many bytes.
    pub(super) fn begin(&mut self, file: u64) {
        self.files = self.files.saturating_add(file);
        self.most_bytes = expanded(self.files, MAX_TEXT_BYTES);
        self.before = self.texts.len();
    }

    /// Whether all rows that were asked for are there.
    pub(super) fn full(&self) -> bool {
        matches!(self.limit, Limit::First(wanted) if self.texts.len() >= wanted.get())
    }

    /// How many rows are still wanted; `None` where all are.
    pub(super) fn wanted(&self) -> Option<NonZeroUsize> {
        match self.limit {
            Limit::All => None,
            Limit::First(wanted) => NonZeroUsize::new(wanted.get().saturating_sub(self.texts.len())),
        }
    }

    /// The row of this file that is read now, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.texts.len().saturating_sub(self.before) as u64 + 1
    }

    /// Adds one text column to the row being read.
    pub(super) fn text(&mut self, place: Place, column: &str, cell: &str) -> Result<(), TableProblem> {
        self.count(place, column, cell)?;
        match &mut self.text {
            Some(text) => {
                text.push_str(SEPARATOR);
                text.push_str(cell);
            }
            None => self.text = Some(cell.to_owned()),
        }
        Ok(())
    }

    /// Adds the label of the row being read.
    pub(super) fn label(&mut self, place: Place, column: &str, label: RawLabel) -> Result<(), TableProblem> {
        if let RawLabel::Text(text) | RawLabel::Cell(text) = &label {
            self.count(place, column, text)?;
        }
        self.labels.get_or_insert_default().push(label);
        Ok(())
    }

    /// The row is read whole.
    pub(super) fn end(&mut self) -> Result<(), TableProblem> {
        if self.texts.len() >= MAX_ROWS {
            return Err(TableProblem::TooManyRows);
        }
        self.spend(ROW_BYTES)?;
        self.texts.push(self.text.take().unwrap_or_default());
        Ok(())
    }

    pub(super) fn into_table(self) -> Result<Table, TableProblem> {
        if self.texts.is_empty() {
            return Err(TableProblem::NoRows);
        }
        Ok(Table { texts: self.texts, labels: self.labels })
    }

    fn count(&mut self, place: Place, column: &str, cell: &str) -> Result<(), TableProblem> {
        if cell.len() > MAX_CELL_BYTES {
            return Err(TableProblem::CellTooLong { place, column: column.to_owned(), bytes: cell.len() });
        }
        self.spend(cell.len() as u64)
    }

    fn spend(&mut self, bytes: u64) -> Result<(), TableProblem> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.most_bytes {
            return Err(TableProblem::TooMuchText { limit: self.most_bytes });
        }
        Ok(())
    }
}
