//! Planning a publish: which reference each ESM of a batch gets, decided over one state of the log.

use std::collections::{HashMap, HashSet};

use esmhub_store_format::limits::MAX_SIGNATURES;
use esmhub_store_format::log::{Action, Published, Signed, Target};
use esmhub_store_format::{Digest, Name, Tag};

use crate::attestation::{Signing, too_many};
use crate::catalog::Catalog;
use crate::publish::NewEsm;
use crate::{Esm, RegistryError, State};

/// What is to be done about a batch.
pub(crate) struct Plan {
    /// One for each ESM of the batch.
    pub(crate) decisions: Vec<Decision>,
    /// What must be written for that, a step for each ESM of which something is new; empty where everything is there.
    pub(crate) steps: Vec<Vec<Action>>,
}

/// The reference that an ESM of a batch gets.
pub(crate) struct Decision {
    pub(crate) name: Name,
    pub(crate) tag: Tag,
    pub(crate) how: How,
    /// Where its signature comes from; `None` where nothing is signed.
    pub(crate) signature: Option<How>,
}

/// Where a reference or its signature comes from.
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
        /// Whether the reference is yanked.
        yanked: bool,
    },
}

impl Plan {
    /// Decides for the whole batch, or refuses it.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] and [`RegistryError::TagGone`], for the first ESM that has one;
    /// [`RegistryError::Unsigned`], and [`RegistryError::Refused`] where there is no room for a signature.
    pub(crate) fn new(catalog: &Catalog, batch: &[NewEsm], signing: &mut Signing<'_>) -> Result<Self, RegistryError> {
        let mut planned = Planned { catalog, names: HashMap::new(), tags: HashMap::new(), signed: HashSet::new() };
        let mut steps = Vec::new();
        let decide = |esm: &NewEsm| {
            let mut decision = planned.decide(esm)?;
            let mut step = Vec::new();
            if decision.how == How::New {
                step.push(Action::Publish(Published {
                    name: decision.name.clone(),
                    tag: decision.tag.clone(),
                    card: esm.card_bytes().to_vec(),
                }));
            }
            decision.signature = planned.sign(esm, &decision, signing, &mut step)?;
            steps.extend((!step.is_empty()).then_some(step));
            Ok(decision)
        };
        let decisions = batch.iter().map(decide).collect::<Result<_, RegistryError>>()?;
        Ok(Self { decisions, steps })
    }
}

/// The log, and what the batch adds to it so far.
struct Planned<'a> {
    catalog: &'a Catalog,
    /// By the name's key: its spelling, and the tags with their cards in order.
    names: HashMap<String, (Name, Vec<(Tag, Digest)>)>,
    /// By the keys of name and tag.
    tags: HashMap<(String, String), Digest>,
    /// What is signed already, by the keys of name and tag.
    signed: HashSet<(String, String)>,
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
        Ok(Decision { name, tag, how, signature: None })
    }

    /// Decides on the signature of what was decided on, and adds its record to the step where it is new.
    fn sign(
        &mut self,
        esm: &NewEsm,
        decision: &Decision,
        signing: &mut Signing<'_>,
        step: &mut Vec<Action>,
    ) -> Result<Option<How>, RegistryError> {
        // A tag that is there may be spelt otherwise than the name's first one: its own spelling is what is signed.
        let held = self.catalog.tagged(&decision.name, &decision.tag);
        let (name, tag) = held.map_or((&decision.name, &decision.tag), |held| (&held.name, &held.tag));
        let target = Target { name: name.clone(), tag: tag.clone(), digest: esm.card_digest() };
        let Some(signature) = signing.of(&target)? else { return Ok(None) };
        let attestations = held.map(|held| held.attestations.as_slice()).unwrap_or_default();
        if let Some(there) = attestations.iter().find(|attestation| attestation.signature == signature) {
            let yanked = held.is_some_and(Esm::is_yanked);
            return Ok(Some(How::Held { entry: there.entry, yanked }));
        }
        if !self.signed.insert((target.name.key(), target.tag.key())) {
            return Ok(Some(How::Repeated));
        }
        if attestations.len() >= MAX_SIGNATURES {
            return Err(too_many(&target));
        }
        let Target { name, tag, digest } = target;
        step.push(Action::Signed(Signed { name, tag, digest, signature }));
        Ok(Some(How::New))
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
