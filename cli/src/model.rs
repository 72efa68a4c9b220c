//! `--base` and `--tuned`: which language model is meant, and loading it.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::str::FromStr;

use esmhub_selection::encoder::{Architecture, Device, Digests, Encoder, ModelFiles, Pooling};
use esmhub_store_format::Digest;
use esmhub_store_format::card::BaseModel;

use crate::arguments::DeviceChoice;
use crate::context::Context;
use crate::dataset::nearest;
use crate::failure::{Failure, OTHER, Outcome};
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
        if folder.as_ref().is_some_and(|folder| folder.as_os_str().is_empty()) {
            return Err(Failure::usage(format!("{text}: no folder stands behind the ="))
                .hint("write ID=FOLDER, or the id alone"));
        }
        if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(Failure::usage(format!("{} is not a folder", folder.display())));
        }
        let (id, revision) = match id.map(hub::at_revision) {
            Some((id, revision)) => (Some(id.to_owned()), revision),
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

/// Of the ids of base models, the one that was meant by one that is none of them: misspelt, or without its owner.
pub(crate) fn nearest_id<'a>(wanted: &str, ids: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let last = |id: &str| id.rsplit('/').next().unwrap_or_default().to_lowercase();
    let same_model = |id: &&str| last(id) == last(wanted);
    ids.clone().find(same_model).or_else(|| nearest(wanted, ids))
}

/// Whether a text that is no folder can only have been meant as one.
fn looks_like_a_path(text: &str) -> bool {
    text.starts_with(['/', '.', '~']) || text.contains('\\') || text.ends_with('/')
}

impl Model {
    /// The model of an id, whatever folder is called so here.
    pub(crate) fn by_id(id: &str) -> Self {
        Self { id: Some(id.to_owned()), revision: None, folder: None }
    }

    /// The id by which ESMs know it.
    ///
    /// # Errors
    /// A bare folder has none: what its last segment is called would then name the base model for everybody.
    pub(crate) fn require_id(&self) -> Outcome<()> {
        if self.id.is_some() {
            return Ok(());
        }
        let folder = self.folder.as_deref().unwrap_or("FOLDER".as_ref()).display().to_string();
        let failure = Failure::usage(format!("{folder} does not say under which id the pool knows this base model"));
        // An id that happens to be a folder as well.
        Err(failure.hint(match folder.split('/').count() == 2 && !looks_like_a_path(&folder) {
            true => format!("there is a folder of this name here, and it was taken: write --base {folder}={folder}"),
            false => format!("write --base ID={folder}, with the model's Hugging Face id"),
        }))
    }

    /// Its Hugging Face id, where it was given.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
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

    /// Reads all of it but its tensors, which are read when they are needed.
    pub(crate) fn load(&self, context: &Context) -> Outcome<LoadedModel> {
        self.load_pooled(context, None)
    }

    /// The same, pooled in this way where one is given, whatever its files say.
    pub(crate) fn load_pooled(&self, context: &Context, pooling: Option<Pooling>) -> Outcome<LoadedModel> {
        let files = self.files(context)?;
        let files = match pooling {
            Some(pooling) => files.pooled(pooling),
            None => files,
        };
        let (dimension, pooling) = files.output().map_err(|error| Failure::from(error).at(self))?;
        let settings = files.settings().map_err(|error| Failure::from(error).at(self))?;
        let digests = files.digests().map_err(|error| Failure::from(error).at(self))?;
        let base = BaseModel { pooling: Some(pooling), ..self.described(&files, digests)? };
        let (device, encoder) = (device(context)?, OnceCell::new());
        Ok(LoadedModel { files, device, encoder, base, digests, settings, dimension, pooling })
    }

    /// What a card says of it, where only a folder's digests are wanted.
    pub(crate) fn describe(&self, files: &ModelFiles) -> Outcome<BaseModel> {
        self.described(files, files.digests().map_err(|error| Failure::from(error).at(self))?)
    }

    fn described(&self, files: &ModelFiles, digests: Digests) -> Outcome<BaseModel> {
        Ok(BaseModel {
            id: self.to_string(),
            revision: files.commit().map(str::to_owned).or_else(|| self.revision.clone()),
            weights: Some(digests.weights),
            tokenizer: Some(digests.tokenizer),
            bytes: Some(files.weights_bytes().map_err(|error| Failure::from(error).at(self))?),
            pooling: None,
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

/// What `--device` means on this machine.
fn device(context: &Context) -> Outcome<Device> {
    const BUILT_FOR_CUDA: bool = cfg!(feature = "cuda");
    match context.device {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto if !BUILT_FOR_CUDA => Ok(Device::Cpu),
        DeviceChoice::Auto => Ok(Device::new_cuda(0).unwrap_or_else(|error| {
            context.detail(format!("no CUDA device can be used, models compute on the CPU: {error}"));
            Device::Cpu
        })),
        DeviceChoice::Cuda if !BUILT_FOR_CUDA => {
            Err(Failure::usage("--device cuda: this program was built without CUDA")
                .hint("build it with `--features cuda` where the CUDA toolkit is, or give --device cpu"))
        }
        DeviceChoice::Cuda => Device::new_cuda(0).map_err(|error| {
            Failure::new(OTHER, format!("--device cuda: no CUDA device can be used: {error}"))
                .hint("see whether `nvidia-smi` lists one, or give --device cpu")
        }),
    }
}

/// A model that can embed, and what a card says of it.
pub(crate) struct LoadedModel {
    files: ModelFiles,
    /// What it computes on.
    pub(crate) device: Device,
    /// What embeds; empty until there is something to embed.
    pub(crate) encoder: OnceCell<Encoder>,
    /// What a card says of it.
    pub(crate) base: BaseModel,
    /// What makes it this model.
    pub(crate) digests: Digests,
    /// A digest of what else decides its embeddings.
    pub(crate) settings: Digest,
    /// D, the number of values of an embedding.
    pub(crate) dimension: usize,
    /// How the embedding is taken from the last layer.
    pub(crate) pooling: Pooling,
}

impl LoadedModel {
    /// Of which family it is.
    pub(crate) fn architecture(&self) -> Outcome<Architecture> {
        Ok(self.files.architecture()?)
    }

    /// What embeds. Its tensors are read when it is asked for the first time.
    pub(crate) fn encoder(&self) -> Outcome<&Encoder> {
        if let Some(encoder) = self.encoder.get() {
            return Ok(encoder);
        }
        let encoder =
            Encoder::load(&self.files, self.device.clone()).map_err(|error| Failure::from(error).at(&self.base.id))?;
        if encoder.digests() != self.digests {
            return Err(Failure::new(OTHER, format!("{} changed while it was read", self.base.id)));
        }
        Ok(self.encoder.get_or_init(|| encoder))
    }
}
