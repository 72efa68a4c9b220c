//! Names and tags, R20 and R21.

use super::reader::{Decoded, Reader, Refusal, ensure};

/// What some systems take for a device, alone or before a dot.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The most segments of a name, and the most bytes of a segment (section 10).
pub(crate) const SEGMENTS: usize = 8;
pub(crate) const SEGMENT: usize = 96;

/// Reads a name: 1 to 8 segments.
pub(crate) fn name(reader: &mut Reader<'_>) -> Decoded<String> {
    let name = reader.text(usize::MAX)?;
    ensure(name.split('/').count() <= SEGMENTS, Refusal::Invalid("R21: segments of a name"))?;
    ensure(name.split('/').all(is_segment), Refusal::Invalid("R21: name"))?;
    Ok(name)
}

/// Reads a tag: one segment.
pub(crate) fn tag(reader: &mut Reader<'_>) -> Decoded<String> {
    let tag = reader.text(usize::MAX)?;
    ensure(is_segment(&tag), Refusal::Invalid("R21: tag"))?;
    Ok(tag)
}

fn is_segment(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or_default();
    (1..=SEGMENT).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && !text.starts_with('.')
        && !text.ends_with('.')
        && !DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device))
}
