//! One fetch: what stands in the cache, and what has to be downloaded.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;

use super::HubError;
use super::names::{check_names, is_commit};
use crate::encoder::{EncoderError, ModelFiles};

/// The listing of a repository; one with tens of thousands of files has a few megabytes.
const MAX_LISTING_BYTES: u64 = 16 << 20;
const LISTING_TIMEOUT: Duration = Duration::from_secs(60);
const RETRIES: usize = 3;

/// How to reach the hub. The environment is the caller's to read; only a proxy is taken from it, by the HTTP client.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// The hub's address, such as `https://huggingface.co`. It is trusted: hf-hub names blobs as its answers say.
    pub endpoint: String,
    /// The cache folder, such as `~/.cache/huggingface/hub`.
    pub cache: PathBuf,
    /// The user's access token, for models that need one.
    pub token: Option<String>,
    /// Whether to take everything from the cache and ask nobody.
    pub offline: bool,
}

/// The files of the model `id` (`owner/name`) at `revision` (a branch, tag or commit; `main` where it is `None`).
///
/// What the cache lacks is downloaded into it; `progress` is called with a file's name, its bytes that are here and all
/// its bytes. Only the files that [`ModelFiles`] needs are fetched.
///
/// # Errors
/// [`HubError`].
pub fn fetch(
    id: &str,
    revision: Option<&str>,
    settings: &HubSettings,
    progress: &dyn Fn(&str, u64, u64),
) -> Result<ModelFiles, HubError> {
    let revision = revision.unwrap_or("main");
    check_names(id, revision)?;
    let cache = Cache::new(settings.cache.clone());
    let repo = Repo::with_revision(id.into(), RepoType::Model, revision.into());
    let folder = settings.cache.join(repo.folder_name());
    let model = Model { id, revision, settings, cache, folder };
    if settings.offline { model.cached() } else { model.online(progress) }
}

struct Model<'a> {
    id: &'a str,
    revision: &'a str,
    settings: &'a HubSettings,
    cache: Cache,
    /// `models--OWNER--NAME` in the cache.
    folder: PathBuf,
}

#[derive(Deserialize)]
struct Listing {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
}

impl Model<'_> {
    fn repo(&self, revision: &str) -> Repo {
        Repo::with_revision(self.id.into(), RepoType::Model, revision.into())
    }

    fn cached(&self) -> Result<ModelFiles, HubError> {
        let missing = |missing: &str| HubError::NotCached {
            id: self.id.into(),
            revision: self.revision.into(),
            cache: self.settings.cache.clone(),
            missing: missing.into(),
        };
        let named = fs::read_to_string(self.folder.join("refs").join(self.revision));
        let commit = named.map_or_else(|_| self.revision.to_owned(), |text| text.trim().to_owned());
        if !is_commit(&commit) {
            return Err(missing("the revision"));
        }
        let snapshot = self.cache.repo(self.repo(&commit)).pointer_path(&commit);
        let absent = self.no_exist(&commit);
        let found = ModelFiles::collect(Some(commit), &mut |name| {
            let path = snapshot.join(name);
            if path.exists() {
                return Ok(Some(path));
            }
            // Other programs cache only the files that they need themselves. That modules.json is not here does not mean
            // that the model has none, and without it the pooling would silently be another one.
            match name {
                "modules.json" if !absent.join(name).exists() => Err(missing(name)),
                _ => Ok(None),
            }
        });
        match found {
            Err(HubError::Model(EncoderError::MissingFile { name })) => Err(missing(&name)),
            other => other,
        }
    }

    fn online(&self, progress: &dyn Fn(&str, u64, u64)) -> Result<ModelFiles, HubError> {
        let api = ApiBuilder::from_cache(self.cache.clone())
            .with_endpoint(self.settings.endpoint.trim_end_matches('/').into())
            .with_token(self.settings.token.clone())
            .with_progress(false)
            .with_retries(RETRIES)
            .build()
            .map_err(|source| self.request_error("the HTTP client", Box::new(source)))?;
        let listing = self.listing(&api)?;
        let commit = listing.sha;
        let snapshot = self.cache.repo(self.repo(&commit)).pointer_path(&commit);
        // Asked for by commit: the branch may move while the files come.
        let remote = api.repo(self.repo(&commit));
        let files = ModelFiles::collect::<HubError>(Some(commit.clone()), &mut |name| {
            let Some(sibling) = listing.siblings.iter().find(|sibling| sibling.rfilename == name) else {
                self.remember_absent(&commit, name)?;
                return Ok(None);
            };
            let mut path = snapshot.join(name);
            if !path.exists() {
                let watch = Watch { name, done: 0, total: 0, report: progress };
                path = remote
                    .download_with_progress(name, watch)
                    .map_err(|source| self.request_error(name, Box::new(source)))?;
            }
            self.check_size(name, &path, sibling.size)?;
            Ok(Some(path))
        })?;
        let reference = self.cache.repo(self.repo(self.revision)).create_ref(&commit);
        reference.map_err(|source| HubError::Cache { path: self.folder.join("refs").join(self.revision), source })?;
        Ok(files)
    }

    /// The commit that the revision stands for, and its files with their sizes.
    fn listing(&self, api: &Api) -> Result<Listing, HubError> {
        const WHAT: &str = "the list of files";
        let request = api.repo(self.repo(self.revision)).info_request().query("blobs", "true");
        let request = request.config().http_status_as_error(false).timeout_global(Some(LISTING_TIMEOUT)).build();
        let mut response = request.call().map_err(|source| self.request_error(WHAT, Box::new(source)))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(HubError::Refused {
                endpoint: self.settings.endpoint.clone(),
                status,
                id: self.id.into(),
                revision: self.revision.into(),
            });
        }
        let body = response.body_mut().with_config().limit(MAX_LISTING_BYTES).read_to_vec();
        let body = body.map_err(|source| self.request_error(WHAT, Box::new(source)))?;
        let listing = serde_json::from_slice::<Listing>(&body).ok().filter(|listing| is_commit(&listing.sha));
        listing.ok_or_else(|| self.answer_error(WHAT, format!("{} bytes", body.len()), "a commit and its files".into()))
    }

    fn check_size(&self, name: &str, path: &PathBuf, expected: Option<u64>) -> Result<(), HubError> {
        let cache_error = |source| HubError::Cache { path: path.clone(), source };
        let found = fs::metadata(path).map_err(cache_error)?.len();
        match expected {
            Some(expected) if expected != found => {
                // Removed, so that the next try fetches it again: the pointer, and the blob that it points to.
                let blob = fs::canonicalize(path).map_err(cache_error)?;
                fs::remove_file(path).map_err(cache_error)?;
                if blob.exists() {
                    fs::remove_file(&blob).map_err(cache_error)?;
                }
                Err(self.answer_error(name, format!("{found} bytes"), format!("{expected}")))
            }
            _ => Ok(()),
        }
    }

    fn no_exist(&self, commit: &str) -> PathBuf {
        self.folder.join(".no_exist").join(commit)
    }

    fn remember_absent(&self, commit: &str, name: &str) -> Result<(), HubError> {
        let path = self.no_exist(commit).join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, []));
        written.map_err(|source| HubError::Cache { path, source })
    }

    fn request_error(&self, what: &str, source: Box<dyn Error + Send + Sync>) -> HubError {
        HubError::Request { what: what.into(), endpoint: self.settings.endpoint.clone(), source }
    }

    fn answer_error(&self, what: &str, found: String, expected: String) -> HubError {
        HubError::Answer { what: what.into(), endpoint: self.settings.endpoint.clone(), found, expected }
    }
}

struct Watch<'a> {
    name: &'a str,
    done: u64,
    total: u64,
    report: &'a dyn Fn(&str, u64, u64),
}

impl Progress for Watch<'_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.done, self.total) = (0, size as u64);
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        (self.report)(self.name, self.done, self.total);
    }

    fn finish(&mut self) {}
}
