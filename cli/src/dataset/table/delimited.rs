//! CSV and TSV, by the `csv` crate.
//!
//! Lengths, UTF-8 and line numbers are checked here and not by the crate: it counts a line less than there are where
//! lines end in CRLF, and starts a row at the blank lines before it.

use std::fs::File;
use std::io::{self, Read};
use std::str;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::super::labels::RawLabel;
use super::super::limits::MAX_RECORD_BYTES;
use super::problem::{Place, TableProblem, position};
use super::read::Columns;
use super::rows::Rows;

pub(super) fn read(file: File, separator: u8, columns: Columns<'_>, rows: &mut Rows) -> Result<(), TableProblem> {
    let mut reader =
        ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(Metered::new(file));
    let mut record = ByteRecord::new();
    let Some(line) = next(&mut reader, &mut record)? else {
        return Err(TableProblem::NoRows);
    };
    let header: Vec<String> = cells(&record, line)?.into_iter().map(str::to_owned).collect();
    let texts = columns.texts.iter().map(|name| Ok((name.as_str(), position(&header, name)?)));
    let texts: Vec<(&str, usize)> = texts.collect::<Result<_, TableProblem>>()?;
    let label = columns.label.map(|name| Ok((name, position(&header, name)?))).transpose()?;

    let mut spans_lines = None;
    while !rows.full() {
        let Some(line) = next(&mut reader, &mut record)? else {
            break;
        };
        let place = Place::Line(line);
        let cells = cells(&record, line)?;
        if cells.len() != header.len() {
            let (expected, found) = (header.len(), cells.len());
            return Err(TableProblem::UnequalFields { line, expected, found });
        }
        spans_lines = cells.iter().any(|cell| cell.contains('\n')).then_some(line);
        for &(name, position) in &texts {
            let cell = cells.get(position).copied().unwrap_or_default();
            if cell.is_empty() {
                return Err(TableProblem::MissingText { place, column: name.to_owned() });
            }
            if separator == b'\t' && cell.contains('\t') && cell.contains('\n') {
                return Err(TableProblem::SwallowedLine { line });
            }
            rows.text(place, name, cell)?;
        }
        if let Some((name, position)) = label {
            let cell = cells.get(position).copied().unwrap_or_default();
            let label = if cell.is_empty() { RawLabel::Missing } else { RawLabel::Cell(cell.to_owned()) };
            rows.label(place, name, label)?;
        }
        rows.end()?;
    }
    match spans_lines {
        Some(line) if reader.get_ref().ended_inside_quotes() => Err(TableProblem::OpenQuote { line }),
        _ => Ok(()),
    }
}

/// Reads the next row and says on which line it begins; `None` at the end.
fn next(reader: &mut Reader<Metered<File>>, record: &mut ByteRecord) -> Result<Option<u64>, TableProblem> {
    reader.get_mut().record_bytes = 0;
    let start = reader.position().clone();
    let ahead = u64::from(reader.get_ref().byte_before(start.byte()) == Some(b'\r'));
    match reader.read_byte_record(record) {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(_) if reader.get_ref().too_long() => {
            return Err(TableProblem::LineTooLong { line: start.line() + ahead });
        }
        Err(error) => return Err(TableProblem::Read(io::Error::from(error))),
    }
    // The crate has counted the line feeds that it has consumed: those inside the row's fields, and the one behind it
    // unless the row ends at a carriage return or at the end of the file.
    let (end, source) = (reader.position(), reader.get_ref());
    let inside = record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
    let behind = u64::from(!source.ended && source.byte_before(end.byte()) == Some(b'\n'));
    Ok(Some(end.line().saturating_sub(inside + behind)))
}

fn cells(record: &ByteRecord, line: u64) -> Result<Vec<&str>, TableProblem> {
    let cells: Result<_, _> = record.iter().map(str::from_utf8).collect();
    cells.map_err(|_| TableProblem::NotUtf8 { place: Place::Line(line) })
}

/// Bounds the bytes of one row, which the csv crate does not, and remembers what it needs for lines and quotes.
struct Metered<R> {
    inner: R,
    /// Bytes read since a row was begun.
    record_bytes: u64,
    /// What was read last, and the offset in the file behind it.
    chunk: Vec<u8>,
    offset: u64,
    odd_quotes: bool,
    ended: bool,
}

impl<R> Metered<R> {
    fn new(inner: R) -> Self {
        Self { inner, record_bytes: 0, chunk: Vec::new(), offset: 0, odd_quotes: false, ended: false }
    }

    fn too_long(&self) -> bool {
        self.record_bytes > MAX_RECORD_BYTES
    }

    fn byte_before(&self, offset: u64) -> Option<u8> {
        let from_end = usize::try_from(self.offset.checked_sub(offset)?).ok()?;
        self.chunk.iter().rev().nth(from_end).copied()
    }

    /// An odd number of quotes alone proves nothing, since readers of CSV accept the field `5" disk`; it does together
    /// with a last row that spans lines.
    fn ended_inside_quotes(&self) -> bool {
        self.ended && self.odd_quotes
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.too_long() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let count = self.inner.read(buffer)?;
        self.ended = count == 0;
        if let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) {
            self.chunk.clear();
            self.chunk.extend_from_slice(bytes);
            self.offset += count as u64;
            self.record_bytes += count as u64;
            self.odd_quotes ^= bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
        }
        Ok(count)
    }
}
