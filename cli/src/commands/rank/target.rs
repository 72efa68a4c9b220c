//! Reading a target: from texts through the base model, or from embeddings.

use std::path::Path;

use esmhub_registry::Esm;
use esmhub_selection::encoder::Architecture;
use esmhub_selection::{Embeddings, Labels};
use esmhub_store_format::Digest;
use esmhub_store_format::card::BaseModel;
use esmhub_store_format::sketch::TextSet;

use super::Rank;
use super::base::only_base;
use crate::context::Context;
use crate::data::{DataOrigin, format_of};
use crate::dataset::{Columns, DatasetError, LabelSet, Limit, RawLabel, Sampling, choose, interpret, read_target};
use crate::failure::{Failure, Outcome};
use crate::model::Model;
use crate::texts::embed;

/// A target, embedded and labelled.
pub(super) struct LoadedTarget {
    /// Where it came from.
    pub(super) source: String,
    /// Its commit, subset and split, where that was the hub.
    pub(super) origin: Option<DataOrigin>,
    /// N x D.
    pub(super) x: Embeddings,
    /// N.
    pub(super) labels: Labels,
    /// The base model; its id is empty where it is not known.
    pub(super) base: BaseModel,
    /// The family of the base model that embedded its texts.
    pub(super) architecture: Option<Architecture>,
    /// Rows that were left out because they have no label.
    pub(super) unlabelled: usize,
    /// Its texts, those of rows that were not sampled too; `None` where the file holds none.
    pub(super) texts: Option<TextSet>,
    /// Of the texts that were embedded and their labels: the same on every machine, as embeddings are not.
    pub(super) texts_digest: Option<Digest>,
    /// Doubts that the user should read.
    pub(super) concerns: Vec<String>,
}

impl LoadedTarget {
    pub(super) fn load(rank: &Rank, context: &Context, pool: &[&Esm]) -> Outcome<Self> {
        match rank.target.file() {
            Some(file) if format_of(file)?.holds_embeddings() => Self::from_embeddings(rank, context, pool, file),
            _ => Self::from_texts(rank, context, pool),
        }
    }

    fn from_embeddings(rank: &Rank, context: &Context, pool: &[&Esm], file: &Path) -> Outcome<Self> {
        rank.part.refuse_for(file)?;
        if !rank.text.is_empty() || rank.label.is_some() {
            return Err(Failure::usage(
                "--text and --label name the columns of a table; this file holds embeddings x and labels y",
            ));
        }
        if let Some(pooling) = rank.pooling {
            return Err(Failure::usage(format!(
                "--pooling {pooling} is how texts are embedded; {} holds embeddings",
                rank.target
            ))
            .hint("leave it out: they are pooled already"));
        }
        if rank.max_overlap.is_some() {
            return Err(Failure::usage(format!(
                "--max-overlap needs the target's texts; {} holds embeddings",
                rank.target
            ))
            .hint("rank the table of its texts: --text COLUMN --label COLUMN"));
        }
        let arrays = read_target(file)?;
        let set = rank.choose(&arrays.labels)?;
        let base = match &rank.base {
            Some(model) if model.is_local() => model.for_matching(model.describe(&model.files(context)?)?),
            Some(model) => BaseModel { id: model.to_string(), ..BaseModel::default() },
            None => only_base(pool)?,
        };
        let x = arrays.x.select(&set.kept);
        let mut loaded = Self::new(rank, x, base, set);
        loaded.concerns.extend(normalised(&loaded.x));
        Ok(loaded)
    }

    fn from_texts(rank: &Rank, context: &Context, pool: &[&Esm]) -> Outcome<Self> {
        let missing = |flag: &str| {
            Failure::usage(format!("{} holds texts: {flag} is missing", rank.target))
                .hint("name the columns: --text COLUMN[,COLUMN] --label COLUMN")
        };
        if rank.text.is_empty() {
            return Err(missing("--text"));
        }
        let label = rank.label.as_deref().ok_or_else(|| missing("--label"))?;
        let columns = Columns { texts: &rank.text, label: Some(label) };
        let limit = match (rank.sample, std::num::NonZeroUsize::new(rank.rows as usize)) {
            (Sampling::First, Some(rows)) => Limit::First(rows),
            _ => Limit::All,
        };
        let (table, origin) = rank.target.read(context, &rank.part, columns, limit)?;
        let set = rank.choose(table.labels.as_deref().unwrap_or_default())?;
        let model = match &rank.base {
            Some(model) => model.clone(),
            // The pool's own word is an id, whatever folder is called so here.
            None => Model::by_id(&only_base(pool)?.id),
        };
        let loaded = model.load_pooled(context, rank.pooling)?;
        let texts: Vec<String> = set.kept.iter().filter_map(|&row| table.texts.get(row).cloned()).collect();
        let x = embed(context, &loaded, &texts, rank.max_length)?;
        let architecture = loaded.architecture().map_err(|failure| failure.at(&model))?;
        let base = BaseModel { max_length: u32::try_from(rank.max_length).ok(), ..model.for_matching(loaded.base) };
        let mut loaded = Self { texts: Some(TextSet::of(&table.texts)), origin, ..Self::new(rank, x, base, set) };
        loaded.texts_digest = Some(loaded.digest_of(&texts));
        loaded.architecture = Some(architecture);
        Ok(loaded)
    }

    fn new(rank: &Rank, x: Embeddings, base: BaseModel, set: LabelSet) -> Self {
        Self {
            source: rank.target.to_string(),
            origin: None,
            x,
            labels: set.labels,
            base,
            unlabelled: set.unlabelled,
            texts: None,
            texts_digest: None,
            architecture: None,
            concerns: set.concerns,
        }
    }

    /// What the scores are of: the embeddings and the labels that were used.
    pub(super) fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.x.rows() as u64).to_le_bytes());
        hasher.update(&(self.x.dimension() as u64).to_le_bytes());
        for value in self.x.values() {
            hasher.update(&value.to_le_bytes());
        }
        self.add_labels(&mut hasher);
        Digest::from_bytes(*hasher.finalize().as_bytes())
    }

    /// The same of the texts instead of their embeddings.
    fn digest_of(&self, texts: &[String]) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"texts").update(&(texts.len() as u64).to_le_bytes());
        for text in texts {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
        self.add_labels(&mut hasher);
        Digest::from_bytes(*hasher.finalize().as_bytes())
    }

    fn add_labels(&self, hasher: &mut blake3::Hasher) {
        match &self.labels {
            Labels::Classes { names, y } => {
                hasher.update(b"classes");
                for name in names {
                    hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
                }
                for class in y {
                    hasher.update(&class.to_le_bytes());
                }
            }
            Labels::Numbers(numbers) => {
                hasher.update(b"numbers");
                for number in numbers {
                    hasher.update(&number.to_le_bytes());
                }
            }
        }
    }
}

impl Rank {
    fn choose(&self, column: &[RawLabel]) -> Outcome<LabelSet> {
        let rows = choose(self.sample, self.seed, column.len(), self.rows as usize);
        interpret(column, &rows, self.task)
            .map_err(|problem| Failure::from(DatasetError::Labels(problem)).at(&self.target))
    }
}

/// A doubt where all rows have length 1: somebody has normalised them, which ESMs are not made for.
fn normalised(x: &Embeddings) -> Option<String> {
    const LEAST_ROWS: usize = 10;
    let is_unit = |row: &[f32]| (row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() - 1.0).abs() < 1e-3;
    let all = x.values().chunks(x.dimension()).all(is_unit);
    (x.rows() >= LEAST_ROWS && all).then(|| {
        "every row of x has length 1, as if normalised: ESMs map the base model's embeddings as they are, and scores of others say little"
            .to_owned()
    })
}
