//! Does this store refuse to create what is there already? Asked of the store itself: neither its name nor its version says it.

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};

use super::{Remote, failing, persist, wait};
use crate::{RegistryError, schema};

/// What the probe is called.
const PROBE: &str = "probe";

/// Creates an object twice under a name that nobody else uses. Whether the second time was refused, and the first content stayed.
///
/// The name is that of a file that is being written, so that what a killed command leaves behind is what `gc` removes.
pub(super) fn creates_conditionally(remote: &Remote, store: &dyn ObjectStore) -> Result<bool, RegistryError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(RegistryError::Random)?;
    let place = schema::staged(PROBE, u64::from_le_bytes(random));
    let location = Path::from(place.as_str());
    let failed = |error| failing::failed(remote, "write it", &place, &error);
    let create = |content: &'static str| persist(|| store.put_opts(&location, content.into(), PutMode::Create.into()));
    let tried = match create("first") {
        // Where the answer was lost, it is there when it is asked again: nobody else has this name.
        Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {
            tried_again(&create, || wait(async { store.get(&location).await?.bytes().await }))
        }
        // A store that takes no such request at all.
        Err(error) if refuses_conditions(&error) => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    // Its name is a temporary file's: one that stays is counted by `verify`, and in nobody's way.
    let _ = wait(store.delete(&location));
    tried.map_err(failed)
}

fn tried_again(
    create: &dyn Fn(&'static str) -> object_store::Result<object_store::PutResult>,
    read: impl Fn() -> object_store::Result<bytes::Bytes>,
) -> object_store::Result<bool> {
    match create("second") {
        Ok(_) => Ok(false),
        Err(object_store::Error::AlreadyExists { .. }) => match read() {
            Ok(found) => Ok(found.as_ref() == b"first"),
            // It says so of everything.
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        },
        Err(error) if refuses_conditions(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the store says that it knows no conditions, or `object_store` that it was told not to use them.
fn refuses_conditions(error: &object_store::Error) -> bool {
    use object_store::Error::{NotImplemented, NotSupported};
    matches!(error, NotImplemented { .. } | NotSupported { .. }) || failing::status() == Some(501)
}
