//! `esmhub demo`: the main job on real data that ships with esmhub.
//!
//! The pool holds ESMs of 20 source tasks for `sentence-transformers/all-MiniLM-L6-v2`; the target is tweet_emotion of
//! TweetEval as embeddings and labels. `demo/README.md` says how both were made.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use esmhub_registry::{Registry, Settings};
use serde::Serialize;

use super::init::{check_folder, not_made};
use super::publish::{PublishDocument, store};
use super::pull::{PulledEsm, write};
use super::rank::{Rank, RankDocument};
use crate::context::Context;
use crate::document::{Document, strong};
use crate::failure::{Failure, OTHER, Outcome};
use crate::files::cannot_write;
use crate::report::quoted;
use crate::source::{SourceOptions, from_bytes};

static POOL: &[u8] = include_bytes!("../../demo/pool.esm");
static TARGET: &[u8] = include_bytes!("../../demo/tweet_emotion.npz");

/// Do the main job on real data that ships with esmhub: publish a pool, rank a target, pull the winner, write the report
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to put everything; what is there already is used again
    #[arg(default_value = "esmhub-demo")]
    dir: PathBuf,
}

#[derive(Serialize)]
struct DemoDocument {
    publish: PublishDocument,
    rank: RankDocument,
    pull: PulledEsm,
    /// The file of the ranking's page.
    report: String,
    #[serde(skip)]
    dir: String,
}

impl Demo {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        check_folder(&self.dir)?;
        let pool = self.dir.join("pool");
        fs::create_dir_all(&self.dir).map_err(|error| cannot_write(&self.dir, error))?;
        let made = Registry::init(&pool, &Settings::default(), context.cache());
        let registry = made.map_err(|error| not_made(&pool, error))?.registry;
        let context = &context.with_registry(pool);

        let esms = from_bytes(POOL, &SourceOptions::none())?;
        let publish =
            store(context, &registry, esms.into_iter().map(|esm| ("demo".to_owned(), esm)).collect(), None, false)?;

        let target = self.dir.join("tweet_emotion.npz");
        fs::write(&target, TARGET).map_err(|error| cannot_write(&target, error))?;
        let page = self.dir.join("ranking.html");
        let words = [
            "esmhub",
            "--registry",
            &self.dir.join("pool").to_string_lossy(),
            "rank",
            &target.to_string_lossy(),
            "--report",
            &page.to_string_lossy(),
        ]
        .map(quoted);
        let report = page.display().to_string();
        let rank = Rank::of_embeddings(target, page, words.join(" ")).execute(context)?;

        let winner = rank.winner().ok_or_else(|| Failure::new(OTHER, "the ranking is empty"))?;
        let catalog = registry.catalog()?;
        let reference = winner.parse().map_err(|error| Failure::new(OTHER, format!("{error}")))?;
        let esm = catalog.resolve(&reference)?;
        let folder = self.dir.join("winner");
        // An earlier demo's winner may be another one.
        if fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir()) {
            fs::remove_dir_all(&folder).map_err(|error| cannot_write(&folder, error))?;
        }
        let pull = write(&registry, esm, &folder, false)?;
        context.emit(&DemoDocument { publish, rank, pull, report, dir: self.dir.display().to_string() })
    }
}

impl Document for DemoDocument {
    const SCHEMA: &'static str = "esmhub.demo/1";

    fn table(&self) -> String {
        let Self { dir, .. } = self;
        let winner = self.rank.winner().unwrap_or_default();
        // As it was called: after `cargo run`, there is no `esmhub` on the path yet.
        let program = std::env::args().next().unwrap_or_else(|| "esmhub".to_owned());
        format!(
            "{}\n{}\n\n{}\nIts own source task is in the pool, so that one should come first.\n\n{}\n{}\n{winner} lies in {}, as `hfselect.ESM.from_pretrained` loads it\n\n{}\n{} shows the ranking in a browser: chart, map of the pool, how to repeat it\n\n{}\n\
             {program} --registry {dir}/pool list\n\
             {program} --registry {dir}/pool show {winner}\n\
             {program} --registry {dir}/pool rank {dir}/tweet_emotion.npz --rows 300 --json\n\
             {program} --registry {dir}/pool verify\n",
            strong("1. A pool of 20 real ESMs"),
            self.publish.summary(),
            strong("2. Which of them helps a new task, telling four emotions in tweets apart?"),
            self.rank.table(),
            strong("3. The winner"),
            self.pull.folder,
            strong("4. The report"),
            self.report,
            strong("What to try next"),
        )
    }

    fn lines(&self) -> Vec<String> {
        self.rank.lines()
    }

    fn exit_code(&self) -> u8 {
        self.rank.exit_code()
    }
}
