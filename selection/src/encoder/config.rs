//! `config.json`, read once into a description of a model that cannot be wrong.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;

use super::EncoderError;
use super::files::read_json;

const FILE: &str = "config.json";

// Far above every published encoder, and far below what would overflow or exhaust memory in a product of two.
const HIDDEN: RangeInclusive<u64> = 1..=8192;
const LAYERS: RangeInclusive<u64> = 1..=128;
const INTERMEDIATE: RangeInclusive<u64> = 1..=65_536;
const VOCABULARY: RangeInclusive<u64> = 1..=1 << 21;
const POSITIONS: RangeInclusive<u64> = 3..=1 << 17;
const TOKEN_TYPES: RangeInclusive<u64> = 1..=64;

/// The families of models that can be loaded: `model_type` in config.json.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// `bert`: Devlin et al. 2018, arXiv 1810.04805.
    Bert,
    /// `distilbert`: Sanh et al. 2019, arXiv 1910.01108.
    DistilBert,
    /// `roberta`: Liu et al. 2019, arXiv 1907.11692.
    Roberta,
    /// `xlm-roberta`: Conneau et al. 2019, arXiv 1911.02116.
    XlmRoberta,
    /// `camembert`: Martin et al. 2019, arXiv 1911.03894.
    Camembert,
}

impl Architecture {
    const ALL: [Self; 5] = [Self::Bert, Self::DistilBert, Self::Roberta, Self::XlmRoberta, Self::Camembert];

    /// Whether positions are counted from the padding token's id + 1, as fairseq did.
    pub(super) fn counts_from_padding(self) -> bool {
        matches!(self, Self::Roberta | Self::XlmRoberta | Self::Camembert)
    }

    fn model_type(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::DistilBert => "distilbert",
            Self::Roberta => "roberta",
            Self::XlmRoberta => "xlm-roberta",
            Self::Camembert => "camembert",
        }
    }

    /// By `model_type`; where that is missing, a config of the first BERT checkpoints, which name no type.
    fn of(raw: &Raw) -> Result<Self, EncoderError> {
        let class = raw.architectures.as_deref().and_then(<[_]>::first);
        let (setting, found) = match (&raw.model_type, class) {
            (Some(name), _) => ("model_type", name),
            (None, Some(class)) if class.starts_with("Bert") => return Ok(Self::Bert),
            (None, Some(class)) => ("architectures", class),
            (None, None) if raw.hidden_size.is_some() => return Ok(Self::Bert),
            (None, None) => ("model_type", &"missing".to_owned()),
        };
        Self::ALL.into_iter().find(|known| known.model_type() == found).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(ToString::to_string).collect();
            setting_error(setting, short(found), format!("one of {}", known.join(", ")))
        })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.model_type())
    }
}

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

/// A model's sizes; every value is within the limits above, and they fit each other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelConfig {
    pub(super) architecture: Architecture,
    /// D.
    pub(super) hidden: usize,
    pub(super) layers: usize,
    /// Divides `hidden`.
    pub(super) heads: usize,
    pub(super) intermediate: usize,
    pub(super) vocabulary: usize,
    /// Rows of the position table.
    pub(super) positions: usize,
    /// Rows of the token type table; 0 where the family has none.
    pub(super) token_types: usize,
    pub(super) activation: Activation,
    pub(super) norm_epsilon: f32,
    /// The row of the position table for a text's first token: 0, or the padding token's id + 1; below `positions`.
    pub(super) first_position: usize,
}

/// config.json as transformers 4 and 5 write it. DistilBERT has names of its own.
#[derive(Deserialize)]
struct Raw {
    model_type: Option<String>,
    architectures: Option<Vec<String>>,
    hidden_size: Option<u64>,
    dim: Option<u64>,
    num_hidden_layers: Option<u64>,
    n_layers: Option<u64>,
    num_attention_heads: Option<u64>,
    n_heads: Option<u64>,
    intermediate_size: Option<u64>,
    hidden_dim: Option<u64>,
    vocab_size: Option<u64>,
    max_position_embeddings: Option<u64>,
    type_vocab_size: Option<u64>,
    hidden_act: Option<String>,
    activation: Option<String>,
    layer_norm_eps: Option<f64>,
    pad_token_id: Option<i64>,
    position_embedding_type: Option<String>,
    is_decoder: Option<bool>,
}

impl ModelConfig {
    /// Reads and checks config.json.
    pub(super) fn read(path: &Path) -> Result<Self, EncoderError> {
        let raw: Raw = read_json(path)?;
        let architecture = Architecture::of(&raw)?;
        let distil = architecture == Architecture::DistilBert;
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
        let vocabulary = within("vocab_size", raw.vocab_size, VOCABULARY)?;
        let positions = within("max_position_embeddings", raw.max_position_embeddings, POSITIONS)?;
        let token_types =
            if distil { 0 } else { within("type_vocab_size", raw.type_vocab_size.or(Some(2)), TOKEN_TYPES)? };
        let first_position = if architecture.counts_from_padding() {
            let limits = 0..=(vocabulary.min(positions - 1) - 1) as u64;
            within("pad_token_id", raw.pad_token_id.map_or(Some(1), |id| u64::try_from(id).ok()), limits)? + 1
        } else {
            0
        };
        refuse_variants(&raw)?;
        Ok(Self {
            architecture,
            hidden,
            layers,
            heads,
            intermediate,
            vocabulary,
            positions,
            token_types,
            activation: activation(if distil { raw.activation.or(raw.hidden_act) } else { raw.hidden_act })?,
            // DistilBERT's epsilon is a constant of its code.
            norm_epsilon: epsilon(raw.layer_norm_eps.filter(|_| !distil))?,
            first_position,
        })
    }

    /// The largest number of tokens per text that the position table has room for.
    pub(super) fn max_length(&self) -> usize {
        self.positions - self.first_position
    }
}

/// Models that share a name with these families but compute something else.
fn refuse_variants(raw: &Raw) -> Result<(), EncoderError> {
    match raw.position_embedding_type.as_deref() {
        None | Some("absolute") => {}
        Some(other) => return Err(setting_error("position_embedding_type", short(other), "absolute")),
    }
    if raw.is_decoder == Some(true) {
        return Err(setting_error("is_decoder", true, "false (every token sees the whole text)"));
    }
    Ok(())
}

fn activation(name: Option<String>) -> Result<Activation, EncoderError> {
    match name.as_deref() {
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

fn epsilon(value: Option<f64>) -> Result<f32, EncoderError> {
    let value = value.unwrap_or(1e-12);
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

fn setting_error(setting: &str, found: impl ToString, expected: impl Into<String>) -> EncoderError {
    EncoderError::Setting { file: FILE, setting: setting.into(), found: found.to_string(), expected: expected.into() }
}

/// A name from outside, cut to what an error message can bear.
fn short(name: &str) -> String {
    format!("{:?}", name.chars().take(64).collect::<String>())
}
