//! `config.json` of an ESM, as hfselect writes and reads it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::Card;
use crate::card::{BaseModel, Fit, Source};

/// The largest `config.json` that is read: the real ones have about 1 KB.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;

/// What an ESM's `config.json` says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// The base model (`base_model_name`); only its id is known.
    pub base: BaseModel,
    /// The source task.
    pub source: Source,
    /// `version`: of the package that made it, or as which it is to be read.
    pub version: Option<String>,
    /// `made_by`: what really made it, where that is not hfselect in this version. hfselect itself knows no such field, and keeps it.
    pub made_by: Option<String>,
    /// `esm_embedding_dim`.
    pub dimension: Option<u64>,
    /// `developers`.
    pub developers: Option<String>,
    /// The hyperparameters of the fine-tuning (`lm_…`) and of the ESM (`esm_…`), as JSON, by their key.
    pub hyperparameters: BTreeMap<String, String>,
}

/// A `config.json` was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Too large to be one.
    #[error("config.json has {0} bytes, at most {MAX_CONFIG_BYTES} are read")]
    TooLarge(usize),
    /// Not JSON.
    #[error("config.json is not JSON")]
    Json(#[from] serde_json::Error),
    /// A field has a value that it cannot have.
    #[error("config.json: {field} is {found}, expected {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
}

/// As which version of hfselect an ESM is written.
const READ_AS: &str = "0.2.1";

fn hfselect(version: &str) -> String {
    format!("hfselect {version}")
}

/// The prefix under which a card keeps hyperparameters, so that they are found again when the ESM is pulled.
const EXTRA_PREFIX: &str = "hfselect.";

impl Config {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// [`ConfigError`]; fields that are missing or null are no error.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.len() > MAX_CONFIG_BYTES {
            return Err(ConfigError::TooLarge(bytes.len()));
        }
        let fields: Map<String, Value> = serde_json::from_slice(bytes)?;
        let fields = Fields(&fields);
        if let Some(architecture) = fields.text("esm_architecture")?.filter(|a| a != "linear") {
            let found = format!("{architecture:?}");
            return Err(ConfigError::Field { field: "esm_architecture", found, expected: "\"linear\"" });
        }
        let kept = |key: &str| key.starts_with("esm_") || key.starts_with("lm_") || key == "streamed";
        let known = |key: &str| matches!(key, "esm_architecture" | "esm_embedding_dim");
        let hyperparameters = fields.0.iter().filter(|(key, value)| kept(key) && !known(key) && !value.is_null());
        Ok(Self {
            base: BaseModel { id: fields.text("base_model_name")?.unwrap_or_default(), ..BaseModel::default() },
            source: Source {
                dataset: fields.text("task_id")?,
                subset: fields.text("task_subset")?,
                split: fields.text("task_split")?,
                text_columns: fields.columns("text_column")?,
                label_column: fields.text("label_column")?,
                language: fields.text("language")?,
                rows: fields.count("num_examples")?,
                seed: fields.count("seed")?,
                revision: None,
            },
            version: fields.text("version")?,
            made_by: fields.text("made_by")?,
            dimension: fields.count("esm_embedding_dim")?,
            developers: fields.text("developers")?,
            hyperparameters: hyperparameters.map(|(key, value)| (key.clone(), value.to_string())).collect(),
        })
    }

    /// The name that an ESM has unless its publisher gives another: its task, and its subset unless that is `default`.
    pub fn default_name(&self) -> Option<String> {
        let task = self.source.dataset.as_ref()?;
        Some(match self.source.subset.as_deref() {
            None | Some("default" | "") => task.clone(),
            Some(subset) => format!("{task}/{subset}"),
        })
    }

    /// What a card says of how the ESM was made.
    pub fn fit(&self) -> Fit {
        Fit {
            program: self.made_by.clone().or_else(|| self.version.as_ref().map(|version| hfselect(version))),
            rows: self.source.rows,
            seed: self.source.seed,
            ..Fit::imported()
        }
    }

    /// What a card keeps of the hyperparameters.
    pub fn extra(&self) -> BTreeMap<String, String> {
        self.hyperparameters.iter().map(|(key, value)| (format!("{EXTRA_PREFIX}{key}"), value.clone())).collect()
    }

    /// The `config.json` from which hfselect loads the ESM of this card.
    pub fn json_of(card: &Card) -> String {
        let source = &card.source;
        let text_column = match source.text_columns.as_slice() {
            [] => Value::Null,
            [one] => json!(one),
            several => json!(several),
        };
        let mut fields = Map::new();
        for (key, value) in card.extra.iter().filter_map(|(key, value)| Some((key.strip_prefix(EXTRA_PREFIX)?, value)))
        {
            fields.insert(key.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| json!(value)));
        }
        let known = json!({
            "base_model_name": card.base.id,
            "task_id": source.dataset,
            "task_subset": source.subset,
            "task_split": source.split,
            "text_column": text_column,
            "label_column": source.label_column,
            "language": source.language,
            "num_examples": source.rows,
            "seed": source.seed,
            "developers": if card.authors.is_empty() { Value::Null } else { json!(card.authors.join(", ")) },
            "esm_architecture": "linear",
            "esm_embedding_dim": card.weights.dimension,
            // hfselect reads the tensor names from this; `model.*` are those from 0.2.0 on.
            "version": READ_AS,
        });
        if let Value::Object(known) = known {
            fields.extend(known);
        }
        if let Some(program) = card.fit.program.as_ref().filter(|program| **program != hfselect(READ_AS)) {
            fields.insert("made_by".to_owned(), json!(program));
        }
        format!("{:#}\n", Value::Object(fields))
    }
}

struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn text(&self, field: &'static str) -> Result<Option<String>, ConfigError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(odd(field, other, "a text")),
        }
    }

    fn count(&self, field: &'static str) -> Result<Option<u64>, ConfigError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| odd(field, value, "a number that is not negative")),
        }
    }

    /// One column, or several: a list, or as the peer prints a tuple, joined by commas.
    fn columns(&self, field: &'static str) -> Result<Vec<String>, ConfigError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(text.split(',').map(str::to_owned).collect()),
            Some(Value::Array(items)) => {
                let column =
                    |item: &Value| item.as_str().map(str::to_owned).ok_or_else(|| odd(field, item, "a column's name"));
                items.iter().map(column).collect()
            }
            Some(other) => Err(odd(field, other, "one column's name, or a list of them")),
        }
    }
}

fn odd(field: &'static str, found: &Value, expected: &'static str) -> ConfigError {
    ConfigError::Field { field, found: found.to_string().chars().take(80).collect(), expected }
}
