//! `esmhub outcomes`: what really came out, and how well rankings had told it.

mod document;
mod groups;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use self::document::OutcomesDocument;
use self::groups::groups;
use crate::context::Context;
use crate::dataset::nearest;
use crate::failure::{Failure, Outcome};
use crate::files::{cannot_write, replace, require_writable};

/// Show what really came out on target tasks, and how well rankings had told it
///
/// Per target and metric: Kendall's tau between scores and results, and regret at 1, 3 and 5, which is what the best of so many first
/// ESMs lost against the best of all that were tried, as a share of it. `esmhub record` keeps outcomes.
#[derive(Debug, Args)]
pub(crate) struct Outcomes {
    /// Only this target
    target: Option<String>,
    /// Only this metric
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// Write every outcome into this file, a line each
    #[arg(long, value_name = "FILE.csv", value_hint = clap::ValueHint::FilePath)]
    csv: Option<PathBuf>,
}

impl Outcomes {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        if let Some(file) = &self.csv {
            if !file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
                return Err(Failure::usage(format!("--csv {}: a name that ends in .csv is expected", file.display()))
                    .hint("what has another name is not overwritten"));
            }
            require_writable(file)?;
        }
        let (_, catalog) = context.open_catalog()?;
        let is_wanted = |target: &str, metric: &str| {
            self.target.as_deref().is_none_or(|wanted| wanted == target)
                && self.metric.as_deref().is_none_or(|wanted| wanted == metric)
        };
        let recorded: Vec<_> =
            catalog.outcomes().filter(|(_, outcome)| is_wanted(&outcome.target, &outcome.metric)).collect();
        if recorded.is_empty() && (self.target.is_some() || self.metric.is_some()) {
            let known: BTreeSet<&str> = catalog.outcomes().map(|(_, outcome)| outcome.target.as_str()).collect();
            let near = self.target.as_deref().and_then(|wanted| nearest(wanted, known.iter().copied()));
            let failure = Failure::new(crate::failure::NOT_FOUND, "no outcome of that target and metric is recorded");
            return Err(match (near, known.first()) {
                (Some(near), _) if Some(near) != self.target.as_deref() => {
                    failure.hint(format!("did you mean {near}?"))
                }
                (_, Some(_)) => failure
                    .hint("`esmhub outcomes` lists what is: targets as their rankings call them, and their metrics"),
                (_, None) => failure.hint("`esmhub record` keeps outcomes, and there are none yet"),
            });
        }
        let document = OutcomesDocument::new(groups(&recorded), recorded.len(), self.csv.as_deref());
        if let Some(file) = &self.csv {
            let bytes = document.to_csv()?;
            replace(file, &bytes).map_err(|error| cannot_write(file, error))?;
        }
        context.emit(&document)
    }
}
