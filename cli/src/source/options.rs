//! What the command line says of every ESM that it publishes.

use std::collections::BTreeMap;

use esmhub_store_format::card::{BaseModel, Card};
use esmhub_store_format::{Codec, Name, Tag};

use super::suggested;
use crate::failure::{Failure, INCOMPATIBLE, Outcome};

/// What the command line says of every ESM that it publishes.
#[derive(Debug, Clone)]
pub(crate) struct SourceOptions {
    /// `--name`.
    pub(crate) name: Option<Name>,
    /// `--tag`.
    pub(crate) tag: Option<Tag>,
    /// `--codec`; `None` is `auto`.
    pub(crate) codec: Option<Codec>,
    /// `--base`, with its digests where its files are at hand.
    pub(crate) base: Option<BaseModel>,
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
    /// The codec of ESMs made elsewhere, and for now of all: `int8` keeps their order at a fifth of the bytes.
    pub(crate) const AUTO_CODEC: Codec = Codec::Int8;

    /// Nothing but what the source says itself.
    pub(crate) fn none() -> Self {
        Self {
            name: None,
            tag: None,
            codec: None,
            base: None,
            license: None,
            authors: Vec::new(),
            extra: BTreeMap::new(),
            seed: 42,
        }
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec.unwrap_or(Self::AUTO_CODEC)
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
            (Some(base), id) if base.id.eq_ignore_ascii_case(id) => Ok(base.clone()),
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
