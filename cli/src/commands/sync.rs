//! `esmhub sync`: one registry gets what it lacks of another one.

mod document;
mod rows;

use std::path::PathBuf;

use clap::Args;
use esmhub_registry::{Location, Registry, RegistryError, SyncOptions, Synced};

use self::document::{Places, SyncDocument};
use super::init::{check_folder, warn_unless_empty};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::place::{is_address, locate};
use crate::progress;

/// Append to one registry what it lacks of another one
///
/// FROM and TO are directories or addresses, as for --registry. Where TO is no registry yet, it becomes a copy of FROM: the same id, the
/// same log, byte by byte; and `esmhub sync` keeps it up to date, as long as nobody publishes there. Between two registries of their own,
/// what is new comes with who published it first and when: ESMs in FROM's order, yanks, signatures, outcomes, and anchors where TO has none.
///
/// A dry run reads the logs and no object: damage shows when it is copied.
///
/// Nothing is taken away. What was removed in FROM stays in TO, and what was removed in TO does not come back. Where a tag stands for
/// something else in TO, that stays, and the tag is listed (exit code 3). The next sync goes on where one was interrupted.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// The registry to read
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    from: PathBuf,
    /// The registry to write
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    to: PathBuf,
    /// Nobody else writes to TO at this time: a bucket will do whose store does not know conditional create
    #[arg(long)]
    exclusive: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Sync {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (from, to) = (locate(&self.from)?, locate(&self.to)?);
        if self.exclusive && !is_address(&self.to) {
            return Err(Failure::usage("--exclusive is for a bucket")
                .hint("in a directory several may write at once; leave it out"));
        }
        let to = if self.exclusive { to.exclusive() } else { to };
        let source = Registry::open(&from, context.cache())?;
        let there = Registry::find(&to, context.cache())?;
        if there.as_ref().is_some_and(|there| there.location() == source.location()) {
            return Err(Failure::usage("FROM and TO are the same registry"));
        }
        if let (Location::Directory(within), Location::Directory(to)) = (source.location(), &to) {
            check_folder(to)?;
            let nearest = to.ancestors().find_map(|at| std::fs::canonicalize(at).ok());
            if there.is_none() && nearest.is_some_and(|nearest| nearest.starts_with(within)) {
                return Err(Failure::usage("TO lies in FROM").hint("name a folder beside it"));
            }
        }
        let created = there.is_none();
        let synced = match there {
            Some(there) => sync(context, &source, &there, self.dry_run)?,
            // What would come is all that there is.
            None if self.dry_run => source.whole_copy()?,
            None => {
                warn_unless_empty(context, &self.to);
                // What cannot be copied at all leaves nothing behind.
                source.whole_copy()?;
                sync(context, &source, &begin(&to, &source, context)?, false)?
            }
        };
        context.notice(synced.notice.as_ref());
        let places = Places { from: source.location().to_string(), to: to.to_string(), created };
        context.emit(&SyncDocument::new(self.dry_run, places, synced))
    }
}

fn sync(context: &Context, from: &Registry, to: &Registry, dry_run: bool) -> Outcome<Synced> {
    let bar = progress::bytes(context.shows_progress(), 0, "copying");
    let advance = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let options = SyncOptions { dry_run, threads: context.threads, progress: Some(&advance) };
    let synced = to.sync(from, &context.signature(), &options);
    bar.finish_and_clear();
    Ok(synced?)
}

fn begin(to: &Location, source: &Registry, context: &Context) -> Outcome<Registry> {
    Registry::begin_copy(to, source, context.cache()).map_err(|error| match error {
        error @ RegistryError::NoConditionalCreate { .. } => Failure::from(error).hint(
            "where nobody else writes there at this time, give --exclusive; who reads, pulls and ranks needs nothing of the store",
        ),
        error => error.into(),
    })
}
