//! Leaving whole domains out: what a map is worth where it has not seen any text.

use super::FitError;
use super::regression::{Explained, Regression, Shape};
use super::statistics::Statistics;

/// The domains, each left out in turn.
pub(super) struct LeftOut<'a> {
    /// In order: the source, then the anchors; or the folds of the source.
    pub(super) domains: &'a [Statistics],
    /// All of them together.
    pub(super) total: &'a Statistics,
}

impl LeftOut<'_> {
    /// For each domain, the statistics of all others, and its own.
    pub(super) fn turns(&self) -> impl Iterator<Item = (Statistics, &Statistics)> {
        self.domains.iter().map(|domain| (self.total.without(domain), domain))
    }

    /// For each domain, R2 of the map of rank 0, 1, 2 … that is fitted on the others. Each finds its directions from nothing:
    /// where all directions explain nearly the same, a start that the domain had a say in would be seen in its R2.
    pub(super) fn r2(&self, lambda: f64, shape: Shape) -> Result<Vec<Vec<f64>>, FitError> {
        self.turns()
            .map(|(others, domain)| {
                let regression = Regression::new(&others, lambda)?;
                Ok(r2_by_rank(&regression, &regression.explained_as(shape)?, domain))
            })
            .collect()
    }

    /// The same for the first domain alone, with what its others explain: folds of one domain are alike, and one of them is
    /// enough to choose a rank by.
    pub(super) fn first_r2(&self, lambda: f64, shape: Shape) -> Result<(Vec<Vec<f64>>, Explained), FitError> {
        let (others, domain) = self.turns().next().ok_or(FitError::Decomposition)?;
        let regression = Regression::new(&others, lambda)?;
        let explained = regression.explained_as(shape)?;
        Ok((vec![r2_by_rank(&regression, &explained, domain)], explained))
    }
}

fn r2_by_rank(regression: &Regression, explained: &Explained, domain: &Statistics) -> Vec<f64> {
    let variance = domain.variance();
    regression.errors(explained, domain).into_iter().map(|error| r2(error, variance)).collect()
}

/// R2, or where the tuned embeddings are all equal: 1 if they are hit, else 0.
pub(super) fn r2(error: f64, variance: f64) -> f64 {
    if variance > 0.0 { 1.0 - error / variance } else { f64::from(u8::from(error <= 0.0)) }
}

/// The smallest rank whose mean R2 over the domains is at least `fidelity` times the best one.
pub(super) fn choose_rank(r2: &[Vec<f64>], fidelity: f64) -> usize {
    let ranks = r2.iter().map(Vec::len).min().unwrap_or(0);
    let mean = |rank: usize| {
        let of_rank = r2.iter().filter_map(|domain| domain.get(rank));
        of_rank.sum::<f64>() / r2.len().max(1) as f64
    };
    let means: Vec<f64> = (0..ranks).map(mean).collect();
    let best = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // A share of a negative R2 would ask for more than the best.
    let enough = if best > 0.0 { best * fidelity } else { best };
    means.iter().position(|mean| *mean >= enough).unwrap_or(0)
}
