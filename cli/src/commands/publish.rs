//! `esmhub publish`: ESMs into the registry, a batch as one transaction.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use esmhub_registry::{Catalog, NewEsm, Outcome as Stored, Publication, PublishOptions, Registry};
use esmhub_store_format::card::{self, BaseModel, Fit};
use esmhub_store_format::{Codec, Digest, Name, Tag};
use rayon::prelude::*;
use serde::Serialize;

use crate::context::Context;
use crate::dataset::{Columns, Limit, Sampling, Table, choose};
use crate::document::{Document, bytes, columns, count};
use crate::failure::{Failure, Outcome};
use crate::model::Model;
use crate::progress;
use crate::source::{Source, SourceOptions, from_texts};
use crate::texts::embed;

/// Put ESMs into the registry: all of them, or none
///
/// A SOURCE is a folder as hfselect saves an ESM, a .npz or .safetensors file with x (base embeddings, N x D) and y (tuned
/// embeddings, N x D, not normalised) from which an ESM is fitted, or an .esm file that `esmhub export` wrote. Instead of a SOURCE,
/// `--base MODEL --tuned MODEL --data FILE --text COLUMN` embeds the texts with both models and fits the ESM.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// Folders, pairs or bundles
    #[arg(value_name = "SOURCE", required_unless_present = "tuned", conflicts_with = "tuned")]
    sources: Vec<PathBuf>,
    /// Name of the ESM [default: the task that the source names, or the file's stem]
    #[arg(long)]
    name: Option<Name>,
    /// Tag of the ESM [default: the first free v1, v2, …]
    #[arg(long)]
    tag: Option<Tag>,
    /// How the weights are written: auto, f32, f16, int8 or int4 (auto is int8)
    #[arg(long, default_value = "auto", value_parser = parse_codec)]
    codec: CodecChoice,
    /// The base model: a Hugging Face id, or ID=FOLDER (whose digests the card then records)
    #[arg(long, value_name = "MODEL")]
    base: Option<Model>,
    /// The fine-tuned model, to fit an ESM from texts
    #[arg(long, value_name = "MODEL", requires_all = ["base", "data", "text"])]
    tuned: Option<Model>,
    /// The source task's texts: .csv, .tsv, .jsonl or .parquet
    #[arg(long, value_name = "FILE", requires = "tuned")]
    data: Option<PathBuf>,
    /// The columns that hold the texts, joined by ` [SEP] `
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', requires = "tuned")]
    text: Vec<String>,
    /// The most texts that are used
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "tuned")]
    rows: usize,
    /// Tokens per text, special ones included
    #[arg(long, value_name = "TOKENS", default_value_t = 128, requires = "tuned")]
    max_length: usize,
    /// Seed of the sample of texts and of the held-out rows
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// The licence's SPDX expression
    #[arg(long, value_name = "SPDX")]
    license: Option<String>,
    /// Who made it; can be given several times
    #[arg(long = "author", value_name = "NAME")]
    authors: Vec<String>,
    /// Anything else for the card; can be given several times
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_pair)]
    extra: Vec<(String, String)>,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy)]
struct CodecChoice(Option<Codec>);

/// What was published.
#[derive(Serialize)]
pub(crate) struct PublishDocument {
    registry: String,
    entries: Vec<u64>,
    dry_run: bool,
    published: Vec<PublishedEsm>,
}

#[derive(Serialize)]
struct PublishedEsm {
    source: String,
    name: String,
    tag: String,
    digest: Digest,
    weights: Digest,
    codec: String,
    size_bytes: u64,
    stored_bytes: u64,
    status: &'static str,
    yanked: bool,
    fit: Fit,
}

impl Publish {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        if self.sources.len() > 1 && self.name.is_some() {
            return Err(Failure::usage("--name names one ESM, but there are several sources"));
        }
        if let Some(base) = &self.base {
            base.require_id()?;
        }
        // Before hours of work: is there a registry?
        let (registry, catalog) = context.open_catalog()?;
        let prepared = match (&self.base, &self.tuned, &self.data) {
            (Some(base), Some(tuned), Some(data)) => {
                let source = data.display().to_string();
                vec![(source, self.fit_texts(context, base, tuned, data)?)]
            }
            _ => prepare(context, &self.sources, &self.options(self.described_base(context)?))?,
        };
        if self.name.is_some() && prepared.len() > 1 {
            return Err(Failure::usage("--name names one ESM, but the bundle holds several"));
        }
        warn_of_doubtful(context, &catalog, &prepared);
        let document = store(context, &registry, prepared, self.dry_run)?;
        context.emit(&document)
    }

    /// What cards say of `--base`, with its digests where its files are at hand.
    fn described_base(&self, context: &Context) -> Outcome<Option<BaseModel>> {
        Ok(match &self.base {
            Some(model) if model.is_local() => Some(model.describe(&model.files(context)?, None)?),
            Some(model) => Some(BaseModel { id: model.to_string(), ..BaseModel::default() }),
            None => None,
        })
    }

    fn options(&self, base: Option<BaseModel>) -> SourceOptions {
        SourceOptions {
            name: self.name.clone(),
            tag: self.tag.clone(),
            codec: self.codec.0,
            base,
            license: self.license.clone(),
            authors: self.authors.clone(),
            extra: self.extra.iter().cloned().collect(),
            seed: self.seed,
        }
    }

    /// Embeds the texts with both models, one after the other, and fits the ESM.
    fn fit_texts(&self, context: &Context, base: &Model, tuned: &Model, data: &std::path::Path) -> Outcome<NewEsm> {
        let table = Table::read(data, Columns { texts: &self.text, label: None }, Limit::All)?;
        let chosen = choose(Sampling::Random, self.seed, table.rows(), self.rows);
        let texts: Vec<String> = chosen.iter().filter_map(|&row| table.texts.get(row).cloned()).collect();
        let model = base.load(context)?;
        let x = embed(context, &model, &texts, self.max_length)?;
        let mut described = model.base;
        described.max_length = u32::try_from(self.max_length).ok();
        drop(model.encoder);
        let y = embed(context, &tuned.load(context)?, &texts, self.max_length)?;
        let source = card::Source {
            dataset: data.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
            text_columns: self.text.clone(),
            rows: Some(texts.len() as u64),
            seed: (table.rows() > texts.len()).then_some(self.seed),
            ..card::Source::default()
        };
        let options = self.options(Some(described.clone()));
        from_texts(&x, &y, source, described, &options).map_err(|f| f.at(data.display()))
    }
}

/// What is valid and yet hardly meant: it would be skipped, or useless, in everybody's rankings.
fn warn_of_doubtful(context: &Context, catalog: &Catalog, prepared: &[(String, NewEsm)]) {
    let mut dimensions: HashMap<String, u32> = HashMap::new();
    for card in catalog.esms().filter(|esm| !esm.is_yanked()).filter_map(|esm| esm.card().ok()) {
        dimensions.entry(card.base.id.to_ascii_lowercase()).or_insert(card.weights.dimension);
    }
    for (source, esm) in prepared {
        let card = esm.card();
        let (id, dimension) = (&card.base.id, card.weights.dimension);
        let known = *dimensions.entry(id.to_ascii_lowercase()).or_insert(dimension);
        if known != dimension {
            context
                .warn(format!("{source}: dimension {dimension}, other ESMs of {id} have {known}: wrong base model?"));
        }
        if let Some(held_out) = card.fit.held_out.filter(|held_out| held_out.r2 <= 0.0) {
            let r2 = held_out.r2;
            context.warn(format!(
                "{source}: held-out R2 is {r2:.3}: the map explains nothing. Do x and y belong together?"
            ));
        }
    }
}

/// Reads sources side by side; the first that is refused ends it, in the order of the command line.
pub(crate) fn prepare(context: &Context, paths: &[PathBuf], options: &SourceOptions) -> Outcome<Vec<(String, NewEsm)>> {
    let sources = paths.iter().map(|path| Source::of(path)).collect::<Outcome<Vec<_>>>()?;
    let bar = progress::bar(context.shows_progress(), sources.len() as u64, "reading sources");
    let prepared: Vec<Outcome<Vec<NewEsm>>> = sources
        .par_iter()
        .map(|source| {
            let prepared = source.prepare(options);
            bar.inc(1);
            prepared
        })
        .collect();
    bar.finish_and_clear();
    let mut esms = Vec::new();
    for (source, prepared) in sources.iter().zip(prepared) {
        let path = source.path().display().to_string();
        esms.extend(prepared?.into_iter().map(|esm| (path.clone(), esm)));
    }
    Ok(esms)
}

/// Publishes what was prepared as one transaction.
pub(crate) fn store(
    context: &Context,
    registry: &Registry,
    prepared: Vec<(String, NewEsm)>,
    dry_run: bool,
) -> Outcome<PublishDocument> {
    let (sources, batch): (Vec<String>, Vec<NewEsm>) = prepared.into_iter().unzip();
    let bar = progress::bar(context.shows_progress(), batch.len() as u64, "publishing");
    let options = PublishOptions {
        dry_run,
        threads: context.threads,
        progress: Some(&|done, _all| bar.set_position(done as u64)),
    };
    let publishing = registry.publish(&batch, &context.signature(), &options)?;
    bar.finish_and_clear();
    if let Some(notice) = &publishing.notice {
        context.detail(notice);
    }
    let described = sources.into_iter().zip(&batch).zip(publishing.esms);
    Ok(PublishDocument {
        registry: registry.location().display().to_string(),
        entries: publishing.entries,
        dry_run,
        published: described.map(|((source, esm), done)| describe(source, esm, done)).collect(),
    })
}

fn describe(source: String, esm: &NewEsm, done: Publication) -> PublishedEsm {
    let card = esm.card();
    PublishedEsm {
        source,
        name: done.name.to_string(),
        tag: done.tag.to_string(),
        digest: done.card,
        weights: done.object,
        codec: card.weights.codec_name(),
        size_bytes: done.canonical_bytes,
        stored_bytes: done.stored_bytes,
        status: match done.outcome {
            Stored::Added => "added",
            Stored::AddedReference => "added-reference",
            Stored::Unchanged => "unchanged",
        },
        yanked: done.yanked,
        fit: card.fit.clone(),
    }
}

impl PublishDocument {
    /// One line: how many were added, and how many were there already.
    pub(crate) fn summary(&self) -> String {
        let added = self.published.iter().filter(|esm| esm.status != "unchanged").count() as u64;
        let there = self.published.len() as u64 - added;
        let stored = self.published.iter().filter(|esm| esm.status == "added").map(|esm| esm.stored_bytes).sum();
        let verb = if self.dry_run { "would publish" } else { "published" };
        let mut text = format!("{verb} {} ({}) to {}", count(added, "ESM"), bytes(stored), self.registry);
        if there > 0 {
            text.push_str(&format!("; {there} already there"));
        }
        text
    }
}

impl Document for PublishDocument {
    const SCHEMA: &'static str = "esmhub.publish/1";

    fn table(&self) -> String {
        let rows = self.published.iter().map(|esm| {
            let r2 = esm.fit.held_out.map_or_else(|| "-".to_owned(), |held_out| format!("{:.3}", held_out.r2));
            let status = match (esm.status, esm.yanked) {
                ("unchanged", true) => "already there, yanked",
                ("unchanged", false) => "already there",
                ("added-reference", _) => "new reference, weights already there",
                _ => "new",
            };
            let name = format!("{}:{}", esm.name, esm.tag);
            vec![name, esm.digest.short(), esm.codec.clone(), bytes(esm.stored_bytes), r2, status.to_owned()]
        });
        let header = ["ESM", "DIGEST", "CODEC", "SIZE", "HELD-OUT R2", "STATUS"];
        format!("{}\n{}\n", columns(&header, &["SIZE", "HELD-OUT R2"], rows), self.summary())
    }

    fn lines(&self) -> Vec<String> {
        self.published.iter().map(|esm| esm.digest.to_string()).collect()
    }
}

fn parse_codec(text: &str) -> Result<CodecChoice, String> {
    if text == "auto" {
        return Ok(CodecChoice(None));
    }
    text.parse().map(|codec| CodecChoice(Some(codec))).map_err(|_| "expected auto, f32, f16, int8 or int4".to_owned())
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').filter(|(key, _)| !key.is_empty());
    split.map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| "expected KEY=VALUE".to_owned())
}
