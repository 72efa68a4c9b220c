//! The command line: global settings and one subcommand per verb.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;

/// A shared registry of Embedding Space Maps: publish them, rank them for a target task, pull the best.
#[derive(Debug, Parser)]
#[command(name = "esmhub", version, max_term_width = 100, propagate_version = true, infer_subcommands = false)]
#[command(
    after_help = "Exit codes: 0 done, 1 failure, 2 usage, 3 done in part, 10 no registry, 11 busy, 12 format too new,\n\
    13 not found, 14 ambiguous, 15 conflict, 16 integrity, 17 incompatible, 101 a bug, 130 interrupted."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Settings that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The registry: a directory, or s3://BUCKET/PREFIX
    ///
    /// Google's and Azure's stores are gs:// and az://; https://HOST/PATH can be read. How a store is reached, the environment says as for the
    /// cloud's own tools
    #[arg(long, global = true, env = "ESMHUB_REGISTRY", hide_env_values = true, value_name = "DIR|URL")]
    pub(crate) registry: Option<PathBuf>,
    /// Print one JSON document on stdout
    #[arg(long, global = true, env = "ESMHUB_JSON", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) json: bool,
    /// Print digests or names only
    #[arg(short, long, global = true, env = "ESMHUB_QUIET", hide_env_values = true, conflicts_with = "json", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) quiet: bool,
    /// Print more on stderr: what was read, what was skipped
    #[arg(short, long, global = true, env = "ESMHUB_VERBOSE", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) verbose: bool,
    /// When to colour
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        env = "ESMHUB_COLOR",
        hide_env_values = true,
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub(crate) color: ColorChoice,
    /// Never reach for the network; use what the Hugging Face cache holds
    #[arg(long, global = true, hide_short_help = true, env = "HF_HUB_OFFLINE", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) offline: bool,
    /// Where indexes, embeddings and scores are kept, all of which can be deleted at any time [default: the platform's
    /// cache folder]
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        env = "ESMHUB_CACHE",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Neither read nor write there: compute everything again
    #[arg(long, global = true, hide_short_help = true, env = "ESMHUB_NO_CACHE", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) no_cache: bool,
    /// Threads to compute with [default: one per core]
    #[arg(long, global = true, hide_short_help = true, env = "ESMHUB_THREADS", hide_env_values = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// What models compute on
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        env = "ESMHUB_DEVICE",
        hide_env_values = true,
        value_name = "DEVICE",
        default_value = "auto"
    )]
    pub(crate) device: DeviceChoice,
}

/// Whether the words of a command line name the registry, which the environment does otherwise.
pub(crate) fn names_registry(words: impl IntoIterator<Item = OsString>) -> bool {
    let mut own = words.into_iter().take_while(|word| word != "--");
    own.any(|word| word.to_str().is_some_and(|word| word == "--registry" || word.starts_with("--registry=")))
}

/// What models compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceChoice {
    /// A CUDA device where the program was built for one and one is there, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The first CUDA device.
    Cuda,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(commands::init::Init),
    Publish(Box<commands::publish::Publish>),
    Pull(commands::pull::Pull),
    Rank(Box<commands::rank::Rank>),
    Merge(commands::merge::Merge),
    List(commands::list::List),
    Show(commands::show::Show),
    Diff(commands::diff::Diff),
    Anchors(commands::anchors::Anchors),
    Recompress(commands::recompress::Recompress),
    Resolve(commands::resolve::Resolve),
    Stats(commands::stats::Stats),
    Coverage(commands::coverage::Coverage),
    Record(commands::record::Record),
    Outcomes(commands::outcomes::Outcomes),
    Log(commands::log::Log),
    Yank(commands::yank::Yank),
    Remove(commands::yank::Remove),
    Verify(commands::verify::Verify),
    Gc(commands::gc::Gc),
    Sync(commands::sync::Sync),
    Export(commands::export::Export),
    Demo(commands::demo::Demo),
    Completions(commands::completions::Completions),
    Man(commands::man::Man),
    #[command(name = "__complete", hide = true)]
    Complete(commands::completions::Complete),
}
