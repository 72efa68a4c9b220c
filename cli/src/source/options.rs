//! What the command line says of every ESM that it publishes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use esmhub_selection::Embeddings;
use esmhub_store_format::card::{BaseModel, Card};
use esmhub_store_format::sketch::TextSet;
use esmhub_store_format::{AnchorSet, Name, Tag};

use super::{Quality, suggested};
use crate::failure::{Failure, INCOMPATIBLE, Outcome};

/// What the command line says of every ESM that it publishes.
#[derive(Debug, Clone)]
pub(crate) struct SourceOptions {
    /// `--name`.
    pub(crate) name: Option<Name>,
    /// `--tag`.
    pub(crate) tag: Option<Tag>,
    /// How small a map becomes, and how it is fitted.
    pub(crate) quality: Quality,
    /// `--anchor-pairs`.
    pub(crate) anchor_pairs: Vec<PathBuf>,
    /// `--of-pool`: the set that the anchor pairs are embeddings of.
    pub(crate) anchor_set: Option<AnchorSet>,
    /// `--distill`: base embeddings on which dense maps are distilled.
    pub(crate) distill: Option<Embeddings>,
    /// The source's texts, where they are at hand and a sketch of them is wanted.
    pub(crate) texts: Option<TextSet>,
    /// `--base`, with its digests where its files are at hand.
    pub(crate) base: Option<BaseModel>,
    /// Other names of the same base model.
    pub(crate) aliases: Vec<String>,
    /// `--license`.
    pub(crate) license: Option<String>,
    /// `--author`.
    pub(crate) authors: Vec<String>,
    /// `--set`.
    pub(crate) extra: BTreeMap<String, String>,
    /// `--seed`, for the split of a fit.
    pub(crate) seed: u64,
}

impl SourceOptions {
    /// Nothing but what the source says itself.
    pub(crate) fn none() -> Self {
        Self {
            name: None,
            tag: None,
            quality: Quality::STANDARD,
            anchor_pairs: Vec::new(),
            anchor_set: None,
            distill: None,
            texts: None,
            base: None,
            aliases: Vec::new(),
            license: None,
            authors: Vec::new(),
            extra: BTreeMap::new(),
            seed: 42,
        }
    }

    /// Whether an ESM is published as it is: nothing is asked for that its card would say otherwise.
    pub(crate) fn keeps_content(&self) -> bool {
        self.base.is_none() && self.adds_only_base()
    }

    /// The same but for `--base`.
    pub(crate) fn adds_only_base(&self) -> bool {
        let says_nothing = self.license.is_none() && self.authors.is_empty() && self.extra.is_empty();
        let adds_nothing = self.texts.is_none() && self.distill.is_none();
        says_nothing && adds_nothing && self.anchor_pairs.is_empty() && self.quality == Quality::STANDARD
    }

    /// `--name`, else what the source suggests.
    pub(super) fn name_or(&self, default: Option<String>) -> Outcome<Name> {
        match (&self.name, default) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(text)) => suggested(&text),
            (None, None) => Err(Failure::usage("the source does not say what it is called").hint("give --name")),
        }
    }

    /// The base model: what the source says, completed by `--base`; the two must not disagree.
    pub(super) fn base_or(&self, stated: BaseModel) -> Outcome<BaseModel> {
        match (&self.base, stated.id.as_str()) {
            (Some(base), "") => Ok(base.clone()),
            (Some(base), id)
                if [&base.id].into_iter().chain(&self.aliases).any(|name| name.eq_ignore_ascii_case(id)) =>
            {
                Ok(base.clone())
            }
            (Some(base), id) => {
                Err(Failure::new(INCOMPATIBLE, format!("its base model is {id}, --base says {}", base.id)))
            }
            (None, "") => {
                Err(Failure::usage("the source does not say what its base model is").hint("give --base MODEL"))
            }
            (None, _) => Ok(stated),
        }
    }

    /// Adds `--license`, `--author` and `--set` to a card.
    pub(super) fn amend(&self, card: &mut Card) {
        if self.license.is_some() {
            card.license.clone_from(&self.license);
        }
        card.authors.extend(self.authors.iter().cloned());
        card.extra.extend(self.extra.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}
