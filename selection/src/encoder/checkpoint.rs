//! A checkpoint: tensors by name, whatever container they are in, read one at a time as f32.

use candle_core::{DType, Device, Tensor};

use super::EncoderError;
use super::files::WeightFiles;
use super::safetensors::SafetensorsFile;
use crate::pickle::{PickleError, PickleFile};

/// The weights of a model before anything of them is read.
pub(super) struct Checkpoint {
    container: Container,
    /// What stands before the names that transformers' base model has: empty, or such as `bert.`.
    prefix: &'static str,
}

enum Container {
    Safetensors(Vec<SafetensorsFile>),
    Pickle(Vec<PickleFile>),
}

const PREFIXES: [&str; 10] =
    ["", "bert.", "roberta.", "distilbert.", "mpnet.", "deberta.", "electra.", "albert.", "model.", "0.auto_model."];

impl Checkpoint {
    /// Opens the files; `landmark`, a tensor that every model of the family has, tells the prefix.
    pub(super) fn open(files: &WeightFiles, landmark: &str) -> Result<Self, EncoderError> {
        let container = match files {
            WeightFiles::Safetensors(paths) => {
                Container::Safetensors(paths.iter().map(|path| SafetensorsFile::open(path)).collect::<Result<_, _>>()?)
            }
            WeightFiles::Pickle(paths) => {
                Container::Pickle(paths.iter().map(|path| PickleFile::open(path)).collect::<Result<_, _>>()?)
            }
        };
        let prefix = PREFIXES.into_iter().find(|prefix| container.has(&format!("{prefix}{landmark}")));
        match prefix {
            Some(prefix) => Ok(Self { container, prefix }),
            None => Err(EncoderError::MissingTensor { name: landmark.into() }),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.container.has(&self.full_name(name))
    }

    /// The tensor of this name (without prefix) as f32 on the CPU; it has exactly this shape, and all values are finite.
    pub(super) fn read(&self, name: &str, shape: &[usize]) -> Result<Tensor, EncoderError> {
        let name = self.full_name(name);
        let tensor = self.container.read(&name, shape)?.to_dtype(DType::F32)?;
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        match values.iter().position(|value| !value.is_finite()) {
            Some(position) => Err(EncoderError::NonFinite { name, position }),
            None => Ok(tensor),
        }
    }

    /// The name in this file. The first checkpoints of BERT call a layer norm's weight gamma and its bias beta.
    pub(super) fn full_name(&self, name: &str) -> String {
        let full = format!("{}{name}", self.prefix);
        if self.container.has(&full) {
            return full;
        }
        let old = full.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
        if self.container.has(&old) { old } else { full }
    }
}

impl Container {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::Safetensors(files) => files.iter().any(|file| file.get(name).is_some()),
            Self::Pickle(files) => files.iter().any(|file| file.shape(name).is_some()),
        }
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<Tensor, EncoderError> {
        match self {
            Self::Safetensors(files) => {
                let found = files.iter().find_map(|file| Some((file, file.get(name)?)));
                let (file, stored) = found.ok_or_else(|| EncoderError::MissingTensor { name: name.into() })?;
                check_shape(name, shape, &stored.shape)?;
                let dtype = stored.dtype.ok_or_else(|| EncoderError::TensorType {
                    name: name.into(),
                    found: stored.type_name.chars().take(32).collect(),
                })?;
                Ok(Tensor::from_raw_buffer(&file.read(stored)?, dtype, shape, &Device::Cpu)?)
            }
            Self::Pickle(files) => {
                let missing = || EncoderError::MissingTensor { name: name.into() };
                let found = files.iter().find_map(|file| Some((file, file.shape(name)?)));
                let (file, found) = found.ok_or_else(missing)?;
                check_shape(name, shape, found)?;
                file.read(name)?.ok_or_else(missing)
            }
        }
    }
}

impl From<PickleError> for EncoderError {
    fn from(error: PickleError) -> Self {
        match error {
            PickleError::Read { path, source } => Self::Read { path, source },
            PickleError::Damaged { path, reason } => Self::Weights { path, reason, source: None },
            PickleError::TensorType { name, found } => Self::TensorType { name, found },
            PickleError::Weights(error) => Self::Compute(Box::new(error)),
        }
    }
}

fn check_shape(name: &str, expected: &[usize], found: &[usize]) -> Result<(), EncoderError> {
    if expected == found {
        return Ok(());
    }
    Err(EncoderError::TensorShape { name: name.into(), expected: expected.into(), found: found.into() })
}
