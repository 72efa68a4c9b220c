//! Character maps: sentencepiece's `precompiled_charsmap`.

use std::collections::VecDeque;

use super::refusal::{Refusal, refuse, within};

const PART: &str = "normalizer";
const SETTING: &str = "precompiled_charsmap";
/// Those of the published models have some 250 KB.
const MAX_TREE_BYTES: u64 = 4 << 20;

/// The most bytes that a character map makes of each byte that it replaces, rounded up; at least 1.
///
/// The map is base64 of a length, a tree of that length and the texts, each ended by a zero: a double array as darts-clone writes
/// it, in which what is replaced is a path of bytes from the root, and a leaf says where its text begins. Three bytes of U+FDFA
/// become 33, the most there is in the maps of the published models.
pub(super) fn growth(base64: &str) -> Result<u64, Refusal> {
    let map = decode(base64).ok_or_else(|| refuse(PART, SETTING, "not base64", "a character map"))?;
    let (length, rest) = map.split_first_chunk().ok_or_else(|| refuse(PART, SETTING, "empty", "a character map"))?;
    let length = u32::from_le_bytes(*length);
    let (tree, texts) = rest.split_at_checked(length as usize).ok_or_else(|| {
        refuse(PART, SETTING, format!("a tree of {length} bytes"), format!("at most the {} that are there", rest.len()))
    })?;
    within(PART, "the length of the tree of precompiled_charsmap", u64::from(length), MAX_TREE_BYTES)?;
    let units: Vec<Unit> = tree.as_chunks().0.iter().map(|unit| Unit(u32::from_le_bytes(*unit))).collect();
    let ends: Vec<usize> = (0..texts.len()).filter(|&at| texts.get(at) == Some(&0)).collect();
    let replacement = |start: usize| {
        let end = ends.get(ends.partition_point(|&end| end < start)).copied().unwrap_or(texts.len());
        end.saturating_sub(start) as u64
    };
    // Shortest paths first, so that no unit is reached again by one that grows more.
    let mut growth = 1;
    let mut seen = vec![false; units.len()];
    let mut open = VecDeque::from_iter(units.first().map(|root| (root.offset(), 1_u64)));
    while let Some((base, depth)) = open.pop_front() {
        for byte in 1..=255_usize {
            let at = base ^ byte;
            let (Some(unit), Some(seen)) = (units.get(at), seen.get_mut(at)) else { continue };
            if unit.label() != byte || std::mem::replace(seen, true) {
                continue;
            }
            let base = at ^ unit.offset();
            if let Some(leaf) = units.get(base).filter(|_| unit.has_leaf()) {
                growth = growth.max(replacement(leaf.text()).div_ceil(depth));
            }
            open.push_back((base, depth + 1));
        }
    }
    Ok(growth)
}

/// A unit of the double array.
#[derive(Clone, Copy)]
struct Unit(u32);

impl Unit {
    fn has_leaf(self) -> bool {
        (self.0 >> 8) & 1 == 1
    }

    /// The byte that leads here; more than a byte where none does.
    fn label(self) -> usize {
        (self.0 & (1 << 31 | 0xff)) as usize
    }

    fn offset(self) -> usize {
        ((self.0 >> 10) << ((self.0 & 1 << 9) >> 6)) as usize
    }

    /// Of a leaf: where its text begins.
    fn text(self) -> usize {
        (self.0 & !(1 << 31)) as usize
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A map of these bytes to these texts, with a base of its own for every node.
    fn map(replaced: &[(&[u8], &str)]) -> String {
        let mut units = vec![0_u32; 1 << 14];
        let mut texts = Vec::new();
        let mut next = 256;
        if let Some(root) = units.first_mut() {
            *root = 256 << 10;
        }
        for (path, text) in replaced {
            let mut base = 256;
            for (index, &byte) in path.iter().enumerate() {
                let at = base ^ usize::from(byte);
                let is_last = index + 1 == path.len();
                let (leaf, text) = if is_last { (1 << 8, texts.len()) } else { (0, 0) };
                next += 256;
                if let Some(unit) = units.get_mut(at).filter(|unit| **unit == 0) {
                    *unit = u32::from(byte) | leaf | ((at ^ next) as u32) << 10;
                }
                base = at ^ units.get(at).map_or(0, |&unit| Unit(unit).offset());
                if let Some(unit) = units.get_mut(base).filter(|_| is_last) {
                    *unit = text as u32 | 1 << 31;
                }
            }
            texts.extend_from_slice(text.as_bytes());
            texts.push(0);
        }
        let mut map = ((units.len() * 4) as u32).to_le_bytes().to_vec();
        map.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        map.extend(texts);
        encode(&map)
    }

    fn encode(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digit = |value: u32| DIGITS.get(value as usize & 63).map_or('A', |&digit| char::from(digit));
        let of = |chunk: &[u8]| {
            let bits = chunk.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
            (0..=chunk.len()).map(|at| digit(bits >> (18 - 6 * at))).collect::<String>()
        };
        bytes.chunks(3).map(of).collect()
    }

    #[test]
    fn growth_is_of_the_bytes_that_are_replaced() {
        let of = |replaced: &[(&[u8], &str)]| growth(&map(replaced)).unwrap_or(0);
        assert_eq!(of(&[]), 1);
        assert_eq!(of(&[(b"a", "")]), 1);
        assert_eq!(of(&[(b"a", "xyz")]), 3);
        assert_eq!(of(&[("\u{fdfa}".as_bytes(), &"x".repeat(33))]), 11);
        assert_eq!(of(&[("\u{fdfa}".as_bytes(), &"x".repeat(34)), (b"ab", "xyz"), (b"ac", "")]), 12);
        assert_eq!(of(&[(b"ab", "x"), (b"ac", "123456789"), (b"b", "1234")]), 5);
    }
}
