//! Totals.

use std::collections::{BTreeMap, HashSet};

use esmhub_store_format::Digest;

use crate::storage::Storage;
use crate::{Catalog, Registry, RegistryError, log, schema};

/// What a registry holds in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// References that are not removed, yanked ones included.
    pub references: u64,
    /// Those of them that are yanked.
    pub yanked: u64,
    /// References that were removed.
    pub removed: u64,
    /// Names that have a reference.
    pub names: u64,
    /// Object files, those of anchor sets included.
    pub objects: u64,
    /// The canonical bytes of the objects that references need, each counted once.
    pub canonical_bytes: u64,
    /// The bytes of the object files.
    pub stored_bytes: u64,
    /// Log entries.
    pub log_entries: u64,
    /// The bytes of the log entries' files.
    pub log_bytes: u64,
    /// Cards that this program cannot read: they count as references and in nothing else.
    pub unreadable_cards: u64,
    /// By the base model's id.
    pub bases: BTreeMap<String, BaseStats>,
}

/// What a registry holds for one base model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseStats {
    /// References, yanked ones included.
    pub references: u64,
    /// The objects that they refer to, each counted once.
    pub objects: u64,
    /// The canonical bytes of these objects.
    pub canonical_bytes: u64,
}

impl Registry {
    /// Totals over a catalog and the files. Files are counted, not read.
    ///
    /// # Errors
    /// [`RegistryError::Io`].
    pub fn stats(&self, catalog: &Catalog) -> Result<Stats, RegistryError> {
        let mut stats =
            Stats { removed: catalog.esms.iter().filter(|esm| esm.is_removed()).count() as u64, ..Stats::default() };
        let mut names = HashSet::new();
        let mut objects: HashSet<Digest> = HashSet::new();
        let mut of_base: HashSet<(String, Digest)> = HashSet::new();
        for esm in catalog.esms() {
            stats.references += 1;
            stats.yanked += u64::from(esm.is_yanked());
            names.insert(esm.name().key());
            let Ok(card) = esm.card() else {
                stats.unreadable_cards += 1;
                continue;
            };
            let weights = &card.weights;
            if objects.insert(weights.digest) {
                stats.canonical_bytes += weights.bytes;
            }
            let base = stats.bases.entry(card.base.id.clone()).or_default();
            base.references += 1;
            if of_base.insert((card.base.id, weights.digest)) {
                base.objects += 1;
                base.canonical_bytes += weights.bytes;
            }
        }
        stats.names = names.len() as u64;
        for place in object_files(&self.storage)? {
            stats.objects += 1;
            stats.stored_bytes += self.storage.size(&place)?.unwrap_or(0);
        }
        // By their names, not by counting up: a number is only what a file claims.
        for number in log::numbers(&self.storage)? {
            stats.log_entries += 1;
            stats.log_bytes += self.storage.size(&schema::entry(number))?.unwrap_or(0);
        }
        Ok(stats)
    }
}

/// Every file that is named as an object is.
fn object_files(storage: &Storage) -> Result<Vec<String>, RegistryError> {
    let mut found = Vec::new();
    for fan in storage.names(schema::OBJECTS)?.iter().filter(|listed| listed.is_folder) {
        let folder = schema::fan(&fan.name);
        let files = storage.names(&folder)?;
        let objects = files.iter().filter_map(|file| schema::object_of(&fan.name, &file.name));
        found.extend(objects.map(|digest| schema::object(&digest)));
    }
    Ok(found)
}
