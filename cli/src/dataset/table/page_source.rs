//! The bytes of a Parquet column, checked before the `parquet` crate unpacks them.
//!
//! A page says how long it is when unpacked. The crate asks for as much memory, 2 GiB at most, before it looks whether the
//! page keeps its word; and where the codec is gzip it unpacks all there is, whatever the page says. Here a page may be
//! 128 MiB long, and what gzip makes of one is counted first.

use std::fs::File;
use std::io::{self, BufReader, Read, Take};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::super::limits::MAX_PAGE_BYTES;
use super::footer::PAGE_HEADER;
use super::thrift::{ENDS, walk};

/// What gzip data begin with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Bytes of a page's header: the longest hold two cells as statistics, twice.
const MAX_HEADER_BYTES: u64 = 8 << 20;

/// Bytes that nearly every header fits into.
const MOST_HEADER_BYTES: u64 = 4096;

/// Where one column's pages are read from.
pub(super) struct PageSource {
    file: File,
    bytes: u64,
    is_gzip: bool,
}

impl PageSource {
    /// The pages of a column with this codec.
    ///
    /// # Errors
    /// A codec that can unpack without bound, or that is not built in.
    pub(super) fn new(file: File, codec: Compression) -> Result<Self> {
        use Compression::{GZIP, LZ4_RAW, SNAPPY, UNCOMPRESSED, ZSTD};
        if !matches!(codec, UNCOMPRESSED | SNAPPY | GZIP(_) | ZSTD(_) | LZ4_RAW) {
            let expected = "UNCOMPRESSED, SNAPPY, GZIP, ZSTD or LZ4_RAW";
            return Err(ParquetError::General(format!("compressed by {codec}, expected {expected}")));
        }
        let bytes = file.metadata()?.len();
        Ok(Self { file, bytes, is_gzip: matches!(codec, GZIP(_)) })
    }

    /// Checks the header that begins here. Most are short: those that are not are read again.
    fn check_header(&self, start: u64) -> Result<()> {
        for most in [MOST_HEADER_BYTES, MAX_HEADER_BYTES] {
            let mut header = Vec::new();
            self.file.get_read(start)?.take(most).read_to_end(&mut header)?;
            match walk(PAGE_HEADER, &header) {
                Err(ENDS) if header.len() as u64 == most && most < MAX_HEADER_BYTES => {}
                Err(reason) => return Err(ParquetError::General(format!("a page's header: {reason}"))),
                Ok(()) => break,
            }
        }
        Ok(())
    }
}

impl Length for PageSource {
    fn len(&self) -> u64 {
        self.bytes
    }
}

/// What the crate reads a page's header from. Its end is an error: the crate passes over what it does not know without
/// looking whether anything is there, for hours where a list claims to have 2^31 numbers.
pub(super) struct Header(Take<BufReader<File>>);

impl Read for Header {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

impl ChunkReader for PageSource {
    type T = Header;

    /// The crate asks for this where a page's header begins.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        // A type and two sizes of at most 5 bytes each, and what stands before each of them.
        let mut header = Vec::new();
        self.file.get_read(start)?.take(18).read_to_end(&mut header)?;
        let unpacked = unpacked_bytes(&header).ok_or_else(|| {
            ParquetError::General("a page's header does not begin with its type and sizes".to_owned())
        })?;
        if unpacked > MAX_PAGE_BYTES {
            let reason = format!("a page of {unpacked} bytes when unpacked, expected at most {MAX_PAGE_BYTES}");
            return Err(ParquetError::General(reason));
        }
        self.check_header(start)?;
        Ok(Header(self.file.get_read(start)?.take(MAX_HEADER_BYTES)))
    }

    /// The crate asks for this where a page's packed bytes begin.
    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if start.saturating_add(length as u64) > self.bytes {
            let reason = format!("a page of {length} bytes at {start}, in a file of {}", self.bytes);
            return Err(ParquetError::EOF(reason));
        }
        let packed = self.file.get_bytes(start, length)?;
        if self.is_gzip && !packed.is_empty() {
            check_gzip(&packed)?;
        }
        Ok(packed)
    }
}

/// Unpacks once into nothing. The second version of pages, with levels before the gzip data, is refused: the crate would
/// begin elsewhere than this does.
fn check_gzip(packed: &[u8]) -> Result<()> {
    if !packed.starts_with(&GZIP) {
        return Err(ParquetError::General("a page of a gzip column does not begin as gzip does".to_owned()));
    }
    let limited = &mut MultiGzDecoder::new(packed).take(MAX_PAGE_BYTES.saturating_add(1));
    if io::copy(limited, &mut io::sink())? > MAX_PAGE_BYTES {
        return Err(ParquetError::General(format!("a page of more than {MAX_PAGE_BYTES} bytes when unpacked")));
    }
    Ok(())
}

/// The second field of a page's header, its size when unpacked, where the first three are there in their order: type,
/// unpacked and packed size, all of them i32 in Thrift's compact protocol. Every writer begins so.
fn unpacked_bytes(header: &[u8]) -> Option<u64> {
    const NEXT_FIELD_I32: u8 = 0x15;
    let mut bytes = header.iter();
    let mut field = || {
        if *bytes.next()? != NEXT_FIELD_I32 {
            return None;
        }
        let mut zigzag = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = *bytes.next()?;
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(zigzag);
            }
        }
        None
    };
    let (_, unpacked, _) = (field()?, field()?, field()?);
    // An odd number is a negative size.
    unpacked.is_multiple_of(2).then_some(unpacked / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_page_is_read_as_thrift_writes_it() {
        // DATA_PAGE, 300 bytes, packed 150.
        assert_eq!(unpacked_bytes(&[0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0xac, 0x02, 0x2c]), Some(300));
        // 2^31 - 1 bytes.
        assert_eq!(unpacked_bytes(&[0x15, 0x00, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x15, 0x02]), Some(0x7fff_ffff));
    }

    #[test]
    fn headers_in_another_order_are_not_believed() {
        // -1 bytes; the unpacked size named out of order; a number without end; nothing.
        assert_eq!(unpacked_bytes(&[0x15, 0x00, 0x15, 0x01, 0x15, 0x02]), None);
        assert_eq!(unpacked_bytes(&[0x15, 0x00, 0x25, 0xd8, 0x04, 0x05, 0x04, 0xd8, 0x04]), None);
        assert_eq!(unpacked_bytes(&[0x15, 0x00, 0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(unpacked_bytes(&[]), None);
    }
}
