//! A target task, ready to be scored against any number of ESMs.

mod error;
mod evidence;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use esmhub_store_format::Map;
use faer::{Mat, MatRef};

pub use self::error::ScoreError;
use crate::features::{apply, to_matrix};
use crate::logme::{Basis, Reduced};
use crate::score::{Centred, HScore, Ridge, Score, TransRate};
use crate::shape::{ROWS, sample, shape};
use crate::worth::{Contributions, contributions};
use crate::{Embeddings, Labels};

/// The target's base embeddings (N x D) and its label vectors (N x K: one per class, or one of numbers), in f64; and what is
/// computed of them once, when the first ESM asks for it.
pub struct Target {
    x: Mat<f64>,
    y: Mat<f64>,
    /// For each class the positions of its rows, in their order; `None` where the labels are numbers.
    classes: Option<Vec<Vec<usize>>>,
    precision: Precision,
    basis: OnceLock<Result<Basis, ScoreError>>,
    reduced: OnceLock<Reduced>,
    expected: OnceLock<f64>,
    sample: OnceLock<Mat<f64>>,
    plain: AtomicUsize,
    centred: OnceLock<Centred>,
    ridge: OnceLock<Result<Ridge, ScoreError>>,
    h_score: OnceLock<HScore>,
    trans_rate: OnceLock<TransRate>,
}

/// In which precision LogME reduces the features of dense ESMs. Those of low-rank ones, and all other scores, are always
/// computed in f64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// f64: within 1e-9 of the definition.
    #[default]
    Double,
    /// f32: within 1e-6 of the definition, in about half the time.
    Single,
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
        let (y, classes) = match labels {
            Labels::Classes { names, y } => {
                if names.len() < 2 {
                    return Err(ScoreError::OneClass(names.len()));
                }
                let is_class = |row: usize, class: usize| y.get(row).is_some_and(|&c| c as usize == class);
                let mut classes = vec![Vec::new(); names.len()];
                for (row, &class) in y.iter().enumerate() {
                    if let Some(members) = classes.get_mut(class as usize) {
                        members.push(row);
                    }
                }
                let y = Mat::from_fn(rows, names.len(), |row, class| if is_class(row, class) { 1.0 } else { 0.0 });
                (y, Some(classes))
            }
            Labels::Numbers(values) => {
                if values.iter().any(|v| !v.is_finite()) {
                    return Err(ScoreError::NotFinite);
                }
                (MatRef::from_column_major_slice(values, rows, 1).to_owned(), None)
            }
        };
        Ok(Self {
            x: to_matrix(x),
            y,
            classes,
            precision: Precision::Double,
            basis: OnceLock::new(),
            reduced: OnceLock::new(),
            expected: OnceLock::new(),
            sample: OnceLock::new(),
            plain: AtomicUsize::new(0),
            centred: OnceLock::new(),
            ridge: OnceLock::new(),
            h_score: OnceLock::new(),
            trans_rate: OnceLock::new(),
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

    /// How many of the scores by LogME had to be computed the plain way, from the singular values of the features, because
    /// rounding would have shown in the fast one. It takes about ten times as long.
    pub fn plainly_scored(&self) -> usize {
        self.plain.load(Ordering::Relaxed)
    }

    /// The score of an ESM: what the labels and the mapped embeddings say together.
    ///
    /// By LogME it takes O(D^2 r) for a low-rank map and O(D^3) for a dense one, however many rows there are: the map is applied
    /// to the rows themselves only where there are few, or, for a dense one, no more than dimensions. The other scores reduce
    /// the rows of each fold or class to at most D, once per target, so that with more rows they do not take longer either;
    /// but [`Score::HScore`], which needs the length of every feature, does: O(N D^2).
    ///
    /// # Errors
    /// [`ScoreError::Dimension`], [`ScoreError::NotFinite`], [`ScoreError::Decomposition`]; [`ScoreError::NeedsClasses`],
    /// [`ScoreError::OneNumber`].
    pub fn score(&self, map: &Map, score: impl Into<Score>) -> Result<f64, ScoreError> {
        self.check_dimension(Some(map))?;
        match score.into() {
            Score::LogMe(formula) => self.evidence(map, formula),
            other => self.other_score(Some(map), other),
        }
    }

    /// The score with no transfer at all: the base model's embeddings as they are.
    ///
    /// # Errors
    /// As [`Target::score`].
    pub fn baseline(&self, score: impl Into<Score>) -> Result<f64, ScoreError> {
        match score.into() {
            Score::LogMe(formula) => self.own_evidence(formula),
            other => self.other_score(None, other),
        }
    }

    /// The score of one feature that is 1 in every row: what the frequencies of the classes, or the mean of the numbers, say by
    /// themselves. LogME's model has no intercept, so features that say nothing of the labels score below it.
    ///
    /// # Errors
    /// As [`Target::score`].
    pub fn labels_alone(&self, score: impl Into<Score>) -> Result<f64, ScoreError> {
        match score.into() {
            // Nothing is left out of one dimension, so that the formulas agree.
            Score::LogMe(_) => self.evidence_of_ones(),
            Score::Ridge => Ok(self.ridge()?.labels_alone()),
            // Without variance there is none between classes, and nothing to be coded.
            Score::HScore | Score::TransRate => Ok(0.0),
        }
    }

    /// What each row contributes to the score of an ESM, or of no transfer, whose `value` is given. O(N D^2).
    ///
    /// # Errors
    /// As [`Target::score`]; [`ScoreError::NotOfRows`] where [`Score::is_of_rows`] is not so.
    pub fn contributions(
        &self,
        map: Option<&Map>,
        score: impl Into<Score>,
        value: f64,
    ) -> Result<Contributions, ScoreError> {
        self.check_dimension(map)?;
        let rows = match score.into() {
            Score::LogMe(_) => {
                let features = map.map(|map| apply(map, self.x.as_ref()));
                let features = features.as_ref().unwrap_or(&self.x);
                contributions(features.as_ref(), self.y.as_ref())?
            }
            Score::Ridge => self.ridge()?.contributions(self.centred(), map)?,
            other => return Err(ScoreError::NotOfRows(other)),
        };
        Ok(Contributions { score: value, rows })
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

    /// A score of a map, or of no transfer, that is not LogME.
    fn other_score(&self, map: Option<&Map>, score: Score) -> Result<f64, ScoreError> {
        let centred = self.centred();
        let found = match (score, &self.classes) {
            (Score::HScore, Some(classes)) => {
                self.h_score.get_or_init(|| HScore::new(centred, classes)).score(centred, map)
            }
            (Score::TransRate, Some(classes)) => {
                let prepare = || TransRate::new(self.x.as_ref(), centred, classes);
                self.trans_rate.get_or_init(prepare).score(centred, map)
            }
            (Score::HScore | Score::TransRate, None) => Err(ScoreError::NeedsClasses(score)),
            _ => self.ridge()?.score(centred, map),
        };
        finite(found?)
    }

    fn centred(&self) -> &Centred {
        self.centred.get_or_init(|| Centred::new(self.x.as_ref()))
    }

    fn ridge(&self) -> Result<&Ridge, ScoreError> {
        let prepare = || Ridge::new(self.x.as_ref(), self.centred(), self.y.as_ref(), self.classes.as_deref());
        self.ridge.get_or_init(prepare).as_ref().map_err(Clone::clone)
    }
}

fn finite(score: f64) -> Result<f64, ScoreError> {
    if score.is_finite() { Ok(score) } else { Err(ScoreError::NotFinite) }
}
