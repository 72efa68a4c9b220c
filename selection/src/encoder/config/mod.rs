//! `config.json`, read once into a description of a model that cannot be wrong.

mod architecture;
mod disentangled;
mod family;
mod raw;
mod rotary;

use std::ops::RangeInclusive;
use std::path::Path;

use super::files::read_json;
use super::{EncoderError, Pooling};
pub use architecture::Architecture;
pub(super) use disentangled::Disentangled;
use family::{Family, Sizes, first_position, refuse_variants, token_types};
use raw::Raw;
pub(super) use rotary::Rotary;

const FILE: &str = "config.json";

// Far above every published encoder, and far below what would overflow or exhaust memory in a product of two.
const HIDDEN: RangeInclusive<u64> = 1..=8192;
const LAYERS: RangeInclusive<u64> = 1..=128;
const INTERMEDIATE: RangeInclusive<u64> = 1..=65_536;
const VOCABULARY: RangeInclusive<u64> = 1..=1 << 21;
const POSITIONS: RangeInclusive<u64> = 3..=1 << 17;
/// Positions of which no table in the weights has a row each, so that nothing but this limits ours.
const UNBACKED_POSITIONS: RangeInclusive<u64> = 3..=1 << 15;
const TOKEN_TYPES: RangeInclusive<u64> = 1..=64;

/// The function between the two products of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// `x Phi(x)`, with the exact normal distribution function.
    Gelu,
    /// Gelu's tanh form (Hendrycks and Gimpel 2016, arXiv 1606.08415).
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `x / (1 + exp(-x))`.
    Silu,
}

/// What attention knows of the places of tokens, beside what their embeddings say.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Places {
    /// Nothing.
    Embedded,
    /// MPNet: a number per head and bucket of distances.
    Biased,
    /// ModernBERT.
    Rotary(Rotary),
    /// DeBERTa.
    Disentangled(Disentangled),
}

/// Which products and norms have biases; all but ModernBERT's have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Biases {
    pub(super) attention: bool,
    pub(super) feed_forward: bool,
    pub(super) norm: bool,
}

/// ALBERT: which layer of the file each layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sharing {
    pub(super) groups: usize,
    /// Layers of a group, one after the other.
    pub(super) inner: usize,
}

/// A model's sizes; every value is within the limits above, and they fit each other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelConfig {
    pub(super) architecture: Architecture,
    /// D.
    pub(super) hidden: usize,
    /// E, the width of the tables of words and positions. ELECTRA's and ALBERT's is not D: a product leads to it.
    pub(super) embedding: usize,
    /// L; where layers are shared, the turns that a text takes through groups of them.
    pub(super) layers: usize,
    pub(super) sharing: Option<Sharing>,
    /// Divides `hidden`.
    pub(super) heads: usize,
    pub(super) intermediate: usize,
    pub(super) vocabulary: usize,
    /// P; rows of the position table, where there is one.
    pub(super) positions: usize,
    /// Whether a table of positions is added to the words.
    pub(super) absolute: bool,
    /// Rows of the token type table; 0 where the family has none.
    pub(super) token_types: usize,
    pub(super) activation: Activation,
    pub(super) norm_epsilon: f32,
    /// The row of the position table for a text's first token: 0, or the padding token's id + 1; below `positions`.
    pub(super) first_position: usize,
    pub(super) places: Places,
    pub(super) biases: Biases,
    /// What a folder without sentence-transformers files gives.
    pub(super) pooling: Pooling,
}

impl ModelConfig {
    /// Reads and checks config.json.
    pub(super) fn read(path: &Path) -> Result<Self, EncoderError> {
        let raw: Raw = read_json(path)?;
        let architecture = Architecture::of(&raw)?;
        let distil = architecture == Architecture::DistilBert;
        let modern = architecture == Architecture::ModernBert;
        let pick = |own: (&'static str, Option<u64>), usual: (&'static str, Option<u64>), limits| {
            let (setting, value) = if distil { (own.0, own.1.or(usual.1)) } else { usual };
            within(setting, value, limits)
        };
        let hidden = pick(("dim", raw.dim), ("hidden_size", raw.hidden_size), HIDDEN)?;
        let layers = pick(("n_layers", raw.n_layers), ("num_hidden_layers", raw.num_hidden_layers), LAYERS)?;
        let heads = pick(("n_heads", raw.n_heads), ("num_attention_heads", raw.num_attention_heads), HIDDEN)?;
        let intermediate =
            pick(("hidden_dim", raw.hidden_dim), ("intermediate_size", raw.intermediate_size), INTERMEDIATE)?;
        if !hidden.is_multiple_of(heads) {
            let expected = format!("a divisor of the hidden size {hidden}");
            return Err(setting_error("the number of attention heads", heads, expected));
        }
        refuse_variants(&raw, hidden / heads)?;
        let vocabulary = within("vocab_size", raw.vocab_size, VOCABULARY)?;
        let limits = if modern || architecture == Architecture::DebertaV2 { UNBACKED_POSITIONS } else { POSITIONS };
        let positions = within("max_position_embeddings", raw.max_position_embeddings, limits)?;
        let family = Family::read(path, &raw, architecture, Sizes { hidden, layers, heads, positions })?;
        let activation_name = match architecture {
            Architecture::DistilBert => raw.activation.or(raw.hidden_act),
            Architecture::ModernBert => raw.hidden_activation,
            Architecture::Albert => raw.hidden_act.or(Some("gelu_new".into())),
            _ => raw.hidden_act,
        };
        let epsilon_value = match architecture {
            // A constant of its code.
            Architecture::DistilBert => None,
            Architecture::ModernBert => raw.norm_eps,
            _ => raw.layer_norm_eps,
        };
        Ok(Self {
            architecture,
            hidden,
            embedding: family.embedding,
            layers,
            sharing: family.sharing,
            heads,
            intermediate,
            vocabulary,
            positions,
            absolute: family.absolute,
            token_types: token_types(architecture, raw.type_vocab_size)?,
            activation: activation(activation_name.as_deref())?,
            norm_epsilon: epsilon(epsilon_value.unwrap_or(architecture.default_epsilon()))?,
            first_position: first_position(architecture, raw.pad_token_id, vocabulary, positions)?,
            places: family.places,
            biases: family.biases,
            pooling: super::pooling::of_plain(architecture, raw.classifier_pooling.as_deref())?,
        })
    }

    /// The largest number of tokens per text that the model has positions for.
    pub(super) fn max_length(&self) -> usize {
        self.positions - self.first_position
    }

    /// The width of a head.
    pub(super) fn head(&self) -> usize {
        self.hidden / self.heads
    }

    /// What attention weights are multiplied by before their softmax.
    pub(super) fn attention_scale(&self) -> f32 {
        let terms = match &self.places {
            Places::Disentangled(disentangled) => disentangled.terms(),
            Places::Embedded | Places::Biased | Places::Rotary(_) => 1,
        };
        ((self.head() * terms) as f32).sqrt().recip()
    }

    /// Whether layers read the norm of what they add to: ModernBERT's. Others add first, and what they have added to is then
    /// replaced by its norm.
    pub(super) fn norms_before(&self) -> bool {
        self.architecture == Architecture::ModernBert
    }

    /// Whether the feed-forward layer multiplies its inner values by as many others (Shazeer 2020, arXiv 2002.05202).
    pub(super) fn is_gated(&self) -> bool {
        self.architecture == Architecture::ModernBert
    }
}

fn activation(name: Option<&str>) -> Result<Activation, EncoderError> {
    match name {
        None | Some("gelu" | "gelu_python") => Ok(Activation::Gelu),
        Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_fast") => Ok(Activation::GeluTanh),
        Some("relu") => Ok(Activation::Relu),
        Some("silu" | "swish") => Ok(Activation::Silu),
        Some(other) => Err(setting_error(
            "the activation",
            short(other),
            "one of gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu, silu",
        )),
    }
}

fn epsilon(value: f64) -> Result<f32, EncoderError> {
    if value > 0.0 && value <= 0.1 {
        Ok(value as f32)
    } else {
        Err(setting_error("layer_norm_eps", value, "more than 0, at most 0.1"))
    }
}

fn within(setting: &'static str, value: Option<u64>, limits: RangeInclusive<u64>) -> Result<usize, EncoderError> {
    match value {
        Some(value) if limits.contains(&value) => Ok(value as usize),
        other => {
            let found = other.map_or("missing".to_owned(), |value| value.to_string());
            Err(setting_error(setting, found, format!("{} to {}", limits.start(), limits.end())))
        }
    }
}

pub(super) fn setting_error(setting: &str, found: impl ToString, expected: impl Into<String>) -> EncoderError {
    EncoderError::Setting { file: FILE, setting: setting.into(), found: found.to_string(), expected: expected.into() }
}

/// A name from outside, cut to what an error message can bear.
pub(super) fn short(name: &str) -> String {
    format!("{:?}", name.chars().take(64).collect::<String>())
}
