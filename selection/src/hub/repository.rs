//! The files of one repository at one commit.

use std::fs;
use std::path::PathBuf;

use hf_hub::{Repo, RepoType};
use percent_encoding::utf8_percent_encode;

use super::blobs::{is_of_another, own_name};
use super::download::Download;
use super::listing::{Listing, Sibling};
use super::names::{ENCODED, check_names, is_commit};
use super::{Hub, HubError};

const LISTING: &str = "the list of files";

/// What kind of repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A model, or an ESM.
    Model,
    /// A data set.
    Dataset,
}

/// A repository at the commit that its revision stood for when it was opened.
#[derive(Debug)]
pub struct Repository<'a> {
    hub: &'a Hub,
    kind: Kind,
    id: String,
    revision: String,
    commit: String,
    /// Its files; `None` offline.
    listed: Option<Vec<Sibling>>,
}

impl Hub {
    /// The repository `id` (`owner/name`) at `revision` (a branch, tag or commit; `main` where it is `None`).
    ///
    /// # Errors
    /// [`HubError`].
    pub fn open(&self, kind: Kind, id: &str, revision: Option<&str>) -> Result<Repository<'_>, HubError> {
        let revision = revision.unwrap_or("main");
        check_names(id, revision)?;
        let (id, revision) = (id.to_owned(), revision.to_owned());
        let mut opened = Repository { hub: self, kind, id, revision, commit: String::new(), listed: None };
        if self.is_offline() {
            let named = fs::read_to_string(opened.folder().join("refs").join(&opened.revision));
            let commit = named.map_or_else(|_| opened.revision.clone(), |text| text.trim().to_owned());
            if !is_commit(&commit) {
                return Err(opened.not_cached("the revision"));
            }
            opened.commit = commit;
        } else {
            let listing = opened.listing()?;
            if is_commit(&opened.revision) && !listing.sha.eq_ignore_ascii_case(&opened.revision) {
                let found = format!("the commit {}", listing.sha);
                return Err(self.settings.answer_error(LISTING, found, opened.revision.clone()));
            }
            (opened.commit, opened.listed) = (listing.sha, Some(listing.siblings));
        }
        Ok(opened)
    }
}

impl Repository<'_> {
    /// The commit's full name, 40 hexadecimal digits.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// Where the cache holds the files of the commit, under their names.
    pub fn snapshot(&self) -> PathBuf {
        self.hub.cache.repo(self.repo(&self.commit)).pointer_path(&self.commit)
    }

    /// A file, which is downloaded where the cache lacks it; `None` where there is none, and offline where the cache has none.
    /// `limit` bounds its bytes; `progress` is called with those that are here and all of them.
    ///
    /// # Errors
    /// [`HubError`].
    pub fn file(
        &self,
        name: &str,
        limit: Option<u64>,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Option<PathBuf>, HubError> {
        let path = self.snapshot().join(name);
        let Some(listed) = &self.listed else { return Ok(path.exists().then_some(path)) };
        let Some(sibling) = listed.iter().find(|sibling| sibling.name == name) else {
            self.remember_absent(name)?;
            return Ok(None);
        };
        if let (Some(bytes), Some(limit)) = (sibling.size, limit)
            && bytes > limit
        {
            return Err(HubError::TooLarge { file: name.into(), id: self.id.clone(), bytes, limit });
        }
        // One of another size was cut, by whomever.
        let is_whole = |bytes: u64| sibling.size.is_none_or(|size| size == bytes);
        // And one of another digest was taken from elsewhere, on the word of a mirror.
        let is_other = sibling.promise().is_some_and(|promise| is_of_another(&path, &promise));
        if is_other || !fs::metadata(&path).is_ok_and(|found| is_whole(found.len())) {
            self.download(sibling, limit, progress)?;
        }
        Ok(Some(path))
    }

    /// Whether the cache holds a file.
    pub fn is_cached(&self, name: &str) -> bool {
        self.snapshot().join(name).exists()
    }

    /// Whether a file is there and has exactly these bytes. One of another size is not fetched.
    ///
    /// # Errors
    /// [`HubError`].
    pub fn holds(&self, name: &str, bytes: &[u8]) -> Result<bool, HubError> {
        if self.bytes_of(name).is_some_and(|size| size != bytes.len() as u64) {
            return Ok(false);
        }
        let Some(path) = self.file(name, Some(bytes.len() as u64), &|_, _| ())? else { return Ok(false) };
        let found = fs::read(&path).map_err(|source| HubError::Cache { path, source })?;
        Ok(found == bytes)
    }

    /// `owner/name`.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn hub(&self) -> &Hub {
        self.hub
    }

    /// The address of a file; none offline. It names the commit: a branch may move while the files come.
    pub(super) fn url(&self, name: &str) -> Option<String> {
        let kind = match self.kind {
            Kind::Model => "",
            Kind::Dataset => "datasets/",
        };
        let (endpoint, name) = (&self.hub.settings.endpoint, utf8_percent_encode(name, ENCODED));
        self.listed.as_ref()?;
        Some(format!("{endpoint}/{kind}{}/resolve/{}/{name}", self.id, self.commit))
    }

    /// Whether the repository is known to have no such file; offline that is not the same as that the cache has none.
    pub fn is_absent(&self, name: &str) -> bool {
        match &self.listed {
            Some(listed) => !listed.iter().any(|sibling| sibling.name == name),
            None => self.absent(name).exists(),
        }
    }

    /// The names of all its files, and offline those that [`Repository::remember_files`] has kept.
    ///
    /// # Errors
    /// [`HubError::NotCached`], [`HubError::Answer`].
    pub fn files(&self) -> Result<Vec<String>, HubError> {
        if let Some(listed) = &self.listed {
            return Ok(listed.iter().map(|sibling| sibling.name.clone()).collect());
        }
        let missing = |_| self.not_cached(LISTING);
        let bytes = fs::read(self.kept_listing()).map_err(missing)?;
        let kept: Vec<Sibling> = serde_json::from_slice(&bytes).map_err(|_| self.not_cached(LISTING))?;
        Ok(kept.into_iter().map(|sibling| sibling.name).collect())
    }

    /// The bytes of a file, where the hub says it.
    pub fn bytes_of(&self, name: &str) -> Option<u64> {
        self.listed.as_ref()?.iter().find(|sibling| sibling.name == name)?.size
    }

    /// Keeps the list of files beside the cache's own files, for those who are offline: what the cache holds need not be all.
    ///
    /// # Errors
    /// [`HubError::Cache`].
    pub fn remember_files(&self) -> Result<(), HubError> {
        let Some(listed) = &self.listed else { return Ok(()) };
        let path = self.kept_listing();
        let write = || {
            let bytes = serde_json::to_vec(listed)?;
            if fs::read(&path).is_ok_and(|kept| kept == bytes) {
                return Ok(());
            }
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            // Whole or not at all: another process may read it.
            let part = own_name(&path);
            fs::write(&part, bytes)?;
            fs::rename(&part, &path)
        };
        noted(write(), path)
    }

    fn kept_listing(&self) -> PathBuf {
        self.folder().join(".esmhub").join(format!("{}.json", self.commit))
    }

    /// Notes in the cache which commit the revision stands for, once all that is needed of it is there.
    ///
    /// # Errors
    /// [`HubError::Cache`].
    pub fn remember_revision(&self) -> Result<(), HubError> {
        if self.listed.is_none() {
            return Ok(());
        }
        let path = self.folder().join("refs").join(&self.revision);
        if fs::read_to_string(&path).is_ok_and(|known| known == self.commit) {
            return Ok(());
        }
        noted(self.hub.cache.repo(self.repo(&self.revision)).create_ref(&self.commit), path)
    }

    /// What the cache lacks.
    pub fn not_cached(&self, missing: &str) -> HubError {
        HubError::NotCached {
            id: self.id.clone(),
            revision: self.revision.clone(),
            cache: self.hub.settings.cache.clone(),
            missing: missing.into(),
        }
    }

    fn repo(&self, revision: &str) -> Repo {
        let kind = match self.kind {
            Kind::Model => RepoType::Model,
            Kind::Dataset => RepoType::Dataset,
        };
        Repo::with_revision(self.id.clone(), kind, revision.into())
    }

    /// `models--OWNER--NAME` in the cache.
    fn folder(&self) -> PathBuf {
        self.hub.settings.cache.join(self.repo(&self.revision).folder_name())
    }

    fn absent(&self, name: &str) -> PathBuf {
        self.folder().join(".no_exist").join(&self.commit).join(name)
    }

    fn remember_absent(&self, name: &str) -> Result<(), HubError> {
        let path = self.absent(name);
        if path.exists() {
            return Ok(());
        }
        let written = match path.parent() {
            Some(folder) => fs::create_dir_all(folder).and_then(|()| fs::write(&path, [])),
            None => Ok(()),
        };
        noted(written, path)
    }

    /// The commit that the revision stands for, and its files with their sizes.
    fn listing(&self) -> Result<Listing, HubError> {
        let what = format!("{} at {}", self.id, self.revision);
        let kind = match self.kind {
            Kind::Model => "models",
            Kind::Dataset => "datasets",
        };
        let (endpoint, revision) = (&self.hub.settings.endpoint, self.revision.replace('/', "%2F"));
        let url = format!("{endpoint}/api/{kind}/{}/revision/{revision}", self.id);
        let page = self.hub.get(&what, &url, &[("blobs", "true")])?;
        let wrong = |found| self.hub.settings.answer_error(LISTING, found, "a commit and its files".into());
        Listing::read(&page.body).map_err(wrong)
    }

    fn download(&self, sibling: &Sibling, limit: Option<u64>, progress: &dyn Fn(u64, u64)) -> Result<(), HubError> {
        let name = &sibling.name;
        let repository = self.folder();
        let locks = self.hub.settings.cache.join(".locks").join(repository.file_name().unwrap_or_default());
        let download = Download {
            hub: self.hub,
            id: &self.id,
            commit: &self.commit,
            name,
            url: self.url(name).ok_or_else(|| self.not_cached(name))?,
            repository,
            locks,
            bytes: sibling.size,
            limit,
            promise: sibling.promise(),
            progress,
        };
        download.run()
    }
}

/// Notes help who is offline later. A cache that its user may only read goes without.
fn noted(written: std::io::Result<()>, path: PathBuf) -> Result<(), HubError> {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match written {
        Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => Ok(()),
        written => written.map_err(|source| HubError::Cache { path, source }),
    }
}
