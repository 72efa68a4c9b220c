//! The encoder: texts in, embeddings out, as hfselect computes them.
//!
//! A *model* is a folder as transformers or sentence-transformers writes it, or the same files from the Hugging Face hub
//! ([`fetch`]). [`Encoder::load`] reads it; [`Encoder::embed`] turns texts into [`Embeddings`](crate::Embeddings), one
//! row per text, in the order of the texts. Known are the families of [`Architecture`]: BERT and what shares its layers
//! (DistilBERT, RoBERTa, XLM-R, CamemBERT, ELECTRA, ALBERT), MPNet, ModernBERT, DeBERTa-v2 and v3. A setting that would make a model
//! of another kind of one of them is refused.
//!
//! What it promises:
//!
//! - The numbers are those of torch within 1e-5, for the same model, texts, maximum length and [`Pooling`].
//! - A text's embedding does not depend on the texts beside it, beyond the rounding of f32, and all embeddings are
//!   the same bits whatever the number of threads.
//! - On the CPU, about a thousand tokens go through the layers together on one thread, and of the last layer only what is
//!   pooled is computed. Other devices get more tokens at once, and compute with candle's operators.
//! - Every byte of a model is taken as hostile: sizes are checked before memory is asked for, and what is wrong is named.
//!
//! What it never does: normalise an embedding, compute a padding token, obey the truncation or padding settings inside
//! `tokenizer.json`, read an environment variable, guess a path, print.
//!
//! The texts of several columns are joined by the caller (` [SEP] ` in hfselect); token types are 0 throughout. Texts are embedded as
//! they are, as hfselect does: a prompt that a model was trained with, such as E5's `query: `, is the caller's to put before them.

mod attention;
mod checkpoint;
mod config;
mod cpu;
mod embed;
mod error;
mod fetch;
mod files;
mod forward;
mod functions;
mod near;
mod operators;
mod packed;
mod places;
mod pooling;
mod products;
mod safetensors;
mod sentence;
mod steps;
mod tokens;
mod vetting;
mod weights;

pub use candle_core::Device;
pub use config::Architecture;
pub use embed::{DEFAULT_MAX_LENGTH, Encoder};
pub use error::EncoderError;
pub use fetch::{FetchError, fetch};
pub use files::{Digests, ModelFiles};
pub use pooling::{Pooling, PoolingError, hfselect_pooling};
