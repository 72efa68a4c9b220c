//! The catalog: what the log says after its last entry.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use esmhub_store_format::log::RegistryId;
use esmhub_store_format::{Digest, Name, Tag};

use crate::fence::FENCED;
use crate::lost::Lost;
use crate::outcomes::Outcomes;
use crate::{CurrentSet, Esm, Event, Notice, Pattern, RegistryError, schema};

/// What a registry holds, as its log says.
///
/// While a log entry cannot be read, the catalog holds what the others say, and [`Catalog::damaged`] names the entry. What
/// depends on the order of *all* entries is then refused: bare names, current anchors, and every write.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Every reference that was ever published, in log order; those that were removed keep their tags taken.
    pub(crate) esms: Vec<Esm>,
    pub(crate) by_tag: HashMap<(String, String), usize>,
    pub(crate) by_name: HashMap<String, Vec<usize>>,
    /// The current anchor sets, by the base model's id in lower case.
    pub(crate) anchors: BTreeMap<String, CurrentSet>,
    pub(crate) outcomes: Outcomes,
    pub(crate) events: Vec<Event>,
    pub(crate) damaged: Vec<Damage>,
    /// Records that break a rule and therefore do nothing.
    pub(crate) void: Vec<Damage>,
    /// The first record that stops writers, by entry and kind.
    pub(crate) stops_writers: Option<(u64, u16)>,
    /// The number of the last entry, readable or not.
    pub(crate) last: u64,
    /// The last entry whose digest is known, and that digest; at first 0, and what entry 1 must state.
    pub(crate) known: (u64, Digest),
    pub(crate) notice: Option<Notice>,
    /// What entry 1 must state.
    pub(crate) genesis: Digest,
    /// The entries that were skipped because a later one declares them lost.
    pub(crate) lost: Lost,
    /// All that the entries read so far declare lost. Where that is more than `lost`, the log must be read once more.
    pub(crate) declared: Lost,
    /// The same of the entries that are not lost themselves. What is missing here would no longer be lost if those could not be
    /// read.
    pub(crate) confirmed: Lost,
    /// The last entry with a record that this program does not know.
    pub(crate) unknown_in: u64,
}

/// A log entry that cannot be read, or a record in one that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The entry's number.
    pub entry: u64,
    /// The same, or the last number of several entries that are missing in a row.
    pub through: u64,
    /// What was expected, and what was found.
    pub detail: String,
    /// Whether it is sound in itself, and only does not fit the entry before it: one of the two is wrong.
    pub is_readable: bool,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log entry {}: {}", self.entry, self.detail)
    }
}

impl Catalog {
    /// The catalog of an empty log.
    pub(crate) fn empty(id: &RegistryId) -> Self {
        Self::beginning(id.genesis())
    }

    fn beginning(genesis: Digest) -> Self {
        Self {
            esms: Vec::new(),
            by_tag: HashMap::new(),
            by_name: HashMap::new(),
            anchors: BTreeMap::new(),
            outcomes: Outcomes::default(),
            events: Vec::new(),
            damaged: Vec::new(),
            void: Vec::new(),
            stops_writers: None,
            last: 0,
            known: (0, genesis),
            notice: None,
            genesis,
            lost: Lost::default(),
            declared: Lost::default(),
            confirmed: Lost::default(),
            unknown_in: 0,
        }
    }

    /// Whether every entry that is declared lost was skipped. If not, what this catalog holds may depend on one of them.
    pub(crate) fn is_settled(&self) -> bool {
        self.lost.covers(&self.declared)
    }

    /// The catalog of an empty log, for reading it once more without what is declared lost.
    pub(crate) fn without_lost(&self) -> Self {
        Self { lost: self.declared.clone(), declared: self.declared.clone(), ..self.begun_anew() }
    }

    /// The catalog of an empty log, for reading it once more from the registry alone.
    pub(crate) fn begun_anew(&self) -> Self {
        Self { notice: self.notice.clone(), ..Self::beginning(self.genesis) }
    }

    /// All references in log order, yanked ones included, removed ones not.
    pub fn esms(&self) -> impl Iterator<Item = &Esm> {
        self.esms.iter().filter(|esm| !esm.is_removed())
    }

    /// Those of [`Catalog::esms`] whose name fits.
    pub fn matching(&self, pattern: &Pattern) -> impl Iterator<Item = &Esm> {
        self.esms().filter(|esm| pattern.matches(esm.name()))
    }

    /// Those of [`Catalog::esms`] that have this name, however it is spelt.
    pub fn tags(&self, name: &Name) -> impl Iterator<Item = &Esm> {
        self.named(name).filter(|esm| !esm.is_removed())
    }

    /// Everything that happened, oldest first.
    pub fn history(&self) -> &[Event] {
        &self.events
    }

    /// The log entries that cannot be read. What they did is missing here.
    pub fn damaged(&self) -> &[Damage] {
        &self.damaged
    }

    /// The log entries that are declared lost, as runs of numbers from the first to the last of each.
    pub fn lost(&self) -> impl Iterator<Item = (u64, u64)> {
        self.lost.runs()
    }

    /// Those of them that only entries declare lost which are lost themselves.
    pub(crate) fn unconfirmed(&self) -> impl Iterator<Item = (u64, u64)> {
        self.lost.runs().filter(|(first, last)| self.confirmed.end_of(*first).is_none_or(|end| end < *last))
    }

    /// Why the index could not be used, where it could not, or what it knows of that is gone. The catalog is the same without it.
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// The number of the last log entry; 0 where there is none.
    pub fn entries(&self) -> u64 {
        self.last
    }

    /// The digest of the last entry, by which the whole log up to it is pinned; `None` where that entry cannot be read.
    pub fn head(&self) -> Option<Digest> {
        let (entry, digest) = self.known;
        (entry == self.last).then_some(digest)
    }

    /// Everything that ever had this name, removed or not.
    pub(crate) fn named(&self, name: &Name) -> impl Iterator<Item = &Esm> {
        let positions = self.by_name.get(&name.key());
        positions.into_iter().flatten().filter_map(|&at| self.esms.get(at))
    }

    /// What `name:tag` stands for, removed or not.
    pub(crate) fn tagged(&self, name: &Name, tag: &Tag) -> Option<&Esm> {
        let at = self.by_tag.get(&(name.key(), tag.key()))?;
        self.esms.get(*at)
    }

    pub(crate) fn tagged_mut(&mut self, name: &Name, tag: &Tag) -> Option<&mut Esm> {
        let at = self.by_tag.get(&(name.key(), tag.key()))?;
        self.esms.get_mut(*at)
    }

    /// An error while some entry cannot be read: for what depends on the order of all of them.
    pub(crate) fn require_whole(&self) -> Result<(), RegistryError> {
        match self.damaged.first() {
            None => Ok(()),
            Some(Damage { entry, detail, .. }) => {
                let held = self.damaged.iter().any(|damage| damage.detail == FENCED);
                let advice = held.then(|| {
                    "a repair is at work, or was stopped: wait until it has ended, or run it again".to_owned()
                });
                Err(RegistryError::Unsound { place: schema::entry(*entry), detail: detail.clone(), advice })
            }
        }
    }
}
