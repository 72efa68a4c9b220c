//! Folds of a target's rows, and the sums that a regression needs of them.

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Col, Mat, MatRef, Par, Scale};

use super::view::View;
use crate::score::blocks::trace;

/// How many folds; fewer rows have one each.
const FOLDS: usize = 5;

/// The rows of each fold. In the order of the classes, and within a class in the order of the rows, they are dealt out one to a fold
/// in turn: of every class, and of all rows, each fold has as many as any other, or one more. Numbers are dealt in their order.
pub(super) fn assigned(rows: usize, classes: Option<&[Vec<usize>]>) -> Vec<Vec<usize>> {
    let count = FOLDS.min(rows).max(1);
    let order: Vec<usize> = match classes {
        Some(classes) => classes.iter().flatten().copied().collect(),
        None => (0..rows).collect(),
    };
    (0..count).map(|fold| order.iter().skip(fold).step_by(count).copied().collect()).collect()
}

/// Rows that are predicted from all others.
pub(super) struct Fold {
    /// Their positions.
    members: Vec<usize>,
    /// n x m, in the coordinates that a view starts from.
    rows: Mat<f64>,
    /// What is mapped: min(n, m) rows with the Gram matrix of all n, their sum, and for each label vector their product with it.
    stacked: Mat<f64>,
    /// Sums over the labels alone.
    pub(super) labels: Sums,
}

impl Fold {
    /// Takes all rows (N x m) and all label vectors (N x K).
    pub(super) fn new(members: Vec<usize>, all: MatRef<'_, f64>, labels: MatRef<'_, f64>) -> Self {
        let chosen = |matrix: MatRef<'_, f64>| {
            Mat::from_fn(members.len(), matrix.ncols(), |i, j| members.get(i).map_or(0.0, |&row| *matrix.get(row, j)))
        };
        let (rows, labels) = (chosen(all), chosen(labels));
        let few = if rows.nrows() > rows.ncols() { rows.qr().thin_R().to_owned() } else { rows.clone() };
        let ones = Col::<f64>::ones(rows.nrows());
        let products = labels.transpose() * &rows;
        let mut stacked = Mat::zeros(few.nrows() + 1 + products.nrows(), rows.ncols());
        stacked.subrows_mut(0, few.nrows()).copy_from(&few);
        stacked.row_mut(few.nrows()).copy_from(ones.transpose() * &rows);
        stacked.subrows_mut(few.nrows() + 1, products.nrows()).copy_from(&products);
        let sums = Sums {
            rows: members.len() as f64,
            gram: Mat::new(),
            sum: Col::zeros(0),
            products: Mat::zeros(0, labels.ncols()),
            label_sum: labels.transpose() * &ones,
            label_squares: labels.col_iter().map(|column| column.squared_norm_l2()).collect(),
        };
        Self { members, rows, stacked, labels: sums }
    }

    /// The sums of its features.
    pub(super) fn seen_through(&self, view: &View) -> Sums {
        let features = view.of(self.stacked.as_ref());
        let count = self.labels.label_sum.nrows();
        let (rows, rest) = features.split_at_row(features.nrows() - 1 - count);
        let mut gram = Mat::zeros(rows.ncols(), rows.ncols());
        let (full, lower) = (BlockStructure::Rectangular, BlockStructure::TriangularLower);
        matmul(gram.as_mut(), lower, Accum::Replace, rows.transpose(), full, rows, full, 1.0, Par::Seq);
        Sums {
            gram,
            sum: rest.row(0).transpose().to_owned(),
            products: rest.subrows(1, count).transpose().to_owned(),
            ..self.labels.clone()
        }
    }

    /// Writes what is predicted of its rows: by weights (m x K), where there are some, and an intercept (K).
    pub(super) fn put(&self, predicted: &mut Mat<f64>, weights: Option<&Mat<f64>>, intercept: &Col<f64>) {
        let by_features = weights.map(|weights| &self.rows * weights);
        for (i, &row) in self.members.iter().enumerate() {
            let target = predicted.row_mut(row).iter_mut().zip(intercept.iter());
            for (j, (value, intercept)) in target.enumerate() {
                *value = intercept + by_features.as_ref().map_or(0.0, |values| *values.get(i, j));
            }
        }
    }
}

/// Sums over n rows of features (p) and label vectors (K), not centred, so that those of two folds add up.
#[derive(Clone)]
pub(super) struct Sums {
    /// n.
    pub(super) rows: f64,
    /// `F'F`, the lower half.
    gram: Mat<f64>,
    /// `F'1`.
    sum: Col<f64>,
    /// `F'Y`, p x K.
    products: Mat<f64>,
    /// `Y'1`.
    label_sum: Col<f64>,
    /// `|y|^2` of each label vector.
    label_squares: Vec<f64>,
}

impl Sums {
    /// All together.
    pub(super) fn total<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let sum = |mut total: Self, other: &Self| {
            total.add(other, 1.0);
            total
        };
        let mut all = all;
        let empty = Self {
            rows: 0.0,
            gram: Mat::new(),
            sum: Col::zeros(0),
            products: Mat::new(),
            label_sum: Col::zeros(0),
            label_squares: Vec::new(),
        };
        let first = all.next().cloned().unwrap_or(empty);
        all.fold(first, sum)
    }

    /// Without one that is part of them.
    pub(super) fn without(&self, part: &Self) -> Self {
        let mut rest = self.clone();
        rest.add(part, -1.0);
        rest
    }

    fn add(&mut self, other: &Self, sign: f64) {
        self.rows += sign * other.rows;
        // In place: a product with a scale would be a matrix of its own.
        for (sum, other) in self.gram.col_iter_mut().zip(other.gram.col_iter()) {
            sum.iter_mut().zip(other.iter()).for_each(|(sum, other)| *sum += sign * other);
        }
        self.sum += Scale(sign) * &other.sum;
        self.products += Scale(sign) * &other.products;
        self.label_sum += Scale(sign) * &other.label_sum;
        self.label_squares.iter_mut().zip(&other.label_squares).for_each(|(sum, other)| *sum += sign * other);
    }

    /// Of features that are all multiplied by this.
    pub(super) fn scale(&mut self, by: f64) {
        self.gram *= Scale(by * by);
        self.sum *= Scale(by);
        self.products *= Scale(by);
    }

    /// The features' squared lengths, all together.
    pub(super) fn trace(&self) -> f64 {
        trace(&self.gram)
    }

    /// The mean of the labels.
    pub(super) fn mean(&self) -> Col<f64> {
        Scale(1.0 / self.rows.max(1.0)) * &self.label_sum
    }

    /// The mean of the features.
    pub(super) fn middle(&self) -> Col<f64> {
        Scale(1.0 / self.rows.max(1.0)) * &self.sum
    }

    /// Of the centred features: their Gram matrix (the lower half) and their products with the labels.
    pub(super) fn centred(self) -> (Mat<f64>, Mat<f64>) {
        let (middle, label_mean) = (self.middle(), self.mean());
        let (full, lower) = (BlockStructure::Rectangular, BlockStructure::TriangularLower);
        let mut gram = self.gram;
        let (left, right) = (self.sum.as_mat(), middle.transpose());
        matmul(gram.as_mut(), lower, Accum::Add, left, full, right.as_mat(), full, -1.0, Par::Seq);
        (gram, self.products - &self.sum * label_mean.transpose())
    }

    /// The squared length of each centred label vector.
    pub(super) fn spread(&self) -> Vec<f64> {
        let means = self.mean();
        let sums = self.label_sum.iter().zip(means.iter());
        self.label_squares.iter().zip(sums).map(|(squares, (sum, mean))| squares - sum * mean).collect()
    }
}
