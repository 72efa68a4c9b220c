//! Fitting an ESM from texts and two models.

use std::collections::HashSet;

use esmhub_registry::{Catalog, NewEsm, Registry};
use esmhub_store_format::card;
use esmhub_store_format::sketch::TextSet;

use super::Publish;
use crate::anchors::{EmbeddedAnchors, built_in};
use crate::context::Context;
use crate::data::{Data, DataOrigin};
use crate::dataset::{Columns, Limit, Sampling, choose};
use crate::document::count;
use crate::failure::{Failure, Outcome};
use crate::model::Model;
use crate::source::from_texts;
use crate::texts::embed;

/// Where a card names the tuned model, where it has an id.
const TUNED: &str = "tuned_model";
/// Where it says how that pools, where the base model does otherwise.
const TUNED_POOLING: &str = "tuned_pooling";

impl Publish {
    /// Embeds the texts and the anchors with both models, one model after the other, and fits the ESM.
    pub(super) fn fit_texts(
        &self,
        context: &Context,
        registry: &Registry,
        catalog: &Catalog,
        (base, tuned, data): (&Model, &Model, &Data),
    ) -> Outcome<NewEsm> {
        // What is wrong with it is said before the texts are embedded.
        let mut options = self.options(None)?;
        let columns = Columns { texts: &self.text, label: None };
        let (table, origin) = data.read(context, &self.part, columns, Limit::All)?;
        // All of them, not those alone that the fit uses: the tuned model was trained on all.
        options.texts = (!self.no_sketch).then(|| TextSet::of(&table.texts));
        let chosen = choose(Sampling::Random, self.seed, table.rows(), self.rows);
        let texts: Vec<String> = chosen.iter().filter_map(|&row| table.texts.get(row).cloned()).collect();
        let set = match (self.no_anchors, catalog.anchors(&base.to_string())?) {
            (true, _) => None,
            (false, Some(current)) => Some(registry.fetch_anchors(&current.digest())?),
            (false, None) if catalog.has_withdrawn_anchors(&base.to_string()) => {
                context.note(format!("the anchors of {base} were withdrawn: fitted on its own texts alone"));
                None
            }
            (false, None) => Some(built_in()),
        };

        if let Some(set) = &set {
            let anchors: HashSet<&str> = set.texts().collect();
            let shared = texts.iter().filter(|text| anchors.contains(text.as_str())).count();
            if shared > 0 {
                let what = count(shared as u64, "text");
                context.warn(format!("{what} of {} are anchors as well: R2 is flattered by them", data));
            }
        }

        let model = base.load(context)?;
        let tuned_files = tuned.files(context)?;
        let (_, tuned_pooling) = tuned_files.output().map_err(|error| Failure::from(error).at(tuned))?;
        // Before hours of work: the map would imitate that difference more than what tuning did.
        if tuned_pooling != model.pooling {
            context.warn(format!(
                "{base} pools by {}, {tuned} by {tuned_pooling}: the map will imitate that change too, and rank worse; give the tuned model \
                 the modules.json and 1_Pooling/config.json that the base model has",
                model.pooling
            ));
            options.extra.insert(TUNED_POOLING.to_owned(), tuned_pooling.to_string());
        }
        if let Some(id) = tuned.id() {
            options.extra.entry(TUNED.to_owned()).or_insert_with(|| id.to_owned());
        }
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
            text_columns: self.text.clone(),
            rows: Some(texts.len() as u64),
            seed: (table.rows() > texts.len()).then_some(self.seed),
            ..source_of(data, origin)
        };
        options.base = Some(described.clone());
        from_texts(&x, &y, anchors, source, described, &options).map_err(|f| f.at(data))
    }

    /// A pool without anchors of this base model gets those that ship with esmhub, so that every later ESM is fitted on the
    /// same. Only when an ESM fitted on them is there: a publish that fails leaves nothing behind.
    pub(super) fn set_built_in(
        &self,
        context: &Context,
        registry: &Registry,
        catalog: &Catalog,
        base: &Model,
    ) -> Outcome<()> {
        if catalog.anchors(&base.to_string())?.is_some() || catalog.has_withdrawn_anchors(&base.to_string()) {
            return Ok(());
        }
        let set = built_in();
        let offered = registry.offer_anchors(&base.to_string(), &set, &context.signature(), self.dry_run)?;
        if offered.set != Some(set.digest()?) {
            context.warn(format!(
                "{base} got other anchors while this ESM was fitted on esmhub's own: scores across that line compare badly"
            ));
            return Ok(());
        }
        let (texts, domains) = (count(set.len() as u64, "text"), set.domains.len());
        let become_current = if self.dry_run { "would be its anchors" } else { "are its anchors from now on" };
        context.note(format!(
            "{base} had no anchors in this pool: esmhub's own, {texts} of {domains} domains, {become_current}"
        ));
        Ok(())
    }
}

/// What a card says of where the texts came from.
fn source_of(data: &Data, origin: Option<DataOrigin>) -> card::Source {
    match (data.file(), origin) {
        (Some(file), _) => {
            let dataset = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            card::Source { dataset, ..card::Source::default() }
        }
        (None, Some(DataOrigin { id, commit, subset, split })) => card::Source {
            dataset: Some(id),
            revision: Some(commit),
            subset: Some(subset),
            split: Some(split),
            ..card::Source::default()
        },
        (None, None) => card::Source::default(),
    }
}
