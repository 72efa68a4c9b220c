//! Fitting an ESM: from embedding pairs in a file, or from texts and two models.

use std::collections::BTreeMap;
use std::path::Path;

use esmhub_registry::NewEsm;
use esmhub_selection::Embeddings;
use esmhub_selection::fit::{Pairs, fit};
use esmhub_store_format::card::{BaseModel, Source};

use super::{Draft, SourceOptions};
use crate::anchors::{Anchors, from_pairs};
use crate::context::PROGRAM;
use crate::dataset::read_pairs;
use crate::failure::Outcome;

pub(super) fn fit_file(path: &Path, options: &SourceOptions) -> Outcome<NewEsm> {
    let pairs = read_pairs(path)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let source = Source { dataset: stem.clone(), rows: Some(pairs.x.rows() as u64), ..Source::default() };
    let anchors = from_pairs(&options.anchor_pairs, path, options.anchor_set.as_ref())?;
    let model = BaseModel::default();
    fit_pairs(&pairs.x, &pairs.y, anchors, source, model, stem, options).map_err(|f| f.at(path.display()))
}

/// An ESM from the embeddings of the same texts by the base model and by the tuned one.
pub(crate) fn from_texts(
    base: &Embeddings,
    tuned: &Embeddings,
    anchors: Option<Anchors>,
    source: Source,
    model: BaseModel,
    options: &SourceOptions,
) -> Outcome<NewEsm> {
    // As hfselect calls them.
    let subset = source.subset.as_deref().filter(|subset| *subset != "default");
    let name = source.dataset.clone().map(|name| subset.map_or(name.clone(), |subset| format!("{name}/{subset}")));
    fit_pairs(base, tuned, anchors, source, model, name, options)
}

fn fit_pairs(
    base: &Embeddings,
    tuned: &Embeddings,
    anchors: Option<Anchors>,
    source: Source,
    model: BaseModel,
    name: Option<String>,
    options: &SourceOptions,
) -> Outcome<NewEsm> {
    let quality = &options.quality;
    let (domains, digest) = anchors.map(|anchors| (anchors.domains, anchors.digest)).unzip();
    let pairs = Pairs::new(base, tuned)?;
    let fitted = fit(&pairs, &domains.unwrap_or_default(), &quality.fit_options(base.dimension(), options.seed))?;
    let is_dense = fitted.map.rank().is_none();
    let object = fitted.encode(if is_dense { quality.dense_codec() } else { quality.factor_codec() })?;
    let draft = Draft {
        name,
        base: model,
        source,
        fit: fitted.describe(PROGRAM, digest),
        fidelity: fitted.fidelity,
        derivation: None,
        authors: Vec::new(),
        extra: BTreeMap::new(),
    };
    draft.finish(&fitted.map, object, options)
}
