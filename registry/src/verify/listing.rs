//! What files there are, and which of them are none of a registry's.

use esmhub_store_format::Digest;

use super::{Problem, Report};
use crate::disk::Listed;
use crate::storage::Storage;
use crate::{RegistryError, schema};

/// The files that are to be read.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) objects: Vec<Digest>,
    /// The numbers of the log entries, in ascending order.
    pub(super) entries: Vec<u64>,
}

impl Listing {
    /// Lists the whole registry; what is not to be read goes into the report.
    pub(super) fn new(storage: &Storage, report: &mut Report) -> Result<Self, RegistryError> {
        let mut listing = Self::default();
        for listed in storage.names("")? {
            if !schema::is_top(&listed.name) {
                set_aside(report, "", &listed);
            }
        }
        for listed in storage.names(schema::LOG)? {
            match schema::entry_of(&listed.name) {
                Some(number) => listing.entries.push(number),
                None => set_aside(report, schema::LOG, &listed),
            }
        }
        for fan in storage.names(schema::OBJECTS)? {
            let folder = schema::fan(&fan.name);
            if !schema::is_fan(&fan.name) {
                set_aside(report, schema::OBJECTS, &fan);
            } else if !fan.is_folder {
                report.problems.push(Problem::new(
                    "folder",
                    folder,
                    "something else stands where a folder is expected",
                ));
            } else {
                listing.list_objects(storage, &fan.name, &folder, report)?;
            }
        }
        Ok(listing)
    }

    fn list_objects(
        &mut self,
        storage: &Storage,
        fan: &str,
        folder: &str,
        report: &mut Report,
    ) -> Result<(), RegistryError> {
        for listed in storage.names(folder)? {
            match schema::object_of(fan, &listed.name) {
                Some(digest) => self.objects.push(digest),
                None => set_aside(report, folder, &listed),
            }
        }
        Ok(())
    }
}

fn set_aside(report: &mut Report, folder: &str, listed: &Listed) {
    let place = if folder.is_empty() { listed.name.clone() } else { format!("{folder}/{}", listed.name) };
    if schema::is_staged(&listed.name) {
        report.staged.push(place);
    } else {
        report.strays.push(place);
    }
}
