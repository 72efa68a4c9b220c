//! The index: a user's own copy of the log's frames, so that a command need not open thousands of files. The one home of
//! sled.
//!
//! It is disposable. What it gives is verified as if it came from the registry, and nothing that happens in here can take
//! a command down: all of sled runs in a thread of its own, whose panics are caught and which is left behind when it
//! hangs. The caller then reads the log itself. The database is locked by whoever has it open, so it is opened for as
//! long as it takes to read or write it, and no longer.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// How long nothing may be heard from the thread before it is left behind.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same while it writes: a flush waits for a disk that others use too.
const WRITING_PATIENCE: Duration = Duration::from_secs(10);
/// While another command has the index open, it is tried again this often, this far apart: 1.5 seconds in all.
const TRIES: u32 = 150;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);
const CACHE_BYTES: u64 = 4 * 1024 * 1024;
/// Frames that may wait to be taken. Each has at most 16 MiB, and mostly far less.
const QUEUE: usize = 4;

/// The version of what is kept here, and the key that it has in the default tree.
const FORMAT: (&[u8], &[u8]) = (b"format", b"1");
/// Frames by entry number, 8 bytes big-endian, so that they are kept in the order of the log.
const FRAMES: &str = "log";

/// A user's index of one registry at one place.
pub(crate) struct Index {
    folder: PathBuf,
}

/// Why the index was not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error("another command is using it")]
    Locked,
    #[error("it did not answer in time")]
    Slow,
    #[error("it failed in an unexpected way")]
    Panicked,
    #[error("another version of esmhub made it")]
    Format,
    #[error("{0}")]
    Sled(#[from] sled::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl IndexError {
    /// Whether it may be in order all the same, and is not to be deleted.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Locked | Self::Slow)
    }
}

impl Index {
    /// The index in this folder, which need not exist.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Shows the frames of entries 1, 2, 3 … to `visit`, as long as it answers true and none is missing.
    pub(crate) fn read(&self, mut visit: impl FnMut(u64, Vec<u8>) -> bool) -> Result<(), IndexError> {
        if !fs::exists(&self.folder)? {
            return Ok(());
        }
        let (frames, taken) = sync_channel(QUEUE);
        let folder = self.folder.clone();
        let done = in_thread(move || send_frames(&folder, &frames))?;
        let mut next = 1;
        loop {
            match taken.recv_timeout(PATIENCE) {
                Ok((number, frame)) if number == next => {
                    next += 1;
                    if !visit(number, frame) {
                        break;
                    }
                }
                Ok(_) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err(IndexError::Slow),
            }
        }
        // Nobody takes any more: a thread that still wants to send gives up, and closes the database.
        drop(taken);
        answer(&done, PATIENCE)
    }

    /// Keeps frames by entry number.
    pub(crate) fn write(&self, frames: Vec<(u64, Vec<u8>)>) -> Result<(), IndexError> {
        let folder = self.folder.clone();
        let done = in_thread(move || {
            if let Some(parent) = folder.parent() {
                fs::create_dir_all(parent)?;
            }
            let database = open(&folder)?;
            let tree = database.open_tree(FRAMES)?;
            for (number, frame) in frames {
                tree.insert(number.to_be_bytes(), frame)?;
            }
            database.flush()?;
            Ok(())
        })?;
        answer(&done, WRITING_PATIENCE)
    }

    /// Deletes it.
    pub(crate) fn discard(&self) -> Result<(), IndexError> {
        let folder = self.folder.clone();
        let done = in_thread(move || {
            let removed = if folder.is_dir() { fs::remove_dir_all(&folder) } else { fs::remove_file(&folder) };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            }
        })?;
        answer(&done, PATIENCE)
    }
}

fn send_frames(folder: &Path, frames: &SyncSender<(u64, Vec<u8>)>) -> Result<(), IndexError> {
    let database = open(folder)?;
    for item in database.open_tree(FRAMES)?.iter() {
        let (key, frame) = item?;
        let Ok(number) = key.as_ref().try_into().map(u64::from_be_bytes) else {
            return Err(IndexError::Format);
        };
        if frames.send((number, frame.to_vec())).is_err() {
            break;
        }
    }
    Ok(())
}

fn open(folder: &Path) -> Result<sled::Db, IndexError> {
    let config =
        sled::Config::new().path(folder).mode(sled::Mode::LowSpace).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let mut tries = 0;
    let database = loop {
        match config.open() {
            Err(error) if is_locked(&error) && tries < TRIES => thread::sleep(BETWEEN_TRIES),
            Err(error) if is_locked(&error) => return Err(IndexError::Locked),
            opened => break opened?,
        }
        tries += 1;
    };
    let (key, format) = FORMAT;
    match database.get(key)? {
        Some(found) if found == format => {}
        Some(_) => return Err(IndexError::Format),
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

/// Runs a job in a thread that nobody waits for longer than they want to. Everything that the job opened is closed when
/// its answer arrives.
fn in_thread(
    job: impl FnOnce() -> Result<(), IndexError> + Send + 'static,
) -> Result<Receiver<Result<(), IndexError>>, IndexError> {
    let (sender, receiver) = sync_channel(1);
    thread::Builder::new().name("index".into()).spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(job)).unwrap_or(Err(IndexError::Panicked));
        // Whoever no longer waits does not need to know.
        let _ = sender.send(outcome);
    })?;
    Ok(receiver)
}

fn answer(done: &Receiver<Result<(), IndexError>>, patience: Duration) -> Result<(), IndexError> {
    match done.recv_timeout(patience) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => Err(IndexError::Slow),
        Err(RecvTimeoutError::Disconnected) => Err(IndexError::Panicked),
    }
}
