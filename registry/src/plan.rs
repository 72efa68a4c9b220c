//! Planning a publish: which reference each ESM of a batch gets, decided over one state of the log.

use std::collections::HashMap;

use esmhub_store_format::log::{Action, Published};
use esmhub_store_format::{Digest, Name, Tag};

use crate::catalog::Catalog;
use crate::publish::NewEsm;
use crate::{Esm, RegistryError, State};

/// What is to be done about a batch.
pub(crate) struct Plan {
    /// One for each ESM of the batch.
    pub(crate) decisions: Vec<Decision>,
    /// What must be written for that; empty where everything is there.
    pub(crate) actions: Vec<Action>,
}

/// The reference that an ESM of a batch gets.
pub(crate) struct Decision {
    pub(crate) name: Name,
    pub(crate) tag: Tag,
    pub(crate) how: How,
}

/// Where a reference comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// It must be written.
    New,
    /// An earlier ESM of the batch is the same.
    Repeated,
    /// A log entry holds it.
    Held {
        /// Which.
        entry: u64,
        /// Whether it is yanked.
        yanked: bool,
    },
}

impl Plan {
    /// Decides for the whole batch, or refuses it.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] and [`RegistryError::TagGone`], for the first ESM that has one.
    pub(crate) fn new(catalog: &Catalog, batch: &[NewEsm]) -> Result<Self, RegistryError> {
        let mut planned = Planned { catalog, names: HashMap::new(), tags: HashMap::new() };
        let mut actions = Vec::new();
        let decide = |esm| {
            let decision = planned.decide(esm)?;
            if decision.how == How::New {
                actions.push(Action::Publish(Published {
                    name: decision.name.clone(),
                    tag: decision.tag.clone(),
                    card: esm.card_bytes().to_vec(),
                }));
            }
            Ok(decision)
        };
        let decisions = batch.iter().map(decide).collect::<Result<_, RegistryError>>()?;
        Ok(Self { decisions, actions })
    }
}

/// The log, and what the batch adds to it so far.
struct Planned<'a> {
    catalog: &'a Catalog,
    /// By the name's key: its spelling, and the tags with their cards in order.
    names: HashMap<String, (Name, Vec<(Tag, Digest)>)>,
    /// By the keys of name and tag.
    tags: HashMap<(String, String), Digest>,
}

impl Planned<'_> {
    fn decide(&mut self, esm: &NewEsm) -> Result<Decision, RegistryError> {
        let given = esm.card_digest();
        let name = self.spelling(esm.name());
        let (tag, how) = match esm.tag() {
            Some(tag) => self.explicit(&name, tag, given)?,
            None => self.implicit(&name, given),
        };
        if how == How::New {
            self.tags.insert((name.key(), tag.key()), given);
            let (_, tags) = self.names.entry(name.key()).or_insert_with(|| (name.clone(), Vec::new()));
            tags.push((tag.clone(), given));
        }
        Ok(Decision { name, tag, how })
    }

    /// The first spelling of a name is the one that is kept.
    fn spelling(&self, name: &Name) -> Name {
        let held = self.catalog.named(name).next().map(Esm::name);
        let planned = || self.names.get(&name.key()).map(|(spelt, _)| spelt);
        held.or_else(planned).unwrap_or(name).clone()
    }

    fn explicit(&self, name: &Name, tag: &Tag, given: Digest) -> Result<(Tag, How), RegistryError> {
        let (held, found) = match self.catalog.tagged(name, tag) {
            Some(esm) if esm.is_removed() => {
                let (name, tag) = (name.clone(), tag.clone());
                return Err(RegistryError::TagGone { name, tag });
            }
            Some(esm) => (esm.digest, (esm.tag.clone(), held(esm))),
            None => match self.tags.get(&(name.key(), tag.key())) {
                Some(digest) => (*digest, (tag.clone(), How::Repeated)),
                None => return Ok((tag.clone(), How::New)),
            },
        };
        if held != given {
            let (name, tag) = (name.clone(), tag.clone());
            return Err(RegistryError::Conflict { name, tag, held, given });
        }
        Ok(found)
    }

    fn implicit(&self, name: &Name, given: Digest) -> (Tag, How) {
        let same: Vec<&Esm> = self.catalog.tags(name).filter(|esm| esm.digest == given).collect();
        let live = same.iter().find(|esm| esm.state == State::Live);
        if let Some(esm) = live.or(same.first()) {
            return (esm.tag.clone(), held(esm));
        }
        let planned = self.names.get(&name.key()).map(|(_, tags)| tags.as_slice()).unwrap_or_default();
        if let Some((tag, _)) = planned.iter().find(|(_, digest)| *digest == given) {
            return (tag.clone(), How::Repeated);
        }
        let is_free =
            |tag: &Tag| self.catalog.tagged(name, tag).is_none() && !self.tags.contains_key(&(name.key(), tag.key()));
        let tag = (1..).map(Tag::version).find(is_free);
        (tag.unwrap_or_else(|| Tag::version(u64::MAX)), How::New)
    }
}

fn held(esm: &Esm) -> How {
    How::Held { entry: esm.stamp.entry, yanked: esm.is_yanked() }
}
