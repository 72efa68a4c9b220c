//! Numbers: a generator that is the same everywhere, and two measures.

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// About standard normal: the sum of twelve uniform numbers, less six.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.next() as f64 / u64::MAX as f64).sum::<f64>() as f32 - 6.0
    }

    /// The numbers below `count` in a random order (Fisher and Yates).
    pub(crate) fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

/// Kendall's tau-a of two lists of scores of the same things: 1 is the same order, -1 the reverse.
pub(crate) fn kendall_tau(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let pairs = (0..a.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let agree: f64 = pairs.map(|(i, j)| ((a[i] - a[j]) * (b[i] - b[j])).signum()).sum();
    agree / (a.len() * (a.len() - 1) / 2) as f64
}

/// The share of the variance of `y` that the predictions explain, all columns together.
pub(crate) fn r2(y: &[Vec<f64>], predicted: &[Vec<f64>]) -> f64 {
    let columns = y[0].len();
    let mean = |column: usize| y.iter().map(|row| row[column]).sum::<f64>() / y.len() as f64;
    let means: Vec<f64> = (0..columns).map(mean).collect();
    let squares = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let variance: f64 = y.iter().map(|row| squares(row, &means)).sum();
    let residual: f64 = y.iter().zip(predicted).map(|(y, p)| squares(y, p)).sum();
    1.0 - residual / variance
}
