//! `esmhub publish`: ESMs into the registry, a batch as one transaction.

mod document;
mod doubts;
mod names;
mod prepared;
mod pulled;
mod store;
mod texts;

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgGroup, Args};
use esmhub_registry::{Catalog, Registry};
use esmhub_selection::Embeddings;
use esmhub_store_format::card::BaseModel;
use esmhub_store_format::{AnchorSet, Name, Tag};

pub(crate) use document::PublishDocument;
use names::Names;
use prepared::{Prepared, from_hub, prepare};
pub(crate) use store::store;

use crate::anchors::base_embeddings;
use crate::context::Context;
use crate::data::{Data, DataOptions};
use crate::dataset::read_embeddings;
use crate::failure::{Failure, Outcome};
use crate::filter::Filter;
use crate::hub::SCHEME;
use crate::model::Model;
use crate::source::{CodecChoice, ORIGIN, PenaltyChoice, Quality, RankChoice, SourceOptions, parse_share, read_texts};
use crate::trust::SignOptions;
use crate::values::{often_one_of, one_of, parse_pair, parse_texts};

/// Put ESMs into the registry: all of them, or none
///
/// A SOURCE is a folder as hfselect saves an ESM, hf://OWNER/REPO[@REVISION] with the same, a .npz or .safetensors file with x (base
/// embeddings, N x D) and y (tuned embeddings, N x D, not normalised) from which an ESM is fitted, or an .esm file that `esmhub
/// export` wrote. Instead of a SOURCE, `--from-hub --base MODEL` takes all ESMs of a base model that the Hugging Face Hub has, and
/// `--base MODEL --tuned MODEL --data FILE --text COLUMN` embeds the texts with both models and fits the ESM; FILE can be
/// hf://datasets/OWNER/NAME[@REVISION] as well.
///
/// SIZE is that of the weights before they are packed, as in `esmhub list`; the last line says what was added on disk.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("texts").args(["data", "source_texts"]))]
pub(crate) struct Publish {
    /// Folders, repositories, pairs or bundles
    #[arg(value_name = "SOURCE", required_unless_present_any = ["tuned", "from_hub"], conflicts_with_all = ["tuned", "from_hub"])]
    sources: Vec<PathBuf>,
    /// All ESMs of --base that the Hugging Face Hub has; those that are here already are not fetched again
    #[arg(long, requires = "base", conflicts_with_all = ["tuned", "name", "tag", "anchor_pairs", "source_texts"])]
    from_hub: bool,
    /// With --from-hub: which of them, as in `esmhub rank`: 'name~review rows>=500'
    #[arg(long, value_name = "TERMS", default_value = "", hide_default_value = true, requires = "from_hub")]
    filter: Filter,
    /// Name of the ESM [default: the task that the source names, or the file's stem]
    #[arg(long)]
    name: Option<Name>,
    /// Tag of the ESM [default: the first free v1, v2, …]
    #[arg(long)]
    tag: Option<Tag>,
    /// How the weights are written. Fitted maps: auto is int4 of a rank up to D/6, small up to D/12. ESMs made elsewhere: auto
    /// is int8, small int4
    #[arg(long, default_value = "auto", value_parser = one_of::<CodecChoice>(&CodecChoice::WORDS))]
    codec: CodecChoice,
    /// Rank of fitted and distilled maps: a number, `full` for a dense map, or `auto`: what cross-validation over domains
    /// asks for
    #[arg(long, value_name = "RANK", default_value = "auto", hide_possible_values = true)]
    #[arg(value_parser = often_one_of::<RankChoice>(&RankChoice::WORDS))]
    rank: RankChoice,
    /// With --rank auto: the share of the best R2 on other domains that the smallest rank must keep
    #[arg(long, value_name = "SHARE", default_value = "1", value_parser = parse_share)]
    fidelity: f64,
    /// Ridge penalty of a fit: `standard`, the same for every ESM so that scores compare; `auto`, by cross-validation; or a
    /// number, in units of the mean eigenvalue
    #[arg(long, value_name = "PENALTY", default_value = "standard", hide_possible_values = true)]
    #[arg(value_parser = often_one_of::<PenaltyChoice>(&PenaltyChoice::WORDS))]
    penalty: PenaltyChoice,
    /// Embeddings x and y of anchor texts by the SOURCE's two models, one file per domain; can be given several times. A
    /// folder stands for the files in FOLDER/NAME-OF-SOURCE/
    #[arg(long, value_name = "FILE", conflicts_with = "tuned")]
    anchor_pairs: Vec<PathBuf>,
    /// The anchor pairs are embeddings of the pool's current anchors (`anchors show --json` prints them): a file per domain,
    /// called as the domain is, its rows in the set's order
    #[arg(long, requires = "anchor_pairs")]
    of_pool: bool,
    /// Fit on the source's own texts alone, not on anchors
    #[arg(long, conflicts_with = "anchor_pairs")]
    no_anchors: bool,
    /// Reduce ESMs made elsewhere to what they do where embeddings lie: those in FILE (x, N x D), or those of the pool's anchors
    /// by --base
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, conflicts_with = "tuned")]
    distill: Option<Option<PathBuf>>,
    /// The base model: a Hugging Face id, or ID=FOLDER (whose digests the card then records)
    #[arg(long, value_name = "MODEL")]
    base: Option<Model>,
    /// The fine-tuned model, to fit an ESM from texts
    #[arg(long, value_name = "MODEL", requires_all = ["base", "data", "text"])]
    tuned: Option<Model>,
    /// The source task's texts: .csv, .tsv, .jsonl, .parquet, or hf://datasets/OWNER/NAME
    #[arg(long, value_name = "FILE", requires = "tuned", value_hint = clap::ValueHint::FilePath)]
    #[arg(value_parser = OsStringValueParser::new().try_map(Data::parse))]
    data: Option<Data>,
    #[command(flatten)]
    part: DataOptions,
    /// The columns that hold the texts, joined by ` [SEP] `
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', requires = "texts")]
    text: Vec<String>,
    /// The SOURCE's texts, with --text: its card gets a sketch of them, by which `rank` tells which share of a target's texts
    /// the source holds. All rows that the fine-tuned model may have seen; of --data they are taken anyway
    #[arg(long, value_name = "FILE", conflicts_with = "tuned", requires = "text", value_hint = clap::ValueHint::FilePath)]
    #[arg(value_parser = OsStringValueParser::new().try_map(Data::parse))]
    source_texts: Option<Data>,
    /// Leave the sketch of the texts of --data out of the card. With it, whoever has a text can test whether it is among a
    /// sample of them; nobody can read a text from it
    #[arg(long, requires = "tuned", conflicts_with = "source_texts")]
    no_sketch: bool,
    /// The most texts that are used, or `all`
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = parse_texts, requires = "tuned")]
    rows: usize,
    /// Tokens per text, special ones included
    #[arg(long, value_name = "TOKENS", default_value_t = 128)]
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
    #[command(flatten)]
    sign: SignOptions,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Advice where nothing says what to publish.
pub(crate) fn hint_for(error: &clap::Error) -> Option<&'static str> {
    let lacks_source = matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::Strings(missing)) if missing.iter().any(|arg| arg.starts_with("<SOURCE>")));
    (error.kind() == ErrorKind::MissingRequiredArgument && lacks_source).then_some(
        "name a SOURCE; or give --from-hub --base MODEL for all that the hub has, or --base, --tuned, --data and --text to fit one",
    )
}

impl Publish {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        if self.sources.len() > 1 && self.name.is_some() {
            return Err(Failure::usage("--name names one ESM, but there are several sources"));
        }
        if self.sources.len() > 1 && self.anchor_pairs.iter().any(|path| !path.is_dir()) {
            return Err(Failure::usage(
                "--anchor-pairs FILE belongs to one source, whose tuned model embedded the texts",
            )
            .hint("publish one source at a time, or name a folder that holds one folder for each source"));
        }
        if self.sources.len() > 1 && self.source_texts.is_some() {
            return Err(Failure::usage("--source-texts are the texts of one source, but there are several")
                .hint("publish one source at a time"));
        }
        if let Some(base) = &self.base {
            base.require_id()?;
        }
        if self.extra.iter().any(|(key, value)| key == ORIGIN && value.starts_with(SCHEME)) {
            return Err(Failure::usage(format!("--set {ORIGIN}={SCHEME}… would say that it was fetched from there"))
                .hint("leave it out: what is published from the hub says so itself"));
        }
        // Before hours of work: is there a registry, and a key?
        let (registry, catalog) = context.open_catalog()?;
        let key = self.sign.key(context)?;
        let Prepared { esms: prepared, skipped, known } = match (&self.base, &self.tuned, &self.data) {
            (Some(base), Some(tuned), Some(data)) => {
                let source = data.to_string();
                let esm = self.fit_texts(context, &registry, &catalog, (base, tuned, data))?;
                Prepared { esms: vec![(source, esm)], ..Prepared::default() }
            }
            (Some(_), ..) if self.from_hub => {
                let mut options = self.options(self.described_base(context)?)?;
                options.distill = self.distilled_on(context, &registry, &catalog)?;
                from_hub(context, &catalog, &self.filter, options)?
            }
            _ => {
                let mut options = self.options(self.described_base(context)?)?;
                options.texts = self
                    .source_texts
                    .as_ref()
                    .map(|data| read_texts(context, data, &self.part, &self.text))
                    .transpose()?;
                options.distill = self.distilled_on(context, &registry, &catalog)?;
                options.anchor_set = self.anchor_set(&registry, &catalog)?;
                let known = pulled::recognise(context, (&registry, &catalog), &self.sources, &options)?;
                let esms = prepare(context, &self.sources, &options, &known)?;
                if self.name.is_none() {
                    Names::warn(context, &catalog, &esms);
                    Names::warn_of_one_name(context, &esms);
                }
                Prepared { esms, ..Prepared::default() }
            }
        };
        if self.name.is_some() && prepared.len() > 1 {
            return Err(Failure::usage("--name names one ESM, but the bundle holds several"));
        }
        // What the pool says now: others may have set anchors while texts were embedded.
        let now = registry.catalog()?;
        context.notice(now.notice());
        prepared.iter().for_each(|(source, esm)| context.detail(document::detail(source, esm)));
        doubts::warn(context, &now, &prepared, self.no_anchors);
        let mut document = store(context, &registry, prepared, key.as_ref(), self.dry_run)?;
        (document.skipped, document.known) = (skipped, known);
        if let Some(base) = self.base.as_ref().filter(|_| self.tuned.is_some() && !self.no_anchors) {
            // The ESM is there, and must not look as if it were not.
            if let Err(failure) = self.set_built_in(context, &registry, &catalog, base) {
                context.warn(format!("the ESM is published, but the anchors of {base} could not be set: {failure}"));
            }
        }
        context.emit(&document)
    }

    /// What cards say of `--base`, with its digests where its files are at hand.
    fn described_base(&self, context: &Context) -> Outcome<Option<BaseModel>> {
        Ok(match &self.base {
            Some(model) if model.is_local() => Some(model.describe(&model.files(context)?)?),
            Some(model) => Some(BaseModel { id: model.to_string(), ..BaseModel::default() }),
            None => None,
        })
    }

    /// The base embeddings on which dense maps are distilled, where that is asked for.
    fn distilled_on(&self, context: &Context, registry: &Registry, catalog: &Catalog) -> Outcome<Option<Embeddings>> {
        match &self.distill {
            None => Ok(None),
            Some(Some(file)) => Ok(Some(read_embeddings(file)?)),
            Some(None) => {
                let base = self.base.as_ref().ok_or_else(|| {
                    Failure::usage("--distill needs base embeddings").hint(
                        "give --base MODEL, which embeds the pool's anchors (an id of the hub, or ID=FOLDER), or --distill=FILE",
                    )
                })?;
                let current = catalog.anchors(&base.to_string())?.ok_or_else(|| {
                    Failure::usage(format!("the pool has no anchors of {base} to distil on"))
                        .hint("`esmhub anchors set` sets some, or give --distill=FILE")
                })?;
                let set = registry.fetch_anchors(&current.digest())?;
                Ok(Some(base_embeddings(context, &set, &base.load(context)?, self.max_length)?))
            }
        }
    }

    /// The pool's anchors, where the pairs are said to be embeddings of them.
    fn anchor_set(&self, registry: &Registry, catalog: &Catalog) -> Outcome<Option<AnchorSet>> {
        if !self.of_pool {
            return Ok(None);
        }
        let base = self.base.as_ref().ok_or_else(|| Failure::usage("--of-pool needs --base MODEL"))?;
        let current = catalog.anchors(&base.to_string())?.ok_or_else(|| {
            Failure::usage(format!("the pool has no anchors of {base}")).hint("`esmhub anchors set` sets some")
        })?;
        Ok(Some(registry.fetch_anchors(&current.digest())?))
    }

    fn options(&self, base: Option<BaseModel>) -> Outcome<SourceOptions> {
        if self.fidelity < 1.0 && self.rank != RankChoice::Auto {
            return Err(Failure::usage("--fidelity chooses a rank, and --rank gives one"));
        }
        let PenaltyChoice(penalty) = self.penalty;
        Ok(SourceOptions {
            name: self.name.clone(),
            tag: self.tag.clone(),
            quality: Quality { codec: self.codec, rank: self.rank, fidelity: self.fidelity, penalty },
            anchor_pairs: self.anchor_pairs.clone(),
            anchor_set: None,
            distill: None,
            texts: None,
            base,
            aliases: Vec::new(),
            license: self.license.clone(),
            authors: self.authors.clone(),
            extra: self.extra.iter().cloned().collect(),
            seed: self.seed,
        })
    }
}
