//! Locked rankings: a file that pins everything that decides a ranking, and the scores that came out.

mod file;
mod machine;
mod reproduce;
mod text;

use std::path::{Path, PathBuf};

use clap::Args;

pub(super) use self::file::Lock;
pub(super) use self::reproduce::Reproduced;

/// Whether to write a lock, or to follow one.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct LockOptions {
    /// Write a lock: what was ranked, how, and the scores, so that --locked can repeat it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    lock: Option<PathBuf>,
    /// Repeat the ranking of a lock: the same ESMs by digest, whatever is newer now, and the same settings. Fails where anything
    /// has changed, the scores included
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with_all = [
        "lock", "text", "label", "rows", "sample", "seed", "max_length", "task", "filter", "all_tags", "max_overlap",
        "score", "precision",
    ])]
    locked: Option<PathBuf>,
}

/// A lock that is followed, and its file.
pub(super) type Locked<'a> = (&'a Lock, &'a Path);

impl LockOptions {
    /// Where to write a lock.
    pub(super) fn lock(&self) -> Option<&Path> {
        self.lock.as_deref()
    }

    /// The lock to follow.
    pub(super) fn locked(&self) -> Option<&Path> {
        self.locked.as_deref()
    }
}
