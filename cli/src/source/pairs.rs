//! Fitting an ESM: from embedding pairs in a file, or from texts and two models.

use std::collections::BTreeMap;
use std::path::Path;

use esmhub_registry::NewEsm;
use esmhub_selection::Embeddings;
use esmhub_selection::fit::{Pairs, fit};
use esmhub_store_format::card::{BaseModel, Source};

use super::{Draft, SourceOptions};
use crate::context::PROGRAM;
use crate::dataset::read_pairs;
use crate::failure::{Failure, Outcome};

pub(super) fn fit_file(path: &Path, options: &SourceOptions) -> Outcome<NewEsm> {
    let pairs = read_pairs(path)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let source = Source { dataset: stem.clone(), rows: Some(pairs.x.rows() as u64), ..Source::default() };
    fit_pairs(&pairs.x, &pairs.y, source, BaseModel::default(), stem, options).map_err(|f| f.at(path.display()))
}

/// An ESM from the embeddings of the same texts by the base model and by the tuned one.
pub(crate) fn from_texts(
    base: &Embeddings,
    tuned: &Embeddings,
    source: Source,
    model: BaseModel,
    options: &SourceOptions,
) -> Outcome<NewEsm> {
    let name = source.dataset.clone();
    fit_pairs(base, tuned, source, model, name, options)
}

fn fit_pairs(
    base: &Embeddings,
    tuned: &Embeddings,
    source: Source,
    model: BaseModel,
    name: Option<String>,
    options: &SourceOptions,
) -> Outcome<NewEsm> {
    let fitted = fit(&Pairs::new(base, tuned)?, options.seed).map_err(Failure::from)?;
    let draft =
        Draft { name, base: model, source, fit: fitted.describe(PROGRAM), authors: Vec::new(), extra: BTreeMap::new() };
    draft.finish(&fitted.map, options)
}
