//! A model's files from the hub.

use crate::encoder::{EncoderError, ModelFiles};
use crate::hub::{Hub, HubError, Kind};

/// The most bytes of one file of weights; larger models come in shards.
const MAX_WEIGHTS_BYTES: u64 = 16 << 30;
/// The most bytes of a tokenizer or a configuration.
const MAX_TEXT_BYTES: u64 = 64 << 20;

/// A model could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// From the hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The files are not those of a model.
    #[error(transparent)]
    Model(#[from] EncoderError),
}

impl FetchError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Hub(error) => error.hint(),
            Self::Model(error) => error.hint(),
        }
    }
}

/// The files of the model `id` (`owner/name`) at `revision` (a branch, tag or commit; `main` where it is `None`).
///
/// What the cache lacks is downloaded into it; `progress` is called with a file's name, its bytes that are here and all
/// its bytes. Only the files that [`ModelFiles`] needs are fetched.
///
/// # Errors
/// [`FetchError`].
pub fn fetch(
    hub: &Hub,
    id: &str,
    revision: Option<&str>,
    progress: &dyn Fn(&str, u64, u64),
) -> Result<ModelFiles, FetchError> {
    let repository = hub.open(Kind::Model, id, revision)?;
    let commit = repository.commit().to_owned();
    let found = ModelFiles::collect(Some(commit), &mut |name| {
        let is_weights = [".safetensors", ".bin"].iter().any(|end| name.ends_with(end));
        let limit = if is_weights { MAX_WEIGHTS_BYTES } else { MAX_TEXT_BYTES };
        let found = repository.file(name, Some(limit), &|here, all| progress(name, here, all))?;
        // Other programs cache only the files that they need themselves. That modules.json is not here does not mean
        // that the model has none, and without it the pooling would silently be another one.
        match found {
            None if name == "modules.json" && !repository.is_absent(name) => {
                Err(FetchError::Hub(repository.not_cached(name)))
            }
            found => Ok(found),
        }
    });
    match found {
        Err(FetchError::Model(EncoderError::MissingFile { name })) if hub.is_offline() => {
            Err(repository.not_cached(&name).into())
        }
        Err(error) => Err(error),
        Ok(files) => {
            repository.remember_revision()?;
            Ok(files)
        }
    }
}
