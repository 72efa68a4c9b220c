//! `esmhub gc`: what the log no longer needs, out.

use clap::Args;
use esmhub_registry::{Collected, GcOptions, Tally};
use serde::Serialize;

use crate::context::Context;
use crate::document::{Document, bytes, count, printable};
use crate::failure::{INTEGRITY, Outcome};
use crate::progress;
use crate::values::parse_duration;

/// Move what no reference needs to the trash, and delete what has been there for the grace period
#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// A longer grace period than the registry's, for this run: a number with d, h, m or s
    #[arg(long, value_name = "TIME", default_value = "0s", hide_default_value = true, value_parser = parse_duration)]
    grace: u64,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct GcDocument {
    registry: String,
    dry_run: bool,
    grace_seconds: u64,
    kept: Count,
    young: Count,
    taken: Vec<String>,
    taken_bytes: u64,
    restored: Vec<String>,
    waiting: Count,
    deleted: Count,
    temporary: Count,
    damaged: Vec<String>,
}

/// Files and what they take.
#[derive(Serialize, Clone, Copy)]
pub(super) struct Count {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl From<Tally> for Count {
    fn from(tally: Tally) -> Self {
        Self { files: tally.files, bytes: tally.bytes }
    }
}

impl Gc {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let registry = context.open()?;
        let bar = progress::bar(context.shows_progress(), 0, "collecting");
        let progress = |done: usize, total: usize| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        };
        let options = GcOptions { dry_run: self.dry_run, grace_seconds: self.grace, progress: Some(&progress) };
        let collected = registry.collect_garbage(&context.signature(), &options)?;
        bar.finish_and_clear();
        context.notice(collected.notice.as_ref());
        let Collected { grace_seconds, kept, young, taken_bytes, deleted, waiting, staged, damaged, .. } =
            collected.clone();
        context.emit(&GcDocument {
            registry: registry.location().to_string(),
            dry_run: self.dry_run,
            grace_seconds,
            kept: kept.into(),
            young: young.into(),
            taken: collected.taken.iter().map(ToString::to_string).collect(),
            taken_bytes,
            restored: collected.restored.iter().map(ToString::to_string).collect(),
            waiting: waiting.into(),
            deleted: deleted.into(),
            temporary: staged.into(),
            damaged,
        })
    }
}

impl Document for GcDocument {
    const SCHEMA: &'static str = "esmhub.gc/1";

    fn table(&self) -> String {
        let tally =
            |count_of: Count, noun: &str| format!("{} ({})", count(count_of.files, noun), bytes(count_of.bytes));
        let taken = Count { files: self.taken.len() as u64, bytes: self.taken_bytes };
        let (moved, deleted) = match self.dry_run {
            true => ("would be moved to the trash", "would be deleted"),
            false => ("moved to the trash", "deleted"),
        };
        let mut text = format!("{} needed\n", tally(self.kept, "object"));
        let mut line = |of: Count, noun: &str, what: &str| {
            if of.files > 0 {
                text.push_str(&format!("{} {what}\n", tally(of, noun)));
            }
        };
        line(self.young, "object", "left alone, because a publish may be about to need them");
        line(taken, "object", moved);
        line(self.waiting, "object", "in the trash until the grace period is over");
        line(self.deleted, "object", deleted);
        line(self.temporary, "temporary file", deleted);
        if !self.restored.is_empty() {
            let restored = count(self.restored.len() as u64, "object");
            text.push_str(&format!("{restored} put back from the trash, because references need them\n"));
        }
        for place in &self.damaged {
            text.push_str(&format!("{place} is needed and damaged, and was left in the trash\n"));
        }
        printable(&text)
    }

    fn lines(&self) -> Vec<String> {
        self.taken.clone()
    }

    fn exit_code(&self) -> u8 {
        if self.damaged.is_empty() { 0 } else { INTEGRITY }
    }
}
