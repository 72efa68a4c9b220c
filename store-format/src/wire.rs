//! The one home of bincode: little-endian, fixed-width integers, and nothing left over.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::{Decode, Encode};

use crate::FormatError;

/// The most bytes of memory that bincode claims for one canonical byte, rounded up: 32 for an extension of 10.
pub(crate) const IN_MEMORY: usize = 4;

const fn configuration<const LIMIT: usize>() -> Configuration<LittleEndian, Fixint, Limit<LIMIT>> {
    bincode::config::standard().with_little_endian().with_fixed_int_encoding().with_limit::<LIMIT>()
}

/// The canonical bytes of a value.
///
/// # Errors
/// [`FormatError::TooLarge`] over `LIMIT` bytes.
pub(crate) fn encode<const LIMIT: usize, T: Encode>(what: &'static str, value: &T) -> Result<Vec<u8>, FormatError> {
    let bytes = bincode::encode_to_vec(value, configuration::<LIMIT>())
        .map_err(|error| FormatError::invalid(what, error.to_string()))?;
    if bytes.len() > LIMIT {
        return Err(FormatError::TooLarge { what, found: bytes.len() as u64, limit: LIMIT as u64 });
    }
    Ok(bytes)
}

/// The value that these bytes hold, all of them: bincode itself accepts trailing bytes, the format does not (R5).
///
/// A length that claims more than `MEMORY` is refused before anything is allocated for it. That is memory, not bytes: a
/// text of no bytes takes 8 here and 24 there, so it must be [`IN_MEMORY`] times the longest `bytes`.
pub(crate) fn decode<const MEMORY: usize, T: Decode<()>>(what: &'static str, bytes: &[u8]) -> Result<T, FormatError> {
    let (value, rest) = decode_prefix::<MEMORY, T>(what, bytes)?;
    if !rest.is_empty() {
        return Err(FormatError::invalid(what, format!("{} bytes follow its end", rest.len())));
    }
    Ok(value)
}

/// The value at the start of these bytes, and what follows it.
pub(crate) fn decode_prefix<'a, const LIMIT: usize, T: Decode<()>>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), FormatError> {
    let (value, consumed) = bincode::decode_from_slice(bytes, configuration::<LIMIT>())
        .map_err(|error| FormatError::invalid(what, error.to_string()))?;
    let rest = bytes.get(consumed..).ok_or_else(|| FormatError::invalid(what, "ends early"))?;
    Ok((value, rest))
}
