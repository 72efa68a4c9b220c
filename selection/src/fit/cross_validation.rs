//! Choosing the penalty inside the training rows, measuring on the others, fitting on all.

use esmhub_store_format::DenseMap;
use esmhub_store_format::card::{Fit, HeldOut, Method};
use faer::Mat;

use super::ridge::Ridge;
use super::statistics::Statistics;
use super::{FitError, Pairs};
use crate::SplitMix64;
use crate::features::apply;

/// The share of the rows on which the result is measured: one in five.
pub const HELD_OUT_SHARE: usize = 5;
/// The folds of the cross-validation that chooses the penalty.
pub const FOLDS: usize = 5;

/// Penalties from 10^-5 to 10^2, eight to a decade. Real tasks land between 10^-2 and 1.
fn penalties() -> Vec<f64> {
    (-40..=16).map(|step| 10f64.powf(f64::from(step) / 8.0)).collect()
}

/// An ESM fitted from pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedEsm {
    /// The map, fitted on all rows.
    pub map: DenseMap,
    /// The pairs that it was fitted on.
    pub rows: usize,
    /// The penalty, in units of the mean eigenvalue of the Gram matrix.
    pub penalty: f64,
    /// The seed of the split.
    pub seed: u64,
    /// What a map of the same penalty, fitted on the other rows alone, does on the held-out fifth.
    pub held_out: HeldOut,
}

impl FittedEsm {
    /// What a card says of it.
    pub fn describe(&self, program: &str) -> Fit {
        Fit {
            method: Method::Ridge,
            program: Some(program.to_owned()),
            rows: Some(self.rows as u64),
            penalty: Some(self.penalty),
            folds: Some(FOLDS as u32),
            seed: Some(self.seed),
            held_out: Some(self.held_out),
            anchors: None,
        }
    }
}

/// Fits an ESM: ridge regression towards the identity.
///
/// The rows are put into an order drawn with `seed`; the first fifth is held out, the rest falls into [`FOLDS`] folds.
///
/// # Errors
/// [`FitError`].
pub fn fit(pairs: &Pairs, seed: u64) -> Result<FittedEsm, FitError> {
    let order = SplitMix64::new(seed).permutation(pairs.rows());
    let (held_out_rows, training_rows) = order.split_at_checked(pairs.rows() / HELD_OUT_SHARE).unwrap_or_default();
    let folds: Vec<Statistics> = (0..FOLDS)
        .map(|fold| {
            let rows: Vec<usize> = training_rows.iter().skip(fold).step_by(FOLDS).copied().collect();
            let (x, y) = pairs.select(&rows);
            Statistics::of(x.as_ref(), y.as_ref())
        })
        .collect();
    let penalty = choose(&folds, pairs.dimension())?;

    let mut training = Statistics::zeros(pairs.dimension());
    folds.iter().for_each(|fold| training.add(fold));
    let (x, y) = pairs.select(held_out_rows);
    let held_out = measure(&Ridge::new(&training)?.map(penalty)?, &x, &y);

    let mut all = training;
    all.add(&Statistics::of(x.as_ref(), y.as_ref()));
    let map = Ridge::new(&all)?.map(penalty)?;
    Ok(FittedEsm { map, rows: pairs.rows(), penalty, seed, held_out })
}

/// The penalty of least squared error, each fold predicted by the others.
fn choose(folds: &[Statistics], dimension: usize) -> Result<f64, FitError> {
    let lambdas = penalties();
    let mut errors = vec![0.0; lambdas.len()];
    for (left_out, validation) in folds.iter().enumerate() {
        let mut training = Statistics::zeros(dimension);
        folds.iter().enumerate().filter(|(fold, _)| *fold != left_out).for_each(|(_, fold)| training.add(fold));
        let fold_errors = Ridge::new(&training)?.errors(validation, &lambdas);
        errors.iter_mut().zip(fold_errors).for_each(|(sum, error)| *sum += error);
    }
    let best = lambdas.into_iter().zip(errors).min_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(lambda, _)| lambda).ok_or(FitError::Decomposition)
}

/// R2 and mean cosine of a map on pairs.
pub(super) fn measure(map: &DenseMap, x: &Mat<f64>, y: &Mat<f64>) -> HeldOut {
    let predicted = apply(map, x.as_ref());
    let residual = (&predicted - y).squared_norm_l2();
    let rows = y.nrows() as f64;
    let means = y.col_iter().map(|column| column.sum() / rows);
    let variance: f64 =
        y.col_iter().zip(means).map(|(column, mean)| column.iter().map(|v| (v - mean).powi(2)).sum::<f64>()).sum();
    let cosines = predicted.row_iter().zip(y.row_iter()).map(|(p, y)| {
        let norms = p.norm_l2() * y.norm_l2();
        if norms > 0.0 { (p * y.transpose()) / norms } else { 0.0 }
    });
    HeldOut {
        rows: y.nrows() as u64,
        // Tuned embeddings that are all equal have no variance to explain: 1 if they are hit, else 0.
        r2: if variance > 0.0 { 1.0 - residual / variance } else { f64::from(u8::from(residual == 0.0)) },
        cosine: cosines.sum::<f64>() / rows,
    }
}
