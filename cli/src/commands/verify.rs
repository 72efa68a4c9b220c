//! `esmhub verify`: everything read and checked.

mod repaired;

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use esmhub_registry::{ErrorKind, Registry, RegistryError, RepairOptions, Report};
use serde::Serialize;

use self::repaired::RepairedFiles;
use super::gc::Count;
use crate::context::Context;
use crate::document::{Document, bytes, count, printable, time};
use crate::failure::{Failure, INTEGRITY, Outcome, PARTIAL};
use crate::place::locate;
use crate::progress;

/// How long an entry that cannot be read is given before it is declared lost: what clients of network file systems cache of a
/// file's attributes holds for 3 seconds or more (`acregmin` of Linux's NFS).
const PAUSE: Duration = Duration::from_secs(3);

/// Read and check every object, every log entry and every card, and name all that is damaged
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Put damaged files into the quarantine, and whole ones back from the trash, this user's index, or --from
    #[arg(long)]
    repair: bool,
    /// Another registry that may have what is damaged; log entries are taken from a copy of this one only
    #[arg(long, value_name = "DIR", requires = "repair")]
    from: Vec<PathBuf>,
    /// Declare lost, for everybody and for ever, the log entries of which no copy was found: what they did is gone
    #[arg(long, requires = "repair")]
    accept_loss: bool,
    /// Say what would be repaired, and do nothing
    #[arg(long, requires = "repair")]
    dry_run: bool,
}

#[derive(Serialize)]
struct VerifyDocument {
    registry: String,
    sound: bool,
    objects: u64,
    object_bytes: u64,
    entries: u64,
    entry_bytes: u64,
    lost: Vec<Run>,
    references: u64,
    unreferenced: Vec<String>,
    displaced: Vec<String>,
    trash: Count,
    quarantined: u64,
    staged: Vec<String>,
    strays: Vec<String>,
    problems: Vec<FoundProblem>,
    repaired: Option<RepairedFiles>,
}

#[derive(Serialize)]
struct FoundProblem {
    what: &'static str,
    place: String,
    detail: String,
    used_by: Vec<String>,
    modified: Option<u64>,
    hint: Option<String>,
}

/// Log entries, from the first to the last.
#[derive(Serialize, Clone, Copy)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Verify {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let mut from = Vec::new();
        let mut broken = Vec::new();
        for location in &self.from {
            match Registry::open(locate(location)?, None) {
                Ok(copy) => from.push(copy),
                Err(error) if error.kind() == ErrorKind::Integrity => broken.push((location, error)),
                Err(error) => return Err(error.into()),
            }
        }
        let registry = match self.repair {
            true => Registry::open_for_repair(context.location()?, context.cache(), &from)
                .map_err(|error| unless_copied(error, &self.from))?,
            false => context.open()?,
        };
        // What is left of a registry may have lost its marker too: then this one's will do, where the logs prove it.
        for (location, error) in broken {
            let copy = Registry::open_for_repair(locate(location)?, None, std::slice::from_ref(&registry));
            from.push(copy.map_err(|_| unusable(location, error))?);
        }
        let mut report = check(context, &registry)?;
        let mut repaired = None;
        if self.repair {
            for other in from.iter().filter(|other| other.id() != registry.id()) {
                let (place, id) = (other.location(), registry.id());
                context.note(format!("{place} is no copy of this registry ({id}): only objects can be taken from it"));
            }
            let options =
                RepairOptions { dry_run: self.dry_run, from: &from, accept_loss: self.accept_loss, pause: PAUSE };
            let waiting = progress::spinner(context.shows_progress(), "repairing");
            let done = registry.repair(&context.signature(), &options);
            waiting.finish_and_clear();
            let done = done.map_err(|stopped| {
                let mut text = String::new();
                RepairedFiles::new(self.dry_run, *stopped.done).describe(&mut text);
                text.lines().for_each(|line| context.note(line));
                *stopped.cause
            });
            repaired = Some(RepairedFiles::new(self.dry_run, done?));
            if !self.dry_run {
                report = check(context, &registry)?;
            }
        }
        let problems = report.problems.iter().map(|problem| FoundProblem {
            what: problem.what,
            place: problem.place.clone(),
            detail: problem.detail.clone(),
            used_by: problem.used_by.clone(),
            modified: problem.modified.map(milliseconds),
            hint: match &repaired {
                Some(repaired) => repaired.hint(problem),
                None => problem.hint.clone(),
            },
        });
        context.emit(&VerifyDocument {
            registry: registry.location().to_string(),
            sound: report.is_sound(),
            objects: report.objects,
            object_bytes: report.object_bytes,
            entries: report.entries,
            entry_bytes: report.entry_bytes,
            lost: runs(&report.lost),
            references: report.references,
            unreferenced: report.unreferenced.iter().map(ToString::to_string).collect(),
            displaced: report.displaced.iter().map(ToString::to_string).collect(),
            trash: report.trash.into(),
            quarantined: report.quarantined,
            staged: report.staged.clone(),
            strays: report.strays.clone(),
            problems: problems.collect(),
            repaired,
        })
    }
}

/// Where there is nothing to repair, but a copy to begin from, whoever makes a new registry can take nothing from it.
fn unless_copied(error: RegistryError, from: &[PathBuf]) -> Failure {
    let is_absent = matches!(error, RegistryError::NotARegistry { .. });
    let failure = Failure::from(error);
    match from.first().filter(|_| is_absent) {
        None => failure,
        Some(copy) => Failure::new(failure.code(), failure.to_string()).hint(format!(
            "to have all of it back, copy it to where the registry was: cp -a {} DIRECTORY",
            copy.display()
        )),
    }
}

/// A registry from which nothing can be taken.
fn unusable(location: &Path, error: RegistryError) -> Failure {
    Failure::from(error).at(location.display()).hint(
        "nothing can be taken from it as it is: put a copy of this registry's esmhub.toml into it, or leave it out",
    )
}

fn check(context: &Context, registry: &Registry) -> Outcome<Report> {
    let bar = progress::bar(context.shows_progress(), 0, "verifying");
    let report = registry.verify(&|progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    })?;
    bar.finish_and_clear();
    context.notice(report.notice.as_ref());
    Ok(report)
}

pub(super) fn runs(runs: &[(u64, u64)]) -> Vec<Run> {
    runs.iter().map(|&(first, last)| Run { first, last }).collect()
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "log entry {}", self.first),
            false => write!(f, "log entries {} to {}", self.first, self.last),
        }
    }
}

/// Since 1970-01-01 UTC.
fn milliseconds(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

impl Document for VerifyDocument {
    const SCHEMA: &'static str = "esmhub.verify/1";

    fn table(&self) -> String {
        let mut text = String::new();
        if let Some(repaired) = &self.repaired {
            repaired.describe(&mut text);
        }
        for problem in &self.problems {
            text.push_str(&format!("{} {}: {}\n", problem.what, problem.place, problem.detail));
            if let Some(modified) = problem.modified {
                text.push_str(&format!("    last changed {}\n", time(modified)));
            }
            if !problem.used_by.is_empty() {
                text.push_str(&format!("    used by {}\n", problem.used_by.join(", ")));
            }
        }
        let mut hints: Vec<&String> = self.problems.iter().filter_map(|problem| problem.hint.as_ref()).collect();
        let mut said = HashSet::new();
        hints.retain(|hint| said.insert(hint.as_str()));
        hints.iter().for_each(|hint| text.push_str(&format!("hint: {hint}\n")));
        text.push_str(&format!(
            "checked {} ({}), {} ({}) and {}\n",
            count(self.objects, "object"),
            bytes(self.object_bytes),
            if self.entries == 1 { "1 log entry".to_owned() } else { format!("{} log entries", self.entries) },
            bytes(self.entry_bytes),
            count(self.references, "reference"),
        ));
        for run in &self.lost {
            text.push_str(&format!("{run}: declared lost\n"));
        }
        if !self.unreferenced.is_empty() {
            text.push_str(&format!("{} that no reference needs\n", count(self.unreferenced.len() as u64, "object")));
        }
        if !self.displaced.is_empty() {
            let displaced = count(self.displaced.len() as u64, "object");
            text.push_str(&format!("{displaced} that references need, in the trash: `esmhub gc` puts them back\n"));
        }
        if self.trash.files > 0 {
            text.push_str(&format!(
                "{} in the trash ({})\n",
                count(self.trash.files, "object"),
                bytes(self.trash.bytes)
            ));
        }
        if self.quarantined > 0 {
            let quarantined = count(self.quarantined, "file");
            let (them, copies) = match self.quarantined {
                1 => ("it", "it may be the last copy"),
                _ => ("them", "they may be the last copies"),
            };
            text.push_str(&match self.problems.is_empty() {
                true => {
                    format!("{quarantined} in the quarantine: nothing needs {them}, delete the folder when you like\n")
                }
                false => format!("{quarantined} in the quarantine: keep {them} until all is sound, {copies}\n"),
            });
        }
        if !self.staged.is_empty() {
            text.push_str(&format!(
                "{} left by interrupted writers\n",
                count(self.staged.len() as u64, "temporary file")
            ));
        }
        let outlook = self.repaired.as_ref().and_then(RepairedFiles::outlook);
        text.push_str(&match self.problems.len() {
            0 if outlook.is_some() => "nothing that is there now is damaged\n".to_owned(),
            0 if self.lost.is_empty() => "everything is sound\n".to_owned(),
            0 => "everything else is sound\n".to_owned(),
            found => format!("{} found\n", count(found as u64, "problem")),
        });
        text.extend(outlook.map(|outlook| format!("{outlook}\n")));
        printable(&text)
    }

    fn lines(&self) -> Vec<String> {
        self.problems.iter().map(|problem| problem.place.clone()).collect()
    }

    fn exit_code(&self) -> u8 {
        match &self.repaired {
            _ if !self.sound => INTEGRITY,
            Some(repaired) if repaired.would_leave_damage() => INTEGRITY,
            // Something that a copy has is not here.
            Some(repaired) if !repaired.untaken.is_empty() => PARTIAL,
            _ => 0,
        }
    }
}
