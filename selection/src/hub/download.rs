//! Downloads into the cache.
//!
//! What comes is counted against what was promised or allowed before it is written, checked against its digest before it has a name,
//! and goes on where a connection broke, in this run or the next.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use sha2::{Digest, Sha256};
use ureq::Body;
use ureq::http::Response;

use super::blobs::{Hasher, Promise, link, open_plain, own_name, wait_for_turn};
use super::client::{SLOWEST, TIMEOUT, header};
use super::patience::{Trouble, patiently};
use super::ranges::begins_at;
use super::{Hub, HubError};

/// What one read brings at most.
const CHUNK: usize = 64 << 10;
/// Attempts that brought so many bytes more than any before, and no fewer a second than is bearable, were not in vain.
const PROGRESS: u64 = 1 << 20;
/// The most bytes of a file of which neither the list nor the caller says how many it may have.
const MOST: u64 = 16 << 30;

/// A file at one commit, and where the cache keeps it.
pub(super) struct Download<'a> {
    pub(super) hub: &'a Hub,
    /// `owner/name`.
    pub(super) id: &'a str,
    pub(super) commit: &'a str,
    pub(super) name: &'a str,
    pub(super) url: String,
    /// `models--OWNER--NAME` in the cache.
    pub(super) repository: PathBuf,
    /// The folder beside those of repositories where Python's huggingface_hub locks.
    pub(super) locks: PathBuf,
    /// Its bytes, where the list of files says so.
    pub(super) bytes: Option<u64>,
    /// The most bytes that are taken where it does not.
    pub(super) limit: Option<u64>,
    pub(super) promise: Option<Promise>,
    /// Is called with the bytes that are here and all of them.
    pub(super) progress: &'a dyn Fn(u64, u64),
}

/// A file that is not whole yet, what of it is here, and the digest of that.
struct Part {
    file: File,
    path: PathBuf,
    here: u64,
    hasher: Hasher,
}

impl Download<'_> {
    /// Brings the file into the cache, unless its content is there already under another name.
    ///
    /// # Errors
    /// [`HubError`].
    pub(super) fn run(&self) -> Result<(), HubError> {
        // Without a promise, a name that two runs agree on, so that the second goes on where the first broke off.
        let key = match &self.promise {
            Some(promise) => promise.digest().to_owned(),
            None => format!("{:x}", Sha256::digest(format!("{} {}", self.commit, self.name))),
        };
        let lock = wait_for_turn(&self.locks.join(format!("{key}.lock"))).map_err(|source| self.cache_error(source))?;
        let known = self.promise.as_ref().filter(|_| self.is_blob(&key)).map(|_| key.clone());
        let digest = match known {
            Some(digest) => digest,
            None => {
                let part = self.repository.join("blobs").join(format!("{key}.esmhub.incomplete"));
                // Whoever could not have the lock writes to a file of their own.
                let part = if lock.is_some() { part } else { own_name(&part) };
                let digest = self.fetch(&part);
                if lock.is_none() && digest.is_err() {
                    let _ = fs::remove_file(&part);
                }
                digest?
            }
        };
        link(&self.repository, self.commit, self.name, &digest).map_err(|source| self.cache_error(source))
    }

    /// Whether the cache holds this content. One of another size is none, whoever left it there.
    fn is_blob(&self, digest: &str) -> bool {
        let found = fs::metadata(self.repository.join("blobs").join(digest));
        found.is_ok_and(|found| found.is_file() && self.bytes.is_none_or(|bytes| bytes == found.len()))
    }

    /// The digest of the file, which becomes its name among the blobs.
    fn fetch(&self, part: &Path) -> Result<String, HubError> {
        let (mut best, mut before) = (0, 0);
        let digest = loop {
            let begin = Instant::now();
            match patiently(|| self.attempt(part, &mut best)) {
                // A connection that breaks again and again brings a large file all the same.
                Err(_) if best >= before + PROGRESS.max(begin.elapsed().as_secs() * SLOWEST) => before = best,
                digest => break digest?,
            }
        };
        fs::rename(part, self.repository.join("blobs").join(&digest)).map_err(|source| self.cache_error(source))?;
        Ok(digest)
    }

    /// One request, for what is missing. `best` is the most that was ever here.
    fn attempt(&self, part: &Path, best: &mut u64) -> Result<String, Trouble> {
        let lasting = |source| Trouble::lasting(self.cache_error(source));
        let mut part = self.open(part).map_err(lasting)?;
        *best = part.here.max(*best);
        let mut all = self.bytes;
        if all != Some(part.here) {
            let mut response = self.ask(&part)?;
            if response.status().as_u16() == 200 {
                part.empty(self.hasher()).map_err(lasting)?;
            }
            let more = header(&response, "content-length").and_then(|length| length.parse::<u64>().ok());
            all = all.or_else(|| part.here.checked_add(more?));
            let taken = self.take(&mut part, all, &mut response);
            *best = part.here.max(*best);
            taken?;
        }
        self.check(part, all)
    }

    /// The answer to the request, which is one that goes on where `part` ends, or begins anew.
    fn ask(&self, part: &Part) -> Result<Response<Body>, Trouble> {
        let left = self.bytes.or(self.limit).unwrap_or(MOST).saturating_sub(part.here);
        let mut request = self.hub.download(&self.url, left);
        if part.here > 0 {
            request = request.header("range", format!("bytes={}-", part.here));
        }
        let response = request.call().map_err(|source| self.broken(Box::new(source)))?;
        match response.status().as_u16() {
            200 => Ok(response),
            206 if part.here > 0 && begins_at(&response, part.here) => Ok(response),
            // Not what was asked for, or more than there is: from the beginning, then.
            206 | 416 => {
                part.forget().map_err(|source| Trouble::lasting(self.cache_error(source)))?;
                let found = format!("status {} and another range", response.status().as_u16());
                Err(self.wrong(found, format!("the bytes from {} on", part.here)))
            }
            _ => Err(self.hub.refused(&response, &format!("{} of {} at {}", self.name, self.id, self.commit))),
        }
    }

    /// Writes what comes; `all` is how much it is in the end.
    fn take(&self, part: &mut Part, all: Option<u64>, response: &mut Response<Body>) -> Result<(), Trouble> {
        if let (Some(all), Some(limit)) = (all, self.limit)
            && all > limit
        {
            return Err(Trouble::lasting(self.too_large(all, limit)));
        }
        // One byte more than there may be, to see that there is more.
        let most = all.or(self.limit).unwrap_or(MOST);
        let left = most.saturating_sub(part.here).saturating_add(1);
        let mut body = response.body_mut().with_config().limit(u64::MAX).reader().take(left);
        let mut chunk = vec![0; CHUNK];
        let (mut since, mut came) = (Instant::now(), 0);
        loop {
            if since.elapsed() >= TIMEOUT {
                if came < TIMEOUT.as_secs() * SLOWEST {
                    let slow = format!("{came} bytes came in {} seconds", since.elapsed().as_secs());
                    return Err(self.broken(slow.into()));
                }
                (since, came) = (Instant::now(), 0);
            }
            let count = match body.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.broken(Box::new(error))),
            };
            came += count as u64;
            if part.here + count as u64 > most {
                part.forget().map_err(|source| Trouble::lasting(self.cache_error(source)))?;
                return Err(match all {
                    Some(all) => self.wrong("more bytes".into(), format!("{all}")),
                    None => Trouble::lasting(self.too_large(part.here + count as u64, most)),
                });
            }
            part.add(chunk.get(..count).unwrap_or_default())
                .map_err(|source| Trouble::lasting(self.cache_error(source)))?;
            (self.progress)(part.here, all.unwrap_or(0));
        }
    }

    /// Whether all is here, and is what was promised.
    fn check(&self, part: Part, all: Option<u64>) -> Result<String, Trouble> {
        if let Some(all) = all.filter(|all| *all != part.here) {
            return Err(self.wrong(format!("{} bytes", part.here), format!("{all}")));
        }
        let Part { file, path, hasher, .. } = part;
        let (digest, lasting) = (hasher.finish(), |source| Trouble::lasting(self.cache_error(source)));
        match &self.promise {
            Some(promise) if promise.digest() != digest => {
                fs::remove_file(&path).map_err(lasting)?;
                Err(self.wrong(format!("the digest {digest}"), promise.digest().into()))
            }
            _ => {
                file.sync_data().map_err(lasting)?;
                Ok(digest)
            }
        }
    }

    /// What is here of the file.
    fn open(&self, path: &Path) -> io::Result<Part> {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        let mut file = open_plain(path)?;
        let (mut hasher, mut here, mut chunk) = (self.hasher(), 0, vec![0; CHUNK]);
        loop {
            match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(chunk.get(..count).unwrap_or_default());
                    here += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut part = Part { file, path: path.to_owned(), here, hasher };
        if self.bytes.or(self.limit).is_some_and(|most| here > most) {
            part.empty(self.hasher())?;
        }
        Ok(part)
    }

    fn hasher(&self) -> Hasher {
        Hasher::new(self.promise.as_ref(), self.bytes.unwrap_or(0))
    }
}

impl Part {
    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.here += bytes.len() as u64;
        Ok(())
    }

    /// Begins anew.
    fn empty(&mut self, hasher: Hasher) -> io::Result<()> {
        self.forget()?;
        self.file.rewind()?;
        (self.here, self.hasher) = (0, hasher);
        Ok(())
    }

    /// Leaves nothing for the next attempt.
    fn forget(&self) -> io::Result<()> {
        self.file.set_len(0)
    }
}

impl Download<'_> {
    fn cache_error(&self, source: io::Error) -> HubError {
        HubError::Cache { path: self.repository.join("snapshots").join(self.commit).join(self.name), source }
    }

    fn broken(&self, source: Box<dyn std::error::Error + Send + Sync>) -> Trouble {
        Trouble::of_connection(self.hub.settings.request_error(self.name, source))
    }

    /// Something else may come the next time.
    fn wrong(&self, found: String, expected: String) -> Trouble {
        Trouble::of_connection(self.hub.settings.answer_error(self.name, found, expected))
    }

    fn too_large(&self, bytes: u64, limit: u64) -> HubError {
        HubError::TooLarge { file: self.name.into(), id: self.id.into(), bytes, limit }
    }
}
