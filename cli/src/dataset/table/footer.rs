//! The footer of a Parquet file, checked before the `parquet` crate reads it.
//!
//! The crate passes over what it does not know without looking whether anything is there: a list that claims to hold 2^31
//! booleans keeps it busy for seconds, and a list of such lists for ever. Here every list must fit the bytes that are left, and
//! lists of booleans, which no version of the format puts into a footer, are refused: the crate takes no bytes for them.
//!
//! Thrift's compact protocol: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::problem::TableProblem;

/// Bytes of a footer. One of a thousand columns and a hundred row groups has about as many.
const MAX_FOOTER_BYTES: u64 = 32 << 20;
/// Structures within structures; the format itself needs seven.
const MAX_DEPTH: usize = 32;
/// The length of the footer, and the format's name.
const END_BYTES: u64 = 8;
const MAGIC: &[u8] = b"PAR1";

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
    walk(&footer).map_err(|reason| TableProblem::ParquetFooter { reason: reason.to_owned() })
}

/// Where a walk is: in a structure, or in a list with so many elements of this type left.
enum Level {
    Structure,
    List { left: u64, element: u8 },
}

/// Walks over one structure in as many steps as it has bytes.
fn walk(mut bytes: &[u8]) -> Result<(), &'static str> {
    let mut levels = vec![Level::Structure];
    while let Some(level) = levels.last_mut() {
        let value = match level {
            Level::Structure => match field(&mut bytes)? {
                Some(value) => value,
                None => {
                    levels.pop();
                    continue;
                }
            },
            Level::List { left: 0, .. } => {
                levels.pop();
                continue;
            }
            Level::List { left, element } => {
                *left -= 1;
                *element
            }
        };
        match value {
            // In a structure the type says whether it is true or false.
            TRUE | FALSE => {}
            BYTE => skip(&mut bytes, 1)?,
            I16 | I32 | I64 => drop(number(&mut bytes)?),
            DOUBLE => skip(&mut bytes, 8)?,
            BINARY => {
                let length = number(&mut bytes)?;
                skip(&mut bytes, length)?;
            }
            LIST => levels.push(list(&mut bytes)?),
            STRUCTURE => levels.push(Level::Structure),
            _ => return Err("a type that no footer holds"),
        }
        if levels.len() > MAX_DEPTH {
            return Err("structures within structures, too deep");
        }
    }
    Ok(())
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCTURE: u8 = 12;

/// The type of a structure's next field; `None` at its end.
fn field(bytes: &mut &[u8]) -> Result<Option<u8>, &'static str> {
    let header = byte(bytes)?;
    let value = header & 0x0f;
    if value == 0 {
        return Ok(None);
    }
    if header >> 4 == 0 {
        number(bytes)?;
    }
    Ok(Some(value))
}

/// The header of a list. Each of its elements takes a byte at least.
fn list(bytes: &mut &[u8]) -> Result<Level, &'static str> {
    let header = byte(bytes)?;
    let element = header & 0x0f;
    let left = match header >> 4 {
        15 => number(bytes)?,
        short => u64::from(short),
    };
    if left > 0 && matches!(element, TRUE | FALSE) {
        return Err("a list of booleans");
    }
    if left > bytes.len() as u64 {
        return Err("a list of more elements than there are bytes");
    }
    Ok(Level::List { left, element })
}

/// A number of up to 64 bits, 7 of them in each byte.
fn number(bytes: &mut &[u8]) -> Result<u64, &'static str> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let byte = byte(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("a number of more than 64 bits")
}

fn byte(bytes: &mut &[u8]) -> Result<u8, &'static str> {
    let (&first, rest) = bytes.split_first().ok_or(ENDS)?;
    *bytes = rest;
    Ok(first)
}

fn skip(bytes: &mut &[u8], count: u64) -> Result<(), &'static str> {
    let count = usize::try_from(count).map_err(|_| ENDS)?;
    (_, *bytes) = bytes.split_at_checked(count).ok_or(ENDS)?;
    Ok(())
}

const ENDS: &str = "it ends within its structures";

#[cfg(test)]
mod tests {
    use super::*;

    /// A structure with field 1, a list of this header, and what follows.
    fn with_list(header: &[u8], rest: &[u8]) -> Vec<u8> {
        [&[0x19], header, rest].concat()
    }

    #[test]
    fn every_type_is_walked_over() {
        let mut footer = vec![0x11, 0x12, 0x13, 7, 0x14, 0x80, 1, 0x15, 2, 0x16, 3, 0x17];
        footer.extend([0; 8]);
        footer.extend([0x18, 2, b'a', b'b', 0x19, 0x25, 1, 2, 0x1c, 0x11, 0, 0x05, 0x40, 9, 0]);
        assert_eq!(walk(&footer), Ok(()));
        for end in 0..footer.len() {
            assert!(walk(footer.get(..end).unwrap_or_default()).is_err(), "cut off behind {end} bytes");
        }
    }

    #[test]
    fn lists_that_claim_more_than_there_is_are_refused() {
        let two_to_the_31 = [0xf5, 0x80, 0x80, 0x80, 0x80, 8];
        assert!(walk(&with_list(&two_to_the_31, &[0; 50])).is_err());
        assert!(walk(&with_list(&[0xf1, 0x80, 0x80, 0x80, 0x80, 8], &[0; 50])).is_err());
        assert!(walk(&with_list(&[0x21], &[1, 1, 0])).is_err(), "of booleans");
        assert!(walk(&with_list(&[0x2b], &[1, 1, 0])).is_err(), "of maps");
        assert_eq!(walk(&with_list(&[0x01], &[0])), Ok(()), "of no booleans");
        assert_eq!(walk(&with_list(&[0x25], &[1, 1, 0])), Ok(()));
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(walk(&[0x1c; 100_000]).is_err());
        assert!(walk(&[&[0x19][..], &[0x19; 100_000]].concat()).is_err());
        assert_eq!(walk(&[&[0x1c; 20][..], &[0; 21]].concat()), Ok(()));
    }
}
