//! What ridge regression tells right of rows that it has not seen.
//!
//! Hoerl, Kennard 1970, "Ridge Regression: Biased Estimation for Nonorthogonal Problems"; classes are one column of zeros and ones
//! each, and the largest prediction names the class. A regression of its own, with an intercept that is not shrunk, is fitted
//! for each of five folds on the rows of the other four, and predicts those of the fold. The score is the share of all rows whose
//! class is named (of equal predictions, the first class), or `R2 = 1 - SSE / SST` of the numbers, SST being about the mean of all.
//!
//! - Folds ([`folds`]), not single rows that are left out: that has a closed form as well, but where features say nothing, a row
//!   that is missing makes its own class the rarer one, so that balanced classes would be told right 0 % of the time.
//! - The strength ([`strength`]) is chosen for each fold from the rows that are fitted, which leaves nothing of the fold in it.
//! - Of each fold, its Gram matrix, sums and products with the labels are all that is needed, and the rows that are to be
//!   predicted. A map is applied to min(n, D) rows of a fold, whose Gram matrix is that of all n. With fewer rows than
//!   dimensions, the same is done in the N - 1 directions that the features span.

mod folds;
mod strength;
mod view;

use esmhub_store_format::Map;
use faer::prelude::Solve;
use faer::{Col, Mat, MatRef, Scale, Side};

use self::folds::{Fold, Sums, assigned};
use self::strength::chosen;
use self::view::View;
use super::blocks::Centred;
use crate::ScoreError;

/// Numbers that vary by less than this share of their squared length are one number.
const NOTHING: f64 = 1e-24;

/// A target in its folds.
pub(crate) struct Ridge {
    /// What is to be predicted, N x K: ones and zeros, or numbers of mean 0 and at most 2.
    labels: Mat<f64>,
    /// Whether the columns of `labels` are classes.
    is_classes: bool,
    folds: Vec<Fold>,
    /// Whether there are more rows than dimensions, so that the folds hold embeddings; else they hold rows of Q.
    is_tall: bool,
}

impl Ridge {
    /// Takes embeddings (N x D), label vectors (N x K), and for each class the positions of its rows; `None` for numbers.
    ///
    /// # Errors
    /// [`ScoreError::OneNumber`].
    pub(crate) fn new(
        x: MatRef<'_, f64>,
        centred: &Centred,
        labels: MatRef<'_, f64>,
        classes: Option<&[Vec<usize>]>,
    ) -> Result<Self, ScoreError> {
        let rows = x.nrows();
        let labels = match classes {
            Some(_) => labels.to_owned(),
            None => standardised(labels).ok_or(ScoreError::OneNumber)?,
        };
        let is_tall = rows > x.ncols();
        let all: Vec<usize> = (0..rows).collect();
        let seen = if is_tall { centred.select(x, &all) } else { centred.q.clone() };
        let members = assigned(rows, classes);
        let folds = members.into_iter().map(|members| Fold::new(members, seen.as_ref(), labels.as_ref())).collect();
        Ok(Self { labels, is_classes: classes.is_some(), folds, is_tall })
    }

    /// The score of a map, or of no transfer.
    pub(crate) fn score(&self, centred: &Centred, map: Option<&Map>) -> Result<f64, ScoreError> {
        Ok(self.score_of(&self.predictions(centred, map)?))
    }

    /// The score of features that say nothing: the most frequent class, or the mean.
    pub(crate) fn labels_alone(&self) -> f64 {
        let mut predicted = Mat::zeros(self.labels.nrows(), self.labels.ncols());
        for fold in &self.folds {
            let fitted = Sums::total(self.folds.iter().filter(|other| !std::ptr::eq(*other, fold)).map(|f| &f.labels));
            fold.put(&mut predicted, None, &fitted.mean());
        }
        self.score_of(&predicted)
    }

    /// What each row contributes: 1 where its class is named and 0 where not, so that the score is their mean; or what R2 gains
    /// with the row's weight, `(1 - R2) (y - m)^2 - (y - p)^2` over SST / N.
    pub(crate) fn contributions(&self, centred: &Centred, map: Option<&Map>) -> Result<Vec<f64>, ScoreError> {
        let predicted = self.predictions(centred, map)?;
        if self.is_classes {
            return Ok(self.told(&predicted).map(|is_right| if is_right { 1.0 } else { 0.0 }).collect());
        }
        let r2 = self.score_of(&predicted);
        let mean_square = self.labels.squared_norm_l2() / self.labels.nrows() as f64;
        let rows = self.labels.col_iter().zip(predicted.col_iter()).flat_map(|(y, p)| {
            y.iter()
                .zip(p.iter())
                .map(|(y, p)| ((1.0 - r2) * y * y - (y - p) * (y - p)) / mean_square)
                .collect::<Vec<_>>()
        });
        Ok(rows.collect())
    }

    fn score_of(&self, predicted: &Mat<f64>) -> f64 {
        if self.is_classes {
            return self.told(predicted).filter(|is_right| *is_right).count() as f64 / self.labels.nrows() as f64;
        }
        1.0 - (&self.labels - predicted).squared_norm_l2() / self.labels.squared_norm_l2()
    }

    /// Whether each row's class is the one with the largest prediction.
    fn told<'a>(&'a self, predicted: &'a Mat<f64>) -> impl Iterator<Item = bool> + 'a {
        self.labels.row_iter().zip(predicted.row_iter()).map(|(labels, predicted)| {
            let mut best = (f64::NEG_INFINITY, 0.0);
            for (&value, &label) in predicted.iter().zip(labels.iter()) {
                if value > best.0 {
                    best = (value, label);
                }
            }
            best.1 > 0.5
        })
    }

    /// Of every row, N x K, from the rows of the other folds.
    fn predictions(&self, centred: &Centred, map: Option<&Map>) -> Result<Mat<f64>, ScoreError> {
        let view = View::new(centred, map, self.is_tall);
        let mut seen: Vec<Sums> = self.folds.iter().map(|fold| fold.seen_through(&view)).collect();
        let whole = seen.iter().map(Sums::trace).sum::<f64>();
        if !whole.is_finite() {
            return Err(ScoreError::NotFinite);
        }
        let scale = if whole > 0.0 { 1.0 / whole.sqrt() } else { 0.0 };
        seen.iter_mut().for_each(|sums| sums.scale(scale));
        let total = Sums::total(seen.iter());
        let mut predicted = Mat::zeros(self.labels.nrows(), self.labels.ncols());
        for (fold, own) in self.folds.iter().zip(&seen) {
            let fitted = total.without(own);
            let (rows, spread, mean, middle) = (fitted.rows, fitted.spread(), fitted.mean(), fitted.middle());
            let (gram, products) = fitted.centred();
            let Some(strength) = chosen(&gram, &products, &spread, rows) else {
                fold.put(&mut predicted, None, &mean);
                continue;
            };
            let mut shifted = gram;
            shifted.diagonal_mut().column_vector_mut().iter_mut().for_each(|value| *value += strength);
            let factor = shifted.llt(Side::Lower).map_err(|_| ScoreError::Decomposition)?;
            let weights = factor.solve(&products);
            let intercept: Col<f64> = mean - weights.transpose() * middle;
            let weights = Scale(scale) * view.pulled_back(&weights);
            fold.put(&mut predicted, Some(&weights), &intercept);
        }
        if predicted.is_all_finite() { Ok(predicted) } else { Err(ScoreError::NotFinite) }
    }
}

/// Numbers (N x 1) without their mean, after the largest has been made 1; `None` where nothing is left. R2 is the same of them.
fn standardised(numbers: MatRef<'_, f64>) -> Option<Mat<f64>> {
    let largest = numbers.norm_max();
    let scaled = Mat::from_fn(numbers.nrows(), 1, |i, _| numbers.get(i, 0) / largest);
    let mean = scaled.col_iter().flat_map(|column| column.iter()).sum::<f64>() / numbers.nrows() as f64;
    let centred = Mat::from_fn(numbers.nrows(), 1, |i, _| scaled.get(i, 0) - mean);
    (centred.squared_norm_l2() > NOTHING * scaled.squared_norm_l2()).then_some(centred)
}
