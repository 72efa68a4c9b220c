//! Fitting: measured on held-out rows and on domains left out, then fitted on everything.

use esmhub_store_format::card::{DomainFidelity, Fidelity, Fit, HeldOut, Method};
use esmhub_store_format::{Codec, Digest, FormatError, Map, Object};
use faer::Col;

use super::domains::{LeftOut, choose_rank};
use super::options::{ALONE, FOLDS, FitOptions, HELD_OUT_SHARE, Penalty, Rank, WITH_ANCHORS};
use super::pairs::Rows;
use super::regression::{Explained, Regression, Shape};
use super::statistics::Statistics;
use super::{AnchorPairs, FitError, Pairs, penalty};
use crate::SplitMix64;
use crate::features::{apply_by_rows, apply_to};

/// An ESM fitted from pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedEsm {
    /// The map, fitted on all rows.
    pub map: Map,
    /// The pairs of the source that it was fitted on.
    pub rows: usize,
    /// The penalty, in units of the mean eigenvalue of the Gram matrix.
    pub penalty: f64,
    /// The folds of the source's rows that the penalty was chosen by; `None` where it was not, or by domains.
    pub folds: Option<u32>,
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
            folds: self.folds,
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
        let bias = self.map.bias().iter().zip(shift.iter()).map(|(&b, &shift)| (f64::from(b) + shift) as f32);
        object.with_bias(&bias.collect::<Vec<f32>>())
    }
}

/// Fits an ESM on the source's pairs and on those of the anchors, each a domain of its own.
///
/// The source's rows are put into an order drawn with the seed; the first fifth is held out. Then whole domains are left out
/// in turn: the source's training rows and each anchor domain. Without anchors, the source's training rows fall into
/// [`FOLDS`]: all of them choose a penalty where that is asked for, the first one the rank.
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
    let domains = match anchors {
        // The folds behind the first are told apart only where a penalty is chosen.
        [] => folds(source, training_rows, if options.penalty == Penalty::CrossValidated { FOLDS } else { 2 }),
        anchors => domains(source, training_rows, anchors),
    };
    let training = Statistics::total(dimension, &domains);
    let left_out = LeftOut { domains: &domains, total: &training };
    let lambda = match options.penalty {
        Penalty::Standard if anchors.is_empty() => ALONE,
        Penalty::Standard => WITH_ANCHORS,
        Penalty::CrossValidated => penalty::choose(&left_out)?,
        Penalty::Fixed(lambda) => lambda,
    };

    // From fewer rows to more, so that no directions are found with the help of rows that they are measured on.
    let most = options.rank.most(dimension);
    let shape = if options.rank == Rank::Full { Shape::Dense } else { Shape::LowRank(most) };
    let regression = Regression::new(&training, lambda)?;
    let (r2, explained) = if anchors.is_empty() {
        let (r2, first) = left_out.first_r2(lambda, shape)?;
        (r2, regression.explained_after(&first, shape)?)
    } else {
        (left_out.r2(lambda, shape)?, regression.explained_as(shape)?)
    };
    let rank = match options.rank {
        Rank::Auto { fidelity, .. } => choose_rank(&r2, fidelity),
        Rank::Exactly(_) | Rank::Full => most,
    };
    let build = |regression: &Regression, explained: &Explained| match shape {
        Shape::LowRank(_) => regression.low_rank(explained, rank),
        Shape::Dense => regression.dense(explained),
    };
    let rows = source.select(held_out_rows.iter().copied());
    let held_out = measure(&build(&regression, &explained)?, &rows);

    let everything = [&training, &statistics(&rows)];
    let regression = Regression::new(&Statistics::total(dimension, everything), lambda)?;
    let map = build(&regression, &regression.explained_after(&explained, shape)?)?;
    let fidelity = (!anchors.is_empty()).then(|| fidelity(anchors, &domains, &r2, rank));
    let centre = regression.centre().iter().copied().collect();
    let by_folds = options.penalty == Penalty::CrossValidated && anchors.is_empty();
    Ok(FittedEsm {
        map,
        rows: source.rows(),
        penalty: lambda,
        folds: by_folds.then_some(FOLDS as u32),
        seed: options.seed,
        held_out,
        fidelity,
        centre,
    })
}

/// A fold of every [`FOLDS`]th row, and so on; what is left over falls into the last one.
fn folds(source: &Pairs, training_rows: &[usize], number: usize) -> Vec<Statistics> {
    let fold = |fold: usize| {
        let is_in = move |at: &usize| (at % FOLDS).min(number - 1) == fold;
        let rows = training_rows.iter().enumerate().filter(move |(at, _)| is_in(at)).map(|(_, row)| *row);
        statistics(&source.select(rows))
    };
    (0..number).map(fold).collect()
}

/// The source's training rows and the anchors.
fn domains(source: &Pairs, training_rows: &[usize], anchors: &[AnchorPairs]) -> Vec<Statistics> {
    let source = std::iter::once(statistics(&source.select(training_rows.iter().copied())));
    source.chain(anchors.iter().map(|anchor| statistics(&anchor.pairs().all()))).collect()
}

fn statistics(rows: &Rows) -> Statistics {
    Statistics::of(rows.base(), rows.tuned())
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
fn measure(map: &Map, rows: &Rows) -> HeldOut {
    let predicted = apply_by_rows(map, rows.base());
    let tuned = rows.tuned_rows();
    let number = tuned.len() as f64;
    let mut means = vec![0.0; predicted.dimension()];
    tuned.clone().for_each(|y| means.iter_mut().zip(y).for_each(|(mean, y)| *mean += y / number));
    let (mut residual, mut variance, mut cosines) = (0.0, 0.0, 0.0);
    for (p, y) in predicted.rows().zip(tuned) {
        residual += p.iter().zip(y).map(|(p, y)| (p - y).powi(2)).sum::<f64>();
        variance += y.iter().zip(&means).map(|(y, mean)| (y - mean).powi(2)).sum::<f64>();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let norms = (dot(p, p) * dot(y, y)).sqrt();
        cosines += if norms > 0.0 { dot(p, y) / norms } else { 0.0 };
    }
    let r2 = Fidelity::clamped(super::domains::r2(residual, variance));
    HeldOut { rows: number as u64, r2, cosine: cosines / number }
}
