//! `esmhub verify`: everything read and checked.

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::document::{Document, bytes, count, printable};
use crate::failure::{INTEGRITY, Outcome};
use crate::progress;

/// Read and check every object, every log entry and every card, and name all that is damaged
#[derive(Debug, Args)]
pub(crate) struct Verify {}

#[derive(Serialize)]
struct VerifyDocument {
    registry: String,
    sound: bool,
    objects: u64,
    object_bytes: u64,
    entries: u64,
    entry_bytes: u64,
    references: u64,
    unreferenced: Vec<String>,
    staged: Vec<String>,
    problems: Vec<FoundProblem>,
}

#[derive(Serialize)]
struct FoundProblem {
    what: &'static str,
    place: String,
    detail: String,
    used_by: Vec<String>,
    hint: Option<String>,
}

impl Verify {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let registry = context.open()?;
        let bar = progress::bar(context.shows_progress(), 0, "verifying");
        let report = registry.verify(&|progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        })?;
        bar.finish_and_clear();
        let problems = report.problems.iter().map(|problem| FoundProblem {
            what: problem.what,
            place: problem.place.clone(),
            detail: problem.detail.clone(),
            used_by: problem.used_by.clone(),
            hint: problem.hint.clone(),
        });
        context.emit(&VerifyDocument {
            registry: registry.location().display().to_string(),
            sound: report.is_sound(),
            objects: report.objects,
            object_bytes: report.object_bytes,
            entries: report.entries,
            entry_bytes: report.entry_bytes,
            references: report.references,
            unreferenced: report.unreferenced.iter().map(ToString::to_string).collect(),
            staged: report.staged.clone(),
            problems: problems.collect(),
        })
    }
}

impl Document for VerifyDocument {
    const SCHEMA: &'static str = "esmhub.verify/1";

    fn table(&self) -> String {
        let mut text = String::new();
        for problem in &self.problems {
            text.push_str(&format!("{} {}: {}\n", problem.what, problem.place, problem.detail));
            if !problem.used_by.is_empty() {
                text.push_str(&format!("    used by {}\n", problem.used_by.join(", ")));
            }
            if let Some(hint) = &problem.hint {
                text.push_str(&format!("    hint: {hint}\n"));
            }
        }
        text.push_str(&format!(
            "checked {} ({}), {} ({}) and {}\n",
            count(self.objects, "object"),
            bytes(self.object_bytes),
            if self.entries == 1 { "1 log entry".to_owned() } else { format!("{} log entries", self.entries) },
            bytes(self.entry_bytes),
            count(self.references, "reference"),
        ));
        if !self.unreferenced.is_empty() {
            text.push_str(&format!("{} that no reference needs\n", count(self.unreferenced.len() as u64, "object")));
        }
        if !self.staged.is_empty() {
            text.push_str(&format!(
                "{} left by interrupted writers\n",
                count(self.staged.len() as u64, "temporary file")
            ));
        }
        text.push_str(&match self.problems.len() {
            0 => "everything is sound\n".to_owned(),
            found => format!("{} found\n", count(found as u64, "problem")),
        });
        printable(&text)
    }

    fn lines(&self) -> Vec<String> {
        self.problems.iter().map(|problem| problem.place.clone()).collect()
    }

    fn exit_code(&self) -> u8 {
        if self.sound { 0 } else { INTEGRITY }
    }
}
