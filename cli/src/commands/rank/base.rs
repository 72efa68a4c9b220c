//! Which ESMs of the pool belong to the target's base model.

use std::collections::BTreeMap;

use esmhub_registry::Esm;
use esmhub_selection::encoder::{Architecture, hfselect_pooling};
use esmhub_store_format::card::{BaseModel, Method};
use esmhub_store_format::{Card, Digest};

use super::output::Skipped;
use crate::context::Context;
use crate::document::count;
use crate::failure::{Failure, INCOMPATIBLE, NEWER, Outcome};
use crate::model::nearest_id;

const ID_HINT: &str = "if the folder is their base model, write --base ID=FOLDER";

/// The pool, sorted by whether an ESM can be used for this target.
pub(super) struct Matching<'a> {
    /// Those that can.
    pub(super) esms: Vec<&'a Esm>,
    /// Those whose base model fits but which cannot be used, each with its reason.
    pub(super) skipped: Vec<Skipped>,
    /// How many belong to another base model.
    pub(super) other_base: usize,
    /// How many of `esms` match by name alone.
    by_name: usize,
    /// How many hold no digest, where the target's base model has nothing but one.
    unnamed: usize,
    /// How many have the right name and other weights.
    other_weights: usize,
    /// ESMs per base model, for the message when none fits.
    bases: BTreeMap<String, u64>,
}

impl<'a> Matching<'a> {
    /// By the digest of the base model's weights where both sides have it, else by its id; the dimension must fit.
    pub(super) fn of(pool: &[&'a Esm], base: &BaseModel, dimension: usize) -> Self {
        let (esms, skipped) = (Vec::new(), Vec::new());
        let mut matching =
            Self { esms, skipped, other_base: 0, by_name: 0, unnamed: 0, other_weights: 0, bases: BTreeMap::new() };
        for &esm in pool {
            let card = match esm.card() {
                Ok(card) => card,
                Err(error) => {
                    matching.skipped.push(Skipped::new(esm, NEWER, &error.to_string()));
                    continue;
                }
            };
            *matching.bases.entry(card.base.id.clone()).or_default() += 1;
            let same_name = card.base.id.eq_ignore_ascii_case(&base.id);
            let fits = match (card.base.weights, base.weights) {
                (Some(theirs), Some(ours)) => theirs == ours,
                _ => same_name,
            };
            if !fits {
                matching.other_base += 1;
                matching.other_weights += usize::from(same_name);
                matching.unnamed += usize::from(base.id.is_empty() && card.base.weights.is_none());
            } else if card.weights.dimension as usize != dimension {
                let found = card.weights.dimension;
                let reason = format!("its dimension is {found}, the target's embeddings have {dimension}");
                matching.skipped.push(Skipped::new(esm, INCOMPATIBLE, &reason));
            } else {
                matching.by_name += usize::from(card.base.weights.is_none() || base.weights.is_none());
                matching.esms.push(esm);
            }
        }
        matching
    }

    /// What the user should know of how the ESMs were matched; what is only worth a detail is said at once.
    pub(super) fn doubts(&self, context: &Context, base: &BaseModel) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.by_name > 0 {
            let what = count(self.by_name as u64, "ESM");
            let (cards, them) = if self.by_name == 1 {
                ("its card holds", "its card will")
            } else {
                ("their cards hold", "their cards")
            };
            let id = &base.id;
            let message = format!(
                "{what} matched by the base model's name alone, {id}: {cards} no digest of it. Published again with --base ID=FOLDER, \
                 {them} get one"
            );
            // Where the target's own base model is a mere name as well, there was never a digest to expect.
            if base.weights.is_some() { doubts.push(message) } else { context.detail(message) }
        }
        if self.unnamed > 0 && !self.esms.is_empty() {
            let what = count(self.unnamed as u64, "ESM");
            doubts.push(format!(
                "{what} left out: their cards hold no digest of a base model, and --base names no id. {ID_HINT}"
            ));
        }
        doubts.extend(self.mixed_anchors());
        if self.other_weights > 0 {
            let what = count(self.other_weights as u64, "ESM");
            doubts.push(format!("{what} of {} left out: made with other weights of that name", base.id));
        }
        doubts
    }

    /// hfselect goes by a model's name, and not by what its files say of the pooling: its maps are then of other embeddings.
    pub(super) fn pooled_otherwise(&self, architecture: Option<Architecture>, base: &BaseModel) -> Option<String> {
        let theirs = hfselect_pooling(architecture?, &base.id)?;
        let ours = base.pooling.filter(|ours| *ours != theirs)?;
        let is_theirs = |card: &Card| card.fit.method == Method::Imported && card.base.pooling.is_none();
        let number = self.esms.iter().filter(|esm| esm.card().is_ok_and(|card| is_theirs(&card))).count();
        (number > 0).then(|| {
            format!(
                "{} made elsewhere, as by hfselect, which pools {} by {theirs}; the target's texts are pooled by {ours}: their scores mean \
                 little. `--pooling {theirs}` pools as hfselect does",
                count(number as u64, "ESM"),
                base.id,
            )
        })
    }

    /// ESMs whose cards say that their base embeddings were pooled otherwise than the target's.
    pub(super) fn stated_otherwise(&self, base: &BaseModel) -> Option<String> {
        let ours = base.pooling?;
        let mut others: BTreeMap<&'static str, u64> = BTreeMap::new();
        let stated = self.esms.iter().filter_map(|esm| esm.card().ok()?.base.pooling);
        for theirs in stated.filter(|theirs| *theirs != ours) {
            *others.entry(theirs.name()).or_default() += 1;
        }
        let described: Vec<String> = others.iter().map(|(theirs, number)| format!("{number} by {theirs}")).collect();
        (!described.is_empty()).then(|| {
            format!(
                "ESMs of embeddings that were pooled otherwise ({}); the target's texts are pooled by {ours}: their scores mean little. \
                 `--pooling` says how texts are pooled",
                described.join(", ")
            )
        })
    }

    /// Maps that have not seen the same texts are wrong in different places, and their scores differ by that, too.
    fn mixed_anchors(&self) -> Option<String> {
        let mut groups: BTreeMap<(bool, Option<Digest>), u64> = BTreeMap::new();
        for card in self.esms.iter().filter_map(|esm| esm.card().ok()) {
            *groups.entry((card.fit.method == Method::Imported, card.fit.anchors)).or_default() += 1;
        }
        if groups.len() < 2 {
            return None;
        }
        let described: Vec<String> = groups
            .into_iter()
            .map(|((imported, anchors), number)| match (imported, anchors) {
                (true, _) => format!("{number} made elsewhere"),
                (false, Some(digest)) => format!("{number} on {}", digest.short()),
                (false, None) => format!("{number} on none"),
            })
            .collect();
        Some(format!(
            "ESMs were fitted on different anchors ({}): scores across these groups compare badly; `esmhub anchors stats` shows them",
            described.join(", ")
        ))
    }

    /// The failure when no ESM fits.
    pub(super) fn nothing(&self, base: &BaseModel) -> Failure {
        if self.unnamed > 0 {
            let what = count(self.unnamed as u64, "ESM");
            let message =
                format!("--base names no id, and the cards of {what} hold no digest to compare the folder with");
            return Failure::new(INCOMPATIBLE, message).hint(ID_HINT);
        }
        let held: Vec<String> = self.bases.iter().map(|(id, number)| format!("{id} ({number})")).collect();
        let hint = match nearest_id(&base.id, self.bases.keys().map(String::as_str)) {
            Some(id) => format!("did you mean --base {id}, or --base {id}=FOLDER?"),
            None => "name the base model as the pool does: --base ID, or --base ID=FOLDER".to_owned(),
        };
        Failure::new(INCOMPATIBLE, format!("no ESM of the base model {}: the pool holds {}", base.id, held.join(", ")))
            .hint(hint)
    }
}

/// The base model of the whole pool, where it has just one.
pub(super) fn only_base(pool: &[&Esm]) -> Outcome<BaseModel> {
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for card in pool.iter().filter_map(|esm| esm.card().ok()) {
        ids.entry(card.base.id.to_ascii_lowercase()).or_insert(card.base.id);
    }
    let mut found = ids.into_values();
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(BaseModel { id, ..BaseModel::default() }),
        (None, _) => Err(Failure::new(NEWER, "no card of the pool can be read by this program")),
        (Some(first), Some(second)) => {
            let all: Vec<String> = [first, second].into_iter().chain(found).collect();
            Err(Failure::usage(format!("the pool holds ESMs of several base models: {}", all.join(", ")))
                .hint("say which one embedded the target: --base MODEL"))
        }
    }
}
