//! `esmhub rank`: which source task helps this target most?
//!
//! The target's texts are embedded once with the base model; every ESM of that base model maps the embeddings and is scored,
//! with LogME (arXiv 2410.15148, section 3) or as `--score` says.

mod base;
mod contest;
mod lock;
mod output;
mod overlap;
mod part;
mod picture;
mod scoring;
mod signed;
mod target;
mod worth;

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use esmhub_selection::encoder::Pooling;
use esmhub_selection::{Precision, Score, ScoreError};

pub(crate) use lock::hint_for;
pub(crate) use output::{RankDocument, Ranked, Skipped, letters as tie_letters};
pub(crate) use overlap::{cell as overlap_cell, shows as shows_overlap};
pub(crate) use part::{Part, join};

use self::contest::Contest;
use self::lock::{Lock, LockOptions, Locked};
use self::overlap::parse_overlap;
use self::part::ShardOptions;
use self::signed::Pool;
use crate::context::Context;
use crate::data::{Data, DataOptions};
use crate::dataset::{Sampling, Task};
use crate::failure::{Failure, Outcome};
use crate::filter::Filter;
use crate::model::Model;
use crate::report::ReportOptions;
use crate::trust::RequireOptions;
use crate::values::{one_of, parse_intervals, parse_rows, parse_top};

/// Rank the pool for a target task: the best source tasks to fine-tune on first
///
/// TARGET is a .csv, .tsv, .jsonl or .parquet file with --text and --label, hf://datasets/OWNER/NAME[@REVISION] with the same,
/// or a .npz or .safetensors file with x (base embeddings, N x D, not normalised) and y (N labels). Scores are log evidence per
/// row, or what --score says: higher is better. Scores of different targets, and of different numbers of rows, cannot be
/// compared.
#[derive(Debug, Clone, Args)]
pub(crate) struct Rank {
    /// The target task's data
    #[arg(value_hint = clap::ValueHint::FilePath, value_parser = OsStringValueParser::new().try_map(Data::parse))]
    target: Data,
    #[command(flatten, next_help_heading = TARGET)]
    part: DataOptions,
    /// The columns that hold the texts, joined by ` [SEP] `
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', help_heading = TARGET)]
    text: Vec<String>,
    /// The column that holds the labels
    #[arg(long, value_name = "COLUMN", help_heading = TARGET)]
    label: Option<String>,
    /// The base model: a Hugging Face id, a folder, or ID=FOLDER [default: the one that the whole pool has]
    #[arg(long, value_name = "MODEL", help_heading = TARGET)]
    base: Option<Model>,
    /// The most rows that are used, or `all`
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = parse_rows, help_heading = TARGET)]
    #[arg(allow_negative_numbers = true)]
    rows: u32,
    /// Which rows, where there are more
    #[arg(long, value_enum, default_value = "random", help_heading = TARGET, hide_short_help = true)]
    sample: Sampling,
    /// Seed of the sample
    #[arg(long, value_name = "N", default_value_t = 42, help_heading = TARGET, hide_short_help = true)]
    seed: u64,
    /// Tokens per text, special ones included
    #[arg(long, value_name = "TOKENS", default_value_t = 128, help_heading = TARGET, hide_short_help = true)]
    max_length: usize,
    /// How the base model's token embeddings become one [default: what its files say]
    #[arg(long, value_name = "POOLING", value_parser = one_of::<Pooling>(&POOLINGS), help_heading = TARGET, hide_short_help = true)]
    pooling: Option<Pooling>,
    /// What the labels are
    #[arg(long, value_enum, default_value = "auto", help_heading = TARGET, hide_short_help = true)]
    task: Task,
    /// Rank only ESMs like this: `name~review rows>=500 license=mit`
    #[arg(long, value_name = "TERMS", default_value = "", hide_default_value = true, help_heading = POOL)]
    filter: Filter,
    /// Rank every tag, not just each name's newest
    #[arg(long, help_heading = POOL)]
    all_tags: bool,
    /// Leave out ESMs whose source holds more than this share of the target's texts, such as `5%`: an estimate, and only where
    /// the card has a sketch of them
    #[arg(long, value_name = "SHARE", value_parser = parse_overlap, help_heading = POOL)]
    max_overlap: Option<f64>,
    /// How many to show, 0 for all [default: 10, all with --json]
    #[arg(long, value_name = "N", help_heading = SCORES, value_parser = parse_top, allow_negative_numbers = true)]
    top: Option<usize>,
    /// How many of the first get an interval and a tie group, by resampling rows; none below 100 rows [default: those of
    /// --top, at most 50, else 10]
    #[arg(long, value_name = "N", help_heading = SCORES, hide_short_help = true)]
    #[arg(value_parser = parse_intervals, allow_negative_numbers = true)]
    intervals: Option<usize>,
    /// Log evidence: exact, or as hfselect computes it (wrong where rows are fewer than dimensions). Of labels that are classes
    /// or numbers, ridge: accuracy or R2 on held-out rows. Of classes alone, hscore and transrate, without intervals
    #[arg(long, value_name = "SCORE", default_value = "exact", help_heading = SCORES, hide_short_help = true)]
    #[arg(value_parser = one_of::<Score>(&NAMES))]
    score: Score,
    /// In which precision the evidence of dense ESMs is computed
    #[arg(long, value_enum, default_value = "double", help_heading = SCORES, hide_short_help = true)]
    precision: PrecisionChoice,
    #[command(flatten, next_help_heading = "To look at")]
    report: ReportOptions,
    /// The command line that a report names, where it is not that of the process.
    #[arg(skip)]
    command: Option<String>,
    #[command(flatten, next_help_heading = POOL)]
    require: RequireOptions,
    #[command(flatten, next_help_heading = "Repeating a ranking")]
    locking: LockOptions,
    #[command(flatten, next_help_heading = POOL)]
    sharding: ShardOptions,
}

/// Headings of the help.
const TARGET: &str = "The target";
const POOL: &str = "Which ESMs";
const SCORES: &str = "Scores";
/// Every value of `--pooling`.
static POOLINGS: LazyLock<Vec<&'static str>> = LazyLock::new(|| Pooling::ALL.map(Pooling::name).to_vec());
/// Every value of `--score`.
static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| Score::ALL.map(Score::name).to_vec());

/// In which precision the evidence of dense ESMs is computed; that of low-rank ones, and other scores, always in double.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrecisionChoice {
    /// Within 1e-9 of the definition.
    Double,
    /// Within 1e-6, in about half the time.
    Single,
}

impl Rank {
    /// What `demo` ranks: a file of embeddings, with the defaults; with a report, which names the command that makes it again.
    pub(crate) fn of_embeddings(target: PathBuf, report: PathBuf, command: String) -> Self {
        Self {
            target: Data::File(target),
            part: DataOptions::default(),
            report: ReportOptions::at(report),
            command: Some(command),
            text: Vec::new(),
            label: None,
            base: None,
            rows: 1000,
            sample: Sampling::Random,
            seed: 42,
            max_length: 128,
            pooling: None,
            task: Task::Auto,
            top: None,
            filter: Filter::default(),
            intervals: None,
            precision: PrecisionChoice::Double,
            all_tags: false,
            max_overlap: None,
            score: Score::default(),
            require: RequireOptions::default(),
            locking: LockOptions::default(),
            sharding: ShardOptions::default(),
        }
    }

    /// What the score cannot be asked for, whatever the target.
    fn check_score(&self) -> Outcome<()> {
        if self.task == Task::Regression && !self.score.takes_numbers() {
            return Err(ScoreError::NeedsClasses(self.score).into());
        }
        if self.intervals.is_some_and(|number| number > 0) && !self.score.is_of_rows() {
            let message = format!("--intervals needs a score that rows contribute to; {} is none", self.score);
            return Err(Failure::usage(message).hint("leave it out, or rank by --score exact or --score ridge"));
        }
        Ok(())
    }

    fn precision(&self) -> Precision {
        match self.precision {
            PrecisionChoice::Double => Precision::Double,
            PrecisionChoice::Single => Precision::Single,
        }
    }

    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        if let Some(part) = self.sharding.wanted() {
            return context.emit(&self.rank_part(context, part)?);
        }
        let document = self.execute(context)?;
        let code = context.emit(&document)?;
        self.report.written().for_each(|line| context.note(line));
        Ok(code)
    }

    /// Ranks, writes the pictures that are asked for, and prints only warnings.
    pub(crate) fn execute(&self, context: &Context) -> Outcome<RankDocument> {
        if let Some(file) = self.locking.locked() {
            let lock = Lock::read(file)?;
            return lock.applied_to(self)?.rank(context, Some((&lock, file)));
        }
        // Before minutes of work, not after.
        self.locking.lock().map(Lock::require_place).transpose()?;
        self.rank(context, None)
    }

    /// Ranks the pool, or what a lock pins.
    fn rank(&self, context: &Context, locked: Option<Locked<'_>>) -> Outcome<RankDocument> {
        self.check_score()?;
        let pictures = self.report.plan(self.target.file())?;
        let (registry, catalog) = context.open_catalog()?;
        let guard = self.require.guard(context, &registry)?;
        let pool = match locked {
            Some((lock, _)) => Pool { esms: lock.pool(&catalog, guard.as_ref())?, skipped: Vec::new(), unsigned: 0 },
            None => self.pool(&catalog, guard.as_ref())?,
        };
        for name in self.filter.unknown_names(catalog.esms().map(|esm| esm.name().as_str())) {
            context.warn(format!("--filter: no ESM is called {name}"));
        }
        let contest = Contest::of(self, context, &pool.esms, locked.map(|(lock, _)| lock))?;
        let mut scores = contest.score(self, context, &registry, pool.skipped)?;
        let reproduced = contest.lock_or_compare(self, &scores, locked)?;
        let (map, problems) = contest.compare(self, context, &registry, &mut scores.ranked, pictures.has_report())?;
        let mut document = contest.into_document(self, scores, &catalog);
        document.lock = self.locking.lock().map(|file| file.display().to_string());
        document.locked = reproduced;
        document.unsigned = pool.unsigned;
        document.trusted_keys = guard.as_ref().and_then(|guard| guard.keyring().summary().cloned());
        document.damaged.extend(problems);
        pictures.write(&document, map.as_ref(), &self.origin(context, &registry, &catalog)?)?;
        Ok(document)
    }
}
