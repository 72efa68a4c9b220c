//! A copy of a registry, which has its id: the entries that it lacks come as they are.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use esmhub_store_format::log::CurrentAnchors;
use esmhub_store_format::{Digest, FormatError};

use super::copying::{Needed, damage};
use super::{SyncOptions, Synced};
use crate::catalog::Catalog;
use crate::load::Packs;
use crate::location::Location;
use crate::log::{LIMIT, Logged};
use crate::reach::objects_of;
use crate::storage::Creation;
use crate::workers::{SYNCS, each};
use crate::{Happening, Registry, RegistryError, log, packs, schema};

/// How many entries are read before they are written.
const AT_A_TIME: u64 = 4096;
/// What stands in the place of an entry that is lost, and of which there is no file.
const LOST: &[u8] = b"lost\n";

impl Registry {
    /// Gets the entries that it lacks of the registry of which it is a copy.
    pub(super) fn sync_copy(
        &self,
        from: &Self,
        source: &Catalog,
        options: &SyncOptions<'_>,
    ) -> Result<Synced, RegistryError> {
        let held = self.load(Packs::Unused)?.catalog;
        held.require_whole()?;
        self.require_joined(from, &held, source)?;
        require_what_is_lost(from, &held, source)?;
        let objects = objects_behind(source, held.entries())?;
        let mut synced = what_comes(source, &held, objects.len());
        synced.ahead = held.entries().saturating_sub(source.entries());
        let (own_keys, keys) = (self.trusted_keys()?, from.trusted_keys()?);
        synced.other_keys = own_keys.is_some() && keys.is_some() && own_keys != keys;
        if !options.dry_run {
            if let Some(keys) = keys.filter(|_| own_keys.is_none()) {
                self.storage.create(schema::TRUSTED_KEYS, keys)?;
            }
            let placed = self.place_from(from, &objects, options)?;
            // What was removed may be gone there, and nobody needs it here.
            let needed = needed(source);
            let missing = |found: &(Digest, String)| needed.contains(&found.0);
            if let Some((digest, detail)) = placed.found.into_iter().filter_map(damage).find(missing) {
                return Err(RegistryError::Unsound {
                    place: format!("{}/{}", from.location, schema::object(&digest)),
                    detail,
                    advice: Some("`esmhub verify --repair` there, or `esmhub remove` the ESMs that need it: a copy holds all that its log needs".into()),
                });
            }
            (synced.objects, synced.bytes) = (placed.objects, placed.bytes);
            self.append_copies(from, source, &held)?;
        }
        Ok(synced)
    }

    /// That the shorter one of two logs is the beginning of the other.
    fn require_joined(&self, from: &Self, held: &Catalog, source: &Catalog) -> Result<(), RegistryError> {
        let common = held.entries().min(source.entries());
        let digest = |registry: &Self, catalog: &Catalog| match catalog.entries() == common {
            true => Ok(catalog.head()),
            false => Ok(log::read(&registry.storage, common)?.map(|logged| logged.digest)),
        };
        if common == 0 || digest(self, held)? == digest(from, source)? {
            return Ok(());
        }
        Err(parted(self, from, common))
    }

    fn append_copies(&self, from: &Self, source: &Catalog, held: &Catalog) -> Result<(), RegistryError> {
        let last = source.entries();
        let mut head = held.head();
        let mut next = held.entries() + 1;
        while next <= last {
            let through = last.min(next.saturating_add(AT_A_TIME - 1));
            let numbers: Vec<u64> = (next..=through).collect();
            let packed = packs::read(&from.storage, next - 1, &numbers);
            let unpacked: Vec<u64> = numbers.iter().copied().filter(|number| !packed.contains_key(number)).collect();
            let read =
                each(&unpacked, SYNCS, |number| Ok((*number, from.storage.read(&schema::entry(*number), LIMIT)?)))?;
            let read = read.into_iter().map(|(number, frame)| (number, frame.unwrap_or_else(|| LOST.to_vec())));
            let packed = packed.into_iter().map(|(number, logged)| (number, logged.frame));
            let frames: BTreeMap<u64, Vec<u8>> = packed.chain(read).collect();
            for (number, frame) in &frames {
                head = match source.lost.end_of(*number) {
                    // Whatever stands in its place.
                    Some(_) => Logged::from_frame(*number, frame.clone()).ok().map(|logged| logged.digest),
                    None => Some(self.follow_on(
                        from,
                        *number,
                        frame,
                        head.filter(|_| source.lost.end_of(number - 1).is_none()),
                    )?),
                };
                let place = schema::entry(*number);
                if self.storage.create(&place, frame.clone())? == Creation::AlreadyThere
                    && self.storage.read(&place, LIMIT)?.is_none_or(|there| there != *frame)
                {
                    return Err(parted(self, from, *number));
                }
                // What is not packed costs a first visit more requests, and nothing else.
                let _ = packs::make(&self.storage, *number, &frames);
            }
            next = through + 1;
        }
        Ok(())
    }

    /// The digest of an entry that is whole and follows the one before it.
    fn follow_on(&self, from: &Self, number: u64, frame: &[u8], head: Option<Digest>) -> Result<Digest, RegistryError> {
        let logged = Logged::from_frame(number, frame.to_vec())?;
        match head.is_none_or(|head| head == logged.entry.previous) {
            true => Ok(logged.digest),
            false => Err(parted(self, from, number)),
        }
    }

    /// Begins a copy of a registry, with its id and its settings, where there is no registry yet; nothing of its log is there then.
    ///
    /// # Errors
    /// As [`Registry::init`]; [`RegistryError::Unsound`] where somebody makes another registry there at this moment.
    pub fn begin_copy(location: impl Into<Location>, from: &Self, cache: Option<&Path>) -> Result<Self, RegistryError> {
        let made = Self::make(location.into(), &from.marker, cache)?;
        let copy = made.registry;
        if copy.id() != from.id() {
            let detail = format!("it is that of registry {}, which somebody has just made there", copy.id());
            return Err(RegistryError::unsound(format!("{}/{}", copy.location, schema::MARKER), detail));
        }
        // What this user remembers of an earlier copy in the same place is not what this one holds.
        if let Some(index) = copy.index.as_ref().filter(|index| made.created && index.exists()) {
            index
                .set_aside()
                .map_err(|error| RegistryError::io("put an earlier index aside", index.folder(), error))?;
        }
        Ok(copy)
    }

    /// What a copy of all of it would get, where there is no registry yet; nothing is read but the log, and nothing written.
    ///
    /// # Errors
    /// As [`Registry::sync`], as far as the log shows it.
    pub fn whole_copy(&self) -> Result<Synced, RegistryError> {
        let source = self.catalog()?;
        source.require_whole()?;
        let objects = objects_behind(&source, 0)?;
        Ok(what_comes(&source, &Catalog::empty(&self.marker.id), objects.len()))
    }
}

/// The objects of what was published, and of the anchors that were set, behind an entry: those too that were removed since, as the log
/// of a copy needs them for a moment.
fn objects_behind(source: &Catalog, entry: u64) -> Result<Vec<Needed>, RegistryError> {
    let mut objects: BTreeMap<Digest, u64> = BTreeMap::new();
    for event in source.history().iter().filter(|event| event.entry > entry) {
        if let Happening::Anchors(CurrentAnchors { set: Some(set), .. }) = &event.what {
            objects.entry(*set).or_default();
        }
    }
    for esm in source.esms.iter().filter(|esm| esm.entry() > entry) {
        match esm.card() {
            Ok(card) => {
                objects.extend(card.fit.anchors.map(|anchors| (anchors, 0)));
                objects.insert(card.weights.digest, card.weights.bytes);
            }
            // What it needs, only a later version of this program knows.
            Err(error @ FormatError::Newer { .. }) if !esm.is_removed() => {
                let place = format!("{}, the card of {}", schema::entry(esm.entry()), esm.reference());
                return Err(RegistryError::format(place, error));
            }
            // One that breaks a rule nobody can use, there or here.
            Err(_) => {}
        }
    }
    Ok(objects.into_iter().collect())
}

/// The objects without which something in the log could not be used.
fn needed(source: &Catalog) -> HashSet<Digest> {
    let cards = source.esms().filter_map(|esm| esm.card().ok());
    let of_cards = cards.flat_map(|card| objects_of(&card).collect::<Vec<_>>());
    of_cards.chain(source.all_anchors().map(|current| current.digest())).collect()
}

/// What happened in the entries that a copy lacks.
fn what_comes(source: &Catalog, held: &Catalog, objects: usize) -> Synced {
    let behind = held.entries();
    let mut synced = Synced {
        is_copy: true,
        entries: usize::try_from(source.entries().saturating_sub(behind)).unwrap_or(usize::MAX),
        objects,
        ..Synced::default()
    };
    for event in source.history().iter().filter(|event| event.entry > behind) {
        match &event.what {
            Happening::Published(target) => synced.published.push(target.clone()),
            Happening::Yanked(target) => synced.yanked.push((target.clone(), true)),
            Happening::Unyanked(target) => synced.yanked.push((target.clone(), false)),
            Happening::Signed(_) => synced.signatures += 1,
            Happening::Outcome(_) => synced.outcomes += 1,
            Happening::Anchors(current) => synced.anchors.push(current.base.clone()),
            _ => {}
        }
    }
    synced
}

/// That nothing is given up in the copy that is whole there: the other registry may have it back from it.
fn require_what_is_lost(from: &Registry, held: &Catalog, source: &Catalog) -> Result<(), RegistryError> {
    let is_new = |number: &u64| *number <= held.entries() && held.lost.end_of(*number).is_none();
    let Some(entry) = source.lost.runs().flat_map(|(first, last)| first..=last).find(is_new) else { return Ok(()) };
    Err(RegistryError::Unsound {
        place: format!("{}/{}", from.location, schema::entry(entry)),
        detail: "it is declared lost there, and is whole in this copy".into(),
        advice: Some(
            "keep this copy: it has what was lost there, and those who declared that may not know; \
             `esmhub verify --repair --from COPY` takes entries from it only where they are not declared lost yet"
                .into(),
        ),
    })
}

fn parted(to: &Registry, from: &Registry, entry: u64) -> RegistryError {
    RegistryError::Unsound {
        place: format!("{}/{}", to.location, schema::entry(entry)),
        detail: format!("it is another one than in {}, though both are of registry {}: both were written to", from.location, to.id()),
        advice: Some(
            "two copies of one registry cannot be joined again: go on with one of them, or make a new registry (`esmhub init`) and sync both into \
             that: what they have in common comes once"
                .into(),
        ),
    }
}
