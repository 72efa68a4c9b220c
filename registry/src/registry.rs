//! A registry that was opened: its marker is verified, nothing else has been read.

use std::fs;
use std::io;
use std::path::Path;

use esmhub_store_format::log::RegistryId;

use crate::error::ErrorKind;
use crate::index::Index;
use crate::kept::Kept;
use crate::location::Location;
use crate::marker::{MAX_MARKER_BYTES, Marker};
use crate::memory::Memory;
use crate::storage::Storage;
use crate::{RegistryError, Settings, log, schema};

/// A registry: a marker, objects and a log, in a directory or in an object store.
pub struct Registry {
    pub(crate) storage: Storage,
    pub(crate) marker: Marker,
    pub(crate) location: Location,
    pub(crate) index: Option<Index>,
    pub(crate) memory: Option<Memory>,
    /// Objects that came over the network; `None` where they lie on a disk, and without a cache.
    pub(crate) kept: Option<Kept>,
}

impl Registry {
    /// Opens the registry in a directory, or at an address ([`Location::in_store`]). Nothing is written.
    ///
    /// `cache` is the folder in which this user's indices and memories lie, and the objects that came over a network; without one,
    /// every catalog is read from the log, and nothing is remembered.
    ///
    /// # Errors
    /// [`RegistryError::NotARegistry`]; [`RegistryError::Damaged`] and [`RegistryError::Unsound`] where the marker is
    /// damaged, or missing although there is a log; [`RegistryError::Newer`]; [`RegistryError::Store`].
    pub fn open(location: impl Into<Location>, cache: Option<&Path>) -> Result<Self, RegistryError> {
        let location = canonical(location.into())?;
        let storage = Storage::at(&location, false)?;
        let Some(marker) = read_marker(&storage)? else {
            return Err(RegistryError::NotARegistry { location: location.to_path() });
        };
        Self::with_marker(location, marker, cache)
    }

    /// The registry in a place that is canonical, with what its marker says or should say.
    pub(crate) fn with_marker(location: Location, marker: Marker, cache: Option<&Path>) -> Result<Self, RegistryError> {
        let storage = Storage::at(&location, marker.settings.shared)?;
        let index = cache.map(|cache| Index::at(schema::index(cache, &marker.id, &location)));
        let memory = cache.map(|cache| Memory::at(schema::memory(cache, &marker.id, &location)));
        let kept = cache.filter(|_| matches!(location, Location::Store(_))).map(Kept::below);
        Ok(Self { storage, marker, location, index, memory, kept })
    }

    /// The registry's id.
    pub fn id(&self) -> RegistryId {
        self.marker.id
    }

    /// Where it lies, with symbolic links resolved.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// What it was made with.
    pub fn settings(&self) -> Settings {
        self.marker.settings
    }
}

/// The one spelling of a place. An address has but one.
pub(crate) fn canonical(location: Location) -> Result<Location, RegistryError> {
    let Location::Directory(path) = location else { return Ok(location) };
    match fs::canonicalize(&path) {
        Ok(path) => Ok(path.into()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(RegistryError::NotARegistry { location: path })
        }
        Err(error) => Err(RegistryError::io("open the directory", path, error)),
    }
}

/// What to do about a marker that cannot be read.
pub(crate) const MARKER_ADVICE: &str = "`esmhub verify --repair --from COPY` takes it from a backup or a copy of this registry; it never changes, so that any copy of the \
     file will do";

/// Without a log entry nothing proves that a copy is one, and a repair does not take it.
const OBJECTS_ALONE_ADVICE: &str =
    "put it and the log back from a backup or a copy of this registry, or make a new registry in another folder";

/// What is wrong with the marker as it is now; `None` where it can be read, and the log goes back to it.
pub(crate) fn fault_of_marker(storage: &Storage) -> Result<Option<String>, RegistryError> {
    match read_marker(storage) {
        Ok(Some(marker)) => Ok(match begins_another_log(storage, &marker) {
            true => Some("it is that of another registry: log entry 1 goes back to another id".to_owned()),
            false => None,
        }),
        Ok(None) => Ok(Some("it is missing".to_owned())),
        Err(error) if error.kind() == ErrorKind::Integrity => Ok(Some(error.detail_at(schema::MARKER))),
        Err(error) => Err(error),
    }
}

/// Whether entry 1 is that of another registry, and the one behind it, where there is one, follows it: then it is the marker that
/// is in the wrong place, and not the entry.
fn begins_another_log(storage: &Storage, marker: &Marker) -> bool {
    let Ok(Some(first)) = log::read(storage, 1) else { return false };
    let is_followed = match log::read(storage, 2) {
        Ok(None) => true,
        Ok(Some(second)) => second.entry.previous == first.digest,
        Err(_) => false,
    };
    first.entry.previous != marker.id.genesis() && is_followed
}

/// The marker; `None` where there is none and there never was a registry.
pub(crate) fn read_marker(storage: &Storage) -> Result<Option<Marker>, RegistryError> {
    let read = || {
        let bytes = storage.read(schema::MARKER, MAX_MARKER_BYTES)?;
        let parsed = bytes.map(|bytes| Marker::parse(&bytes)).transpose();
        parsed.map_err(|error| RegistryError::format(schema::MARKER, error))
    };
    if let Some(marker) = read()? {
        return Ok(Some(marker));
    }
    let Some((left, advice)) = what_a_registry_left(storage)? else { return Ok(None) };
    // It is written before these are: who finds them, and then still no marker, did not look too early.
    match read()? {
        Some(marker) => Ok(Some(marker)),
        None => Err(RegistryError::Unsound {
            place: schema::MARKER.into(),
            detail: format!("it is missing, although there {left}"),
            advice: Some(advice.into()),
        }),
    }
}

/// What only a registry with a marker writes, and what to do about it.
fn what_a_registry_left(storage: &Storage) -> Result<Option<(&'static str, &'static str)>, RegistryError> {
    if !storage.can_list() {
        return Ok(None);
    }
    if !log::numbers_found(storage)?.is_empty() {
        return Ok(Some(("is a log", MARKER_ADVICE)));
    }
    let has_objects = storage.names(schema::OBJECTS)?.iter().any(|listed| schema::is_fan(&listed.name));
    Ok(has_objects.then_some(("are objects", OBJECTS_ALONE_ADVICE)))
}
