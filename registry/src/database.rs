//! A small database in a user's cache. The one home of sled.
//!
//! It is disposable, and nothing that happens in here can take a command down: all of sled runs in a thread of its own,
//! whose panics end it alone and which is left behind when it hangs. The caller then does without. The database is locked by
//! whoever has it open, so it is opened for one job, and no longer.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// How long nothing may be heard from the thread before it is left behind.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// The same while it writes: a flush waits for a disk that others use too.
pub(crate) const WRITING_PATIENCE: Duration = Duration::from_secs(10);
/// While another command has the database open, it is tried again this often, this far apart: 1.5 seconds in all.
const TRIES: u32 = 150;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);
/// How many are kept aside at most: somebody who may write to a registry must not fill its readers' disks.
const MAX_ASIDE: u32 = 8;
const CACHE_BYTES: u64 = 4 * 1024 * 1024;

/// The version of what is kept here, and the key that it has in the default tree.
const FORMAT: (&[u8], &[u8]) = (b"format", b"1");

/// A database at one place, closed.
pub(crate) struct Database {
    folder: PathBuf,
}

/// Why a database was not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error("another command is using it")]
    Locked,
    #[error("it did not answer in time")]
    Slow,
    #[error("it failed in an unexpected way")]
    Panicked,
    #[error("there are {MAX_ASIDE} of them already")]
    Crowded,
    #[error("another version of esmhub made it")]
    Format,
    #[error("{0}")]
    Sled(#[from] sled::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl DatabaseError {
    /// Whether the database may be in order all the same, and is not to be deleted.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Locked | Self::Slow => true,
            // What the operating system refused (too many open files, a disk that does not answer) says nothing of the database,
            // unless it is not made of the files that it should be; what sled found in them does.
            Self::Io(error) | Self::Sled(sled::Error::Io(error)) => {
                use io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory, NotFound};
                let misshapen = [AlreadyExists, IsADirectory, NotADirectory, NotFound];
                error.raw_os_error().is_some() && !misshapen.contains(&error.kind())
            }
            _ => false,
        }
    }
}

/// The open database, for a job.
pub(crate) struct Tables(sled::Db);

/// One of its tables: values by key, in the order of the keys' bytes.
pub(crate) struct Table(sled::Tree);

/// A key and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// A direction in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Toward {
    Beginning,
    End,
}

/// A job that runs.
pub(crate) struct Job<T>(Receiver<Result<T, DatabaseError>>);

impl Database {
    /// The database in this folder, which need not exist.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is anything: a job would make it.
    pub(crate) fn exists(&self) -> Result<bool, DatabaseError> {
        Ok(fs::exists(&self.folder)?)
    }

    /// Opens it for a job, which has its own thread, and closes it.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Tables) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<Job<T>, DatabaseError> {
        let folder = self.folder.clone();
        in_thread(move || {
            if let Some(parent) = folder.parent() {
                fs::create_dir_all(parent)?;
            }
            job(&Tables(open(&folder)?))
        })
    }

    /// Renames it to the first of a few names beside its own that is free.
    pub(crate) fn set_aside(&self, why: &'static str) -> Result<PathBuf, DatabaseError> {
        let folder = self.folder.clone();
        let job = in_thread(move || {
            let mut names = (1..=MAX_ASIDE).map(|number| folder.with_extension(format!("{why}-{number}")));
            let free = names.find(|name| matches!(fs::exists(name), Ok(false))).ok_or(DatabaseError::Crowded)?;
            fs::rename(&folder, &free)?;
            Ok(free)
        })?;
        job.outcome(PATIENCE)
    }

    /// Deletes it.
    pub(crate) fn discard(&self) -> Result<(), DatabaseError> {
        let folder = self.folder.clone();
        let job = in_thread(move || {
            let removed = if folder.is_dir() { fs::remove_dir_all(&folder) } else { fs::remove_file(&folder) };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            }
        })?;
        job.outcome(PATIENCE)
    }
}

impl<T> Job<T> {
    /// What the job answers; it is left behind when that takes longer. All that it opened is closed by then.
    pub(crate) fn outcome(&self, patience: Duration) -> Result<T, DatabaseError> {
        match self.0.recv_timeout(patience) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => Err(DatabaseError::Slow),
            Err(RecvTimeoutError::Disconnected) => Err(DatabaseError::Panicked),
        }
    }
}

impl Tables {
    /// The table of this name, empty where there was none.
    pub(crate) fn table(&self, name: &str) -> Result<Table, DatabaseError> {
        Ok(Table(self.0.open_tree(name)?))
    }

    /// Deletes a table.
    pub(crate) fn drop_table(&self, name: &str) -> Result<(), DatabaseError> {
        self.0.drop_tree(name)?;
        Ok(())
    }

    /// Returns when all that was written lasts.
    pub(crate) fn flush(&self) -> Result<(), DatabaseError> {
        self.0.flush()?;
        Ok(())
    }
}

impl Table {
    /// A key's value.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DatabaseError> {
        Ok(self.0.get(key)?.map(|value| value.to_vec()))
    }

    /// Gives a key a value; whether it had none.
    pub(crate) fn insert(&self, key: &[u8], value: &[u8]) -> Result<bool, DatabaseError> {
        Ok(self.0.insert(key, value)?.is_none())
    }

    /// A key with its value, and those beyond it in one direction.
    pub(crate) fn from(&self, key: &[u8], toward: Toward) -> Box<dyn Iterator<Item = Result<Pair, DatabaseError>>> {
        match toward {
            Toward::Beginning => Box::new(self.0.range(..=key.to_vec()).rev().map(owned)),
            Toward::End => Box::new(self.0.range(key.to_vec()..).map(owned)),
        }
    }

    /// All keys with their values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<Pair, DatabaseError>> {
        self.0.iter().map(owned)
    }
}

fn owned(item: sled::Result<(sled::IVec, sled::IVec)>) -> Result<Pair, DatabaseError> {
    Ok(item.map(|(key, value)| (key.to_vec(), value.to_vec()))?)
}

fn open(folder: &Path) -> Result<sled::Db, DatabaseError> {
    let config =
        sled::Config::new().path(folder).mode(sled::Mode::LowSpace).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let mut tries = 0;
    let database = loop {
        match config.open() {
            Err(error) if is_locked(&error) && tries < TRIES => thread::sleep(BETWEEN_TRIES),
            Err(error) if is_locked(&error) => return Err(DatabaseError::Locked),
            opened => break opened?,
        }
        tries += 1;
    };
    let (key, format) = FORMAT;
    match database.get(key)? {
        Some(found) if found == format => {}
        Some(_) => return Err(DatabaseError::Format),
        None => {
            database.insert(key, format)?;
        }
    }
    Ok(database)
}

/// sled 0.34 has no error of its own for this: it wraps what the lock said in an error of kind `Other`.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(io) if io.to_string().contains("could not acquire lock"))
}

/// Runs a job in a thread that nobody waits for longer than they want to.
fn in_thread<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, DatabaseError> + Send + 'static,
) -> Result<Job<T>, DatabaseError> {
    let (sender, receiver) = sync_channel(1);
    thread::Builder::new().name("database".into()).spawn(move || {
        // Whoever no longer waits does not need to know. A panic ends this thread, and drops what would answer.
        let _ = sender.send(job());
    })?;
    Ok(Job(receiver))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn what_another_version_keeps_is_not_taken_for_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::at(folder.path().join("index"));
        let write = |tables: &Tables| tables.table("log")?.insert(b"key", b"value");
        assert!(database.start(write).unwrap().outcome(PATIENCE).unwrap());
        let other = sled::open(database.folder()).unwrap();
        other.insert(FORMAT.0, b"another").unwrap();
        drop(other);
        let refused = database.start(write).unwrap().outcome(PATIENCE);
        assert!(matches!(refused, Err(DatabaseError::Format)), "{refused:?}");
        database.discard().unwrap();
        assert!(database.start(write).unwrap().outcome(PATIENCE).unwrap());
    }

    /// It may be the last copy of something.
    #[test]
    fn what_fails_for_a_moment_is_not_called_damaged() {
        let os = |code| DatabaseError::from(io::Error::from_raw_os_error(code));
        // EIO, EMFILE, ENOSPC as Linux and macOS number them.
        for code in [5, 24, 28] {
            assert!(
                os(code).is_passing() && DatabaseError::Sled(io::Error::from_raw_os_error(code).into()).is_passing()
            );
        }
        // ENOTDIR, and what sled itself makes of bytes.
        assert!(!os(20).is_passing() && !DatabaseError::Sled(io::Error::other("garbage").into()).is_passing());
    }

    #[test]
    fn what_hangs_or_panics_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::at(folder.path().join("index"));
        let sleep = |_: &Tables| {
            thread::sleep(Duration::from_secs(300));
            Ok(())
        };
        let hangs = database.start(sleep).unwrap();
        assert!(matches!(hangs.outcome(Duration::from_millis(50)), Err(DatabaseError::Slow)));
        let beside = Database::at(folder.path().join("beside"));
        let panics = beside.start(|_| -> Result<(), _> { panic!("as sled does") }).unwrap();
        assert!(matches!(panics.outcome(PATIENCE), Err(DatabaseError::Panicked)));
    }
}
