//! Parquet pages, checked before the `parquet` crate decodes them.
//!
//! The crate asks for memory by counts that a page states, without comparing them with the page: the values of a
//! dictionary (2^32 of them are 128 GiB), and the lengths of delta-encoded texts (2^60 of them end the process). Here a
//! count must fit the bytes that it counts.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::RowGroupReader;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::record::reader::RowIter;
use parquet::schema::types::{ColumnDescPtr, Type as SchemaType};

use super::super::limits::{MAX_DICTIONARY_BYTES, MAX_ROWS};
use super::page_source::PageSource;

/// A row group whose pages are checked.
pub(super) struct CheckedGroup<'a> {
    /// The row group of the crate.
    pub(super) group: Box<dyn RowGroupReader + 'a>,
    /// The file that it is in.
    pub(super) file: &'a File,
}

impl RowGroupReader for CheckedGroup<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.group.metadata()
    }

    fn num_columns(&self) -> usize {
        self.group.num_columns()
    }

    fn get_column_page_reader(&self, column: usize) -> Result<Box<dyn PageReader>> {
        let metadata = self.metadata().column(column);
        let source = PageSource::new(self.file.try_clone()?, metadata.compression())?;
        let rows = usize::try_from(self.metadata().num_rows())?;
        let pages = SerializedPageReader::new(Arc::new(source), metadata, rows, None)?;
        Ok(Box::new(CheckedPages { pages: Box::new(pages), column: self.metadata().schema_descr().column(column) }))
    }

    fn get_column_bloom_filter(&self, column: usize) -> Option<&parquet::bloom_filter::Sbbf> {
        self.group.get_column_bloom_filter(column)
    }

    fn get_row_iter(&self, projection: Option<SchemaType>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

/// The pages of one column.
struct CheckedPages {
    pages: Box<dyn PageReader>,
    column: ColumnDescPtr,
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            check(page, &self.column)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

fn check(page: &Page, column: &ColumnDescPtr) -> Result<()> {
    let refuse = |reason: String| Err(ParquetError::General(format!("column {}: {reason}", column.name())));
    match page {
        Page::DictionaryPage { buf, num_values, .. } => {
            let width = match column.physical_type() {
                // A length stands before each value.
                Type::BYTE_ARRAY | Type::INT32 | Type::FLOAT => 4,
                Type::INT64 | Type::DOUBLE => 8,
                Type::INT96 => 12,
                Type::FIXED_LEN_BYTE_ARRAY | Type::BOOLEAN => 1,
            };
            if buf.len() > MAX_DICTIONARY_BYTES {
                return refuse(format!("dictionary of {} bytes, expected at most {MAX_DICTIONARY_BYTES}", buf.len()));
            }
            if (*num_values as usize).saturating_mul(width) > buf.len() {
                return refuse(format!("dictionary of {num_values} values in {} bytes", buf.len()));
            }
        }
        Page::DataPage { encoding: Encoding::DELTA_BYTE_ARRAY, .. }
        | Page::DataPageV2 { encoding: Encoding::DELTA_BYTE_ARRAY, .. } => {
            return refuse("encoding DELTA_BYTE_ARRAY is not read".to_owned());
        }
        Page::DataPage { encoding: Encoding::DELTA_LENGTH_BYTE_ARRAY, .. }
        | Page::DataPageV2 { encoding: Encoding::DELTA_LENGTH_BYTE_ARRAY, .. } => {
            let most = u64::from(page.num_values()).min(MAX_ROWS as u64);
            match values(page, column).and_then(delta_count) {
                Some(lengths) if lengths <= most => {}
                Some(lengths) => return refuse(format!("{lengths} lengths in a page of {} texts", page.num_values())),
                None => return refuse("page ends within its header".to_owned()),
            }
        }
        Page::DataPage { .. } | Page::DataPageV2 { .. } => {}
    }
    Ok(())
}

/// The bytes of a data page behind its definition levels; the columns that are read are not nested, so there are no
/// repetition levels.
fn values<'a>(page: &'a Page, column: &ColumnDescPtr) -> Option<&'a [u8]> {
    match page {
        Page::DataPage { buf, def_level_encoding, num_values, .. } => {
            match (column.max_def_level(), def_level_encoding) {
                (0, _) => Some(buf),
                (1, Encoding::RLE) => {
                    let (length, rest) = buf.split_first_chunk()?;
                    rest.get(u32::from_le_bytes(*length) as usize..)
                }
                #[allow(deprecated, reason = "old files have it")]
                (1, Encoding::BIT_PACKED) => buf.get(num_values.div_ceil(8) as usize..),
                _ => None,
            }
        }
        Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
            buf.get((*def_levels_byte_len as usize).checked_add(*rep_levels_byte_len as usize)?..)
        }
        Page::DictionaryPage { .. } => None,
    }
}

/// How many numbers a delta-packed run holds: the third number in its header, after the sizes of blocks and miniblocks.
fn delta_count(bytes: &[u8]) -> Option<u64> {
    let mut bytes = bytes.iter();
    let mut number = || {
        let mut number = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = *bytes.next()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    };
    number()?;
    number()?;
    number()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use parquet::schema::types::{ColumnDescriptor, ColumnPath};

    use super::*;

    fn column(kind: Type, levels: i16) -> ColumnDescPtr {
        let field = SchemaType::primitive_type_builder("text", kind).build().unwrap();
        Arc::new(ColumnDescriptor::new(Arc::new(field), levels, 0, ColumnPath::from("text")))
    }

    fn dictionary(bytes: usize, num_values: u32) -> Page {
        Page::DictionaryPage { buf: vec![0; bytes].into(), num_values, encoding: Encoding::PLAIN, is_sorted: false }
    }

    fn data(bytes: &[u8], num_values: u32, encoding: Encoding) -> Page {
        let levels = Encoding::RLE;
        let (def_level_encoding, rep_level_encoding) = (levels, levels);
        let buf = bytes.to_vec().into();
        Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics: None }
    }

    #[test]
    fn a_dictionary_that_counts_more_values_than_it_holds_is_refused() {
        for (kind, width) in [(Type::BYTE_ARRAY, 4), (Type::INT32, 4), (Type::INT64, 8), (Type::INT96, 12)] {
            let column = column(kind, 0);
            assert!(check(&dictionary(5 * width, 5), &column).is_ok());
            assert!(check(&dictionary(5 * width - 1, 5), &column).is_err());
            assert!(check(&dictionary(5 * width, u32::MAX), &column).is_err());
        }
        assert!(check(&dictionary(MAX_DICTIONARY_BYTES + 1, 1), &column(Type::BYTE_ARRAY, 0)).is_err());
    }

    #[test]
    fn delta_lengths_that_count_more_texts_than_the_page_are_refused() {
        let check = |bytes: &[u8], texts, levels| {
            check(&data(bytes, texts, Encoding::DELTA_LENGTH_BYTE_ARRAY), &column(Type::BYTE_ARRAY, levels))
        };
        // Blocks of 128, 4 miniblocks, 300 lengths.
        let header = [0x80, 0x01, 0x04, 0xac, 0x02, 0x00];
        assert!(check(&header, 300, 0).is_ok());
        assert!(check(&header, 299, 0).is_err());
        assert!(check(&[&[2, 0, 0, 0, 9, 9], &header[..]].concat(), 300, 1).is_ok());
        assert!(check(&[&[2, 0, 0, 0, 9, 9], &header[..]].concat(), 299, 1).is_err());
        // 2^62 lengths, a number without end, none at all.
        assert!(
            check(&[0x80, 0x01, 0x04, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0x00], u32::MAX, 0)
                .is_err()
        );
        assert!(check(&[0x80; 20], 300, 0).is_err());
        assert!(check(&[], 300, 0).is_err());
        assert!(check(&[0xff; 4], 300, 1).is_err());
        // 10,000,001 lengths in a page that claims as many.
        assert!(check(&[0x80, 0x01, 0x04, 0x81, 0xad, 0xe2, 0x04], u32::MAX, 0).is_err());
        assert!(check(&[0x80, 0x01, 0x04, 0x80, 0xad, 0xe2, 0x04], u32::MAX, 0).is_ok());
    }
}
