//! What files there are in a registry, and which of them are none of its own.

use esmhub_store_format::Digest;

use crate::disk::Listed;
use crate::storage::Storage;
use crate::{RegistryError, schema};

/// The files outside of trash and quarantine.
#[derive(Default)]
pub(crate) struct Listing {
    pub(crate) objects: Vec<Digest>,
    /// What writers are writing, or left half-written.
    pub(crate) staged: Vec<String>,
    /// What is no part of a registry.
    pub(crate) strays: Vec<String>,
    /// Places at which something else stands than the folder that belongs there.
    pub(crate) obstacles: Vec<String>,
}

impl Listing {
    /// Lists the registry.
    pub(crate) fn new(storage: &Storage) -> Result<Self, RegistryError> {
        let mut listing = Self::default();
        for listed in storage.names("")? {
            if !schema::is_top(&listed.name) {
                listing.set_aside("", &listed);
            }
        }
        for listed in storage.names(schema::LOG)? {
            if schema::entry_of(&listed.name).is_none() {
                listing.set_aside(schema::LOG, &listed);
            }
        }
        for fan in storage.names(schema::OBJECTS)? {
            let folder = schema::fan(&fan.name);
            if !schema::is_fan(&fan.name) {
                listing.set_aside(schema::OBJECTS, &fan);
            } else if !fan.is_folder {
                listing.obstacles.push(folder);
            } else {
                listing.list_objects(storage, &fan.name, &folder)?;
            }
        }
        Ok(listing)
    }

    fn list_objects(&mut self, storage: &Storage, fan: &str, folder: &str) -> Result<(), RegistryError> {
        for listed in storage.names(folder)? {
            match schema::object_of(fan, &listed.name) {
                Some(digest) => self.objects.push(digest),
                None => self.set_aside(folder, &listed),
            }
        }
        Ok(())
    }

    fn set_aside(&mut self, folder: &str, listed: &Listed) {
        let place = if folder.is_empty() { listed.name.clone() } else { format!("{folder}/{}", listed.name) };
        if schema::is_staged(&listed.name) {
            self.staged.push(place);
        } else {
            self.strays.push(place);
        }
    }
}
