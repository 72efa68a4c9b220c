//! Folders of ESMs, as hfselect saves them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::Random;

/// What stands in the folder of an ESM: near the identity, as real ones are, and decided by the seed alone.
#[derive(Debug, Clone)]
pub(crate) struct EsmFolder {
    pub(crate) config: Value,
    pub(crate) dimension: usize,
    /// D x D, row-major.
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    /// The names of matrix and bias.
    pub(crate) tensors: [&'static str; 2],
}

impl EsmFolder {
    /// An ESM of the base model `acme/encoder`.
    pub(crate) fn new(task: &str, dimension: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let identity = |at: usize| if at.is_multiple_of(dimension + 1) { 1.0 } else { 0.0 };
        Self {
            config: json!({
                "base_model_name": "acme/encoder",
                "task_id": task,
                "task_subset": "default",
                "task_split": "train",
                "text_column": "text",
                "label_column": "label",
                "num_examples": 1000,
                "seed": 42,
                "language": null,
                "developers": null,
                "esm_architecture": "linear",
                "esm_embedding_dim": dimension,
                "esm_num_epochs": 10,
                "version": "0.2.1",
            }),
            dimension,
            weight: (0..dimension * dimension).map(|at| identity(at) + 0.3 * random.normal()).collect(),
            bias: (0..dimension).map(|_| 0.1 * random.normal()).collect(),
            tensors: ["model.weight", "model.bias"],
        }
    }

    /// With another value in its `config.json`.
    pub(crate) fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.config[key] = value.into();
        self
    }

    pub(crate) fn task(&self) -> &str {
        self.config["task_id"].as_str().unwrap()
    }

    /// Its `model.safetensors`.
    pub(crate) fn safetensors(&self) -> Vec<u8> {
        let d = self.dimension;
        let (weight, bias) = (bytes(&self.weight), bytes(&self.bias));
        let tensors = HashMap::from([
            (self.tensors[0], TensorView::new(Dtype::F32, vec![self.weight.len() / d, d], &weight).unwrap()),
            (self.tensors[1], TensorView::new(Dtype::F32, vec![self.bias.len()], &bias).unwrap()),
        ]);
        safetensors::serialize(tensors, None).unwrap()
    }

    pub(crate) fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("config.json"), self.config.to_string()).unwrap();
        fs::write(folder.join("model.safetensors"), self.safetensors()).unwrap();
    }

    /// Reads `model.weight` and `model.bias` of a folder that was pulled, bit by bit.
    pub(crate) fn bits_in(folder: &Path) -> (Vec<u32>, Vec<u32>) {
        let file = fs::read(folder.join("model.safetensors")).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
        let bits = |name: &str| {
            let tensor = tensors.tensor(name).unwrap();
            assert_eq!(tensor.dtype(), Dtype::F32);
            tensor.data().as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
        };
        (bits("model.weight"), bits("model.bias"))
    }

    /// Its own weights, bit by bit.
    pub(crate) fn bits(&self) -> (Vec<u32>, Vec<u32>) {
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect();
        (bits(&self.weight), bits(&self.bias))
    }

    /// `f(x) = W x + b` of a folder that was pulled, in f64.
    pub(crate) fn map_in(folder: &Path) -> impl Fn(&[f64]) -> Vec<f64> + use<> {
        let (weight, bias) = Self::bits_in(folder);
        let values = |bits: Vec<u32>| bits.into_iter().map(|bits| f64::from(f32::from_bits(bits))).collect::<Vec<_>>();
        let (weight, bias) = (values(weight), values(bias));
        move |x| {
            let outputs = weight.chunks_exact(bias.len()).zip(&bias);
            outputs.map(|(row, b)| b + row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>()).collect()
        }
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}
