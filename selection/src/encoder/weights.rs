//! The weights of a model in the shape in which the forward pass wants them, whatever the family calls them.

use candle_core::{DType, Device, Result as TensorResult, Tensor};

use super::EncoderError;
use super::checkpoint::Checkpoint;
use super::config::{Architecture, ModelConfig};

/// All that a forward pass reads. D is the hidden size, I the intermediate size; matrices are stored output x input,
/// row-major. `T` holds one of them: `Vec<f32>` on the CPU, [`Tensor`] elsewhere.
pub(super) struct Weights<T> {
    /// V x D.
    pub(super) words: T,
    /// P x D.
    pub(super) positions: T,
    /// The norm after the embeddings; its bias is the embedding of token type 0.
    pub(super) embedding_norm: Norm<T>,
    pub(super) layers: Vec<Layer<T>>,
    /// `None` where nothing asks for it.
    pub(super) pooler: Option<Linear<T>>,
}

/// One transformer layer.
pub(super) struct Layer<T> {
    /// Queries, keys and values one under the other: 3D x D.
    pub(super) qkv: Linear<T>,
    /// D x D; its bias is that of `attention_norm`.
    pub(super) attention_output: T,
    pub(super) attention_norm: Norm<T>,
    /// I x D.
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

impl<T> Weights<T> {
    /// Reads the weights; `place` takes each, a tensor on the CPU, to where it is computed with.
    pub(super) fn read(
        checkpoint: &Checkpoint,
        config: &ModelConfig,
        pooler: bool,
        place: &dyn Fn(Tensor) -> TensorResult<T>,
    ) -> Result<Self, EncoderError> {
        let reader = Reader { checkpoint, config, place };
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
            embedding_norm: reader.norm(type_zero, "embeddings.LayerNorm")?,
            layers: (0..config.layers).map(|index| reader.layer(names, index)).collect::<Result<_, _>>()?,
            pooler: if pooler { Some(reader.pooler()?) } else { None },
        })
    }
}

struct Reader<'a, T> {
    checkpoint: &'a Checkpoint,
    config: &'a ModelConfig,
    place: &'a dyn Fn(Tensor) -> TensorResult<T>,
}

impl<T> Reader<'_, T> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<T, EncoderError> {
        self.placed(self.checkpoint.read(name, shape)?)
    }

    fn placed(&self, tensor: Tensor) -> Result<T, EncoderError> {
        Ok((self.place)(tensor)?)
    }

    fn linear(&self, name: &str, output: usize, input: usize) -> Result<Linear<T>, EncoderError> {
        self.stacked(&[name.to_owned()], output, input)
    }

    /// Products of the same input, one under the other.
    fn stacked(&self, names: &[String], output: usize, input: usize) -> Result<Linear<T>, EncoderError> {
        let stack = |part: &str, shape: &[usize]| {
            let read = names.iter().map(|name| self.checkpoint.read(&format!("{name}.{part}"), shape));
            self.placed(Tensor::cat(&read.collect::<Result<Vec<_>, _>>()?, 0)?)
        };
        Ok(Linear { weight: stack("weight", &[output, input])?, bias: stack("bias", &[output])? })
    }

    fn norm(&self, bias: Tensor, name: &str) -> Result<Norm<T>, EncoderError> {
        let shape = &[self.config.hidden];
        Ok(Norm {
            bias: self.placed(bias)?,
            weight: self.tensor(&format!("{name}.weight"), shape)?,
            shift: self.tensor(&format!("{name}.bias"), shape)?,
        })
    }

    fn layer(&self, names: &Names, index: usize) -> Result<Layer<T>, EncoderError> {
        let (hidden, intermediate) = (self.config.hidden, self.config.intermediate);
        let name = |part: &str| format!("{}.{index}.{part}", names.layer);
        let bias = |part: &str| self.checkpoint.read(&format!("{}.bias", name(part)), &[hidden]);
        Ok(Layer {
            qkv: self.stacked(&[names.query, names.key, names.value].map(name), hidden, hidden)?,
            attention_output: self.tensor(&format!("{}.weight", name(names.attention_output)), &[hidden, hidden])?,
            attention_norm: self.norm(bias(names.attention_output)?, &name(names.attention_norm))?,
            up: self.linear(&name(names.up), intermediate, hidden)?,
            down: self.tensor(&format!("{}.weight", name(names.down)), &[hidden, intermediate])?,
            output_norm: self.norm(bias(names.down)?, &name(names.output_norm))?,
        })
    }

    fn pooler(&self) -> Result<Linear<T>, EncoderError> {
        if !self.checkpoint.has("pooler.dense.weight") {
            return Err(EncoderError::MissingPooler { name: self.checkpoint.full_name("pooler.dense.weight") });
        }
        self.linear("pooler.dense", self.config.hidden, self.config.hidden)
    }
}
