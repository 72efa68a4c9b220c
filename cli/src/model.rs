//! `--base` and `--tuned`: which language model is meant, and loading it.

use std::path::PathBuf;
use std::str::FromStr;

use esmhub_selection::encoder::{Device, Encoder, ModelFiles};
use esmhub_store_format::Digest;
use esmhub_store_format::card::BaseModel;

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::hub;

/// A language model as the user named it: a Hugging Face id, a folder, or `ID=FOLDER`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    /// The id by which ESMs know it; `None` for a bare folder, which has none.
    id: Option<String>,
    /// The commit after `@`.
    revision: Option<String>,
    /// Where its files are, unless they are to be fetched.
    folder: Option<PathBuf>,
}

impl FromStr for Model {
    type Err = Failure;

    fn from_str(text: &str) -> Outcome<Self> {
        let (id, folder) = match text.split_once('=') {
            Some((id, folder)) => (Some(id), Some(PathBuf::from(folder))),
            None if PathBuf::from(text).is_dir() => (None, Some(PathBuf::from(text))),
            None => (Some(text), None),
        };
        if looks_like_a_path(text) && id.is_some() && folder.is_none() {
            return Err(Failure::usage(format!("{text} is not a folder")));
        }
        if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(Failure::usage(format!("{} is not a folder", folder.display())));
        }
        let (id, revision) = match id.map(|id| id.split_once('@').map_or((id, None), |(id, at)| (id, Some(at)))) {
            Some((id, revision)) => (Some(id.to_owned()), revision.map(str::to_owned)),
            None => (None, None),
        };
        let is_id = |id: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
            !id.is_empty() && id.len() <= 200 && id.chars().all(allowed)
        };
        match id {
            Some(id) if !is_id(&id) => Err(Failure::usage(format!("{id:?} is neither a folder nor a Hugging Face id"))
                .hint("a model is `owner/name`, a folder, or `owner/name=FOLDER`")),
            id => Ok(Self { id, revision, folder }),
        }
    }
}

/// Whether a text that is no folder can only have been meant as one.
fn looks_like_a_path(text: &str) -> bool {
    text.starts_with(['/', '.', '~']) || text.contains('\\') || text.ends_with('/')
}

impl Model {
    /// The id by which ESMs know it.
    ///
    /// # Errors
    /// A bare folder has none: what its last segment is called would then name the base model for everybody.
    pub(crate) fn require_id(&self) -> Outcome<()> {
        if self.id.is_some() {
            return Ok(());
        }
        let folder = self.folder.as_deref().unwrap_or("FOLDER".as_ref()).display();
        Err(Failure::usage(format!("{folder} does not say under which id the pool knows this base model"))
            .hint(format!("write --base ID={folder}, with the model's Hugging Face id")))
    }

    /// What ESMs are matched by: a bare folder has no id, whatever its last segment is called.
    pub(crate) fn for_matching(&self, mut base: BaseModel) -> BaseModel {
        if self.id.is_none() {
            base.id.clear();
        }
        base
    }

    /// Whether its files are at hand without a download.
    pub(crate) fn is_local(&self) -> bool {
        self.folder.is_some()
    }

    /// Its files: those of the folder, or fetched into the Hugging Face cache.
    pub(crate) fn files(&self, context: &Context) -> Outcome<ModelFiles> {
        match (&self.folder, &self.id) {
            (Some(folder), _) => {
                ModelFiles::in_folder(folder).map_err(|error| Failure::from(error).at(folder.display()))
            }
            (None, Some(id)) => hub::fetch_model(context, id, self.revision.as_deref()),
            (None, None) => Err(Failure::usage("no model is named")),
        }
    }

    /// Reads it.
    pub(crate) fn load(&self, context: &Context) -> Outcome<LoadedModel> {
        let files = self.files(context)?;
        let encoder = Encoder::load(&files, Device::Cpu).map_err(|error| Failure::from(error).at(self))?;
        let base = self.describe(&files, Some(&encoder))?;
        let settings = files.settings().map_err(|error| Failure::from(error).at(self))?;
        Ok(LoadedModel { encoder, base, settings })
    }

    /// What a card says of it, without reading its tensors where only a folder's digests are wanted.
    pub(crate) fn describe(&self, files: &ModelFiles, encoder: Option<&Encoder>) -> Outcome<BaseModel> {
        let digests = files.digests().map_err(|error| Failure::from(error).at(self))?;
        Ok(BaseModel {
            id: self.to_string(),
            revision: files.commit().map(str::to_owned).or_else(|| self.revision.clone()),
            weights: Some(digests.weights),
            tokenizer: Some(digests.tokenizer),
            bytes: Some(files.weights_bytes().map_err(|error| Failure::from(error).at(self))?),
            pooling: encoder.map(Encoder::pooling),
            max_length: None,
        })
    }
}

impl std::fmt::Display for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.id, &self.folder) {
            (Some(id), _) => f.write_str(id),
            (None, Some(folder)) => {
                let name = folder.file_name().unwrap_or(folder.as_os_str());
                f.write_str(&name.to_string_lossy())
            }
            (None, None) => f.write_str("(no model)"),
        }
    }
}

/// A model that can embed, and what a card says of it.
pub(crate) struct LoadedModel {
    /// What embeds.
    pub(crate) encoder: Encoder,
    /// What a card says of it.
    pub(crate) base: BaseModel,
    /// A digest of what else decides its embeddings.
    pub(crate) settings: Digest,
}
