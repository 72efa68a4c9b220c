//! The footer of a Parquet file and the headers of its pages, checked before the `parquet` crate reads them (see [`thrift`]).
//!
//! The fields: <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::problem::TableProblem;
use super::thrift::Is::{self, Binary, Bool, Double, I8, I16, I32, I64, List, Structure};
use super::thrift::walk;

/// Bytes of a footer. One of a thousand columns and a hundred row groups has about as many.
const MAX_FOOTER_BYTES: u64 = 32 << 20;
/// The length of the footer, and the format's name.
const END_BYTES: u64 = 8;
const MAGIC: &[u8] = b"PAR1";

type Fields = &'static [(i64, Is)];

const EMPTY: Fields = &[];
const KEY_VALUE: Fields = &[(1, Binary), (2, Binary)];
const UNIT: Fields = &[(1, Structure(EMPTY)), (2, Structure(EMPTY)), (3, Structure(EMPTY))];
const TIME: Fields = &[(1, Bool), (2, Structure(UNIT))];
const LOGICAL_TYPE: Fields = &[
    (1, Structure(EMPTY)),
    (2, Structure(EMPTY)),
    (3, Structure(EMPTY)),
    (4, Structure(EMPTY)),
    (5, Structure(&[(1, I32), (2, I32)])),
    (6, Structure(EMPTY)),
    (7, Structure(TIME)),
    (8, Structure(TIME)),
    (10, Structure(&[(1, I8), (2, Bool)])),
    (11, Structure(EMPTY)),
    (12, Structure(EMPTY)),
    (13, Structure(EMPTY)),
    (14, Structure(EMPTY)),
    (15, Structure(EMPTY)),
    (16, Structure(&[(1, I8)])),
    (17, Structure(&[(1, Binary)])),
    (18, Structure(&[(1, Binary), (2, I32)])),
];
const SCHEMA_ELEMENT: Fields = &[
    (1, I32),
    (2, I32),
    (3, I32),
    (4, Binary),
    (5, I32),
    (6, I32),
    (7, I32),
    (8, I32),
    (9, I32),
    (10, Structure(LOGICAL_TYPE)),
];
const STATISTICS: Fields =
    &[(1, Binary), (2, Binary), (3, I64), (4, I64), (5, Binary), (6, Binary), (7, Bool), (8, Bool)];
const BOUNDING_BOX: Fields =
    &[(1, Double), (2, Double), (3, Double), (4, Double), (5, Double), (6, Double), (7, Double), (8, Double)];
const COLUMN_METADATA: Fields = &[
    (1, I32),
    (2, List(&I32)),
    (3, List(&Binary)),
    (4, I32),
    (5, I64),
    (6, I64),
    (7, I64),
    (8, List(&Structure(KEY_VALUE))),
    (9, I64),
    (10, I64),
    (11, I64),
    (12, Structure(STATISTICS)),
    (13, List(&Structure(&[(1, I32), (2, I32), (3, I32)]))),
    (14, I64),
    (15, I32),
    (16, Structure(&[(1, I64), (2, List(&I64)), (3, List(&I64))])),
    (17, Structure(&[(1, Structure(BOUNDING_BOX)), (2, List(&I32))])),
];
const CRYPTO: Fields = &[(1, Structure(EMPTY)), (2, Structure(&[(1, List(&Binary)), (2, Binary)]))];
const COLUMN_CHUNK: Fields = &[
    (1, Binary),
    (2, I64),
    (3, Structure(COLUMN_METADATA)),
    (4, I64),
    (5, I32),
    (6, I64),
    (7, I32),
    (8, Structure(CRYPTO)),
    (9, Binary),
];
const ROW_GROUP: Fields = &[
    (1, List(&Structure(COLUMN_CHUNK))),
    (2, I64),
    (3, I64),
    (4, List(&Structure(&[(1, I32), (2, Bool), (3, Bool)]))),
    (5, I64),
    (6, I64),
    (7, I16),
];
const ALGORITHM: Fields = &[(1, Binary), (2, Binary), (3, Bool)];
const FILE_METADATA: Fields = &[
    (1, I32),
    (2, List(&Structure(SCHEMA_ELEMENT))),
    (3, I64),
    (4, List(&Structure(ROW_GROUP))),
    (5, List(&Structure(KEY_VALUE))),
    (6, Binary),
    (7, List(&Structure(&[(1, Structure(EMPTY))]))),
    (8, Structure(&[(1, Structure(ALGORITHM)), (2, Structure(ALGORITHM))])),
    (9, Binary),
];
/// The fields of a page's header.
pub(super) const PAGE_HEADER: Fields = &[
    (1, I32),
    (2, I32),
    (3, I32),
    (4, I32),
    (5, Structure(&[(1, I32), (2, I32), (3, I32), (4, I32), (5, Structure(STATISTICS))])),
    (6, Structure(EMPTY)),
    (7, Structure(&[(1, I32), (2, I32), (3, Bool)])),
    (
        8,
        Structure(&[(1, I32), (2, I32), (3, I32), (4, I32), (5, I32), (6, I32), (7, Bool), (8, Structure(STATISTICS))]),
    ),
];

/// Checks the footer of a file. Whether it says anything that makes sense is for the crate to find out.
pub(super) fn check(file: &mut File) -> Result<(), TableProblem> {
    let bytes = file.metadata().map_err(TableProblem::Read)?.len();
    let mut end = [0; END_BYTES as usize];
    let Some(before) = bytes.checked_sub(END_BYTES) else { return Ok(()) };
    file.seek(SeekFrom::Start(before)).map_err(TableProblem::Read)?;
    file.read_exact(&mut end).map_err(TableProblem::Read)?;
    let Some((length, MAGIC)) = end.split_first_chunk() else { return Ok(()) };
    let length = u64::from(u32::from_le_bytes(*length));
    if length > MAX_FOOTER_BYTES {
        let reason = format!("{length} bytes, expected at most {MAX_FOOTER_BYTES}");
        return Err(TableProblem::ParquetFooter { reason });
    }
    let Some(start) = before.checked_sub(length) else { return Ok(()) };
    file.seek(SeekFrom::Start(start)).map_err(TableProblem::Read)?;
    let mut footer = Vec::new();
    file.take(length).read_to_end(&mut footer).map_err(TableProblem::Read)?;
    walk(FILE_METADATA, &footer).map_err(|reason| TableProblem::ParquetFooter { reason: reason.to_owned() })
}
