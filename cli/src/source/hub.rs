//! An ESM on the Hugging Face Hub: a repository that holds what hfselect saves.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use esmhub_registry::NewEsm;
use esmhub_selection::hub::{Hub, HubError, Kind};
use esmhub_store_format::exchange::{MAX_CONFIG_BYTES, MAX_SAFETENSORS_BYTES};

use super::{SourceOptions, folder};
use crate::failure::{Failure, OTHER, Outcome};
use crate::hub::{DATASETS, SCHEME, at_revision};

/// Where a card says from which repository and commit its ESM came.
pub(crate) const ORIGIN: &str = "origin";

/// `hf://owner/repo[@revision]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HubEsm {
    /// `owner/repo`.
    pub(crate) id: String,
    /// A branch, tag or commit.
    pub(crate) revision: Option<String>,
}

/// Why an ESM could not be had.
#[derive(Debug)]
pub(crate) enum FetchFault {
    /// The hub did not give it.
    Hub(HubError),
    /// What it gave is none.
    Esm(Failure),
}

impl FetchFault {
    /// Whether the next one will not come either.
    pub(crate) fn is_about_the_hub(&self) -> bool {
        use HubError::{Cache, Refused, Request};
        matches!(self, Self::Hub(Request { .. } | Cache { .. } | Refused { status: 429, .. }))
    }
}

impl From<HubError> for FetchFault {
    fn from(error: HubError) -> Self {
        Self::Hub(error)
    }
}

impl From<Failure> for FetchFault {
    fn from(failure: Failure) -> Self {
        Self::Esm(failure)
    }
}

impl From<FetchFault> for Failure {
    fn from(fault: FetchFault) -> Self {
        match fault {
            FetchFault::Hub(error) => error.into(),
            FetchFault::Esm(failure) => failure,
        }
    }
}

/// Its files, in the cache.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The folder that holds them under their names.
    pub(crate) folder: PathBuf,
    /// The repository and its commit.
    pub(crate) origin: HubEsm,
}

impl FromStr for HubEsm {
    type Err = Failure;

    fn from_str(text: &str) -> Outcome<Self> {
        let place = text.strip_prefix(SCHEME).unwrap_or(text);
        if place.starts_with(DATASETS) {
            return Err(Failure::usage(format!("{text} is a data set, and no ESM")));
        }
        let (id, revision) = at_revision(place);
        if id.split('/').count() != 2 || id.split('/').any(str::is_empty) {
            return Err(Failure::usage(format!("{text}: expected {SCHEME}OWNER/REPO or {SCHEME}OWNER/REPO@REVISION")));
        }
        Ok(Self { id: id.to_owned(), revision })
    }
}

impl fmt::Display for HubEsm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.id)?;
        self.revision.iter().try_for_each(|revision| write!(f, "@{revision}"))
    }
}

impl HubEsm {
    /// Its files: those of the cache, or downloaded into it. Only what an ESM has is asked for.
    pub(crate) fn fetch(&self, hub: &Hub) -> Result<Fetched, FetchFault> {
        let repository = hub.open(Kind::Model, &self.id, self.revision.as_deref())?;
        let file = |name, limit| repository.file(name, Some(limit), &|_, _| ());
        let lacks = |name: &str, what: &str| match hub.is_offline() {
            true => FetchFault::Hub(repository.not_cached(name)),
            false => FetchFault::Esm(
                Failure::new(OTHER, format!("it has {what}, and so is no ESM"))
                    .hint("an ESM is a repository as hfselect writes it"),
            ),
        };
        if file("config.json", MAX_CONFIG_BYTES as u64)?.is_none() {
            return Err(lacks("config.json", "no config.json"));
        }
        let has_weights = file("model.safetensors", MAX_SAFETENSORS_BYTES)?.is_some()
            || file("pytorch_model.bin", MAX_SAFETENSORS_BYTES)?.is_some();
        if !has_weights {
            return Err(lacks("model.safetensors", "neither model.safetensors nor pytorch_model.bin"));
        }
        repository.remember_revision()?;
        let origin = Self { id: self.id.clone(), revision: Some(repository.commit().to_owned()) };
        Ok(Fetched { folder: repository.snapshot(), origin })
    }
}

impl Fetched {
    /// Reads it as the folder of an ESM whose card says where it came from.
    pub(crate) fn prepare(&self, options: &SourceOptions) -> Outcome<NewEsm> {
        let origin = self.origin.to_string();
        folder::read(&self.folder, Some(&origin), options)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_names_no_repository_is_refused() {
        for text in ["hf://", "hf://one", "hf://a/b/c", "hf:///b", "hf://a/", "hf://datasets/a/b", "hf://@main"] {
            assert!(text.parse::<HubEsm>().is_err(), "{text}");
        }
        for text in ["hf://a/b", "hf://a/b@main", "hf://a/b@0123456789abcdef0123456789abcdef01234567"] {
            assert_eq!(text.parse::<HubEsm>().unwrap().to_string(), text);
        }
    }
}
