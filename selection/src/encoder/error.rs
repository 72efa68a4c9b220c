//! What can be wrong with a model or with the texts given to it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// A model could not be read, or texts could not be embedded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// A file of the model is there but cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The model lacks a file.
    #[error("the model lacks {name}")]
    MissingFile {
        /// The file's name, or the names of which one is needed.
        name: String,
    },
    /// A file is larger than anything this encoder reads.
    #[error("{}: {found} bytes, at most {limit} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        found: u64,
        /// The largest size in bytes.
        limit: u64,
    },
    /// A JSON file does not hold what it should.
    #[error("{}: not the JSON that was expected", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A setting has a value that no model of its family can have, or one that is not supported.
    #[error("{file}: {setting} is {found}, expected {expected}")]
    Setting {
        /// The file that says so.
        file: &'static str,
        /// The setting.
        setting: String,
        /// Its value there, or `missing`.
        found: String,
        /// What it could be.
        expected: String,
    },
    /// The weights' container is damaged.
    #[error("{}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What the reader says, where it says something.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A tensor that the architecture needs is not among the weights.
    #[error("the weights lack the tensor {name}")]
    MissingTensor {
        /// Its name as transformers has it, with the prefix of this checkpoint.
        name: String,
    },
    /// The pooling needs a layer that the checkpoint does not have.
    #[error("the weights lack the pooler ({name}), from whose output a plain BERT or ALBERT takes its embedding")]
    MissingPooler {
        /// The tensor that is missing.
        name: String,
    },
    /// A tensor has another shape than config.json says.
    #[error("the tensor {name} has the shape {found:?}, expected {expected:?} from config.json")]
    TensorShape {
        /// The tensor.
        name: String,
        /// The shape that follows from config.json.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor's numbers are of a type that weights do not have.
    #[error("the tensor {name} has the type {found}, expected F32, F16, BF16 or F64")]
    TensorType {
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// A weight is NaN or infinite.
    #[error("the tensor {name} has a NaN or infinite value at position {position}")]
    NonFinite {
        /// The tensor.
        name: String,
        /// The position among its values, row-major.
        position: usize,
    },
    /// tokenizer.json was refused.
    #[error("{}: not a tokenizer that can be read", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What the tokenizers crate says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A text could not be split into tokens.
    #[error("text {text} could not be split into tokens")]
    Tokenize {
        /// The text's position, from 0.
        text: usize,
        /// What the tokenizers crate says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The tokenizer made a token that the model has no embedding for.
    #[error("text {text} has the token {token}, expected 0 to {last}: tokenizer.json and config.json do not belong together", last = vocabulary.saturating_sub(1))]
    Vocabulary {
        /// The text's position, from 0.
        text: usize,
        /// The token.
        token: u32,
        /// The model's number of tokens.
        vocabulary: usize,
    },
    /// The maximum length leaves no room for text, or is longer than the model's positions.
    #[error("the maximum length is {found} tokens, expected {least} to {most} for this model")]
    MaxLength {
        /// The length that was asked for.
        found: usize,
        /// One token of text and the special tokens.
        least: usize,
        /// The number of positions that the model has.
        most: usize,
    },
    /// The tensor library failed; with a checked model this means a lack of memory or a device error.
    #[error("the embeddings could not be computed")]
    Compute(#[source] Box<dyn Error + Send + Sync>),
}

impl EncoderError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let advice = match self {
            Self::MissingFile { name } if name == "tokenizer.json" => {
                "write it with AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) in transformers"
            }
            Self::MissingFile { .. } => "a model is a folder as save_pretrained of transformers writes it",
            Self::MissingPooler { .. } => {
                "take a checkpoint that has one, or a sentence-transformers folder, whose 1_Pooling/config.json says what \
                 to take instead"
            }
            Self::Weights { .. } | Self::MissingTensor { .. } | Self::NonFinite { .. } => {
                "fetch or save the model again: it may be cut short or damaged"
            }
            Self::Tokenizer { .. } => {
                "fetch the file again from where the model is published; a changed one is not trusted"
            }
            Self::TensorShape { .. } | Self::Vocabulary { .. } => "config.json may be that of another model",
            Self::MaxLength { found, most, .. } if found > most => {
                return Some(format!("choose a maximum length of at most {most}; longer texts are cut"));
            }
            Self::MaxLength { .. } => "choose a larger maximum length",
            _ => return None,
        };
        Some(advice.into())
    }
}

impl From<candle_core::Error> for EncoderError {
    fn from(error: candle_core::Error) -> Self {
        Self::Compute(Box::new(error))
    }
}
