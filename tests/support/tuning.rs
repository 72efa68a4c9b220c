//! What fine-tuning does to embeddings, made up: a scaled identity and a change in few directions.

use super::{Random, f32_array, npz};

/// `y = s x + A (B x) + b`, in f64 and decided by the seed alone.
pub(crate) struct Tuning {
    pub(crate) dimension: usize,
    scale: f64,
    /// The columns of A and the rows of B, one pair for each direction.
    directions: Vec<(Vec<f64>, Vec<f64>)>,
    bias: Vec<f64>,
}

impl Tuning {
    /// Which moves embeddings in `rank` directions.
    pub(crate) fn new(dimension: usize, rank: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut row = |by: f64| (0..dimension).map(|_| by * f64::from(random.normal())).collect::<Vec<f64>>();
        let length = 1.0 / (dimension as f64).sqrt();
        let directions = (0..rank).map(|_| (row(2.0 * length), row(length))).collect();
        Self { dimension, scale: 0.9, directions, bias: row(0.2) }
    }

    /// Its W, row-major.
    pub(crate) fn weight(&self) -> Vec<f32> {
        let d = self.dimension;
        let value = |at: usize| {
            let (i, j) = (at / d, at % d);
            let identity = if i == j { self.scale } else { 0.0 };
            identity + self.directions.iter().map(|(a, b)| a[i] * b[j]).sum::<f64>()
        };
        (0..d * d).map(|at| value(at) as f32).collect()
    }

    /// Its b.
    pub(crate) fn bias(&self) -> Vec<f32> {
        self.bias.iter().map(|&b| b as f32).collect()
    }

    /// What the tuned model makes of a text whose base embedding this is.
    pub(crate) fn apply(&self, x: &[f64]) -> Vec<f64> {
        let mut y: Vec<f64> = x.iter().zip(&self.bias).map(|(x, b)| self.scale * x + b).collect();
        for (a, b) in &self.directions {
            let along: f64 = b.iter().zip(x).map(|(b, x)| b * x).sum();
            y.iter_mut().zip(a).for_each(|(y, a)| *y += a * along);
        }
        y
    }

    /// Base embeddings of a domain, whose texts vary in the directions `from..to` alone.
    pub(crate) fn domain(&self, rows: usize, (from, to): (usize, usize), seed: u64) -> Vec<Vec<f64>> {
        let mut random = Random::new(seed);
        let centre: Vec<f64> = (0..self.dimension).map(|_| 0.3 * f64::from(random.normal())).collect();
        let mut row = || {
            let varies = |at: usize| if (from..to).contains(&at) { 1.0 } else { 0.02 };
            centre.iter().enumerate().map(|(at, c)| c + varies(at) * f64::from(random.normal())).collect()
        };
        (0..rows).map(|_| row()).collect()
    }

    /// Base embeddings with those of the tuned model, as `.npz`.
    pub(crate) fn pairs(&self, x: &[Vec<f64>]) -> Vec<u8> {
        let flat = |rows: Vec<f64>| rows.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
        let y = flat(x.iter().flat_map(|x| self.apply(x)).collect());
        npz(&[("x", f32_array(&flat(x.concat()), self.dimension)), ("y", f32_array(&y, self.dimension))])
    }
}
