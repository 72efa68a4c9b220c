//! Thrift's compact protocol, as far as Parquet needs it: whether bytes are what the `parquet` crate takes them for.
//!
//! The crate passes over what it does not know without looking whether anything is there: a list that claims to hold 2^31
//! booleans keeps it busy for seconds, and a list of such lists for ever, as it takes no bytes for them. And it reads what it knows
//! by the number of a field, whatever type stands there. Here every field that it knows must have its type, every list must fit
//! the bytes that are left, and lists of booleans, which Parquet has none of here, are refused.
//!
//! The protocol: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

/// Structures within structures; the format itself needs seven.
const MAX_DEPTH: usize = 32;

/// What a value must be.
#[derive(Clone, Copy)]
pub(super) enum Is {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Double,
    Binary,
    /// A structure with these fields, by number; others are passed over.
    Structure(&'static [(i64, Is)]),
    List(&'static Is),
}

impl Is {
    fn fits(self, value: u8) -> bool {
        match self {
            Self::Bool => matches!(value, TRUE | FALSE),
            Self::I8 => value == BYTE,
            Self::I16 => value == I16,
            Self::I32 => value == I32,
            Self::I64 => value == I64,
            Self::Double => value == DOUBLE,
            Self::Binary => value == BINARY,
            Self::Structure(_) => value == STRUCTURE,
            Self::List(_) => value == LIST,
        }
    }
}

/// Where a walk is: in a structure behind the field of this number, or in a list with so many elements of this type left.
enum Level {
    Structure { fields: &'static [(i64, Is)], last: i64 },
    List { left: u64, element: u8, is: Option<Is> },
}

/// Walks over a structure with these fields, in as many steps as it has bytes. What stands behind it is not looked at.
pub(super) fn walk(fields: &'static [(i64, Is)], mut bytes: &[u8]) -> Result<(), &'static str> {
    let mut levels = vec![Level::Structure { fields, last: 0 }];
    while let Some(level) = levels.last_mut() {
        let next = match level {
            Level::Structure { fields, last } => field(&mut bytes, last)?.map(|value| {
                let known = fields.iter().find(|(number, _)| number == last).map(|(_, is)| *is);
                (value, known)
            }),
            Level::List { left: 0, .. } => None,
            Level::List { left, element, is } => {
                *left -= 1;
                Some((*element, *is))
            }
        };
        let Some((value, is)) = next else {
            levels.pop();
            continue;
        };
        if is.is_some_and(|is| !is.fits(value)) {
            return Err("a field of another type than it has");
        }
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
            LIST => levels.push(list(&mut bytes, is)?),
            STRUCTURE => {
                let fields = if let Some(Is::Structure(fields)) = is { fields } else { &[] };
                levels.push(Level::Structure { fields, last: 0 });
            }
            _ => return Err("a type that Parquet does not use"),
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

/// That bytes end where more must stand.
pub(super) const ENDS: &str = "it ends within its structures";

/// The type of a structure's next field, whose number is noted; `None` at its end.
fn field(bytes: &mut &[u8], last: &mut i64) -> Result<Option<u8>, &'static str> {
    let header = byte(bytes)?;
    let value = header & 0x0f;
    if value == 0 {
        return Ok(None);
    }
    let number = match header >> 4 {
        0 => {
            let zigzag = number(bytes)?;
            i64::try_from(zigzag >> 1).ok().filter(|_| zigzag.is_multiple_of(2))
        }
        step => last.checked_add(i64::from(step)),
    };
    // Numbers have 16 bits. In ascending order none comes twice, as another type.
    *last = number.filter(|number| (*last + 1..=0x7fff).contains(number)).ok_or("fields out of their order")?;
    Ok(Some(value))
}

/// The header of a list. Each of its elements takes a byte at least.
fn list(bytes: &mut &[u8], is: Option<Is>) -> Result<Level, &'static str> {
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
    let is = if let Some(Is::List(is)) = is { Some(*is) } else { None };
    Ok(Level::List { left, element, is })
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

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: &[(i64, Is)] = &[];

    /// A structure with field 1, a list of this header, and what follows.
    fn with_list(header: &[u8], rest: &[u8]) -> Vec<u8> {
        [&[0x19], header, rest].concat()
    }

    #[test]
    fn every_type_is_walked_over() {
        let mut footer = vec![0x11, 0x12, 0x13, 7, 0x14, 0x80, 1, 0x15, 2, 0x16, 3, 0x17];
        footer.extend([0; 8]);
        footer.extend([0x18, 2, b'a', b'b', 0x19, 0x25, 1, 2, 0x1c, 0x11, 0, 0x05, 0x40, 9, 0]);
        assert_eq!(walk(ANY, &footer), Ok(()));
        for end in 0..footer.len() {
            assert!(walk(ANY, footer.get(..end).unwrap_or_default()).is_err(), "cut off behind {end} bytes");
        }
    }

    #[test]
    fn lists_that_claim_more_than_there_is_are_refused() {
        let two_to_the_31 = [0xf5, 0x80, 0x80, 0x80, 0x80, 8];
        assert!(walk(ANY, &with_list(&two_to_the_31, &[0; 50])).is_err());
        assert!(walk(ANY, &with_list(&[0xf1, 0x80, 0x80, 0x80, 0x80, 8], &[0; 50])).is_err());
        assert!(walk(ANY, &with_list(&[0x21], &[1, 1, 0])).is_err(), "of booleans");
        assert!(walk(ANY, &with_list(&[0x2b], &[1, 1, 0])).is_err(), "of maps");
        assert_eq!(walk(ANY, &with_list(&[0x01], &[0])), Ok(()), "of no booleans");
        assert_eq!(walk(ANY, &with_list(&[0x25], &[1, 1, 0])), Ok(()));
    }

    /// Else the crate would read as fields what this takes for the content of a text.
    #[test]
    fn fields_of_another_type_than_they_have_are_refused() {
        const KNOWN: &[(i64, Is)] = &[(1, Is::I32), (3, Is::List(&Is::Structure(&[(2, Is::Bool)])))];
        assert_eq!(walk(KNOWN, &[0x15, 2, 0x18, 1, b'a', 0x19, 0x1c, 0x21, 0, 0]), Ok(()));
        assert!(walk(KNOWN, &[0x18, 2, b'a', b'b', 0]).is_err(), "a text for a number");
        assert!(walk(KNOWN, &[0x39, 0x15, 2, 0]).is_err(), "a list of numbers for one of structures");
        assert!(walk(KNOWN, &[0x39, 0x1c, 0x25, 2, 0, 0]).is_err(), "within a list");
        assert!(walk(KNOWN, &[0x28, 0, 0x08, 2, 0, 0]).is_err(), "a number that comes again");
        assert!(walk(KNOWN, &[0x08, 1, 0, 0]).is_err(), "a negative number");
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(walk(ANY, &[0x1c; 100_000]).is_err());
        assert!(walk(ANY, &[&[0x19][..], &[0x19; 100_000]].concat()).is_err());
        assert_eq!(walk(ANY, &[&[0x1c; 20][..], &[0; 21]].concat()), Ok(()));
    }
}
