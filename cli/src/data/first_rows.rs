//! The first rows of a large file on the hub, without the rest of it.
//!
//! Of a Parquet file the footer is fetched, which tells where the pages of the wanted columns lie, and then those pages of its first
//! row groups, into a file with holes. Of a file of lines its beginning is fetched, until it holds a row more than is wanted: the last
//! row of a beginning can be cut.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::Path;

use esmhub_selection::hub::{HubError, MAX_RANGE_BYTES, Repository};
use tempfile::NamedTempFile;

use crate::dataset::{Columns, Format, Limit, MAX_TABLE_BYTES, Tables, parquet_ranges};
use crate::failure::{Failure, Outcome};

/// Smaller files are fetched whole, and kept in the cache.
const SMALL: u64 = 4 << 20;
/// Bytes at the end of a Parquet file that are fetched first: nearly every footer is shorter.
const TAIL: u64 = 64 << 10;
/// Bytes at the beginning of a file of lines that are fetched first, and by what they grow as long as rows are missing.
const BEGINNING: u64 = 1 << 20;
const GROWTH: u64 = 4;
/// What ends a Parquet file, behind the length of its footer.
const MAGIC: &[u8] = b"PAR1";

/// A file that holds what is needed of `file`; `None` where the whole of it should be taken: it is in the cache, small, or mostly
/// needed, or the server gives only whole files. `progress` is told the bytes that are here.
pub(super) fn first_rows(
    repository: &Repository<'_>,
    file: &str,
    columns: Columns<'_>,
    rows: NonZeroUsize,
    progress: &dyn Fn(u64),
) -> Outcome<Option<NamedTempFile>> {
    let size = repository.bytes_of(file).filter(|size| (SMALL..=MAX_TABLE_BYTES).contains(size));
    let Some(size) = size.filter(|_| !repository.is_cached(file)) else { return Ok(None) };
    let part = NamedTempFile::new().map_err(|error| Failure::io(std::env::temp_dir().display(), error))?;
    let part = Part { repository, name: file, size, file: part, fetched: 0, progress };
    match Format::of(Path::new(file))? {
        Format::Parquet => part.pages(columns, rows),
        Format::Csv | Format::Tsv | Format::JsonLines => part.beginning(columns, rows),
        Format::Npz | Format::Safetensors => Ok(None),
    }
}

/// What is here of a file.
struct Part<'a> {
    repository: &'a Repository<'a>,
    name: &'a str,
    /// Of the whole file.
    size: u64,
    file: NamedTempFile,
    fetched: u64,
    progress: &'a dyn Fn(u64),
}

impl Part<'_> {
    /// The footer, and the pages that it names.
    fn pages(mut self, columns: Columns<'_>, rows: NonZeroUsize) -> Outcome<Option<NamedTempFile>> {
        self.file.as_file().set_len(self.size).map_err(|error| self.cannot_write(error))?;
        let tail = TAIL.min(self.size);
        let Some(end) = self.fetch(self.size - tail, tail)? else { return Ok(None) };
        let Some([footer @ .., _, _, _, _]) = end.last_chunk::<8>().filter(|end| end.ends_with(MAGIC)) else {
            return Ok(None);
        };
        let footer = footer.first_chunk::<4>().map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes))) + 8;
        // What is longer than a range is no footer.
        if footer > self.size.min(MAX_RANGE_BYTES) {
            return Ok(None);
        }
        if footer > tail && self.fetch(self.size - footer, footer - tail)?.is_none() {
            return Ok(None);
        }
        let ranges = parquet_ranges(self.file.path(), Path::new(self.name), columns, rows)?;
        if ranges.iter().map(|range| range.end - range.start).sum::<u64>() > self.size / 2 {
            return Ok(None);
        }
        for range in ranges {
            let mut start = range.start;
            while start < range.end {
                let length = MAX_RANGE_BYTES.min(range.end - start);
                if self.fetch(start, length)?.is_none() {
                    return Ok(None);
                }
                start += length;
            }
        }
        Ok(Some(self.file))
    }

    /// The lines of the beginning, as many as hold the rows and one more.
    fn beginning(mut self, columns: Columns<'_>, rows: NonZeroUsize) -> Outcome<Option<NamedTempFile>> {
        let mut wanted = BEGINNING;
        let more = rows.saturating_add(1);
        while wanted <= self.size / 2 {
            while self.fetched < wanted {
                let length = MAX_RANGE_BYTES.min(wanted - self.fetched);
                if self.fetch(self.fetched, length)?.is_none() {
                    return Ok(None);
                }
            }
            let mut tables = Tables::new(columns, Limit::First(more));
            // What is wrong may be only where it was cut.
            if tables.read(self.file.path(), Path::new(self.name)).is_ok() && tables.are_full() {
                return Ok(Some(self.file));
            }
            wanted *= GROWTH;
        }
        Ok(None)
    }

    /// Fetches a range and puts it in its place.
    fn fetch(&mut self, start: u64, length: u64) -> Outcome<Option<Vec<u8>>> {
        let Some(bytes) = self.repository.range(self.name, start, length)? else { return Ok(None) };
        write_at(self.file.as_file_mut(), start, &bytes).map_err(|error| self.cannot_write(error))?;
        self.fetched += length;
        (self.progress)(self.fetched);
        Ok(Some(bytes))
    }

    fn cannot_write(&self, source: std::io::Error) -> Failure {
        HubError::Cache { path: self.file.path().to_owned(), source }.into()
    }
}

fn write_at(file: &mut File, start: u64, bytes: &[u8]) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(start))?;
    file.write_all(bytes)
}
