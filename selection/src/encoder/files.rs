//! The files of a model: which ones there are, and the digests that name them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use esmhub_store_format::Digest;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::EncoderError;
use super::pooling::Pooling;
use super::sentence::{self, Sentence};

/// Settings are a few kilobytes; the index of a sharded checkpoint is the longest JSON.
const MAX_JSON_BYTES: u64 = 16 << 20;
const MAX_SHARDS: usize = 1024;

/// The files of a model, found but not yet read.
///
/// Needed are `config.json`, `tokenizer.json` and the weights: `model.safetensors`, else the shards that
/// `model.safetensors.index.json` names, else `pytorch_model.bin`, else the shards that `pytorch_model.bin.index.json` names.
/// `modules.json` with the pooling's `config.json` make a folder of sentence-transformers; nothing else of such a folder is
/// read, as hfselect reads nothing else: neither the prompts of `config_sentence_transformers.json` (such as `query: `) nor the
/// length and the lower case of `sentence_bert_config.json`.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    pub(super) config: PathBuf,
    pub(super) tokenizer: PathBuf,
    pub(super) weights: WeightFiles,
    pub(super) sentence: Option<Sentence>,
    /// What is wanted instead of what the files say.
    pub(super) pooling: Option<Pooling>,
    commit: Option<String>,
}

/// The weights' files in the order of their names.
#[derive(Debug, Clone)]
pub(super) enum WeightFiles {
    Safetensors(Vec<PathBuf>),
    Pickle(Vec<PathBuf>),
}

/// What makes two models the same model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// blake3 of the bytes of the weights' files, one after the other in the (byte) order of their names, nothing
    /// between them; for a single file what `b3sum` prints. The index of a sharded checkpoint is not part of it. The same
    /// weights in another container or cut into other shards have another digest.
    pub weights: Digest,
    /// blake3 of the bytes of tokenizer.json.
    pub tokenizer: Digest,
}

impl ModelFiles {
    /// The files of a model in a folder.
    ///
    /// # Errors
    /// [`EncoderError`] where a needed file is missing, or a file that names others cannot be understood.
    pub fn in_folder(folder: &Path) -> Result<Self, EncoderError> {
        Self::collect(None, &mut |name| {
            let path = folder.join(name);
            match path.metadata() {
                Ok(_) => Ok(Some(path)),
                // A link that leads nowhere was a file once, as those of a cache that was copied in part.
                Err(source) if source.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => Ok(None),
                Err(source) => Err(EncoderError::Read { path, source }),
            }
        })
    }

    /// Asks `find` for each file in turn; it answers with the file's path, or `None` where the model has no such file.
    pub(super) fn collect<E: From<EncoderError>>(
        commit: Option<String>,
        find: &mut dyn FnMut(&str) -> Result<Option<PathBuf>, E>,
    ) -> Result<Self, E> {
        let config = find("config.json")?.ok_or_else(|| missing("config.json"))?;
        let tokenizer = find("tokenizer.json")?.ok_or_else(|| missing("tokenizer.json"))?;
        let pooling = match find("modules.json")? {
            Some(modules) => {
                let file = sentence::pooling_file(&modules)?;
                Some(find(&file)?.ok_or_else(|| missing(&file))?)
            }
            None => find("1_Pooling/config.json")?,
        };
        let sentence = pooling.as_deref().map(sentence::read_pooling).transpose()?;
        let weights = find_weights(find)?;
        Ok(Self { config, tokenizer, weights, sentence, pooling: None, commit })
    }

    /// The same model, pooled in this way whatever its files say.
    #[must_use]
    pub fn pooled(self, pooling: Pooling) -> Self {
        Self { pooling: Some(pooling), ..self }
    }

    /// The commit on the hub that the files are from, 40 hexadecimal digits; `None` for a folder.
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// Reads the weights and the tokenizer once through and names them.
    ///
    /// # Errors
    /// [`EncoderError::Read`].
    pub fn digests(&self) -> Result<Digests, EncoderError> {
        Ok(Digests {
            weights: digest_of(self.weights.paths())?,
            tokenizer: digest_of(std::slice::from_ref(&self.tokenizer))?,
        })
    }

    /// A digest of the settings that decide embeddings besides weights and tokenizer: `config.json`, and the pooling.
    ///
    /// # Errors
    /// [`EncoderError::Read`].
    pub fn settings(&self) -> Result<Digest, EncoderError> {
        let config = digest_of(std::slice::from_ref(&self.config))?;
        let wanted = self.pooling.map(|pooling| format!("\n{pooling}")).unwrap_or_default();
        Ok(Digest::of(format!("{config}\n{:?}{wanted}", self.sentence).as_bytes()))
    }

    /// The size of the weights' files together, in bytes.
    ///
    /// # Errors
    /// [`EncoderError::Read`].
    pub fn weights_bytes(&self) -> Result<u64, EncoderError> {
        let size = |path: &PathBuf| match path.metadata() {
            Ok(metadata) => Ok(metadata.len()),
            Err(source) => Err(EncoderError::Read { path: path.clone(), source }),
        };
        self.weights.paths().iter().map(size).sum()
    }
}

impl WeightFiles {
    pub(super) fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Safetensors(paths) | Self::Pickle(paths) => paths,
        }
    }
}

const SAFETENSORS_INDEX: &str = "model.safetensors.index.json";
const PICKLE_INDEX: &str = "pytorch_model.bin.index.json";

fn find_weights<E: From<EncoderError>>(
    find: &mut dyn FnMut(&str) -> Result<Option<PathBuf>, E>,
) -> Result<WeightFiles, E> {
    if let Some(path) = find("model.safetensors")? {
        return Ok(WeightFiles::Safetensors(vec![path]));
    }
    if let Some(index) = find(SAFETENSORS_INDEX)? {
        return Ok(WeightFiles::Safetensors(find_shards(find, &index, SAFETENSORS_INDEX, ".safetensors")?));
    }
    if let Some(path) = find("pytorch_model.bin")? {
        return Ok(WeightFiles::Pickle(vec![path]));
    }
    match find(PICKLE_INDEX)? {
        Some(index) => Ok(WeightFiles::Pickle(find_shards(find, &index, PICKLE_INDEX, ".bin")?)),
        None => Err(missing("model.safetensors (or its index, or pytorch_model.bin or its index)").into()),
    }
}

fn find_shards<E: From<EncoderError>>(
    find: &mut dyn FnMut(&str) -> Result<Option<PathBuf>, E>,
    index: &Path,
    file: &'static str,
    ending: &str,
) -> Result<Vec<PathBuf>, E> {
    let mut paths = Vec::new();
    for name in shards(index, file, ending)? {
        paths.push(find(&name)?.ok_or_else(|| missing(&name))?);
    }
    Ok(paths)
}

/// The names of the shards, sorted; plain file names only, so that an index cannot lead out of the model's folder.
fn shards(index: &Path, file: &'static str, ending: &str) -> Result<BTreeSet<String>, EncoderError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let index: Index = read_json(index)?;
    let refused = |found| EncoderError::Setting {
        file,
        setting: "a shard".into(),
        found,
        expected: format!("1 to {MAX_SHARDS} files beside it that end in {ending}"),
    };
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    if let Some(bad) = names.iter().find(|name| !is_shard_name(name, ending)) {
        return Err(refused(bad.chars().take(64).collect()));
    }
    if names.is_empty() || names.len() > MAX_SHARDS {
        return Err(refused(format!("{} of them", names.len())));
    }
    Ok(names)
}

fn is_shard_name(name: &str, ending: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.len() <= 128 && !name.starts_with('.') && name.ends_with(ending) && name.chars().all(plain)
}

fn missing(name: &str) -> EncoderError {
    EncoderError::MissingFile { name: name.into() }
}

/// A file's bytes, if they are at most `limit`.
pub(super) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, EncoderError> {
    let read = |source| EncoderError::Read { path: path.into(), source };
    let file = File::open(path).map_err(read)?;
    let found = file.metadata().map_err(read)?.len();
    let mut bytes = Vec::new();
    // The size can change, and a device has none: the limit is on what is read.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > limit {
        return Err(EncoderError::TooLarge { path: path.into(), found: found.max(limit + 1), limit });
    }
    Ok(bytes)
}

/// A JSON file's value, if the file is at most 16 MiB.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, EncoderError> {
    let bytes = read_limited(path, MAX_JSON_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|source| EncoderError::Json { path: path.into(), source })
}

fn digest_of(paths: &[PathBuf]) -> Result<Digest, EncoderError> {
    let mut hasher = blake3::Hasher::new();
    for path in paths {
        let hashed = File::open(path).and_then(|file| hasher.update_reader(file).map(drop));
        hashed.map_err(|source| EncoderError::Read { path: path.clone(), source })?;
    }
    Ok(Digest::from_bytes(*hasher.finalize().as_bytes()))
}
