//! What a sentence-transformers folder says about its pooling: `modules.json` and `1_Pooling/config.json`.

use std::path::{Component, Path};

use serde::Deserialize;

use super::files::read_json;
use super::{EncoderError, Pooling};

const MODULES: &str = "modules.json";
const POOLING: &str = "1_Pooling/config.json";

/// The pooling that a sentence-transformers folder asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    pub(super) pooling: Pooling,
    /// The dimension that the pooling expects, where it says one.
    pub(super) dimension: Option<u64>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Reads modules.json and names the file of its pooling module, relative to the folder.
///
/// The list must be transformer, pooling and perhaps a normalisation, which is not applied (ESMs are fitted on what the
/// pooling gives). Every other module would change the embedding, so it is refused.
pub(super) fn pooling_file(modules: &Path) -> Result<String, EncoderError> {
    let modules: Vec<Module> = read_json(modules)?;
    let mut pooling = None;
    for module in &modules {
        // The class's name is what all versions of sentence-transformers agree on; its package has moved.
        match module.kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" if module.path.is_empty() => {}
            "Transformer" => return Err(refused("the transformer's path", &module.path, "the folder itself")),
            "Pooling" if is_plain(&module.path) => pooling = Some(format!("{}/config.json", module.path)),
            "Pooling" => {
                return Err(refused("the pooling's path", &module.path, "a folder beside modules.json"));
            }
            "Normalize" => {}
            other => return Err(refused("a module", other, "Transformer, Pooling or Normalize")),
        }
    }
    pooling.ok_or_else(|| refused("the list of modules", "without Pooling", "Transformer and Pooling"))
}

/// Reads the pooling's config.json, in the form with one flag per mode or, since version 6, with their names.
pub(super) fn read_pooling(path: &Path) -> Result<Sentence, EncoderError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Modes {
        One(String),
        Many(Vec<String>),
    }
    #[derive(Deserialize)]
    struct Raw {
        word_embedding_dimension: Option<u64>,
        embedding_dimension: Option<u64>,
        pooling_mode: Option<Modes>,
        #[serde(flatten)]
        others: serde_json::Map<String, serde_json::Value>,
    }
    let raw: Raw = read_json(path)?;
    let modes = match raw.pooling_mode {
        Some(Modes::One(mode)) => vec![mode],
        Some(Modes::Many(modes)) => modes,
        None => raw
            .others
            .iter()
            .filter(|(_, on)| on.as_bool() == Some(true))
            .filter_map(|(key, _)| key.strip_prefix("pooling_mode_"))
            .map(|mode| mode.trim_end_matches("_tokens").trim_end_matches("_token").to_owned())
            .collect(),
    };
    let pooling = match modes.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // sentence-transformers' own default.
        [] | ["mean"] => Pooling::Mean,
        ["cls"] => Pooling::Cls,
        other => {
            let found: String = other.join(" and ").chars().take(128).collect();
            return Err(EncoderError::Setting {
                file: POOLING,
                setting: "the pooling mode".into(),
                found,
                expected: "mean or cls".into(),
            });
        }
    };
    Ok(Sentence { pooling, dimension: raw.word_embedding_dimension.or(raw.embedding_dimension) })
}

/// A single folder name: it must not lead out of the model's folder.
fn is_plain(path: &str) -> bool {
    let mut components = Path::new(path).components();
    path.len() <= 64
        && !path.contains(['\\', ':'])
        && matches!(components.next(), Some(Component::Normal(_)))
        && components.next().is_none()
}

fn refused(setting: &str, found: &str, expected: &str) -> EncoderError {
    EncoderError::Setting {
        file: MODULES,
        setting: setting.into(),
        found: found.chars().take(64).collect(),
        expected: expected.into(),
    }
}
