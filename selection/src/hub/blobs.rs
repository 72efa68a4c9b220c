//! Where the cache keeps what it holds: each content once, under its digest, and a link to it under each name that a commit has for it.
//!
//! The digests are those that the list of files promises, checked when the content comes: no name in the cache is one that an answer
//! to a download chooses.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// How long another process is waited for that fetches the same.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The digest that the list of files promises for one: that of git LFS where it is a large file, else that of git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Promise {
    /// SHA-256 of the content.
    Large(String),
    /// SHA-1 of `blob BYTES\0` and the content.
    Small(String),
}

/// A digest in the making.
#[derive(Clone)]
pub(super) enum Hasher {
    Large(Sha256),
    Small(Sha1),
}

impl Promise {
    /// Of what the list says; `None` where it says nothing that is a digest.
    pub(super) fn of(sha256: Option<&str>, blob: Option<&str>) -> Option<Self> {
        let digest = |text: &str, digits| {
            let is_digest = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
            is_digest.then(|| text.to_ascii_lowercase())
        };
        match sha256 {
            Some(text) => digest(text, 64).map(Self::Large),
            None => blob.and_then(|text| digest(text, 40)).map(Self::Small),
        }
    }

    /// In hexadecimal digits; Python's huggingface_hub calls its blobs so as well.
    pub(super) fn digest(&self) -> &str {
        match self {
            Self::Large(digest) | Self::Small(digest) => digest,
        }
    }
}

impl Hasher {
    /// For a content of so many bytes. Without a promise it is the digest of a large file.
    pub(super) fn new(promise: Option<&Promise>, bytes: u64) -> Self {
        match promise {
            Some(Promise::Small(_)) => Self::Small(Sha1::new_with_prefix(format!("blob {bytes}\0"))),
            Some(Promise::Large(_)) | None => Self::Large(Sha256::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Large(hasher) => hasher.update(bytes),
            Self::Small(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> String {
        match self {
            Self::Large(hasher) => format!("{:x}", hasher.finalize()),
            Self::Small(hasher) => format!("{:x}", hasher.finalize()),
        }
    }
}

/// Whether a name leads to a file below the folder that it is put into.
pub(super) fn is_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && !name.contains('\0') && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Waits until nobody else fetches the same, by the lock that Python's huggingface_hub takes as well. `None` after a long time, and
/// where the file system has no locks.
pub(super) fn wait_for_turn(lock: &Path) -> io::Result<Option<File>> {
    fs::create_dir_all(lock.parent().unwrap_or(lock))?;
    let (file, begin) = (open_plain(lock)?, Instant::now());
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if begin.elapsed() < LONGEST_WAIT => thread::sleep(LOOK_AGAIN),
            Err(_) => return Ok(None),
        }
    }
}

/// Opens a file to read and write, and makes it where there is none. What is no plain file is refused: a link would lead the bytes
/// elsewhere, and a pipe waits for ever.
pub(super) fn open_plain(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is not a plain file", path.display())));
    }
    OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path)
}

/// A name that no other process gives, on this machine or another.
pub(super) fn own_name(path: &Path) -> PathBuf {
    let moment = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let thread = format!("{:?}", thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    path.with_added_extension(format!("{}-{thread}-{moment}", process::id()))
}

/// Makes `name` in the folder of a commit mean the blob `digest`; `snapshots/COMMIT/` and `blobs/` lie in `repository`. It means that, or
/// what it has meant, at every moment: another process may read it.
pub(super) fn link(repository: &Path, commit: &str, name: &str, digest: &str) -> io::Result<()> {
    let link = repository.join("snapshots").join(commit).join(name);
    fs::create_dir_all(link.parent().unwrap_or(&link))?;
    // Relative, as Python's are: a cache may be moved.
    let mut target: PathBuf = Path::new(name).components().map(|_| "..").collect();
    target.extend(["..", "blobs", digest]);
    if fs::read_link(&link).is_ok_and(|found| found == target) {
        return Ok(());
    }
    let (blob, made) = (repository.join("blobs").join(digest), own_name(&link));
    // Links can be a privilege.
    symlink(&target, &made).or_else(|_| fs::hard_link(&blob, &made)).or_else(|_| fs::copy(&blob, &made).map(|_| ()))?;
    let renamed = fs::rename(&made, &link);
    if renamed.is_err() {
        let _ = fs::remove_file(&made);
    }
    renamed
}

/// Whether a name in the folder of a commit is a link to another content than this.
pub(super) fn is_of_another(link: &Path, promise: &Promise) -> bool {
    fs::read_link(link).is_ok_and(|target| target.file_name().is_some_and(|name| name != promise.digest()))
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
