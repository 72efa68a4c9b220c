//! Locked rankings: a file that pins everything that decides a ranking, and the scores that came out.

mod file;
mod machine;
mod reproduce;
mod text;

use std::path::{Path, PathBuf};

use clap::Args;
use clap::error::{ContextKind, ContextValue, ErrorKind};

pub(super) use self::file::Lock;
pub(super) use self::reproduce::Reproduced;
pub(super) use self::text::Text;

/// What a lock decides, so that it cannot be given beside one; each takes a value.
const DECIDED: [&str; 12] = [
    "text",
    "label",
    "rows",
    "sample",
    "seed",
    "max_length",
    "pooling",
    "task",
    "filter",
    "max_overlap",
    "score",
    "precision",
];
/// The same, without a value.
const ALL_TAGS: &str = "all_tags";

/// The words of a command line that wrote a lock, as one that follows it.
pub(super) fn following(words: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut words = words.into_iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if word == "--" {
            kept.push(word);
            kept.extend(words);
            break;
        }
        let (option, value) =
            word.split_once('=').map_or((word.as_str(), None), |(option, value)| (option, Some(value)));
        let id = option.strip_prefix("--").unwrap_or_default().replace('-', "_");
        match (id.as_str(), value) {
            ("lock", None) => kept.push("--locked".to_owned()),
            ("lock", Some(file)) => kept.push(format!("--locked={file}")),
            (ALL_TAGS, _) => {}
            (id, value) if DECIDED.contains(&id) => {
                // The value stands in the same word, or in the next one.
                if value.is_none() {
                    words.next();
                }
            }
            _ => kept.push(word),
        }
    }
    kept
}

/// Advice where something is given beside `--locked` that the lock decides.
pub(crate) fn hint_for(error: &clap::Error) -> Option<&'static str> {
    let mut options = Vec::new();
    for kind in [ContextKind::InvalidArg, ContextKind::PriorArg] {
        match error.get(kind) {
            Some(ContextValue::String(option)) => options.push(option.as_str()),
            Some(ContextValue::Strings(several)) => options.extend(several.iter().map(String::as_str)),
            _ => {}
        }
    }
    let names = |name: &str| options.iter().any(|option| option.split(' ').next() == Some(name));
    (error.kind() == ErrorKind::ArgumentConflict && names("--locked") && !names("--lock"))
        .then_some("the lock holds all that decides the ranking, columns and settings: leave such options out")
}

/// Whether to write a lock, or to follow one.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct LockOptions {
    /// Write a lock: what was ranked, how, and the scores, so that --locked can repeat it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    lock: Option<PathBuf>,
    /// Repeat the ranking of a lock: the same ESMs by digest, whatever is newer now, and the same settings. Fails where anything
    /// has changed, the scores included
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with_all = DECIDED)]
    #[arg(conflicts_with_all = [ALL_TAGS, "lock"])]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_wrote_a_lock_becomes_one_that_follows_it() {
        for (written, followed) in [
            ("rank t.npz --lock l.json", "rank t.npz --locked l.json"),
            ("rank --lock=l.json --rows 50 --seed=7 t.npz --top 3", "rank --locked=l.json t.npz --top 3"),
            (
                "rank t.csv --text a,b --label c --base x=y --all-tags --lock l --max-overlap 5%",
                "rank t.csv --base x=y --locked l",
            ),
            ("rank --lock l -- --rows", "rank --locked l -- --rows"),
            ("rank t.npz --rows 9", "rank t.npz"),
        ] {
            let words = written.split(' ').map(str::to_owned);
            assert_eq!(following(words).join(" "), followed, "{written}");
        }
    }
}
