//! Making a registry.

use std::fs;
use std::io;
use std::path::Path;

use esmhub_store_format::log::RegistryId;

use crate::disk::{share_folder, sync};
use crate::location::Location;
use crate::marker::{Marker, Settings};
use crate::registry::{canonical, read_marker};
use crate::storage::Storage;
use crate::{Registry, RegistryError, log, schema};

/// A registry that is there now.
pub struct Initialised {
    /// It, opened.
    pub registry: Registry,
    /// Whether it was made; otherwise one was there, and was left as it is.
    pub created: bool,
}

impl Registry {
    /// What [`Registry::init`] would leave as it is; `None` where it would make a registry. Nothing is written.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn find(location: impl Into<Location>, cache: Option<&Path>) -> Result<Option<Self>, RegistryError> {
        match Self::open(location, cache) {
            Err(RegistryError::NotARegistry { .. }) => Ok(None),
            opened => {
                let registry = opened?;
                // One without its log is not left as it is in silence.
                log::numbers(&registry.storage)?;
                Ok(Some(registry))
            }
        }
    }

    /// Makes an empty registry in a directory, which is made too where it is missing, or at an address of a bucket that exists. One
    /// that is there is left as it is, its settings included.
    ///
    /// The marker is written last: a directory whose making was interrupted is not a registry, and can be made into one. One
    /// that holds a log or objects was a registry, and is never made into another.
    ///
    /// # Errors
    /// [`RegistryError::Io`]; [`RegistryError::NoExclusiveCreate`] on a file system that cannot hold a registry; as
    /// [`Registry::open`] where a damaged one is there.
    pub fn init(
        location: impl Into<Location>,
        settings: &Settings,
        cache: Option<&Path>,
    ) -> Result<Initialised, RegistryError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(RegistryError::Random)?;
        Self::make(location.into(), &Marker { id: RegistryId(id), settings: *settings }, cache)
    }

    /// Makes an empty registry with this marker, unless there is one.
    pub(crate) fn make(
        location: Location,
        marker: &Marker,
        cache: Option<&Path>,
    ) -> Result<Initialised, RegistryError> {
        if let Location::Directory(path) = &location {
            make_directories(path)?;
        }
        let location = canonical(location)?;
        let shared = marker.settings.shared;
        let storage = Storage::at(&location, shared)?;
        let mut created = false;
        if read_marker(&storage)?.is_none() {
            if let (Location::Directory(root), true) = (&location, shared) {
                share_folder(root).map_err(|error| RegistryError::io("share it with its group", root, error))?;
            }
            storage.ensure_folder(schema::OBJECTS)?;
            storage.ensure_folder(schema::LOG)?;
            storage.create(schema::MARKER, marker.to_bytes())?;
            // Who was second finds the other's marker there.
            created = read_marker(&storage)? == Some(*marker);
        }
        let registry = Self::open(location, cache)?;
        log::numbers(&registry.storage)?;
        Ok(Initialised { registry, created })
    }
}

/// Makes a directory and those above it, and sees to it that they last.
fn make_directories(location: &Path) -> Result<(), RegistryError> {
    if location.is_dir() {
        return Ok(());
    }
    let parent = location.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_directories(parent)?;
    }
    match fs::create_dir(location) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !location.is_dir() => {
            return Err(RegistryError::io("make the directory", location, error));
        }
        _ => {}
    }
    sync(location)?;
    sync(parent.unwrap_or(Path::new(".")))
}
