//! Whether every object is sound: read, re-hashed and decoded.

use std::collections::HashMap;

use esmhub_store_format::card::Weights;
use esmhub_store_format::object::KIND_ANCHORS;
use esmhub_store_format::{AnchorSet, Digest, FormatError, Object};

use super::{Problem, Report};
use crate::error::ErrorKind;
use crate::fetch::read_canonical;
use crate::schema;
use crate::storage::Storage;

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
        let found = match decode(storage, digest) {
            Ok((found, bytes)) => {
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
        tick();
    }
    all
}

/// What an object is, and its bytes on disk; or what is wrong with it.
fn decode(storage: &Storage, digest: &Digest) -> Result<(Found, u64), String> {
    let place = schema::object(digest);
    let read = match read_canonical(storage, digest) {
        Err(error) if error.kind() == ErrorKind::Newer => return Ok((Found::Newer, 0)),
        read => read.map_err(|error| error.detail_at(&place))?,
    };
    let (canonical, bytes) = read.ok_or("it was there a moment ago, and is missing now")?;
    let decoded = match canonical.first_chunk() {
        Some(kind) if u16::from_le_bytes(*kind) == KIND_ANCHORS => {
            AnchorSet::from_canonical(&canonical).map(|_| Found::Anchors)
        }
        _ => Object::from_canonical(canonical).map(|object| Found::Map(Weights::of(&object, 0.0))),
    };
    match decoded {
        Ok(found) => Ok((found, bytes)),
        Err(FormatError::Newer { .. }) => Ok((Found::Newer, bytes)),
        Err(error) => Err(error.to_string()),
    }
}
