//! A bundle: ESMs that `esmhub export` wrote, taken as they are.

use std::path::Path;

use esmhub_registry::NewEsm;
use esmhub_store_format::FormatError;
use esmhub_store_format::bundle::{self, Bundled};

use super::{SourceOptions, folder};
use crate::failure::{Failure, OTHER, Outcome};

/// The largest bundle that is read at once: some thousand dense ESMs.
const MAX_BUNDLE_BYTES: u64 = 4 << 30;
/// Bytes that the ESMs of a small bundle may have when unpacked; of a larger one, as many times its own.
const MAX_UNPACKED: (u64, u64) = (512 << 20, 16);

pub(super) fn read(path: &Path, options: &SourceOptions) -> Outcome<Vec<NewEsm>> {
    let bytes = folder::read_at_most(path, MAX_BUNDLE_BYTES)?.ok_or_else(|| Failure::new(OTHER, "no such file"))?;
    from_bytes(&bytes, options)
}

/// The ESMs of a bundle under their own names and tags, or under those of the command line.
pub(crate) fn from_bytes(bytes: &[u8], options: &SourceOptions) -> Outcome<Vec<NewEsm>> {
    let (floor, times) = MAX_UNPACKED;
    let limit = (bytes.len() as u64).saturating_mul(times).max(floor);
    let (mut esms, mut unpacked) = (Vec::new(), 0_u64);
    for esm in bundle::read_framed(bytes) {
        let (Bundled { published, object }, frame) = esm.map_err(refused)?;
        // Zeros pack so well that each of them could be the largest there is.
        unpacked = unpacked.saturating_add(object.canonical().len() as u64);
        if unpacked > limit {
            return Err(Failure::new(OTHER, format!("the ESMs have more than {limit} bytes when unpacked"))
                .hint("export fewer ESMs to a file"));
        }
        let card = published.card()?;
        let name = options.name.clone().unwrap_or(published.name);
        let tag = options.tag.clone().or(Some(published.tag));
        // One at a time: a map in memory has many times the bytes of its frame.
        esms.push(NewEsm::new(name, tag, card, object)?.with_frame(frame)?);
    }
    if esms.is_empty() {
        return Err(Failure::new(OTHER, "the bundle is empty"));
    }
    Ok(esms)
}

/// The advice for damage is that for a registry; this file has only the one it was exported from.
fn refused(error: FormatError) -> Failure {
    let damaged = matches!(error, FormatError::Damaged { .. } | FormatError::DigestMismatch { .. });
    let failure = Failure::from(error);
    if damaged { failure.hint("export or copy the file again: it may be cut short") } else { failure }
}
