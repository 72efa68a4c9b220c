//! What hostile bytes are made with: golden ones, mutated.

/// SplitMix64 (Steele, Lea and Flood, 2014): the same mutations on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// A place in bytes of this length: every other one in the first 100, where lengths and versions stand.
    fn place(&mut self, length: usize) -> usize {
        let end = if self.next().is_multiple_of(2) { length.min(100) } else { length };
        self.below(end)
    }

    /// One to three mutations.
    pub(crate) fn mutated(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut mutated = bytes.to_vec();
        for _ in 0..self.one_of(&[1, 1, 1, 2, 3]) {
            self.mutate(&mut mutated);
        }
        mutated
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        /// What lengths, counts, versions and dimensions break at.
        const ODD: [u64; 18] = [
            0,
            1,
            2,
            3,
            4,
            5,
            7,
            0x7f,
            0x80,
            0xff,
            0x8000,
            8191,
            8193,
            0x7f80_0000,
            0xffff_ffff,
            1 << 60,
            0x7ff0_0000_0000_0000,
            u64::MAX,
        ];
        if bytes.is_empty() {
            return;
        }
        let (at, other) = (self.place(bytes.len()), self.place(bytes.len()));
        let (from, to) = (at.min(other), at.max(other));
        match self.below(9) {
            0 | 1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes[at] = self.next().to_le_bytes()[0],
            3 | 4 => {
                let width = self.one_of(&[1, 2, 4, 8]);
                let value = self.one_of(&ODD).to_le_bytes();
                bytes[at..].iter_mut().zip(&value[..width]).for_each(|(byte, new)| *byte = *new);
            }
            5 => bytes.truncate(at),
            6 => bytes.extend(&self.next().to_le_bytes()[..1 + at % 8]),
            7 => drop(bytes.drain(from..to.min(from + 40))),
            _ => {
                let again = bytes[from..to.min(from + 40)].to_vec();
                bytes.splice(from..from, again);
            }
        }
    }
}
