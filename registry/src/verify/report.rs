//! What a verification says.

use std::fmt;
use std::time::SystemTime;

use esmhub_store_format::Digest;

use crate::registry::MARKER_ADVICE;
use crate::{Notice, Tally};

/// What was checked, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Object files that were read.
    pub objects: u64,
    /// Their bytes on disk, of those that are sound.
    pub object_bytes: u64,
    /// Log entries that were read.
    pub entries: u64,
    /// Their bytes on disk, of those that are sound.
    pub entry_bytes: u64,
    /// Log entries that are declared lost, as runs of numbers from the first to the last of each.
    pub lost: Vec<(u64, u64)>,
    /// References whose cards were checked.
    pub references: u64,
    /// Sound objects that neither a reference nor an anchors record needs: left by a publish that was interrupted, or by a removal.
    pub unreferenced: Vec<Digest>,
    /// Objects that are needed and lie in the trash: an interrupted garbage collection left them there, and the next one puts
    /// them back. Until then they are read from there.
    pub displaced: Vec<Digest>,
    /// What is in the trash.
    pub trash: Tally,
    /// Files in the quarantine. Nothing reads them.
    pub quarantined: u64,
    /// Files that a killed writer left half-written. Nothing reads them.
    pub staged: Vec<String>,
    /// Files that are no part of a registry. Nothing reads them.
    pub strays: Vec<String>,
    /// What is intact but newer than this program, and so could not be checked to the end.
    pub newer: Vec<String>,
    /// What this user's index has to say about the log.
    pub notice: Option<Notice>,
    /// What is damaged, missing, or does not fit together.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is: "marker", "object", "log entry", "card", "record" or "folder".
    pub what: &'static str,
    /// Which file of the registry, or which reference.
    pub place: String,
    /// What was expected, and what was found.
    pub detail: String,
    /// What cannot be used because of it: references, `name:tag`, and `anchors of BASE`.
    pub used_by: Vec<String>,
    /// When the file was last changed, by the store's clock; `None` where it is missing, or no file is meant.
    pub modified: Option<SystemTime>,
    /// What can be done about it.
    pub hint: Option<String>,
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Files that are done.
    pub done: u64,
    /// Files that there are.
    pub total: u64,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.what, self.place, self.detail)
    }
}

impl Problem {
    pub(super) fn new(what: &'static str, place: impl Into<String>, detail: impl Into<String>) -> Self {
        let hint = match what {
            "object" => Some(
                "`esmhub verify --repair --from REGISTRY` takes it from another registry; or `esmhub verify --repair`, and then publish the same again",
            ),
            "marker" => Some(MARKER_ADVICE),
            "object in the trash" => Some("nothing needs it; `esmhub gc` deletes it when its time has come"),
            "log entry" => Some(
                "`esmhub verify --repair` takes it from this user's index, with `--from REGISTRY` from a copy of this registry; \
                 where nobody has it any more, `--accept-loss` goes on without it",
            ),
            _ => None,
        };
        Self {
            what,
            place: place.into(),
            detail: detail.into(),
            used_by: Vec::new(),
            modified: None,
            hint: hint.map(str::to_owned),
        }
    }
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}
