//! A PNG, as a browser writes screenshots: 8 bits a channel, not interlaced.

use std::io::Read;
use std::path::Path;

/// Its pixels, row by row: red, green, blue.
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Reads a file (PNG specification, sections 5, 9 and 11).
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let (width, height, depth, kind) = (number(16), number(20), bytes[24], bytes[25]);
        assert_eq!((depth, bytes[28]), (8, 0));
        let channels = if kind == 6 { 4 } else { 3 };
        let (mut at, mut packed) = (8, Vec::new());
        while at < bytes.len() {
            let length = number(at);
            if &bytes[at + 4..at + 8] == b"IDAT" {
                packed.extend(&bytes[at + 8..at + 8 + length]);
            }
            at += length + 12;
        }
        let mut raw = Vec::new();
        flate2::read::ZlibDecoder::new(packed.as_slice()).read_to_end(&mut raw).unwrap();
        let stride = width * channels;
        let mut before = vec![0u8; stride];
        let mut pixels = Vec::with_capacity(width * height);
        for line in raw.chunks_exact(stride + 1) {
            let mut row = line[1..].to_vec();
            for i in 0..stride {
                let left = if i >= channels { row[i - channels] } else { 0 };
                let corner = if i >= channels { before[i - channels] } else { 0 };
                let up = before[i];
                let guess = match line[0] {
                    0 => 0,
                    1 => left,
                    2 => up,
                    3 => ((u16::from(left) + u16::from(up)) / 2) as u8,
                    _ => paeth(left, up, corner),
                };
                row[i] = row[i].wrapping_add(guess);
            }
            pixels.extend(row.chunks_exact(channels).map(|pixel| [pixel[0], pixel[1], pixel[2]]));
            before = row;
        }
        assert_eq!(pixels.len(), width * height);
        Self { width, height, pixels }
    }

    /// The colour of the upper left corner.
    pub(crate) fn background(&self) -> [u8; 3] {
        self.pixels[0]
    }

    /// How many colours there are.
    pub(crate) fn colours(&self) -> usize {
        self.pixels.iter().collect::<std::collections::HashSet<_>>().len()
    }

    /// The share of pixels in these columns that are not of the background's colour.
    pub(crate) fn inked(&self, columns: std::ops::Range<usize>) -> f64 {
        let rows = self.pixels.chunks_exact(self.width);
        let inked: usize = rows.map(|row| row[columns.clone()].iter().filter(|p| **p != self.pixels[0]).count()).sum();
        inked as f64 / (columns.len() * self.height) as f64
    }
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, up, corner].map(i16::from);
    let guess = a + b - c;
    let [by_a, by_b, by_c] = [a, b, c].map(|value| (guess - value).abs());
    if by_a <= by_b && by_a <= by_c {
        left
    } else if by_b <= by_c {
        up
    } else {
        corner
    }
}
