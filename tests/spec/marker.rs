//! The marker of a registry, section 8.

use super::reader::{Decoded, Refusal, digest, ensure};

/// The longest marker, in bytes (section 10).
pub(crate) const LIMIT: usize = 64 << 10;

/// What a marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) id: [u8; 16],
    pub(crate) grace_seconds: u64,
    pub(crate) shared: bool,
}

/// Decodes the bytes of `esmhub.toml`.
///
/// Of TOML it knows what a marker is made of: comments, and keys with a value each on a line.
pub(crate) fn decode(bytes: &[u8]) -> Decoded<Marker> {
    ensure(bytes.len() <= LIMIT, Refusal::TooLarge("section 10: marker"))?;
    let text = str::from_utf8(bytes).map_err(|_| Refusal::Damage("R51: a marker that is not text"))?;
    let line = text.strip_suffix('\n').and_then(|text| text.rfind('\n')).map(|end| end + 1);
    let (covered, checksum) = text.split_at(line.ok_or(Refusal::Damage("R50: no checksum"))?);
    let digits = checksum.strip_prefix("checksum = \"").and_then(|line| line.strip_suffix("\"\n"));
    let stated = digits.and_then(hex).ok_or(Refusal::Damage("R50: no checksum"))?;
    ensure(digest(covered.as_bytes()) == stated, Refusal::Damage("R50: checksum"))?;

    let whole = |key| value(covered, key).and_then(|value| value.parse::<u64>().ok());
    match whole("format") {
        Some(1) => {}
        Some(2..) => return Err(Refusal::Newer("R50: format")),
        _ => return Err(Refusal::Invalid("section 8: format")),
    }
    let id = value(covered, "id").and_then(quoted).and_then(hex).ok_or(Refusal::Invalid("section 8: id"))?;
    let grace_seconds = whole("grace_seconds").ok_or(Refusal::Invalid("section 8: grace_seconds"))?;
    let shared = value(covered, "shared").and_then(|value| value.parse().ok());
    Ok(Marker { id, grace_seconds, shared: shared.ok_or(Refusal::Invalid("section 8: shared"))? })
}

/// The value of the only line with this key.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut values = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (found, value) = line.split_once('=')?;
        (found.trim() == key).then_some(value.trim())
    });
    values.next().filter(|_| values.next().is_none())
}

fn quoted(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

/// 2 N hex digits in lower case.
fn hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    if digits.contains(|digit: char| digit.is_ascii_uppercase()) {
        return None;
    }
    let digits = digits.as_bytes().as_chunks::<2>();
    let mut bytes = [0; N];
    if !digits.1.is_empty() || digits.0.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.0) {
        let value = char::from(*high).to_digit(16)? * 16 + char::from(*low).to_digit(16)?;
        *byte = u8::try_from(value).ok()?;
    }
    Some(bytes)
}
