//! Frames, section 2.

use std::io::Read;

use super::reader::{Decoded, Digest, Reader, Refusal, digest, ensure};

const HEADER: usize = 64;
const CHECKED: usize = 56;
pub(crate) const WINDOW: u64 = 1 << 23;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Object,
    Entry,
    Publish,
}

impl Content {
    /// Its number in a header.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Object => 1,
            Self::Entry => 2,
            Self::Publish => 3,
        }
    }

    /// The longest canonical bytes, in bytes (section 10).
    pub(crate) fn limit(self) -> u64 {
        match self {
            Self::Object => 4 * (8192 + 1) * 8192 + 64,
            Self::Entry => 16 << 20,
            Self::Publish => (8 << 10) + (2 << 10),
        }
    }
}

/// A frame whose every check held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) digest: Digest,
    pub(crate) canonical: Vec<u8>,
}

/// The only frame of a file, of the content that such a file has.
pub(crate) fn only(bytes: &[u8], content: Content) -> Decoded<Frame> {
    let (frame, rest) = next(bytes, content)?;
    ensure(rest.is_empty(), Refusal::Damage("R5: bytes after the payload"))?;
    Ok(frame)
}

/// The first frame of `bytes`, and what follows it.
pub(crate) fn next(bytes: &[u8], expected: Content) -> Decoded<(Frame, &[u8])> {
    let header = bytes.get(..HEADER).ok_or(Refusal::Damage("section 2: no whole header"))?;
    let mut reader = Reader::new(header);
    ensure(reader.array()? == *b"ESMH", Refusal::Damage("R1: magic"))?;
    let check = header.get(CHECKED..).unwrap_or_default();
    let checked = digest(header.get(..CHECKED).unwrap_or_default());
    ensure(checked.get(..8) == Some(check), Refusal::Damage("R1: header check"))?;

    ensure(reader.u8()? == 1, Refusal::Newer("R1: frame version"))?;
    let content = reader.u8()?;
    let compressed = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return Err(Refusal::Newer("R7: compression")),
    };
    ensure(reader.u8()? == 0, Refusal::Newer("R7: reserved byte"))?;
    ensure(content == expected.number(), Refusal::Invalid("R7: content"))?;
    let canonical_length = reader.u64()?;
    ensure(canonical_length <= expected.limit(), Refusal::TooLarge("section 10: canonical length"))?;
    let payload_length = reader.u64()?;
    if compressed && matches!(expected, Content::Entry) {
        let most = payload_length.saturating_mul(64).max(4096);
        ensure(canonical_length <= most, Refusal::TooLarge("R8: inflation"))?;
    }
    let payload_length = usize::try_from(payload_length).ok();
    let stated = reader.array()?;

    let behind = bytes.get(HEADER..).unwrap_or_default();
    let split = payload_length.and_then(|length| behind.split_at_checked(length));
    let (payload, rest) = split.ok_or(Refusal::Damage("section 2: payload length"))?;
    let canonical = if compressed { inflate(payload, canonical_length)? } else { payload.to_vec() };
    let length_holds = u64::try_from(canonical.len()).is_ok_and(|length| length == canonical_length);
    ensure(length_holds, Refusal::Damage("section 2: canonical length"))?;
    ensure(digest(&canonical) == stated, Refusal::Damage("R2: digest"))?;
    Ok((Frame { digest: stated, canonical }, rest))
}

/// R3: exactly one zstd frame, never inflated further than one byte over `length`.
fn inflate(payload: &[u8], length: u64) -> Decoded<Vec<u8>> {
    let unreadable = |_| Refusal::Damage("R3: not one zstd frame");
    let window = window(payload).map_err(|_| Refusal::Damage("R3: no zstd frame"))?;
    ensure(window <= WINDOW, Refusal::Damage("R3: zstd window"))?;
    let mut decoder = zstd::stream::read::Decoder::with_buffer(payload).map_err(unreadable)?.single_frame();
    decoder.window_log_max(23).map_err(unreadable)?;
    let mut canonical = Vec::new();
    decoder.by_ref().take(length + 1).read_to_end(&mut canonical).map_err(unreadable)?;
    let behind = decoder.finish();
    ensure(behind.is_empty(), Refusal::Damage("R3: bytes after the zstd frame"))?;
    Ok(canonical)
}

/// The window that a zstd frame without a dictionary asks for, in bytes, as RFC 8878, section 3.1.1.1 has it.
fn window(payload: &[u8]) -> Decoded<u64> {
    let mut reader = Reader::new(payload);
    ensure(reader.array()? == [0x28, 0xb5, 0x2f, 0xfd], Refusal::Damage("R3: no zstd frame"))?;
    let descriptor = reader.u8()?;
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let window = reader.u8()?;
        let base = 1_u64 << (10 + (window >> 3));
        return Ok(base + base / 8 * u64::from(window & 7));
    }
    let dictionary = reader.take([0, 1, 2, 4][usize::from(descriptor & 3)])?;
    ensure(dictionary.iter().all(|byte| *byte == 0), Refusal::Damage("R3: a dictionary"))?;
    match descriptor >> 6 {
        0 => reader.u8().map(u64::from),
        1 => reader.u16().map(|size| u64::from(size) + 256),
        2 => reader.u32().map(u64::from),
        _ => reader.u64(),
    }
}
