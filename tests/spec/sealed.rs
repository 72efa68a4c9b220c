//! Frames around any bytes at all: correct on the outside, so that a test reaches what stands inside.

use super::frame::Content;
use super::reader::digest;

/// A stored frame around canonical bytes.
pub(crate) fn stored(content: Content, canonical: &[u8]) -> Vec<u8> {
    around(content, 0, canonical, canonical)
}

/// A compressed frame around canonical bytes.
pub(crate) fn compressed(content: Content, canonical: &[u8]) -> Vec<u8> {
    around(content, 1, canonical, &zstd::bulk::compress(canonical, 3).unwrap())
}

/// A frame with a header of one's own making: `compression`, and a payload that need not fit the canonical bytes.
pub(crate) fn around(content: Content, compression: u8, canonical: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut frame = b"ESMH\x01".to_vec();
    frame.extend([content.number(), compression, 0]);
    frame.extend(u64::try_from(canonical.len()).unwrap().to_le_bytes());
    frame.extend(u64::try_from(payload.len()).unwrap().to_le_bytes());
    frame.extend(digest(canonical));
    frame.extend([0; 8]);
    frame.extend(payload);
    checked(frame)
}

/// The same frame with a header check that holds.
pub(crate) fn checked(mut frame: Vec<u8>) -> Vec<u8> {
    if frame.len() >= 64 {
        let check = digest(&frame[..56]);
        frame[56..64].copy_from_slice(&check[..8]);
    }
    frame
}
