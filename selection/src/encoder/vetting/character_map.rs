//! Character maps: sentencepiece's `precompiled_charsmap`.

use super::refusal::{Refusal, refuse};

/// The most bytes that a character map makes of one character: the longest text between two zeros.
///
/// The map is base64 of a length, a tree of that length and the texts (sentencepiece's `precompiled_charsmap`).
pub(super) fn longest_replacement(base64: &str) -> Result<u64, Refusal> {
    const PART: &str = "normalizer";
    const SETTING: &str = "precompiled_charsmap";
    let map = decode(base64).ok_or_else(|| refuse(PART, SETTING, "not base64", "a character map"))?;
    let (length, rest) = map.split_first_chunk().ok_or_else(|| refuse(PART, SETTING, "empty", "a character map"))?;
    let length = u32::from_le_bytes(*length) as usize;
    let texts = rest.get(length..).ok_or_else(|| {
        refuse(PART, SETTING, format!("a tree of {length} bytes"), format!("at most the {} that are there", rest.len()))
    })?;
    Ok(texts.split(|byte| *byte == 0).map(<[u8]>::len).max().unwrap_or(0) as u64)
}

fn decode(base64: &str) -> Option<Vec<u8>> {
    let digits = base64.trim_end_matches('=').bytes();
    let mut bytes = Vec::with_capacity(base64.len());
    let (mut bits, mut pending) = (0_u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        pending += 6;
        if pending >= 8 {
            pending -= 8;
            bytes.push((bits >> pending) as u8);
        }
    }
    Some(bytes)
}
