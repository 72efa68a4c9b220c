//! The verbs, one file each. A verb has its arguments, the document that it prints, and `run`; those that other verbs build
//! on also have a function that does the work and prints nothing.

pub(crate) mod anchors;
pub(crate) mod completions;
pub(crate) mod coverage;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod gc;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod merge;
mod newest;
pub(crate) mod outcomes;
pub(crate) mod publish;
pub(crate) mod pull;
pub(crate) mod rank;
pub(crate) mod recompress;
pub(crate) mod record;
pub(crate) mod resolve;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod sync;
pub(crate) mod verify;
pub(crate) mod yank;

use crate::arguments::{Arguments, Command};
use crate::context::Context;
use crate::failure::Outcome;
use crate::say;

/// Advice on a command line that is refused, where there is more to say than what clap knows.
pub(crate) fn hint_for(error: &clap::Error) -> Option<&'static str> {
    rank::hint_for(error).or_else(|| publish::hint_for(error))
}

/// Runs the command; the process's exit code.
pub(crate) fn run(arguments: Arguments) -> u8 {
    let context = Context::new(&arguments.global);
    let done =
        context.and_then(|context| dispatch(arguments.command, &context).map_err(|failure| context.explained(failure)));
    match done {
        Ok(code) => code,
        Err(failure) => {
            say::write(&failure.render());
            failure.code()
        }
    }
}

fn dispatch(command: Command, context: &Context) -> Outcome<u8> {
    match command {
        Command::Init(init) => init.run(context),
        Command::Publish(publish) => publish.run(context),
        Command::Pull(pull) => pull.run(context),
        Command::Rank(rank) => rank.run(context),
        Command::Merge(merge) => merge.run(context),
        Command::List(list) => list.run(context),
        Command::Show(show) => show.run(context),
        Command::Diff(diff) => diff.run(context),
        Command::Anchors(anchors) => anchors.run(context),
        Command::Recompress(recompress) => recompress.run(context),
        Command::Resolve(resolve) => resolve.run(context),
        Command::Stats(stats) => stats.run(context),
        Command::Record(record) => record.run(context),
        Command::Outcomes(outcomes) => outcomes.run(context),
        Command::Coverage(coverage) => coverage.run(context),
        Command::Log(log) => log.run(context),
        Command::Yank(yank) => yank.run(context),
        Command::Remove(remove) => remove.run(context),
        Command::Verify(verify) => verify.run(context),
        Command::Gc(gc) => gc.run(context),
        Command::Sync(sync) => sync.run(context),
        Command::Export(export) => export.run(context),
        Command::Demo(demo) => demo.run(context),
        Command::Completions(completions) => completions.run(context),
        Command::Man(man) => man.run(context),
        Command::Complete(complete) => complete.run(context),
    }
}
