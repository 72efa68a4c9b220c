//! The forward pass: packed token ids to pooled embeddings, on whatever device the weights are.
//!
//! Encoder layers are post-norm, as in BERT: `x = norm(x + attention(x)); x = norm(x + feedforward(x))`; but ModernBERT's are
//! pre-norm: `x = x + attention(norm(x)); x = x + feedforward(norm(x))`, without the first norm and with one after the last.
//! Dropout does not exist here.

use candle_core::{Device, Tensor};

use super::checkpoint::Checkpoint;
use super::config::ModelConfig;
use super::packed::Packed;
use super::weights::Weights;
use super::{EncoderError, Pooling, cpu, operators};

/// A model's layers where they are computed.
pub(super) enum Network {
    /// On the CPU.
    Cpu(Weights<Vec<f32>>),
    /// On a device of candle's.
    Device(Weights<Tensor>, Device),
}

impl Network {
    /// Reads the weights and puts them where they are computed with.
    pub(super) fn read(
        checkpoint: &Checkpoint,
        config: &ModelConfig,
        pooling: Pooling,
        device: Device,
    ) -> Result<Self, EncoderError> {
        let pooler = pooling == Pooling::Pooler;
        if device.is_cpu() {
            let weights = Weights::read(checkpoint, config, pooler, &|tensor| tensor.flatten_all()?.to_vec1())?;
            return Ok(Self::Cpu(weights));
        }
        let weights = Weights::read(checkpoint, config, pooler, &|tensor| tensor.to_device(&device))?;
        Ok(Self::Device(weights, device))
    }

    /// The tokens that should go through together.
    ///
    /// On the CPU that is the work of one thread: enough rows for fast products, few enough to stay in the cache and to
    /// keep many threads busy. A device gets as many as it can work on at once.
    pub(super) fn chunk_tokens(&self) -> usize {
        match self {
            Self::Cpu(_) => 1 << 10,
            Self::Device(..) => 1 << 14,
        }
    }

    /// The pooled embeddings of the texts, row-major, one row of D values per text.
    pub(super) fn embed(
        &self,
        config: &ModelConfig,
        pooling: Pooling,
        batch: &Packed,
    ) -> Result<Vec<f32>, EncoderError> {
        let values = match self {
            Self::Cpu(weights) => cpu::forward(weights, config, pooling, batch)?,
            Self::Device(weights, device) => operators::forward(weights, config, pooling, device, batch)?,
        };
        Ok(match pooling {
            Pooling::Mean => batch.means(&values, config.hidden),
            Pooling::Cls | Pooling::Pooler => values,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used)]

    use std::path::Path;
    use std::sync::Arc;

    use super::super::ModelFiles;
    use super::*;
    use crate::encoder::config::Activation;
    use crate::encoder::weights::{Layer, Linear, Norm, Placed};

    /// Both ways to compute a golden model, and its settings.
    fn both(folder: &str, pooling: Pooling) -> (Network, Network, ModelConfig) {
        both_of(folder, pooling, None)
    }

    /// The same with so many positions, where no table has a row for each.
    fn both_of(folder: &str, pooling: Pooling, positions: Option<usize>) -> (Network, Network, ModelConfig) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/encoder").join(folder);
        let files = ModelFiles::in_folder(&folder).unwrap();
        let mut config = ModelConfig::read(&files.config).unwrap();
        config.positions = positions.unwrap_or(config.positions);
        let checkpoint = Checkpoint::open(&files.weights, config.architecture.words()).unwrap();
        let slices = Network::read(&checkpoint, &config, pooling, Device::Cpu).unwrap();
        let pooler = pooling == Pooling::Pooler;
        let tensors = Weights::read(&checkpoint, &config, pooler, &Ok).unwrap();
        (slices, Network::Device(tensors, Device::Cpu), config)
    }

    /// Texts of these lengths.
    fn batch(lengths: &[usize], config: &ModelConfig) -> Packed {
        let mut batch = Packed::default();
        for (text, &length) in lengths.iter().enumerate() {
            let tokens: Vec<u32> = (0..length).map(|i| ((7 * text + 3 * i + 5) % config.vocabulary) as u32).collect();
            batch.push(&tokens, config);
        }
        batch
    }

    #[track_caller]
    fn assert_close(what: &str, ours: &[f32], theirs: &[f32]) {
        assert_eq!(ours.len(), theirs.len());
        let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{what}: {worst}");
    }

    #[test]
    fn slices_and_operators_cannot_part() {
        // The operators are what a GPU computes with, where no test looks.
        let poolings = [
            ("bert", Pooling::Pooler),
            ("bert", Pooling::Mean),
            ("bert", Pooling::Cls),
            ("roberta", Pooling::Cls),
            ("distilbert", Pooling::Mean),
            ("mpnet", Pooling::Mean),
            ("mpnet", Pooling::Cls),
            ("modernbert", Pooling::Mean),
            ("modernbert", Pooling::Cls),
            ("modernbert-4", Pooling::Mean),
            ("modernbert-4", Pooling::Cls),
            ("deberta-v3", Pooling::Mean),
            ("deberta-v3", Pooling::Cls),
            ("deberta-v2", Pooling::Mean),
            ("deberta-p2c", Pooling::Cls),
            ("electra", Pooling::Mean),
            ("albert", Pooling::Pooler),
            ("albert", Pooling::Mean),
        ];
        for (folder, pooling) in poolings {
            let (slices, tensors, mut config) = both(folder, pooling);
            let batch = batch(&[38, 20, 20, 9, 9, 9, 3, 1], &config);
            for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Silu] {
                config.activation = activation;
                let ours = slices.embed(&config, pooling, &batch).unwrap();
                assert_eq!(ours.len(), 8 * config.hidden);
                assert_close(folder, &ours, &tensors.embed(&config, pooling, &batch).unwrap());
            }
        }
    }

    #[test]
    fn blocks_of_long_texts_cannot_part() {
        // On a device, the longest are several blocks of queries, with and without a window, and the two DeBERTas of a length do
        // not go together; on the CPU blocks and windows are others.
        let texts: [(&str, &[usize]); 2] =
            [("modernbert-4", &[2200, 600, 40]), ("deberta-v3", &[2900, 1500, 1500, 40])];
        for (folder, lengths) in texts {
            let (slices, tensors, config) = both_of(folder, Pooling::Mean, Some(3000));
            let batch = batch(lengths, &config);
            let ours = slices.embed(&config, Pooling::Mean, &batch).unwrap();
            assert_close(folder, &ours, &tensors.embed(&config, Pooling::Mean, &batch).unwrap());
        }
    }

    /// Weights of a model that no file has; `place` gets each one's values and shape.
    fn made_up<T>(config: &ModelConfig, place: &dyn Fn(Vec<f32>, &[usize]) -> T) -> Weights<T> {
        let (hidden, intermediate) = (config.hidden, config.intermediate);
        let weight = |seed: f32, shape: &[usize]| {
            let count: usize = shape.iter().product();
            place((0..count).map(|i| 0.3 * (i as f32 * seed).sin()).collect(), shape)
        };
        let linear =
            |seed, rows, columns| Linear { weight: weight(seed, &[rows, columns]), bias: weight(0.9, &[rows]) };
        let norm = |seed| Norm {
            bias: weight(seed, &[hidden]),
            weight: weight(0.7, &[hidden]),
            shift: weight(1.9, &[hidden]),
        };
        let layer = |seed: f32| Layer {
            placed: Placed::Embedded,
            qkv: linear(1.1 + seed, 3 * hidden, hidden),
            attention_output: weight(1.7 + seed, &[hidden, hidden]),
            attention_norm: norm(0.4),
            up: linear(2.3 + seed, intermediate, hidden),
            down: weight(2.9 + seed, &[hidden, intermediate]),
            output_norm: norm(1.2),
        };
        Weights {
            words: weight(0.37, &[config.vocabulary, hidden]),
            positions: Some(weight(0.53, &[config.positions, hidden])),
            embedding_norm: norm(2.1),
            projection: None,
            layers: vec![Arc::new(layer(0.0)), Arc::new(layer(0.1))],
            pooler: None,
        }
    }

    #[test]
    fn feed_forward_layers_of_any_width_are_whole() {
        // The values between its products go through in blocks, and the last block is the rest.
        let (_, _, golden) = both("bert", Pooling::Mean);
        for intermediate in [1, 383, 384, 385, 1000] {
            let config = ModelConfig { intermediate, ..golden.clone() };
            let slices = Network::Cpu(made_up(&config, &|values, _| values));
            let tensor = |values, shape: &[usize]| Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
            let tensors = Network::Device(made_up(&config, &tensor), Device::Cpu);
            let batch = batch(&[30, 11, 11, 2], &config);
            let ours = slices.embed(&config, Pooling::Mean, &batch).unwrap();
            assert_close("made up", &ours, &tensors.embed(&config, Pooling::Mean, &batch).unwrap());
        }
    }

    #[test]
    fn first_tokens_alone_are_those_of_all() {
        // The last layer leaves out what is not pooled; a model of the mean computes everything.
        for folder in
            ["bert", "mpnet", "modernbert", "modernbert-4", "deberta-v3", "deberta-v2", "deberta-p2c", "albert"]
        {
            let (network, _, config) = both(folder, Pooling::Cls);
            let Network::Cpu(weights) = &network else { panic!("on the CPU, but not in slices") };
            let batch = batch(&[33, 12, 7, 7, 1], &config);
            let firsts = cpu::forward(weights, &config, Pooling::Cls, &batch).unwrap();
            let all = cpu::forward(weights, &config, Pooling::Mean, &batch).unwrap();
            let rows: Vec<&[f32]> = all.chunks_exact(config.hidden).collect();
            let expected: Vec<f32> =
                batch.spans().filter_map(|span| rows.get(span.start)).copied().flatten().copied().collect();
            assert_close(folder, &firsts, &expected);
        }
    }
}
