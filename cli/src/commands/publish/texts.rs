//! Fitting an ESM from texts and two models.

use std::path::Path;

use esmhub_registry::{Catalog, NewEsm, Registry};
use esmhub_store_format::card;

use super::Publish;
use crate::anchors::{EmbeddedAnchors, built_in};
use crate::context::Context;
use crate::dataset::{Columns, Limit, Sampling, Table, choose};
use crate::document::count;
use crate::failure::Outcome;
use crate::model::Model;
use crate::source::from_texts;
use crate::texts::embed;

impl Publish {
    /// Embeds the texts and the anchors with both models, one model after the other, and fits the ESM.
    pub(super) fn fit_texts(
        &self,
        context: &Context,
        registry: &Registry,
        catalog: &Catalog,
        (base, tuned, data): (&Model, &Model, &Path),
    ) -> Outcome<NewEsm> {
        let table = Table::read(data, Columns { texts: &self.text, label: None }, Limit::All)?;
        let chosen = choose(Sampling::Random, self.seed, table.rows(), self.rows);
        let texts: Vec<String> = chosen.iter().filter_map(|&row| table.texts.get(row).cloned()).collect();
        let current = catalog.anchors(&base.to_string())?;
        let current = current.map(|current| registry.fetch_anchors(&current.digest())).transpose()?;
        let becomes_current = current.is_none() && !self.no_anchors;
        let set = (!self.no_anchors).then(|| current.unwrap_or_else(built_in));

        let model = base.load(context)?;
        let x = embed(context, &model, &texts, self.max_length)?;
        let anchors = set.map(|set| EmbeddedAnchors::new(context, set, &model, self.max_length)).transpose()?;
        let mut described = model.base;
        described.max_length = u32::try_from(self.max_length).ok();
        drop(model.encoder);

        let tuned = tuned.load(context)?;
        let y = embed(context, &tuned, &texts, self.max_length)?;
        let anchors = match anchors {
            Some(anchors) => {
                let tuned = embed(context, &tuned, &anchors.texts(), self.max_length)?;
                Some(anchors.with_tuned(&tuned)?)
            }
            None => None,
        };
        let source = card::Source {
            dataset: data.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
            text_columns: self.text.clone(),
            rows: Some(texts.len() as u64),
            seed: (table.rows() > texts.len()).then_some(self.seed),
            ..card::Source::default()
        };
        let options = self.options(Some(described.clone()))?;
        let esm = from_texts(&x, &y, anchors, source, described, &options).map_err(|f| f.at(data.display()))?;
        if becomes_current {
            self.set_built_in(context, registry, &base.to_string())?;
        }
        Ok(esm)
    }

    /// A pool without anchors of this base model gets those that ship with esmhub, so that every later ESM is fitted on the
    /// same.
    fn set_built_in(&self, context: &Context, registry: &Registry, base: &str) -> Outcome<()> {
        let set = built_in();
        registry.set_anchors(base, Some(&set), &context.signature(), self.dry_run)?;
        let (texts, domains) = (count(set.len() as u64, "text"), set.domains.len());
        context.note(format!(
            "{base} had no anchors in this pool: esmhub's own, {texts} of {domains} domains, are its anchors from now on"
        ));
        Ok(())
    }
}
