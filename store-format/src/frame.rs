//! Frames: the one envelope in which everything stands on disk.
//!
//! A frame is a header of 64 bytes and a payload, which holds *canonical bytes* either as they are or as one zstd frame
//! (R1 to R8). The digest in the header is that of the canonical bytes, so compressing better later changes no name.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic, `ESMH` |
//! | 4 | 1 | frame version, 1 |
//! | 5 | 1 | content: 1 object, 2 log entry, 3 publish record |
//! | 6 | 1 | compression: 0 stored, 1 zstd |
//! | 7 | 1 | 0 |
//! | 8 | 8 | canonical length in bytes |
//! | 16 | 8 | payload length in bytes |
//! | 24 | 32 | blake3 of the canonical bytes |
//! | 56 | 8 | first 8 bytes of the blake3 of bytes 0 to 55 |

use std::io::Read;

use crate::limits::{MAX_ENTRY_BYTES, MAX_OBJECT_BYTES, MAX_RECORD_BYTES, MAX_WINDOW_LOG};
use crate::{Digest, FormatError};

/// The size of a frame's header in bytes.
pub const HEADER_BYTES: usize = 64;
const MAGIC: [u8; 4] = *b"ESMH";
const VERSION: u8 = 1;
const CHECKED_BYTES: usize = 56;

/// Objects are written once and read by everyone, so the writer takes its time; 19 is the highest level whose window
/// stays within [`MAX_WINDOW_LOG`].
const OBJECT_LEVEL: i32 = 19;
/// An entry of 1,500 cards takes a third of a second at level 19, some milliseconds at this one, and no fewer bytes: what is left of
/// cards that resemble each other are digests.
const ENTRY_LEVEL: i32 = 12;

/// How many times its size a log entry may have when it is inflated. Cards that resemble each other as much as cards can have
/// digests that do not: they come to less than 40.
const MAX_INFLATION: u64 = 64;
/// What any log entry may have.
const FREE_INFLATION: u64 = 4096;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// An object: weights.
    Object,
    /// One entry of a registry's log.
    Entry,
    /// One ESM's name, tag and card, as a bundle file holds it.
    Record,
}

impl Content {
    /// What people call it.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Entry => "log entry",
            Self::Record => "publish record",
        }
    }

    /// The most canonical bytes that it may have.
    pub const fn limit(self) -> u64 {
        match self {
            Self::Object => MAX_OBJECT_BYTES,
            Self::Entry => MAX_ENTRY_BYTES,
            Self::Record => MAX_RECORD_BYTES,
        }
    }

    /// The most canonical bytes into which so many bytes may inflate (R8). Readers keep what log entries say, of all of them: what
    /// somebody plants must cost them room on disk.
    fn inflated_limit(self, payload_bytes: u64) -> u64 {
        match self {
            Self::Entry => MAX_INFLATION.saturating_mul(payload_bytes).max(FREE_INFLATION),
            Self::Object | Self::Record => u64::MAX,
        }
    }

    const fn level(self) -> i32 {
        match self {
            Self::Object | Self::Record => OBJECT_LEVEL,
            Self::Entry => ENTRY_LEVEL,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Object => 1,
            Self::Entry => 2,
            Self::Record => 3,
        }
    }
}

/// Puts canonical bytes into a frame, compressed where that makes it smaller.
///
/// # Errors
/// [`FormatError::TooLarge`] over the content's limit.
pub fn encode(content: Content, canonical: &[u8]) -> Result<Vec<u8>, FormatError> {
    let (what, length) = (content.noun(), canonical.len() as u64);
    if length > content.limit() {
        return Err(FormatError::TooLarge { what, found: length, limit: content.limit() });
    }
    let is_allowed = |c: &Vec<u8>| c.len() < canonical.len() && length <= content.inflated_limit(c.len() as u64);
    let compressed = zstd::bulk::compress(canonical, content.level()).ok().filter(is_allowed);
    let payload = compressed.as_deref().unwrap_or(canonical);

    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&[VERSION, content.code(), u8::from(compressed.is_some()), 0]);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    frame.extend_from_slice(Digest::of(canonical).as_bytes());
    let check = Digest::of(&frame);
    frame.extend(check.as_bytes().iter().take(HEADER_BYTES - CHECKED_BYTES));
    frame.extend_from_slice(payload);
    Ok(frame)
}

/// The canonical bytes of a frame, verified against the digest in its header, and that digest.
///
/// # Errors
/// [`FormatError::Damaged`] where any byte is not as written, [`FormatError::Newer`] for a frame of a later version,
/// [`FormatError::Invalid`] where the frame holds another content.
pub fn decode(content: Content, frame: &[u8]) -> Result<(Vec<u8>, Digest), FormatError> {
    let (canonical, digest, rest) = decode_prefix(content, frame)?;
    if !rest.is_empty() {
        return Err(FormatError::damaged(content.noun(), format!("{} bytes follow its end", rest.len())));
    }
    Ok((canonical, digest))
}

/// Whether a frame that was decoded is as a writer would write it: stored, or smaller than what it holds (R6).
pub(crate) fn is_compact(frame: &[u8], canonical_bytes: usize) -> bool {
    const COMPRESSION: usize = 6;
    frame.get(COMPRESSION) == Some(&0) || frame.len() < HEADER_BYTES + canonical_bytes
}

/// What the header of a frame states as the digest of its canonical bytes, whatever became of the payload; `None` where the
/// header is damaged too, or is not of such a frame.
pub fn stated_digest(content: Content, bytes: &[u8]) -> Option<Digest> {
    Header::parse(content, bytes).ok().map(|header| header.digest)
}

/// As [`decode`], and the digest must be this one. Every read of an object goes through here (R2).
///
/// # Errors
/// As [`decode`], and [`FormatError::DigestMismatch`] where the frame holds something else.
pub fn decode_as(content: Content, frame: &[u8], expected: &Digest) -> Result<Vec<u8>, FormatError> {
    let (canonical, found) = decode(content, frame)?;
    if found != *expected {
        return Err(FormatError::DigestMismatch { expected: *expected, found });
    }
    Ok(canonical)
}

/// As [`decode`], where more may follow: the canonical bytes, their digest, and the rest.
pub fn decode_prefix(content: Content, bytes: &[u8]) -> Result<(Vec<u8>, Digest, &[u8]), FormatError> {
    let what = content.noun();
    let header = Header::parse(content, bytes)?;
    let body = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let (payload, rest) = usize::try_from(header.payload_length)
        .ok()
        .and_then(|length| body.split_at_checked(length))
        .ok_or_else(|| {
            let expected = header.payload_length;
            FormatError::damaged(
                what,
                format!("cut short: a payload of {expected} bytes is announced, {} are there", body.len()),
            )
        })?;
    let canonical = match header.compression {
        0 => payload.to_vec(),
        _ => inflate(what, payload, header.canonical_length)?,
    };
    if canonical.len() as u64 != header.canonical_length {
        let (expected, found) = (header.canonical_length, canonical.len());
        return Err(FormatError::damaged(what, format!("{expected} canonical bytes are announced, {found} are there")));
    }
    let found = Digest::of(&canonical);
    if found != header.digest {
        let expected = header.digest;
        return Err(FormatError::damaged(what, format!("its header states {expected}, its content is {found}")));
    }
    Ok((canonical, found, rest))
}

struct Header {
    compression: u8,
    canonical_length: u64,
    payload_length: u64,
    digest: Digest,
}

impl Header {
    /// The checks in the order that tells damage from novelty: magic, header check, version, then the fields.
    fn parse(content: Content, bytes: &[u8]) -> Result<Self, FormatError> {
        let what = content.noun();
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            let found = bytes.len();
            return Err(FormatError::damaged(
                what,
                format!("cut short: a header has {HEADER_BYTES} bytes, {found} are there"),
            ));
        };
        let mut fields = Fields(header);
        let magic: [u8; 4] = fields.take();
        let [version, code, compression, reserved]: [u8; 4] = fields.take();
        let canonical_length = u64::from_le_bytes(fields.take());
        let payload_length = u64::from_le_bytes(fields.take());
        let digest = Digest::from_bytes(fields.take());
        let check: [u8; 8] = fields.take();
        if magic != MAGIC {
            return Err(FormatError::damaged(what, format!("it begins with {magic:02x?}, expected {MAGIC:02x?}")));
        }
        let checked = header.split_at(CHECKED_BYTES).0;
        if !Digest::of(checked).as_bytes().starts_with(&check) {
            return Err(FormatError::damaged(what, "its header does not match the header's check"));
        }
        // From here on the header is as its writer wrote it: what is unknown is new, not damaged.
        if version != VERSION || compression > 1 || reserved != 0 {
            let found = u32::from(if version == VERSION { VERSION + 1 } else { version });
            return Err(FormatError::Newer { what, found, supported: u32::from(VERSION) });
        }
        if code != content.code() {
            return Err(FormatError::invalid(
                what,
                format!("the frame holds content {code}, expected {}", content.code()),
            ));
        }
        let limit = match compression {
            0 => content.limit(),
            _ => content.limit().min(content.inflated_limit(payload_length)),
        };
        if canonical_length > limit {
            return Err(FormatError::TooLarge { what, found: canonical_length, limit });
        }
        Ok(Self { compression, canonical_length, payload_length, digest })
    }
}

/// Takes fixed fields off a header whose length has been checked; past its end it gives zeros.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }
}

/// Inflates at most `limit` bytes. Memory grows with what really comes out, not with what the header claims.
fn inflate(what: &'static str, payload: &[u8], limit: u64) -> Result<Vec<u8>, FormatError> {
    let damaged = |error: std::io::Error| FormatError::damaged(what, format!("its zstd frame: {error}"));
    let mut decoder = zstd::stream::read::Decoder::with_buffer(payload).map_err(damaged)?.single_frame();
    decoder.window_log_max(MAX_WINDOW_LOG).map_err(damaged)?;
    let mut canonical = Vec::new();
    decoder.by_ref().take(limit.saturating_add(1)).read_to_end(&mut canonical).map_err(damaged)?;
    if canonical.len() as u64 > limit {
        return Err(FormatError::damaged(
            what,
            format!("it inflates to more than the {limit} bytes that it announces"),
        ));
    }
    // Reading the last byte out need not have read the last byte in: the frame's own end must be there, and nothing else.
    let mut end = [0u8; 1];
    if decoder.read(&mut end).map_err(damaged)? != 0 || !decoder.finish().is_empty() {
        return Err(FormatError::damaged(what, "bytes follow its zstd frame"));
    }
    Ok(canonical)
}
