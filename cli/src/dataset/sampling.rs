//! Which rows of a target are used.
//!
//! The draw depends on the seed, the number of rows and the number wanted, and on nothing else: the same three give
//! the same rows on every machine and in every later version, so that a ranking can be repeated. Hence the generator
//! and the way from its numbers to rows stand here and not in a dependency.
//!
//! Generator: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
//! Number below a bound, without bias: the upper half of a 128-bit product, with rejection (Lemire, "Fast random
//! integer generation in an interval", ACM TOMACS 2019, algorithm 5). Sample without replacement: Floyd's algorithm
//! (Bentley and Floyd, "A sample of brilliance", CACM 1987), which needs memory for the drawn rows alone.

use std::collections::BTreeSet;

/// How rows are chosen where a target has more than are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sampling {
    /// Every set of rows is equally likely; which one, the seed decides.
    Random,
    /// The first rows of the file.
    First,
}

/// The positions of the chosen rows, in the order of the file, none twice: all of them where there are no more than
/// `wanted`.
pub(crate) fn choose(sampling: Sampling, seed: u64, available: usize, wanted: usize) -> Vec<usize> {
    match sampling {
        Sampling::Random if wanted < available => floyd(seed, available, wanted),
        Sampling::Random | Sampling::First => (0..available.min(wanted)).collect(),
    }
}

fn floyd(seed: u64, available: usize, wanted: usize) -> Vec<usize> {
    let mut generator = SplitMix64(seed);
    let mut chosen = BTreeSet::new();
    for last in available - wanted..available {
        let row = generator.at_most(last as u64) as usize;
        if !chosen.insert(row) {
            chosen.insert(last);
        }
    }
    chosen.into_iter().collect()
}

struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in 0..=last. `last` counts rows in memory, so `last + 1` does not overflow.
    fn at_most(&mut self, last: u64) -> u64 {
        let bound = last + 1;
        // The low halves below 2^64 mod bound belong to the values that would come up once too often.
        let surplus = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next()) * u128::from(bound);
            if product as u64 >= surplus {
                return (product >> 64) as u64;
            }
        }
    }
}
