//! The weights of a model in the shape in which the forward pass wants them, whatever the family calls them.

use candle_core::{DType, Device, Tensor};

use super::EncoderError;
use super::checkpoint::Checkpoint;
use super::config::{Architecture, ModelConfig};

/// All that a forward pass reads. D is the hidden size, I the intermediate size; matrices are stored output x input.
pub(super) struct Weights {
    /// V x D.
    pub(super) words: Tensor,
    /// P x D.
    pub(super) positions: Tensor,
    /// The norm after the embeddings; its bias is the embedding of token type 0.
    pub(super) embedding_norm: Tensor,
    pub(super) layers: Vec<Layer>,
    /// `None` where nothing asks for it.
    pub(super) pooler: Option<Linear>,
}

/// One transformer layer.
///
/// A *norm* is 3 x D: the bias of the product before it, then the layer norm's weight and bias, so that bias, residual
/// and norm are one pass over the rows.
pub(super) struct Layer {
    /// Queries, keys and values one under the other: 3D x D.
    pub(super) qkv: Linear,
    /// D x D.
    pub(super) attention_output: Tensor,
    pub(super) attention_norm: Tensor,
    /// I x D.
    pub(super) up: Linear,
    /// D x I.
    pub(super) down: Tensor,
    pub(super) output_norm: Tensor,
}

/// A product and its bias.
pub(super) struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

/// What a family calls the parts of a layer.
struct Names {
    layer: &'static str,
    query: &'static str,
    key: &'static str,
    value: &'static str,
    attention_output: &'static str,
    attention_norm: &'static str,
    up: &'static str,
    down: &'static str,
    output_norm: &'static str,
}

const BERT: Names = Names {
    layer: "encoder.layer",
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    output_norm: "output.LayerNorm",
};

const DISTILBERT: Names = Names {
    layer: "transformer.layer",
    query: "attention.q_lin",
    key: "attention.k_lin",
    value: "attention.v_lin",
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    output_norm: "output_layer_norm",
};

impl Weights {
    /// Reads the weights and puts them on the device.
    pub(super) fn read(
        checkpoint: &Checkpoint,
        config: &ModelConfig,
        pooler: bool,
        device: &Device,
    ) -> Result<Self, EncoderError> {
        let reader = Reader { checkpoint, config, device };
        let hidden = config.hidden;
        let names = match config.architecture {
            Architecture::DistilBert => &DISTILBERT,
            Architecture::Bert | Architecture::Roberta | Architecture::XlmRoberta | Architecture::Camembert => &BERT,
        };
        let type_zero = match config.token_types {
            0 => Tensor::zeros(hidden, DType::F32, &Device::Cpu)?,
            types => checkpoint.read("embeddings.token_type_embeddings.weight", &[types, hidden])?.get(0)?,
        };
        Ok(Self {
            words: reader.tensor("embeddings.word_embeddings.weight", &[config.vocabulary, hidden])?,
            positions: reader.tensor("embeddings.position_embeddings.weight", &[config.positions, hidden])?,
            embedding_norm: reader.norm(&type_zero, "embeddings.LayerNorm")?,
            layers: (0..config.layers).map(|index| reader.layer(names, index)).collect::<Result<_, _>>()?,
            pooler: if pooler { Some(reader.pooler()?) } else { None },
        })
    }
}

struct Reader<'a> {
    checkpoint: &'a Checkpoint,
    config: &'a ModelConfig,
    device: &'a Device,
}

impl Reader<'_> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, EncoderError> {
        Ok(self.checkpoint.read(name, shape)?.to_device(self.device)?)
    }

    fn linear(&self, name: &str, output: usize, input: usize) -> Result<Linear, EncoderError> {
        Ok(Linear {
            weight: self.tensor(&format!("{name}.weight"), &[output, input])?,
            bias: self.tensor(&format!("{name}.bias"), &[output])?,
        })
    }

    fn norm(&self, bias: &Tensor, name: &str) -> Result<Tensor, EncoderError> {
        let shape = &[self.config.hidden];
        let weight = self.checkpoint.read(&format!("{name}.weight"), shape)?;
        let shift = self.checkpoint.read(&format!("{name}.bias"), shape)?;
        Ok(Tensor::stack(&[bias, &weight, &shift], 0)?.to_device(self.device)?)
    }

    fn layer(&self, names: &Names, index: usize) -> Result<Layer, EncoderError> {
        let (hidden, intermediate) = (self.config.hidden, self.config.intermediate);
        let name = |part: &str| format!("{}.{index}.{part}", names.layer);
        let bias = |part: &str| self.checkpoint.read(&format!("{}.bias", name(part)), &[hidden]);
        let [query, key, value] =
            [names.query, names.key, names.value].map(|part| self.linear(&name(part), hidden, hidden));
        let (query, key, value) = (query?, key?, value?);
        Ok(Layer {
            qkv: Linear {
                weight: Tensor::cat(&[query.weight, key.weight, value.weight], 0)?,
                bias: Tensor::cat(&[query.bias, key.bias, value.bias], 0)?,
            },
            attention_output: self.tensor(&format!("{}.weight", name(names.attention_output)), &[hidden, hidden])?,
            attention_norm: self.norm(&bias(names.attention_output)?, &name(names.attention_norm))?,
            up: self.linear(&name(names.up), intermediate, hidden)?,
            down: self.tensor(&format!("{}.weight", name(names.down)), &[hidden, intermediate])?,
            output_norm: self.norm(&bias(names.down)?, &name(names.output_norm))?,
        })
    }

    fn pooler(&self) -> Result<Linear, EncoderError> {
        if !self.checkpoint.has("pooler.dense.weight") {
            return Err(EncoderError::MissingPooler { name: self.checkpoint.full_name("pooler.dense.weight") });
        }
        self.linear("pooler.dense", self.config.hidden, self.config.hidden)
    }
}
