//! A copy of a registry, which has its id: the entries that it lacks come as they are.

use std::collections::BTreeMap;

use esmhub_store_format::Digest;
use esmhub_store_format::log::Target;

use super::copying::damage;
use super::{SyncOptions, Synced};
use crate::catalog::Catalog;
use crate::load::Packs;
use crate::location::Location;
use crate::log::{LIMIT, Logged};
use crate::reach::objects_of;
use crate::storage::Creation;
use crate::workers::{SYNCS, each};
use crate::{Registry, RegistryError, log, packs, schema};

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
        let behind = held.entries();
        let fresh: Vec<_> = source.esms().filter(|esm| esm.entry() > behind).collect();
        let anchors: Vec<_> = source.all_anchors().filter(|current| current.entry() > behind).collect();
        let mut objects: BTreeMap<Digest, u64> = anchors.iter().map(|current| (current.digest(), 0)).collect();
        for esm in &fresh {
            // What cannot be read is a card of a later version, and its objects are not known.
            let card = esm.card().map_err(|error| {
                RegistryError::format(format!("{}, the card of {}", schema::entry(esm.entry()), esm.reference()), error)
            })?;
            objects.extend(objects_of(&card).map(|digest| (digest, 0)));
            objects.insert(card.weights.digest, card.weights.bytes);
        }
        let objects: Vec<(Digest, u64)> = objects.into_iter().collect();
        let target =
            |esm: &&crate::Esm| Target { name: esm.name().clone(), tag: esm.tag().clone(), digest: esm.digest() };
        let mut synced = Synced {
            is_copy: true,
            entries: usize::try_from(source.entries().saturating_sub(behind)).unwrap_or(usize::MAX),
            published: fresh.iter().map(target).collect(),
            anchors: anchors.iter().map(|current| current.base().to_owned()).collect(),
            objects: objects.len(),
            ..Synced::default()
        };
        if !options.dry_run {
            let placed = self.place_from(from, &objects, options)?;
            if let Some((digest, detail)) = placed.found.into_iter().find_map(damage) {
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
    /// As [`Registry::init`].
    pub fn begin_copy(
        location: impl Into<Location>,
        from: &Self,
        cache: Option<&std::path::Path>,
    ) -> Result<Self, RegistryError> {
        let copy = Self::make(location.into(), &from.marker, cache)?.registry;
        if copy.id() != from.id() {
            return Ok(copy);
        }
        if let Some(keys) = from.trusted_keys()? {
            copy.storage.create(schema::TRUSTED_KEYS, keys)?;
        }
        Ok(copy)
    }
}

fn parted(to: &Registry, from: &Registry, entry: u64) -> RegistryError {
    RegistryError::Unsound {
        place: format!("{}/{}", to.location, schema::entry(entry)),
        detail: format!("it is another one than in {}, though both are of registry {}: both were written to", from.location, to.id()),
        advice: Some(
            "two copies of one registry cannot be joined again: go on with one of them, and bring over what only the other one has with \
             `esmhub export` and `esmhub publish`"
                .into(),
        ),
    }
}
