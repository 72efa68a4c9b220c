//! Fitting: measured on held-out rows and on domains left out, then fitted on everything.

use esmhub_store_format::card::{DomainFidelity, Fidelity, Fit, HeldOut, Method};
use esmhub_store_format::{Codec, Digest, FormatError, Map, Object};
use faer::{Col, Mat};

use super::domains::{LeftOut, choose_rank};
use super::options::{ALONE, FOLDS, FitOptions, HELD_OUT_SHARE, Penalty, Rank, WITH_ANCHORS};
use super::regression::{Explained, Regression};
use super::statistics::Statistics;
use super::{AnchorPairs, FitError, Pairs, penalty};
use crate::SplitMix64;
use crate::features::{apply, apply_to};

/// An ESM fitted from pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedEsm {
    /// The map, fitted on all rows.
    pub map: Map,
    /// The pairs of the source that it was fitted on.
    pub rows: usize,
    /// The penalty, in units of the mean eigenvalue of the Gram matrix.
    pub penalty: f64,
    /// The seed of the split.
    pub seed: u64,
    /// What a map of the same penalty and rank, fitted without a fifth of the source's rows, does on them.
    pub held_out: HeldOut,
    /// What it is worth on domains that the fit has not seen; `None` where there were no anchors.
    pub fidelity: Option<Fidelity>,
    /// The mean of the base embeddings, D values: where a coded map must agree with this one.
    centre: Vec<f64>,
}

impl FittedEsm {
    /// What a card says of it.
    pub fn describe(&self, program: &str, anchors: Option<Digest>) -> Fit {
        Fit {
            method: Method::Ridge,
            program: Some(program.to_owned()),
            rows: Some(self.rows as u64),
            penalty: Some(self.penalty),
            folds: self.fidelity.is_none().then_some(FOLDS as u32),
            seed: Some(self.seed),
            held_out: Some(self.held_out),
            anchors,
        }
    }

    /// Its object. The bias takes up what the codec does to the mean embedding, so that only deviations from it are coded.
    ///
    /// # Errors
    /// As [`Object::encode_map`].
    pub fn encode(&self, codec: Codec) -> Result<Object, FormatError> {
        let object = Object::encode_map(&self.map, codec)?;
        let centre = Col::from_fn(self.centre.len(), |at| self.centre.get(at).copied().unwrap_or_default());
        let shift = apply_to(&self.map, &centre) - apply_to(object.map(), &centre);
        let bias = self.map.bias().iter().zip(shift.iter()).map(|(&b, &shift)| (f64::from(b) + shift) as f32).collect();
        // Scale and factors are coded as before: they do not depend on the bias.
        Object::encode_map(&self.map.with_bias(bias)?, codec)
    }
}

/// Fits an ESM on the source's pairs and on those of the anchors, each a domain of its own.
///
/// The source's rows are put into an order drawn with the seed; the first fifth is held out. Then whole domains are left out
/// in turn: the source's training rows and each anchor domain; without anchors, five folds of the source.
///
/// # Errors
/// [`FitError`].
pub fn fit(source: &Pairs, anchors: &[AnchorPairs], options: &FitOptions) -> Result<FittedEsm, FitError> {
    let dimension = source.dimension();
    if let Some(other) = anchors.iter().find(|anchor| anchor.pairs().dimension() != dimension) {
        let (expected, found) = (dimension, other.pairs().dimension());
        return Err(FitError::AnchorDimension { label: other.label().to_owned(), expected, found });
    }
    let order = SplitMix64::new(options.seed).permutation(source.rows());
    let (held_out_rows, training_rows) = order.split_at_checked(source.rows() / HELD_OUT_SHARE).unwrap_or_default();
    let domains = domains(source, training_rows, anchors);
    let left_out = LeftOut { domains: &domains, dimension };
    let lambda = match options.penalty {
        Penalty::Standard if anchors.is_empty() => ALONE,
        Penalty::Standard => WITH_ANCHORS,
        Penalty::CrossValidated => penalty::choose(&left_out)?,
        Penalty::Fixed(lambda) => lambda,
    };

    let full = options.rank == Rank::Full;
    let explain = |regression: &Regression| {
        if full { Ok(regression.explained_fully()) } else { regression.explained(options.rank.most(dimension)) }
    };
    let training = Statistics::total(dimension, &domains);
    let regression = Regression::new(&training, lambda)?;
    let explained = explain(&regression)?;
    let r2 = left_out.r2(lambda, &explained, full)?;
    let rank = match options.rank {
        Rank::Auto { fidelity, .. } => choose_rank(&r2, fidelity),
        Rank::Exactly(_) | Rank::Full => options.rank.most(dimension),
    };
    let build = |regression: &Regression, explained: &Explained| {
        if full { regression.dense(explained) } else { regression.low_rank(explained, rank) }
    };
    let (x, y) = source.select(held_out_rows);
    let held_out = measure(&build(&regression, &explained)?, &x, &y);

    let everything = [training, Statistics::of(x.as_ref(), y.as_ref())];
    let regression = Regression::new(&Statistics::total(dimension, &everything), lambda)?;
    let map = build(&regression, &explain(&regression)?)?;
    let fidelity = (!anchors.is_empty()).then(|| fidelity(anchors, &domains, &r2, rank));
    let centre = regression.centre().iter().copied().collect();
    Ok(FittedEsm { map, rows: source.rows(), penalty: lambda, seed: options.seed, held_out, fidelity, centre })
}

/// The source's training rows and the anchors; or the folds of the source.
fn domains(source: &Pairs, training_rows: &[usize], anchors: &[AnchorPairs]) -> Vec<Statistics> {
    let of_source = |rows: &[usize]| {
        let (x, y) = source.select(rows);
        Statistics::of(x.as_ref(), y.as_ref())
    };
    if anchors.is_empty() {
        let fold = |fold: usize| training_rows.iter().skip(fold).step_by(FOLDS).copied().collect::<Vec<usize>>();
        return (0..FOLDS).map(|number| of_source(&fold(number))).collect();
    }
    let anchors = anchors.iter().map(|anchor| Statistics::of(anchor.pairs().base(), anchor.pairs().tuned()));
    std::iter::once(of_source(training_rows)).chain(anchors).collect()
}

fn fidelity(anchors: &[AnchorPairs], domains: &[Statistics], r2: &[Vec<f64>], rank: usize) -> Fidelity {
    let labels = std::iter::once(None).chain(anchors.iter().map(|anchor| Some(anchor.label().to_owned())));
    let at_rank = |r2: &Vec<f64>| r2.get(rank).or(r2.last()).copied().unwrap_or_default();
    let domains = labels.zip(domains).zip(r2).map(|((label, domain), r2)| DomainFidelity {
        label,
        rows: domain.rows() as u64,
        r2: Fidelity::clamped(at_rank(r2)),
    });
    Fidelity {
        anchor_rows: anchors.iter().map(|anchor| anchor.pairs().rows() as u64).sum(),
        domains: domains.collect(),
    }
}

/// R2 and mean cosine of a map on pairs.
fn measure(map: &Map, x: &Mat<f64>, y: &Mat<f64>) -> HeldOut {
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
    HeldOut { rows: y.nrows() as u64, r2: super::domains::r2(residual, variance), cosine: cosines.sum::<f64>() / rows }
}
