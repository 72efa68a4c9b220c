//! `esmhub record`: what really came out on a target task.

mod ranking;

use std::collections::BTreeSet;
use std::path::Path;

use clap::{ArgGroup, Args};
use esmhub_registry::{Catalog, Esm};
use esmhub_store_format::log::{Outcome as Measured, Target};
use esmhub_store_format::{Digest, Reference};
use serde::Serialize;

use self::ranking::{Ranking, is_ranking, refuse_mistyped};
use crate::context::Context;
use crate::dataset::nearest;
use crate::document::{Document, count, printable};
use crate::failure::{Failure, INCOMPATIBLE, Outcome};
use crate::values::{parse_measured, parse_reference};

/// Record what really came out on a target task, after fine-tuning on an ESM's source task first
///
/// TARGET is the lock that `esmhub rank --lock FILE` wrote, or the document of `esmhub rank --json` in a file: then the score that the
/// ESM had is recorded as well, and `esmhub outcomes` can tell how good the ranking was. Or it is a name for the target, without `/`.
/// What is recorded several times, such as with other seeds, counts by its mean.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["metrics", "withdraw"]).required(true).multiple(false))]
#[command(override_usage = "esmhub record TARGET REF --metric NAME=VALUE [OPTIONS]
       esmhub record TARGET --no-transfer --metric NAME=VALUE [OPTIONS]
       esmhub record TARGET REF --withdraw NAME")]
#[command(group = ArgGroup::new("from").args(["reference", "no_transfer"]).required(true).multiple(false))]
pub(crate) struct Record {
    /// A ranking of the target, or a name for it
    #[arg(value_hint = clap::ValueHint::FilePath)]
    target: String,
    /// The ESM of the task that the model was fine-tuned on first: `name` (of a ranking: the one that was ranked), `name:tag` or `@digest`
    #[arg(value_name = "REF", value_parser = parse_reference)]
    reference: Option<Reference>,
    /// It was fine-tuned on the target alone
    #[arg(long)]
    no_transfer: bool,
    /// What was measured, such as accuracy=0.83; can be given several times
    #[arg(long = "metric", value_name = "NAME=VALUE", value_parser = parse_measured)]
    metrics: Vec<(String, f64)>,
    /// Less of it is better, as of an error
    #[arg(long, conflicts_with = "withdraw")]
    lower_is_better: bool,
    /// Take back all that was recorded of this metric for the same target and ESM
    #[arg(long, value_name = "NAME")]
    withdraw: Option<String>,
    /// The base model's id, where neither the ESM nor a ranking says it
    #[arg(long, value_name = "MODEL")]
    base: Option<String>,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct RecordDocument {
    dry_run: bool,
    /// None in a dry run, and where there was nothing to take back.
    entry: Option<u64>,
    target: String,
    base: String,
    /// None without transfer.
    name: Option<String>,
    tag: Option<String>,
    digest: Option<Digest>,
    metrics: Vec<Metric>,
    lower_is_better: bool,
    withdrawn: Option<String>,
    /// How many values that takes back.
    withdrawn_values: usize,
    /// What the ranking said, where one was given.
    score: Option<f64>,
}

#[derive(Serialize)]
struct Metric {
    metric: String,
    value: f64,
}

impl Record {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (registry, catalog) = context.open_catalog()?;
        let ranking = self.ranking(&catalog)?;
        let esm = self.reference.as_ref().map(|wanted| self.esm(wanted, ranking.as_ref(), &catalog)).transpose()?;
        let score = match (&ranking, esm) {
            (Some(ranking), Some(esm)) => Some((ranking.score.clone(), ranking.score_of(esm, &self.target)?)),
            _ => None,
        };
        let base = self.base(ranking.as_ref(), esm)?;
        if ranking.is_none() && self.withdraw.is_none() {
            context.note(format!(
                "no ranking was given: {:?} is taken as the target's name; `esmhub outcomes` lists this outcome and cannot compare it \
                 with a score",
                self.target
            ));
        }
        let target = ranking.as_ref().map_or_else(|| self.target.clone(), |ranking| ranking.target.clone());
        let measured = |metric: &str, value: Option<f64>| Measured {
            target: target.clone(),
            data: ranking.as_ref().and_then(|ranking| ranking.data),
            base: base.clone(),
            esm: esm.map(|esm| Target { name: esm.name().clone(), tag: esm.tag().clone(), digest: esm.digest() }),
            metric: metric.to_owned(),
            lower_is_better: self.lower_is_better,
            value,
            score: score.clone(),
        };
        let outcomes: Vec<Measured> = match &self.withdraw {
            Some(metric) => vec![measured(metric, None)],
            None => self.metrics.iter().map(|(metric, value)| measured(metric, Some(*value))).collect(),
        };
        if self.withdraw.is_none() {
            self.doubt_metrics(context, &catalog, &target);
        }
        let recorded = registry.record(&outcomes, &context.signature(), self.dry_run)?;
        context.notice(recorded.notice.as_ref());
        context.emit(&RecordDocument {
            dry_run: self.dry_run,
            entry: recorded.entry,
            target,
            base,
            name: esm.map(|esm| esm.name().to_string()),
            tag: esm.map(|esm| esm.tag().to_string()),
            digest: esm.map(Esm::digest),
            metrics: self.metrics.into_iter().map(|(metric, value)| Metric { metric, value }).collect(),
            lower_is_better: self.lower_is_better,
            withdrawn: self.withdraw,
            withdrawn_values: recorded.withdrawn,
            score: score.map(|(_, score)| score),
        })
    }

    /// Says which metrics are new for a target and called nearly as one that it has.
    fn doubt_metrics(&self, context: &Context, catalog: &Catalog, target: &str) {
        let known: BTreeSet<&str> = catalog
            .outcomes()
            .filter(|(_, known)| known.target == target)
            .map(|(_, known)| known.metric.as_str())
            .collect();
        for (metric, _) in self.metrics.iter().filter(|(metric, _)| !known.contains(metric.as_str())) {
            if let Some(near) = nearest(metric, known.iter().copied()) {
                context.warn(format!("{metric} is a metric of its own: so far there is {near} of {target}"));
            }
        }
    }

    /// The ranking in the file TARGET, or none where that is a name.
    fn ranking(&self, catalog: &Catalog) -> Outcome<Option<Ranking>> {
        // What was recorded under a path can be taken back wherever that file is now, and recorded so again where it is gone.
        let is_known = catalog.outcomes().any(|(_, known)| known.target == self.target);
        match Ranking::read(Path::new(&self.target)) {
            Err(_) if is_known && self.withdraw.is_some() => Ok(None),
            Ok(None) if !is_known => refuse_mistyped(&self.target).map(|()| None),
            read => read,
        }
    }

    /// The ESM that is meant: of a bare name the one that was ranked, though there may be newer ones.
    fn esm<'a>(&self, wanted: &Reference, ranking: Option<&Ranking>, catalog: &'a Catalog) -> Outcome<&'a Esm> {
        let ranked = ranking.and_then(|ranking| ranking.ranked_as(wanted));
        catalog.resolve(ranked.unwrap_or(wanted)).map_err(|error| {
            let failure = Failure::from(error);
            match ranking.is_none() && is_ranking(Path::new(&wanted.to_string())) {
                true => Failure::usage(format!("{wanted} is a ranking: it comes first, and the ESM behind it")),
                false => failure,
            }
        })
    }

    /// The base model: that of the ESM and of the ranking, which agree, or the one that was named.
    fn base(&self, ranking: Option<&Ranking>, esm: Option<&Esm>) -> Outcome<String> {
        let of_esm = match esm {
            Some(esm) => Some(esm.card()?.base.id).filter(|id| !id.is_empty()),
            None => None,
        };
        let known = ranking.map(|ranking| ranking.base.clone()).filter(|id| !id.is_empty()).or(of_esm);
        match (known, &self.base) {
            (Some(known), Some(named)) if !known.eq_ignore_ascii_case(named) => {
                Err(Failure::new(INCOMPATIBLE, format!("--base is {named}, and this is of {known}")))
            }
            (Some(known), _) => Ok(known),
            (None, Some(named)) => Ok(named.clone()),
            (None, None) => {
                Err(Failure::usage("which base model was fine-tuned is not known").hint("name it with --base"))
            }
        }
    }
}

impl Document for RecordDocument {
    const SCHEMA: &'static str = "esmhub.record/1";

    fn table(&self) -> String {
        let esm = match (&self.name, &self.tag) {
            (Some(name), Some(tag)) => format!("{name}:{tag}"),
            _ => "no transfer".to_owned(),
        };
        let what = match &self.withdrawn {
            Some(metric) => {
                format!("{} of {metric} of {esm} on {}", count(self.withdrawn_values as u64, "value"), self.target)
            }
            None => {
                let metrics: Vec<String> =
                    self.metrics.iter().map(|Metric { metric, value }| format!("{metric} {value}")).collect();
                let better = if self.lower_is_better { "lower" } else { "higher" };
                format!("{} of {esm} on {}, the {better} the better", metrics.join(", "), self.target)
            }
        };
        let what = printable(&what);
        let done = if self.withdrawn.is_some() { "taken back" } else { "recorded" };
        match (self.entry, self.dry_run) {
            (Some(entry), _) => format!("{done}: {what} (log entry {entry})\n"),
            (None, true) => format!("would be {done}: {what}\n"),
            (None, false) => format!("there is nothing to take back: {what}\n"),
        }
    }

    fn lines(&self) -> Vec<String> {
        self.digest.iter().map(ToString::to_string).collect()
    }

    fn remarks(&self) -> Vec<String> {
        match self.metrics.len() {
            0 | 1 => Vec::new(),
            several => vec![format!("{} in one log entry", count(several as u64, "metric"))],
        }
    }
}
