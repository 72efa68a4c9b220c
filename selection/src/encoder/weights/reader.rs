//! From a checkpoint to [`Weights`].

use std::sync::Arc;

use candle_core::{DType, Device, Result as TensorResult, Tensor};

use super::super::EncoderError;
use super::super::checkpoint::Checkpoint;
use super::super::config::{Architecture, ModelConfig};
use super::names::Names;
use super::placed::Places;
use super::{Layer, Linear, Norm, Weights};

pub(super) struct Reader<'a, T> {
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) config: &'a ModelConfig,
    place: &'a dyn Fn(Tensor) -> TensorResult<T>,
    names: &'static Names,
}

impl<'a, T> Reader<'a, T> {
    pub(super) fn new(
        checkpoint: &'a Checkpoint,
        config: &'a ModelConfig,
        place: &'a dyn Fn(Tensor) -> TensorResult<T>,
    ) -> Result<Self, EncoderError> {
        Ok(Self { checkpoint, config, place, names: Names::of(config.architecture) })
    }

    pub(super) fn weights(&self, pooler: bool) -> Result<Weights<T>, EncoderError> {
        let (config, embedding) = (self.config, self.config.embedding);
        let modern = config.architecture == Architecture::ModernBert;
        let type_zero = match config.token_types {
            0 => zeros(embedding)?,
            types => self.checkpoint.read("embeddings.token_type_embeddings.weight", &[types, embedding])?.get(0)?,
        };
        let positions = config
            .absolute
            .then(|| self.tensor("embeddings.position_embeddings.weight", &[config.positions, embedding]));
        let norm = if modern { "embeddings.norm" } else { "embeddings.LayerNorm" };
        Ok(Weights {
            words: self.tensor(config.architecture.words(), &[config.vocabulary, embedding])?,
            positions: positions.transpose()?,
            embedding_norm: self.norm(type_zero, norm, embedding)?,
            projection: self.projection()?,
            layers: self.layers()?,
            pooler: if pooler { Some(self.pooler()?) } else { None },
        })
    }

    fn projection(&self) -> Result<Option<Linear<T>>, EncoderError> {
        let (hidden, embedding) = (self.config.hidden, self.config.embedding);
        let name = match self.config.architecture {
            // It has one even where it would not be needed.
            Architecture::Albert => "encoder.embedding_hidden_mapping_in",
            _ if embedding != hidden => "embeddings_project",
            _ => return Ok(None),
        };
        self.stacked(&[name.to_owned()], hidden, embedding, true).map(Some)
    }

    fn layers(&self) -> Result<Vec<Arc<Layer<T>>>, EncoderError> {
        let places = Places::read(self)?;
        let layers = self.config.layers;
        let Some(sharing) = self.config.sharing else {
            return (0..layers).map(|index| self.layer(&index.to_string(), index, &places).map(Arc::new)).collect();
        };
        let group = |group: usize| -> Result<Vec<_>, EncoderError> {
            let layer = |inner: usize| self.layer(&format!("{group}.albert_layers.{inner}"), inner, &places);
            (0..sharing.inner).map(|inner| layer(inner).map(Arc::new)).collect()
        };
        let groups = (0..sharing.groups).map(group).collect::<Result<Vec<_>, _>>()?;
        // transformers divides in f64, and where the groups do not divide the layers its rounding decides.
        let turns = (0..layers).map(|turn| (turn as f64 / (layers as f64 / sharing.groups as f64)) as usize);
        Ok(turns.filter_map(|group| groups.get(group.min(sharing.groups - 1))).flatten().cloned().collect())
    }

    fn layer(&self, number: &str, index: usize, places: &Places<T>) -> Result<Layer<T>, EncoderError> {
        let (config, names) = (self.config, self.names);
        let (hidden, intermediate, biases) = (config.hidden, config.intermediate, config.biases);
        let name = |part: &str| format!("{}{number}.{part}", names.layer);
        let output_norm = match config.norms_before() {
            true if index + 1 == config.layers => "final_norm".to_owned(),
            true => format!("{}{}.{}", names.layer, index + 1, names.output_norm),
            false => name(names.output_norm),
        };
        let qkv: Vec<String> = names.qkv.iter().copied().map(name).collect();
        let up = if config.is_gated() { 2 * intermediate } else { intermediate };
        Ok(Layer {
            qkv: self.stacked(&qkv, 3 * hidden / qkv.len().max(1), hidden, biases.attention)?,
            placed: places.of_layer(self, index, &name)?,
            attention_output: self.tensor(&format!("{}.weight", name(names.attention_output)), &[hidden, hidden])?,
            attention_norm: self.norm(
                self.bias(&name(names.attention_output), hidden, biases.attention)?,
                &name(names.attention_norm),
                hidden,
            )?,
            up: self.stacked(&[name(names.up)], up, hidden, biases.feed_forward)?,
            down: self.tensor(&format!("{}.weight", name(names.down)), &[hidden, intermediate])?,
            output_norm: self.norm(self.bias(&name(names.down), hidden, biases.feed_forward)?, &output_norm, hidden)?,
        })
    }

    fn pooler(&self) -> Result<Linear<T>, EncoderError> {
        let name = match self.config.architecture {
            Architecture::Albert => "pooler",
            _ => "pooler.dense",
        };
        let weight = format!("{name}.weight");
        if !self.checkpoint.has(&weight) {
            return Err(EncoderError::MissingPooler { name: self.checkpoint.full_name(&weight) });
        }
        self.stacked(&[name.to_owned()], self.config.hidden, self.config.hidden, true)
    }

    pub(super) fn placed(&self, tensor: Tensor) -> Result<T, EncoderError> {
        Ok((self.place)(tensor)?)
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<T, EncoderError> {
        self.placed(self.checkpoint.read(name, shape)?)
    }

    /// Products of the same input, one under the other.
    fn stacked(&self, names: &[String], output: usize, input: usize, biased: bool) -> Result<Linear<T>, EncoderError> {
        let weights = names.iter().map(|name| self.checkpoint.read(&format!("{name}.weight"), &[output, input]));
        let biases = names.iter().map(|name| self.bias(name, output, biased));
        Ok(Linear {
            weight: self.placed(Tensor::cat(&weights.collect::<Result<Vec<_>, _>>()?, 0)?)?,
            bias: self.placed(Tensor::cat(&biases.collect::<Result<Vec<_>, _>>()?, 0)?)?,
        })
    }

    /// Zeros where the model has no such biases.
    fn bias(&self, name: &str, count: usize, biased: bool) -> Result<Tensor, EncoderError> {
        if biased { self.checkpoint.read(&format!("{name}.bias"), &[count]) } else { zeros(count) }
    }

    fn norm(&self, bias: Tensor, name: &str, width: usize) -> Result<Norm<T>, EncoderError> {
        Ok(Norm {
            bias: self.placed(bias)?,
            weight: self.tensor(&format!("{name}.weight"), &[width])?,
            shift: self.placed(self.bias(name, width, self.config.biases.norm)?)?,
        })
    }
}

fn zeros(count: usize) -> Result<Tensor, EncoderError> {
    Ok(Tensor::zeros(count, DType::F32, &Device::Cpu)?)
}
