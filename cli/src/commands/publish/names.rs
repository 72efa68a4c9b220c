//! What the hub's ESMs are called in the registry.
//!
//! A repository says of which task its ESM is, and many are of the same one. A name's newest tag is what everybody ranks and pulls, so
//! no repository gets one that an ESM from elsewhere has.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use esmhub_registry::{Catalog, NewEsm};
use esmhub_store_format::{Card, Digest, Name};

use super::prepared::repository_of;
use crate::context::Context;
use crate::document::{count, listed};

/// Who has which name.
pub(super) struct Names {
    /// Under which name the newest ESM of each repository is, and of which task it is. Here and below yanked ones count where there
    /// are no others: they mean nothing to who asks for a name alone, so that they do not decide whose it is.
    homes: HashMap<String, (Name, Option<String>)>,
    /// The cards under each name.
    cards: HashSet<(String, Digest)>,
    /// By the keys of all names: from which repository the newest ESM is, if from one.
    taken: HashMap<String, Option<String>>,
}

impl Names {
    pub(super) fn of(catalog: &Catalog) -> Self {
        Self::of_those(catalog, |_| true)
    }

    /// Reads the cards of the names with these keys alone.
    fn of_those(catalog: &Catalog, is_wanted: impl Fn(&String) -> bool) -> Self {
        let mut names = Self { homes: HashMap::new(), cards: HashSet::new(), taken: HashMap::new() };
        // In the order in which they were published, so that the last word is that of the newest.
        let (yanked, live): (Vec<_>, Vec<_>) = catalog.esms().partition(|esm| esm.is_yanked());
        for esm in yanked.into_iter().chain(live) {
            let key = esm.name().key();
            if !is_wanted(&key) {
                continue;
            }
            let card = esm.card().ok();
            let id = card.as_ref().and_then(repository_of);
            if let Some((id, card)) = id.clone().zip(card) {
                names.homes.insert(id, (esm.name().clone(), task_of(&card)));
            }
            names.cards.insert((key.clone(), esm.digest()));
            names.taken.insert(key, id);
        }
        names
    }

    /// Gives each ESM the name that its repository has here already, unless it is of another task by now, or others have published
    /// under it since; else that of its task, where nobody has it; else `OWNER/TASK`, or the repository's own.
    pub(super) fn give(mut self, context: &Context, mut esms: Vec<(String, NewEsm)>) -> Vec<(String, NewEsm)> {
        // The hub's order is that of the day.
        esms.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut wanted: HashMap<String, usize> = HashMap::new();
        for (_, esm) in &esms {
            *wanted.entry(esm.name().key()).or_default() += 1;
        }
        // Those that several want, nobody gets: which of them is the right one, the hub does not say.
        let contested = wanted.into_iter().filter(|(_, number)| *number > 1).map(|(key, _)| key);
        let contested: HashSet<String> = contested.collect();
        let mut renamed = Vec::new();
        let named = esms.into_iter().map(|(source, esm)| {
            let Some(id) = repository_of(esm.card()) else {
                return (source, esm);
            };
            let home = self.homes.get(&id).filter(|(name, task)| {
                let is_newest = self.taken.get(&name.key()).is_some_and(|newest| newest.as_ref() == Some(&id));
                is_newest && *task == task_of(esm.card())
            });
            let name = match home {
                Some((home, _)) => home.clone(),
                None => {
                    let name = self.first_free(&id, &esm, &contested);
                    if name != *esm.name() {
                        renamed.push(name.to_string());
                    }
                    name
                }
            };
            self.taken.insert(name.key(), Some(id));
            (source, esm.renamed(name))
        });
        let named = named.collect();
        if !renamed.is_empty() {
            context.note(format!(
                "{} called after who made it, since ESMs of other repositories are of the same task: {}",
                count(renamed.len() as u64, "ESM"),
                listed(&renamed, Clone::clone)
            ));
        }
        named
    }

    /// Warns of ESMs that take over a name from the hub's, or for one of the hub's, which nobody has said they should.
    pub(super) fn warn(context: &Context, catalog: &Catalog, esms: &[(String, NewEsm)]) {
        let keys: HashSet<String> = esms.iter().map(|(_, esm)| esm.name().key()).collect();
        let there = Self::of_those(catalog, |key| keys.contains(key));
        for (source, esm) in esms {
            let id = repository_of(esm.card());
            let (name, key) = (esm.name(), esm.name().key());
            let Some(before) = there.taken.get(&key).filter(|before| **before != id) else { continue };
            // What is there already stays where it is.
            if there.cards.contains(&(key, esm.card_digest())) {
                continue;
            }
            let was = before.as_ref().map_or_else(|| "another ESM".to_owned(), |id| format!("the ESM of hf://{id}"));
            let owner = id.as_ref().and_then(|id| id.split('/').next()).unwrap_or("NAMESPACE");
            context.warn(format!(
                "{name} was {was}, and means {source} from now on; with --name {owner}/{name} both would stay"
            ));
        }
    }

    /// Warns of several ESMs of a batch that get one name: a ranking takes the newest of them alone.
    pub(super) fn warn_of_one_name(context: &Context, esms: &[(String, NewEsm)]) {
        let mut by_name: BTreeMap<String, BTreeSet<Digest>> = BTreeMap::new();
        for (_, esm) in esms {
            by_name.entry(esm.name().key()).or_default().insert(esm.card_digest());
        }
        for (name, cards) in by_name.into_iter().filter(|(_, cards)| cards.len() > 1) {
            context.warn(format!(
                "{} of these are of the task {name}, and become tags of that one name, of which a ranking takes the newest: `rank --all-tags` \
                 ranks all, and `publish --name` gives one a name of its own",
                count(cards.len() as u64, "ESM")
            ));
        }
    }

    fn first_free(&self, id: &str, esm: &NewEsm, contested: &HashSet<String>) -> Name {
        let (task, owner) = (esm.name(), id.split('/').next().unwrap_or_default());
        // The last is always a name, and nobody else's: owners can be called as no name may be.
        let own = [format!("{owner}/{task}"), id.to_owned(), format!("hub/{}", esm.card_digest().short())];
        let bare = Some(task.clone()).filter(|task| !contested.contains(&task.key()));
        let mut names = bare.into_iter().chain(own.into_iter().filter_map(|name| name.parse().ok()));
        names.find(|name| !self.taken.contains_key(&name.key())).unwrap_or_else(|| task.clone())
    }
}

/// Data set and subset, in any case.
fn task_of(card: &Card) -> Option<String> {
    let subset = card.source.subset.as_deref().unwrap_or_default();
    card.source.dataset.as_ref().map(|dataset| format!("{dataset} {subset}").to_ascii_lowercase())
}
