//! Frames: every damaged byte is found, and nothing that they claim is believed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use esmhub_store_format::frame::{Content, decode, encode};
use esmhub_store_format::{Digest, FormatError};

#[test]
fn every_flipped_bit_is_refused() {
    for canonical in [&b"short and incompressible"[..], &[7u8; 4000][..]] {
        let frame = encode(Content::Object, canonical).unwrap();
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // zstd ignores a few bits of its own header; then the canonical bytes must be unchanged.
            if let Ok((bytes, _)) = decode(Content::Object, &flipped) {
                assert_eq!(bytes, canonical, "bit {bit}");
            }
        }
    }
}

#[test]
fn every_truncation_and_every_extra_byte_is_refused() {
    let frame = encode(Content::Object, &[7u8; 4000]).unwrap();
    for end in 0..frame.len() {
        assert!(matches!(decode(Content::Object, &frame[..end]), Err(FormatError::Damaged { .. })), "{end}");
    }
    let longer = [&frame[..], &[0]].concat();
    assert!(matches!(decode(Content::Object, &longer), Err(FormatError::Damaged { .. })));
}

#[test]
fn a_bomb_stops_at_what_it_announces() {
    let honest = encode(Content::Record, &vec![0u8; 9000]).unwrap();
    let bomb = zstd::bulk::compress(&vec![0u8; 64 << 20], 19).unwrap();
    let mut frame = honest[..16].to_vec();
    frame.extend_from_slice(&(bomb.len() as u64).to_le_bytes());
    frame.extend_from_slice(&honest[24..56]);
    let check = Digest::of(&frame);
    frame.extend_from_slice(&check.as_bytes()[..8]);
    frame.extend_from_slice(&bomb);
    let error = decode(Content::Record, &frame).unwrap_err();
    assert!(error.to_string().contains("more than the 9000 bytes"), "{error}");
}

#[test]
fn a_newer_frame_is_told_from_a_damaged_one() {
    let mut frame = encode(Content::Object, b"x").unwrap();
    frame[4] = 2;
    assert!(matches!(decode(Content::Object, &frame), Err(FormatError::Damaged { .. })));
    let check = Digest::of(&frame[..56]);
    frame[56..64].copy_from_slice(&check.as_bytes()[..8]);
    assert!(matches!(decode(Content::Object, &frame), Err(FormatError::Newer { found: 2, .. })));
}

/// Readers keep what all log entries say: a few bytes must not cost them megabytes.
#[test]
fn a_log_entry_that_inflates_too_far_is_refused_and_never_written() {
    let compressed = |content: Content, zeros: usize| {
        let payload = zstd::bulk::compress(&vec![0u8; zeros], 19).unwrap();
        let mut frame = encode(content, b"").unwrap()[..6].to_vec();
        frame.extend_from_slice(&[1, 0]);
        frame.extend_from_slice(&(zeros as u64).to_le_bytes());
        frame.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        frame.extend_from_slice(Digest::of(&vec![0u8; zeros]).as_bytes());
        let check = Digest::of(&frame);
        frame.extend_from_slice(&check.as_bytes()[..8]);
        frame.extend_from_slice(&payload);
        (frame, payload.len())
    };
    for (zeros, is_allowed) in [(4096, true), (4097, false), (4 << 20, false)] {
        let (frame, payload) = compressed(Content::Entry, zeros);
        assert!(zeros > 64 * payload, "{zeros} zeros take {payload} bytes");
        let decoded = decode(Content::Entry, &frame);
        assert_eq!(decoded.is_ok(), is_allowed, "{zeros}");
        assert!(
            is_allowed
                || matches!(decoded, Err(FormatError::TooLarge { limit, .. }) if limit == (64 * payload as u64).max(4096)),
            "{decoded:?}"
        );
        assert!(decode(Content::Object, &compressed(Content::Object, zeros).0).is_ok(), "objects come one at a time");
        let written = encode(Content::Entry, &vec![0u8; zeros]).unwrap();
        assert_eq!(written.len() > zeros, !is_allowed, "stored where compressing gives too much");
        assert!(decode(Content::Entry, &written).is_ok());
    }
}
