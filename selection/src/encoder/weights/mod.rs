//! The weights of a model in the shape in which the forward pass wants them, whatever the family calls them.

mod names;
mod placed;
mod reader;

use std::sync::Arc;

use candle_core::{Result as TensorResult, Tensor};

use super::EncoderError;
use super::checkpoint::Checkpoint;
use super::config::ModelConfig;
use reader::Reader;

/// All that a forward pass reads. D is the hidden size, E the width of the embeddings, I the intermediate size, P the number of
/// positions; matrices are stored output x input, row-major. `T` holds one of them: `Vec<f32>` on the CPU, [`Tensor`] elsewhere.
pub(super) struct Weights<T> {
    /// V x E.
    pub(super) words: T,
    /// P x E; `None` where attention alone knows of places.
    pub(super) positions: Option<T>,
    /// The norm after the embeddings, E values each; its bias is the embedding of token type 0.
    pub(super) embedding_norm: Norm<T>,
    /// D x E, where E is not D.
    pub(super) projection: Option<Linear<T>>,
    /// In the order of the computation; where layers are shared, one stands there many times.
    pub(super) layers: Vec<Arc<Layer<T>>>,
    /// `None` where nothing asks for it.
    pub(super) pooler: Option<Linear<T>>,
}

/// One transformer layer. Its norms are those after its two additions, whether what follows adds to the norm (BERT) or reads it
/// and adds to what was there before (ModernBERT, whose `output_norm` is called the next layer's).
pub(super) struct Layer<T> {
    /// Queries, keys and values one under the other: 3D x D.
    pub(super) qkv: Linear<T>,
    /// What attention knows of places.
    pub(super) placed: Placed<T>,
    /// D x D; its bias is that of `attention_norm`.
    pub(super) attention_output: T,
    pub(super) attention_norm: Norm<T>,
    /// I x D; gated 2I x D, the gates last.
    pub(super) up: Linear<T>,
    /// D x I; its bias is that of `output_norm`.
    pub(super) down: T,
    pub(super) output_norm: Norm<T>,
}

/// A product and its bias.
pub(super) struct Linear<T> {
    pub(super) weight: T,
    pub(super) bias: T,
}

/// A layer norm, with the bias of the product before it, so that bias, residual and norm can be one step. Each has D values.
pub(super) struct Norm<T> {
    pub(super) bias: T,
    pub(super) weight: T,
    pub(super) shift: T,
}

/// What a layer's attention knows of places. H is the number of heads, d their width.
pub(super) enum Placed<T> {
    /// Nothing: the embeddings say it.
    Embedded,
    /// H x (2P - 1): what is added to a query's product with a key that stands so many tokens behind it, from 1 - P to P - 1.
    Biased(Arc<T>),
    /// Queries and keys are rotated; where there is a window, a token sees so many others on each side of it.
    Rotary { rotation: Arc<Rotation<T>>, window: Option<usize> },
    /// Positions have keys and queries of their own.
    Disentangled(Disentangling<T>),
}

/// Cosines and sines of all positions' angles, P x d/2 each.
pub(super) struct Rotation<T> {
    /// d/2.
    pub(super) half: usize,
    pub(super) cosines: T,
    pub(super) sines: T,
}

/// The products of a layer with the table of relative positions, which no text changes. R is the number of its rows.
pub(super) struct Disentangling<T> {
    /// For each distance of a key behind its query, from 1 - P to P - 1, the row of the table; they fall.
    pub(super) rows: Arc<Vec<u32>>,
    /// R x D: what queries are multiplied with.
    pub(super) keys: Option<T>,
    /// R x D: what keys are multiplied with.
    pub(super) queries: Option<T>,
}

impl<T> Placed<T> {
    /// How many tokens a token sees on each side of itself.
    pub(super) fn window(&self) -> Option<usize> {
        match self {
            Self::Rotary { window, .. } => *window,
            Self::Embedded | Self::Biased(_) | Self::Disentangled(_) => None,
        }
    }
}

impl<T> Weights<T> {
    /// Reads the weights; `place` takes each, a tensor on the CPU, to where it is computed with.
    pub(super) fn read(
        checkpoint: &Checkpoint,
        config: &ModelConfig,
        pooler: bool,
        place: &dyn Fn(Tensor) -> TensorResult<T>,
    ) -> Result<Self, EncoderError> {
        Reader::new(checkpoint, config, place)?.weights(pooler)
    }
}
