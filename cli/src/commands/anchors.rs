//! `esmhub anchors`: the texts on which every ESM of a base model is fitted besides its own.

mod set;
mod show;
mod stats;

use clap::{Args, Subcommand};
use esmhub_registry::{Catalog, CurrentSet};

use crate::context::Context;
use crate::failure::{Failure, NOT_FOUND, Outcome};
use crate::model::nearest_id;

/// Set, show and judge the anchors of a base model
///
/// Anchors are texts of many domains on which every ESM of a base model is fitted besides its own, so that its map has seen the
/// regions where targets may lie. A pool has one current set per base model; esmhub brings one along.
#[derive(Debug, Args)]
pub(crate) struct Anchors {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Set(set::Set),
    Show(show::Show),
    Stats(stats::Stats),
}

impl Anchors {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        match self.verb {
            Verb::Set(set) => set.run(context),
            Verb::Show(show) => show.run(context),
            Verb::Stats(stats) => stats.run(context),
        }
    }
}

/// The current set of a base model; without one named, that of the only base model that has a set.
fn current<'a>(catalog: &'a Catalog, base: Option<&str>) -> Outcome<&'a CurrentSet> {
    let hint = "`esmhub anchors set --built-in --base MODEL` sets those that ship with esmhub";
    if let Some(base) = base {
        let near = nearest_id(base, catalog.all_anchors().map(CurrentSet::base).collect::<Vec<_>>().into_iter());
        let hint = near.map_or(hint.to_owned(), |id| format!("did you mean --base {id}?"));
        let none = || Failure::new(NOT_FOUND, format!("the pool has no anchors of {base}")).hint(&hint);
        return catalog.anchors(base)?.ok_or_else(none);
    }
    let mut all = catalog.all_anchors();
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Failure::new(NOT_FOUND, "the pool has no anchors").hint(hint)),
        (Some(_), Some(_)) => {
            let bases: Vec<&str> = catalog.all_anchors().map(CurrentSet::base).collect();
            Err(Failure::usage(format!("the pool has anchors of several base models: {}", bases.join(", ")))
                .hint("say which: --base MODEL"))
        }
    }
}
