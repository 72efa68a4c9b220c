//! Features in as few coordinates as they need.

use esmhub_store_format::Map;
use faer::{Mat, MatRef, Scale};

use crate::features::{factors, transposed_weight};
use crate::score::blocks::Centred;

/// What turns the rows of a fold (n x m) into features (n x p), without a bias.
pub(super) enum View {
    /// Nothing is done to them.
    Identity,
    /// `F = X M`, m x p.
    Matrix(Mat<f64>),
    /// `F = s X + (X B') A'`.
    LowRank {
        scale: f64,
        /// r x m.
        a: Mat<f64>,
        /// r x m.
        b: Mat<f64>,
    },
}

impl View {
    /// Of a map, or of no transfer, for rows of embeddings (m = p = D) where `is_tall`; else for rows of Q (m = p = N - 1).
    pub(super) fn new(centred: &Centred, map: Option<&Map>, is_tall: bool) -> Self {
        if !is_tall {
            // F = Q (R W') and (R W')' = Q2 R2: a regression on F is one on Q R2', whose Gram matrix has the size N - 1.
            let features = centred.block.mapped(map);
            return Self::Matrix(features.transpose().qr().thin_R().transpose().to_owned());
        }
        match map {
            None => Self::Identity,
            Some(Map::LowRank(map)) if 4 * map.rank() <= map.dimension() => {
                let (a, b) = factors(map);
                Self::LowRank { scale: f64::from(map.scale()), a, b }
            }
            Some(map) => Self::Matrix(transposed_weight(map)),
        }
    }

    /// Features, n x p.
    pub(super) fn of(&self, rows: MatRef<'_, f64>) -> Mat<f64> {
        match self {
            Self::Identity => rows.to_owned(),
            Self::Matrix(matrix) => rows * matrix,
            Self::LowRank { scale, a, b } => Scale(*scale) * rows + (rows * b.transpose()) * a,
        }
    }

    /// Weights of features (p x K) as weights of rows (m x K).
    pub(super) fn pulled_back(&self, weights: &Mat<f64>) -> Mat<f64> {
        match self {
            Self::Identity => weights.clone(),
            Self::Matrix(matrix) => matrix * weights,
            Self::LowRank { scale, a, b } => Scale(*scale) * weights + b.transpose() * (a * weights),
        }
    }
}
