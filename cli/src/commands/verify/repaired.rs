//! What `esmhub verify --repair` did, or would do.

use esmhub_registry::{Problem, Repaired};
use serde::Serialize;

use super::{Run, runs};
use crate::document::count;

/// Before something is given up that somebody else may have.
const ASK_FIRST: &str = "Whoever used this registry may have one in their index: let them run `esmhub verify --repair`, and give \
                         `--from` every backup. What `--accept-loss` gives up is gone for everybody and for ever";

/// What is left to do about a log of which nobody here has a copy.
const NO_LOG: &str = "no copy was found here. Whoever used this registry may have one in their index: let them run `esmhub verify --repair`, and \
                      give `--from` every backup. Where nobody has it, make a new registry in another folder and publish again";

/// Files that were repaired, or would be.
#[derive(Serialize)]
pub(super) struct RepairedFiles {
    dry_run: bool,
    quarantined: Vec<Moved>,
    restored: Vec<Moved>,
    unresolved: Vec<String>,
    pub(super) untaken: Vec<Untaken>,
    lost: Vec<Run>,
}

/// A copy that has more than this log, which does not follow it.
#[derive(Serialize)]
pub(super) struct Untaken {
    source: String,
    entry: u64,
}

/// A file of the registry, and where it went to or came from.
#[derive(Serialize)]
struct Moved {
    place: String,
    other: String,
}

impl RepairedFiles {
    /// For the document.
    pub(super) fn new(dry_run: bool, repaired: Repaired) -> Self {
        let moved = |files: Vec<(String, String)>| files.into_iter().map(|(place, other)| Moved { place, other });
        let Repaired { quarantined, restored, unresolved, untaken, lost, .. } = repaired;
        Self {
            dry_run,
            quarantined: moved(quarantined).collect(),
            restored: moved(restored).collect(),
            unresolved,
            untaken: untaken.into_iter().map(|(source, entry)| Untaken { source, entry }).collect(),
            lost: runs(&lost),
        }
    }

    /// Adds what was done, for people.
    pub(super) fn describe(&self, text: &mut String) {
        let (restored, quarantined, lost) = match self.dry_run {
            true => ("could be restored from", "would be moved to", "would be declared lost"),
            false => ("restored from", "moved to", "declared lost now, for everybody and for ever"),
        };
        for Moved { place, other } in &self.restored {
            text.push_str(&format!("{place} {restored} {other}\n"));
        }
        for Moved { place, other } in &self.quarantined {
            text.push_str(&format!("{place} {quarantined} {other}\n"));
        }
        for place in &self.unresolved {
            text.push_str(&format!("{place}: no whole copy was found that proves to be the one\n"));
        }
        for Untaken { source, entry } in &self.untaken {
            text.push_str(&format!(
                "{source} has a log entry {entry} that was not taken: it is another one than the one here, does not follow the end of this log, or \
                 declares lost what is here\n"
            ));
        }
        for run in &self.lost {
            text.push_str(&format!("{run}: {lost}\n"));
        }
        if let Some(Untaken { source, .. }) = self.untaken.first() {
            text.push_str(&format!(
                "    hint: to take over what it has all the same, under the same names: `esmhub --registry {source} export '*' all.esm`, and \
                 publish that file\n"
            ));
        }
        match self.lost.is_empty() {
            true => {}
            false if self.dry_run => text.push_str(&format!("    hint: {ASK_FIRST}\n")),
            false => text.push_str(
                "    hint: objects that no reference needs may be what they had published: publish those again\n",
            ),
        }
    }

    /// What a dry run comes to, where there is anything to do.
    pub(super) fn outlook(&self) -> Option<String> {
        let would_do = self.restored.len() + self.quarantined.len() + self.lost.len() + self.unresolved.len();
        (self.dry_run && would_do > 0).then(|| match self.unresolved.len() as u64 {
            0 => "all of it could be repaired so; nothing was changed".to_owned(),
            left => format!("{} could not be repaired so; nothing was changed", count(left, "file")),
        })
    }

    /// Whether something would stay damaged, or be so then, that looks whole now.
    pub(super) fn would_leave_damage(&self) -> bool {
        self.dry_run && !self.unresolved.is_empty()
    }

    /// What to do about a problem that this repair was about, too: not the same once more.
    pub(super) fn hint(&self, problem: &Problem) -> Option<String> {
        let is_left = self.unresolved.contains(&problem.place);
        match problem.what {
            // In a dry run, what would be given up is told above.
            "log entry" if self.dry_run && !is_left => None,
            "log entry" if is_left && problem.modified.is_some() => {
                Some(format!("no whole copy was found here. {ASK_FIRST}"))
            }
            "log entry" if is_left => Some(format!("no copy was found here. {ASK_FIRST}")),
            "folder" if is_left => Some(NO_LOG.to_owned()),
            "object" if is_left => Some("publish the same again, or give `--from` a registry that has it".to_owned()),
            _ => problem.hint.clone(),
        }
    }
}
