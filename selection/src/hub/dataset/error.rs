//! Why the files of a split could not be had.

use super::super::HubError;

/// The files of a split could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// From the hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// Its card, or the names in it, cannot be understood.
    #[error("the card (README.md) of the data set {id}: {reason}")]
    Card {
        /// The data set's id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It has several subsets, and none was named that it has.
    #[error("the data set {id} has {}", none_of("subset", wanted.as_deref(), known))]
    Subset {
        /// The data set's id.
        id: String,
        /// What was asked for.
        wanted: Option<String>,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The subset has no such split, or none that goes without saying.
    #[error("the subset {subset} of the data set {id} has {}", none_of("split", wanted.as_deref(), known))]
    Split {
        /// The data set's id.
        id: String,
        /// The subset.
        subset: String,
        /// What was asked for.
        wanted: Option<String>,
        /// Those that it has.
        known: Vec<String>,
    },
    /// Nothing in it is read.
    #[error("the data set {id} at {revision}: {reason}")]
    Files {
        /// The data set's id.
        id: String,
        /// The commit or branch.
        revision: String,
        /// Why not.
        reason: String,
    },
}

impl DatasetError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Hub(error) => error.hint(),
            Self::Card { .. } | Self::Files { .. } => {
                Some("download a file of it, and give that file as a .csv, .tsv, .jsonl or .parquet".into())
            }
            Self::Subset { known, .. } => known.first().map(|name| format!("name one, such as {name}")),
            Self::Split { known, .. } => known.first().map(|name| format!("name one, such as {name}")),
        }
    }
}

/// Names come from outside: they are quoted, and only so many are shown.
fn none_of(what: &str, wanted: Option<&str>, known: &[String]) -> String {
    const SHOWN: usize = 20;
    let cut = |name: &str| format!("{:?}", name.chars().take(60).collect::<String>());
    let mut names: Vec<String> = known.iter().take(SHOWN).map(|name| cut(name)).collect();
    if let Some(more) = known.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    let names = names.join(", ");
    match wanted {
        Some(wanted) => format!("no {what} {}, it has {names}", cut(wanted)),
        None => format!("several {what}s, and one must be named: {names}"),
    }
}
