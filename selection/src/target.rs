//! A target task, ready to be scored against any number of ESMs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use esmhub_store_format::Map;
use faer::{Mat, MatRef};

use crate::features::{apply, to_matrix};
use crate::logme::{
    Basis, Dense, Formula, Interpolant, LowRank, Problem, Reduced, Spectrum, fixed_points, log_evidence,
};
use crate::shape::{ROWS, sample, shape};
use crate::worth::{Contributions, contributions};
use crate::{Embeddings, Labels};

/// The target's base embeddings (N x D) and its label vectors (N x K: one per class, or one of numbers), in f64; and what is
/// computed of them once, when the first ESM asks for it.
pub struct Target {
    x: Mat<f64>,
    y: Mat<f64>,
    precision: Precision,
    basis: OnceLock<Result<Basis, ScoreError>>,
    reduced: OnceLock<Reduced>,
    expected: OnceLock<f64>,
    sample: OnceLock<Mat<f64>>,
    plain: AtomicUsize,
}

/// With fewer rows, singular values cost next to nothing. The iteration often does not converge there within its rounds, and
/// what does not converge does not forgive the tenth digit.
const FEW_ROWS: usize = 64;

/// In which precision the features of dense ESMs are reduced. Low-rank ones are always scored in f64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// f64: within 1e-9 of the definition.
    #[default]
    Double,
    /// f32: within 1e-6 of the definition, in about half the time.
    Single,
}

/// Why there is no score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// The target has as many embeddings as labels, or it is none.
    #[error("the target has {embeddings} embeddings and {labels} labels, expected the same number, at least 2")]
    Rows {
        /// Its embeddings.
        embeddings: usize,
        /// Its labels.
        labels: usize,
    },
    /// One class, or none.
    #[error("the target's labels have {0} class, expected at least 2")]
    OneClass(usize),
    /// The ESM maps embeddings of another dimension.
    #[error("the ESM has dimension {found}, the target's embeddings have {expected}")]
    Dimension {
        /// The target's.
        expected: usize,
        /// The ESM's.
        found: usize,
    },
    /// NaN or infinity where a number is expected.
    #[error("the score is not a finite number")]
    NotFinite,
    /// The eigendecomposition of the features did not converge.
    #[error("the eigendecomposition of the features does not converge")]
    Decomposition,
}

impl Target {
    /// Takes N embeddings and N labels.
    ///
    /// # Errors
    /// [`ScoreError::Rows`], [`ScoreError::OneClass`], [`ScoreError::NotFinite`].
    pub fn new(x: &Embeddings, labels: &Labels) -> Result<Self, ScoreError> {
        let rows = x.rows();
        if rows != labels.len() || rows < 2 {
            return Err(ScoreError::Rows { embeddings: rows, labels: labels.len() });
        }
        if x.first_non_finite().is_some() {
            return Err(ScoreError::NotFinite);
        }
        let y = match labels {
            Labels::Classes { names, y } => {
                if names.len() < 2 {
                    return Err(ScoreError::OneClass(names.len()));
                }
                let is_class = |row: usize, class: usize| y.get(row).is_some_and(|&c| c as usize == class);
                Mat::from_fn(rows, names.len(), |row, class| if is_class(row, class) { 1.0 } else { 0.0 })
            }
            Labels::Numbers(values) => {
                if values.iter().any(|v| !v.is_finite()) {
                    return Err(ScoreError::NotFinite);
                }
                MatRef::from_column_major_slice(values, rows, 1).to_owned()
            }
        };
        Ok(Self {
            x: to_matrix(x),
            y,
            precision: Precision::Double,
            basis: OnceLock::new(),
            reduced: OnceLock::new(),
            expected: OnceLock::new(),
            sample: OnceLock::new(),
            plain: AtomicUsize::new(0),
        })
    }

    /// The same target, with dense ESMs scored in this precision.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// N.
    pub fn rows(&self) -> usize {
        self.x.nrows()
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.x.ncols()
    }

    /// How many scores had to be computed the plain way, from the singular values of the features, because rounding would
    /// have shown in the fast one. It takes about ten times as long.
    pub fn plainly_scored(&self) -> usize {
        self.plain.load(Ordering::Relaxed)
    }

    /// The score of an ESM: the log evidence per row of the target's labels, given the mapped embeddings.
    ///
    /// For a low-rank map it takes O(D^2 r), for a dense one O(D^3), however many rows there are: the map is applied to the rows
    /// themselves only where there are few, or, for a dense one, no more than dimensions.
    ///
    /// # Errors
    /// [`ScoreError::Dimension`], [`ScoreError::NotFinite`], [`ScoreError::Decomposition`].
    pub fn score(&self, map: &Map, formula: Formula) -> Result<f64, ScoreError> {
        self.check_dimension(Some(map))?;
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

    /// The score with no transfer at all: the base model's embeddings as they are.
    ///
    /// # Errors
    /// [`ScoreError::NotFinite`], [`ScoreError::Decomposition`].
    pub fn baseline(&self, formula: Formula) -> Result<f64, ScoreError> {
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

    /// The score of one feature that is 1 in every row: what the frequencies of the classes, or the mean of the numbers, say by
    /// themselves. The model has no intercept, so features that say nothing of the labels score below it.
    ///
    /// # Errors
    /// As [`Target::score`].
    pub fn labels_alone(&self) -> Result<f64, ScoreError> {
        let ones = Mat::from_fn(self.rows(), 1, |_, _| 1.0);
        let mut spectrum = Spectrum::new(ones.as_ref(), self.y.as_ref())?;
        let problem = Problem::new(ones.shape(), self.y.ncols(), Formula::Exact);
        finite(log_evidence(&mut spectrum, problem).unwrap_or(f64::NAN))
    }

    /// What each row contributes to the score of an ESM, or of no transfer, whose score is given. O(N D^2).
    ///
    /// # Errors
    /// As [`Target::score`].
    pub fn contributions(&self, map: Option<&Map>, score: f64) -> Result<Contributions, ScoreError> {
        self.check_dimension(map)?;
        let features = map.map(|map| apply(map, self.x.as_ref()));
        let features = features.as_ref().unwrap_or(&self.x);
        let rows = contributions(features.as_ref(), self.y.as_ref())?;
        Ok(Contributions { score, rows })
    }

    /// What a map, or no transfer, makes of the target, as a point: two are `sqrt(2 - 2 CKA)` apart, 0 where they treat the rows
    /// alike and 1 or more where they have nothing in common. Computed on [`Target::rows_compared`] rows, n (n + 1) / 2 values.
    ///
    /// # Errors
    /// [`ScoreError::Dimension`], [`ScoreError::NotFinite`].
    pub fn shape(&self, map: Option<&Map>) -> Result<Vec<f64>, ScoreError> {
        self.check_dimension(map)?;
        shape(map, self.sample.get_or_init(|| sample(self.x.as_ref())).as_ref())
    }

    /// How many rows [`Target::shape`] compares maps on: at most 128, the same for all of them.
    pub fn rows_compared(&self) -> usize {
        self.rows().min(ROWS)
    }

    fn check_dimension(&self, map: Option<&Map>) -> Result<(), ScoreError> {
        match map.map(|map| map.dimension() as usize) {
            Some(found) if found != self.dimension() => {
                Err(ScoreError::Dimension { expected: self.dimension(), found })
            }
            _ => Ok(()),
        }
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

fn finite(score: f64) -> Result<f64, ScoreError> {
    if score.is_finite() { Ok(score) } else { Err(ScoreError::NotFinite) }
}
