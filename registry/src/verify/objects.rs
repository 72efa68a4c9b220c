//! Whether every object is sound: read, re-hashed and decoded.

use std::collections::HashMap;

use esmhub_store_format::card::Weights;
use esmhub_store_format::object::KIND_ANCHORS;
use esmhub_store_format::{AnchorSet, Digest, FormatError, Object};

use super::{Problem, Report};
use crate::error::ErrorKind;
use crate::fetch::{read_at, read_canonical};
use crate::schema;
use crate::storage::Storage;
use crate::trash::Run;

/// What stands under an object's name.
pub(super) enum Found {
    /// A map, of which a card must say this.
    Map(Weights),
    /// An anchor set.
    Anchors,
    /// An object that this program cannot decode.
    Newer,
    /// The problem of this position.
    Broken(usize),
}

/// Reads all of these objects; what is wrong with them goes into the report.
pub(super) fn verify(
    storage: &Storage,
    objects: &[Digest],
    report: &mut Report,
    tick: &mut dyn FnMut(),
) -> HashMap<Digest, Found> {
    let mut all = HashMap::with_capacity(objects.len());
    for digest in objects {
        let place = schema::object(digest);
        tick();
        let found = match decode(storage, &place, digest) {
            // Collected as garbage since it was listed; who needs it will miss it.
            Ok(None) => continue,
            Ok(Some((found, bytes))) => {
                report.object_bytes += bytes;
                if matches!(found, Found::Newer) {
                    report.newer.push(place);
                }
                found
            }
            Err(detail) => {
                report.problems.push(Problem::new("object", place, detail));
                Found::Broken(report.problems.len() - 1)
            }
        };
        all.insert(*digest, found);
        report.objects += 1;
    }
    all
}

/// Reads all objects in the trash; those that are sound.
pub(super) fn verify_trash(
    storage: &Storage,
    runs: &[Run],
    report: &mut Report,
    tick: &mut dyn FnMut(),
) -> HashMap<Digest, Found> {
    let mut all = HashMap::new();
    for (run, digest) in runs.iter().flat_map(|run| run.objects.iter().map(move |digest| (run, digest))) {
        let place = schema::trashed(&run.name, digest);
        match decode(storage, &place, digest) {
            Ok(None) => {}
            Ok(Some((found, bytes))) => {
                report.trash.files += 1;
                report.trash.bytes += bytes;
                all.insert(*digest, found);
            }
            Err(detail) => report.problems.push(Problem::new("object in the trash", place, detail)),
        }
        tick();
    }
    all
}

/// What an object is, and its bytes on disk; `None` where it is nowhere any more; or what is wrong with it.
fn decode(storage: &Storage, place: &str, digest: &Digest) -> Result<Option<(Found, u64)>, String> {
    let read = match read_at(storage, place, digest) {
        Err(error) if error.kind() == ErrorKind::Newer => return Ok(Some((Found::Newer, 0))),
        read => read.map_err(|error| error.detail_at(place))?,
    };
    // A garbage collection may have moved it since it was listed.
    let moved = || read_canonical(storage, digest).map_err(|error| error.detail_at(place));
    let Some((canonical, bytes)) = read.map_or_else(moved, |found| Ok(Some(found)))? else { return Ok(None) };
    let decoded = match canonical.first_chunk() {
        Some(kind) if u16::from_le_bytes(*kind) == KIND_ANCHORS => {
            AnchorSet::from_canonical(&canonical).map(|_| Found::Anchors)
        }
        _ => Object::from_canonical(canonical).map(|object| Found::Map(Weights::of(&object, 0.0))),
    };
    match decoded {
        Ok(found) => Ok(Some((found, bytes))),
        Err(FormatError::Newer { .. }) => Ok(Some((Found::Newer, bytes))),
        Err(error) => Err(error.to_string()),
    }
}
