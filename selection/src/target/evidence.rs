//! LogME of a target: which way it is computed.

use std::sync::atomic::Ordering;

use esmhub_store_format::Map;
use faer::{Mat, MatRef};

use super::{Precision, Target, finite};
use crate::ScoreError;
use crate::features::apply;
use crate::logme::{
    Basis, Dense, Formula, Interpolant, LowRank, Problem, Reduced, Spectrum, fixed_points, log_evidence,
};

/// With fewer rows, singular values cost next to nothing. The iteration often does not converge there within its rounds, and
/// what does not converge does not forgive the tenth digit.
const FEW_ROWS: usize = 64;

impl Target {
    /// The evidence given the features of a map.
    pub(super) fn evidence(&self, map: &Map, formula: Formula) -> Result<f64, ScoreError> {
        let fast = match map {
            _ if self.rows() < FEW_ROWS => return self.score_plainly(map, formula),
            Map::LowRank(map) if self.suits(map.rank() as usize) => {
                let features = LowRank::new(self.basis()?, map);
                log_evidence(&mut Interpolant::new(features, self.expected()?), self.problem(formula)).ok()
            }
            _ => self.score_dense(map, formula)?,
        };
        match fast {
            Some(score) => finite(score),
            None => {
                self.plain.fetch_add(1, Ordering::Relaxed);
                self.score_plainly(map, formula)
            }
        }
    }

    /// The evidence given the base model's embeddings as they are.
    pub(super) fn own_evidence(&self, formula: Formula) -> Result<f64, ScoreError> {
        if self.rows() < FEW_ROWS {
            return self.score_by_singular_values(self.x.as_ref(), formula);
        }
        let mut basis = self.basis()?;
        match log_evidence(&mut basis, self.problem(formula)) {
            Ok(score) => finite(score),
            Err(_) => {
                self.plain.fetch_add(1, Ordering::Relaxed);
                self.score_by_singular_values(self.x.as_ref(), formula)
            }
        }
    }

    /// The evidence given one feature that is 1 in every row.
    pub(super) fn evidence_of_ones(&self) -> Result<f64, ScoreError> {
        let ones = Mat::from_fn(self.rows(), 1, |_, _| 1.0);
        let mut spectrum = Spectrum::new(ones.as_ref(), self.y.as_ref())?;
        let problem = Problem::new(ones.shape(), self.y.ncols(), Formula::Exact);
        finite(log_evidence(&mut spectrum, problem).unwrap_or(f64::NAN))
    }

    /// The definition, and nothing clever.
    fn score_plainly(&self, map: &Map, formula: Formula) -> Result<f64, ScoreError> {
        self.score_by_singular_values(apply(map, self.x.as_ref()).as_ref(), formula)
    }

    /// The score of features (N x D).
    fn score_by_singular_values(&self, features: MatRef<'_, f64>, formula: Formula) -> Result<f64, ScoreError> {
        let mut spectrum = Spectrum::new(features, self.y.as_ref())?;
        let problem = self.problem(formula);
        finite(log_evidence(&mut spectrum, problem).unwrap_or(f64::NAN))
    }

    /// `None` where rounding would show.
    fn score_dense(&self, map: &Map, formula: Formula) -> Result<Option<f64>, ScoreError> {
        let expected = self.expected()?;
        let score =
            |features: Dense| log_evidence(&mut Interpolant::new(features, expected), self.problem(formula)).ok();
        if self.rows() <= self.dimension() {
            let features = apply(map, self.x.as_ref());
            return Ok(score(Dense::of_rows(features.as_ref(), self.y.as_ref())));
        }
        let reduced = self.reduced.get_or_init(|| Reduced::new(self.x.as_ref(), self.y.as_ref()));
        let single = match (self.precision, map) {
            (Precision::Single, Map::Dense(map)) => score(reduced.features_in_single(map)),
            _ => None,
        };
        Ok(single.or_else(|| score(reduced.features(map))))
    }

    /// Whether a low-rank map's structure is worth using: for a large part of all directions, the dense way is faster.
    fn suits(&self, rank: usize) -> bool {
        4 * rank <= self.dimension()
    }

    fn problem(&self, formula: Formula) -> Problem {
        Problem::new(self.x.shape(), self.y.ncols(), formula)
    }

    fn basis(&self) -> Result<&Basis, ScoreError> {
        let basis = self.basis.get_or_init(|| Basis::new(self.x.as_ref(), self.y.as_ref()));
        basis.as_ref().map_err(Clone::clone)
    }

    /// Where the iteration ends with no transfer, at the largest: a guess at where it ends with an ESM.
    fn expected(&self) -> Result<f64, ScoreError> {
        if let Some(&expected) = self.expected.get() {
            return Ok(expected);
        }
        let mut basis = self.basis()?;
        let ends = fixed_points(&mut basis, self.problem(Formula::Exact)).unwrap_or_default();
        let largest = ends.iter().map(|end| end.alpha / end.beta).filter(|t| t.is_finite()).fold(1.0, f64::max);
        Ok(*self.expected.get_or_init(|| largest))
    }
}
