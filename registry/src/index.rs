//! The index: a user's own copy of the log's frames, so that a command need not open thousands of files.
//!
//! It is disposable. What it gives is verified as if it came from the registry, and where it gives nothing the caller reads
//! the log itself.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};

use crate::database::{Database, DatabaseError, PATIENCE, Tables, WRITING_PATIENCE};

/// Why the index was not used.
pub(crate) use crate::database::DatabaseError as IndexError;
pub(crate) use crate::database::Toward;

/// Frames that may wait to be taken. Each has at most 16 MiB, and mostly far less.
const QUEUE: usize = 4;

/// Frames that are fetched at once.
const WINDOW_BYTES: usize = 4 * 1024 * 1024;

/// Frames by entry number, 8 bytes big-endian, so that they are kept in the order of the log.
const FRAMES: &str = "log";

/// A user's index of one registry at one place.
pub(crate) struct Index {
    database: Database,
}

impl Index {
    /// The index in this folder, which need not exist.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { database: Database::at(folder) }
    }

    /// Where it lies.
    pub(crate) fn folder(&self) -> &Path {
        self.database.folder()
    }

    /// Whether anything lies there.
    pub(crate) fn exists(&self) -> bool {
        self.database.exists().unwrap_or(true)
    }

    /// Shows the frames of entries 1, 2, 3 … to `visit`, as long as it answers true and none is missing.
    pub(crate) fn read(&self, mut visit: impl FnMut(u64, Vec<u8>) -> bool) -> Result<(), IndexError> {
        if !self.database.exists()? {
            return Ok(());
        }
        let (frames, taken) = sync_channel(QUEUE);
        let job = self.database.start(move |tables| send_frames(tables, &frames))?;
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
                Err(RecvTimeoutError::Timeout) => return Err(DatabaseError::Slow),
            }
        }
        // Nobody takes any more: a thread that still wants to send gives up, and closes the database.
        drop(taken);
        job.outcome(PATIENCE)
    }

    /// The frame of an entry, with those next to it, some megabytes in all; nothing where it is missing.
    pub(crate) fn some(&self, number: u64, toward: Toward) -> Result<Vec<(u64, Vec<u8>)>, IndexError> {
        if !self.database.exists()? {
            return Ok(Vec::new());
        }
        let job = self.database.start(move |tables| {
            let mut frames = Vec::new();
            let mut bytes = 0;
            for item in tables.table(FRAMES)?.from(&number.to_be_bytes(), toward) {
                let (key, frame) = item?;
                bytes += frame.len();
                frames.push((number_of(&key)?, frame));
                if bytes > WINDOW_BYTES {
                    break;
                }
            }
            Ok(frames)
        })?;
        job.outcome(WRITING_PATIENCE)
    }

    /// The number of the last entry; `None` where there is none, or where that cannot be known just now.
    pub(crate) fn last(&self) -> Option<u64> {
        if !self.database.exists().ok()? {
            return None;
        }
        let job = self.database.start(move |tables| {
            let mut items = tables.table(FRAMES)?.from(&u64::MAX.to_be_bytes(), Toward::Beginning);
            items.next().map(|item| number_of(&item?.0)).transpose()
        });
        job.ok()?.outcome(PATIENCE).ok()?
    }

    /// Keeps frames by entry number.
    pub(crate) fn write(&self, frames: Vec<(u64, Vec<u8>)>) -> Result<(), IndexError> {
        let job = self.database.start(move |tables| {
            let table = tables.table(FRAMES)?;
            for (number, frame) in frames {
                table.insert(&number.to_be_bytes(), &frame)?;
            }
            tables.flush()
        })?;
        job.outcome(WRITING_PATIENCE)
    }

    /// Gives it a name beside its own, under which nothing uses it, and tells that.
    pub(crate) fn set_aside(&self) -> Result<PathBuf, IndexError> {
        self.database.set_aside("aside")
    }

    /// The same of one that is damaged; where there are many of these already, it is deleted.
    pub(crate) fn set_damaged_aside(&self) -> Result<Option<PathBuf>, IndexError> {
        match self.database.set_aside("damaged") {
            Err(DatabaseError::Crowded) => self.database.discard().map(|()| None),
            outcome => outcome.map(Some),
        }
    }
}

fn send_frames(tables: &Tables, frames: &SyncSender<(u64, Vec<u8>)>) -> Result<(), DatabaseError> {
    for item in tables.table(FRAMES)?.iter() {
        let (key, frame) = item?;
        if frames.send((number_of(&key)?, frame)).is_err() {
            break;
        }
    }
    Ok(())
}

fn number_of(key: &[u8]) -> Result<u64, DatabaseError> {
    key.try_into().map(u64::from_be_bytes).map_err(|_| DatabaseError::Format)
}
