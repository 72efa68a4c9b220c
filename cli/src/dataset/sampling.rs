//! Which rows of a target are used.
//!
//! The draw depends on the seed, the number of rows and the number wanted, and on nothing else: the same three give
//! the same rows on every machine and in every later version, so that a ranking can be repeated. Hence the way from the
//! generator's numbers to rows stands here and not in a dependency: Floyd's algorithm for a sample without replacement
//! (Bentley and Floyd, "A sample of brilliance", CACM 1987), which needs memory for the drawn rows alone.

use std::collections::BTreeSet;

use esmhub_selection::SplitMix64;

/// How rows are chosen where a target has more than are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sampling {
    /// Every set of rows is equally likely; which one, the seed decides.
    Random,
    /// The first rows of the file.
    First,
}

/// The positions of the chosen rows, in the order of the file, none twice: all of them where there are no more than
/// `wanted`.
pub fn choose(sampling: Sampling, seed: u64, available: usize, wanted: usize) -> Vec<usize> {
    match sampling {
        Sampling::Random if wanted < available => floyd(seed, available, wanted),
        Sampling::Random | Sampling::First => (0..available.min(wanted)).collect(),
    }
}

fn floyd(seed: u64, available: usize, wanted: usize) -> Vec<usize> {
    let mut generator = SplitMix64::new(seed);
    let mut chosen = BTreeSet::new();
    for last in available - wanted..available {
        let row = generator.below(last + 1);
        if !chosen.insert(row) {
            chosen.insert(last);
        }
    }
    chosen.into_iter().collect()
}
