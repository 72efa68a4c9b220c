//! Every name on disk. No other module spells one.
//!
//! ```text
//! esmhub.toml                    the marker
//! objects/3f/<62 hex digits>     objects, by digest
//! log/00000000000000000042       log entries, by number
//! trash/<run>/<64 hex digits>    objects that a garbage collection took out; `since` beside them says by its time when
//! quarantine/<run>/<name>        damaged files that a repair took out, under their names with `/` written as `+`
//! trusted-keys                   keys to trust, as OpenSSH's `allowed_signers` has them; there where somebody put it there
//! packs/<20 digits>-<count>      log entries once more, so many from that number on; in object stores alone
//! <any of these>.<16 hex>.new    being written; left behind only where a writer was killed
//! ```

use std::path::{Path, PathBuf};

use esmhub_store_format::Digest;
use esmhub_store_format::log::RegistryId;

use crate::location::Location;

/// The marker: its presence makes a directory a registry.
pub(crate) const MARKER: &str = "esmhub.toml";
/// The folder of the objects.
pub(crate) const OBJECTS: &str = "objects";
/// The folder of the log entries.
pub(crate) const LOG: &str = "log";
/// The folder of what garbage collections took out.
pub(crate) const TRASH: &str = "trash";
/// The folder of what repairs took out.
pub(crate) const QUARANTINE: &str = "quarantine";
/// The folder of the packs.
pub(crate) const PACKS: &str = "packs";
/// The file of keys to trust.
pub(crate) const TRUSTED_KEYS: &str = "trusted-keys";
const SINCE: &str = "since";
const STAGED: &str = ".new";
/// Two hex digits make at most 256 folders, so that no folder of a pool of 100,000 holds more than some 400 files.
const FAN_DIGITS: usize = 2;
const ENTRY_DIGITS: usize = 20;

/// Names in the registry's folder that belong to the format, those of later versions included.
pub(crate) fn is_top(name: &str) -> bool {
    [MARKER, OBJECTS, LOG, TRASH, QUARANTINE, TRUSTED_KEYS, PACKS].contains(&name)
}

/// Whether a name in the folder of the objects is that of a fan folder.
pub(crate) fn is_fan(name: &str) -> bool {
    name.len() == FAN_DIGITS && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The folder of the objects whose digests begin alike.
pub(crate) fn fan(name: &str) -> String {
    format!("{OBJECTS}/{name}")
}

/// Where an object lies.
pub(crate) fn object(digest: &Digest) -> String {
    format!("{OBJECTS}/{}", object_in_fan(digest))
}

/// The same below a folder of objects.
pub(crate) fn object_in_fan(digest: &Digest) -> String {
    let hex = digest.to_string();
    let (fan, rest) = hex.split_at(FAN_DIGITS);
    format!("{fan}/{rest}")
}

/// The object that a file in a fan folder is named after.
pub(crate) fn object_of(fan: &str, file: &str) -> Option<Digest> {
    is_fan(fan).then(|| format!("{fan}{file}").parse().ok())?
}

/// Where a log entry lies. 20 digits hold every number, so that names sort as numbers do.
pub(crate) fn entry(number: u64) -> String {
    format!("{LOG}/{}", entry_name(number))
}

/// What the file of a log entry is called in its folder.
pub(crate) fn entry_name(number: u64) -> String {
    format!("{number:0ENTRY_DIGITS$}")
}

/// The number of the log entry that a file is named after.
pub(crate) fn entry_of(file: &str) -> Option<u64> {
    let digits = file.len() == ENTRY_DIGITS && file.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| file.parse().ok()).flatten().filter(|&number: &u64| number > 0)
}

/// The number of the log entry that lies in a place.
pub(crate) fn entry_at(place: &str) -> Option<u64> {
    entry_of(place.strip_prefix(LOG)?.strip_prefix('/')?)
}

/// Where so many entries from a number on lie together.
pub(crate) fn pack(first: u64, count: u64) -> String {
    format!("{PACKS}/{first:0ENTRY_DIGITS$}-{count}")
}

/// The first entry that a file of packs is named after, and how many it has.
pub(crate) fn pack_of(file: &str) -> Option<(u64, u64)> {
    let (first, count) = file.split_once('-')?;
    let count = count.parse().ok().filter(|parsed: &u64| parsed.to_string() == count)?;
    Some((entry_of(first)?, count))
}

/// The name of a run of garbage collection or repair: runs sort by the time of whoever started them.
pub(crate) fn run(time: u64, unique: u64) -> String {
    format!("{time:015}-{unique:016x}")
}

/// Where a run of garbage collection puts an object.
pub(crate) fn trashed(run: &str, digest: &Digest) -> String {
    format!("{TRASH}/{run}/{digest}")
}

/// The object that a file of such a run is named after.
pub(crate) fn trashed_of(file: &str) -> Option<Digest> {
    file.parse().ok()
}

/// The file whose time of writing says when a run of garbage collection began, by the store's own clock.
pub(crate) fn since(run: &str) -> String {
    format!("{TRASH}/{run}/{SINCE}")
}

/// Whether a file of such a run is that one.
pub(crate) fn is_since(file: &str) -> bool {
    file == SINCE
}

/// Where a run of repair puts a damaged file.
pub(crate) fn quarantined(run: &str, place: &str) -> String {
    format!("{QUARANTINE}/{run}/{}", place.replace('/', "+"))
}

/// The name under which a file or folder is written before it gets its own.
pub(crate) fn staged(path: &str, unique: u64) -> String {
    format!("{path}.{unique:016x}{STAGED}")
}

/// Whether a file is one that a killed writer left behind.
pub(crate) fn is_staged(file: &str) -> bool {
    file.ends_with(STAGED)
}

/// The folder of a registry's index below the user's cache.
pub(crate) fn index(cache: &Path, id: &RegistryId, location: &Location) -> PathBuf {
    cached(cache, id, location).join("index")
}

/// The folder of what is remembered for a registry, beside its index.
pub(crate) fn memory(cache: &Path, id: &RegistryId, location: &Location) -> PathBuf {
    cached(cache, id, location).join("memory")
}

/// The folder of the objects that a user keeps of registries elsewhere.
pub(crate) fn kept(cache: &Path) -> PathBuf {
    cache.join(OBJECTS)
}

/// What the user's cache holds of a registry is named by id *and* place, so that a copy or a restored backup does not inherit
/// the index of the original.
fn cached(cache: &Path, id: &RegistryId, location: &Location) -> PathBuf {
    let place = match location {
        Location::Directory(path) => Digest::of(path.as_os_str().as_encoded_bytes()),
        Location::Store(address) => Digest::of(address.identity().as_bytes()),
    };
    let place = place.to_string();
    let (start, _) = place.split_at(16);
    cache.join(format!("{id}-{start}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_lead_back_to_what_they_name() {
        let digest = Digest::of(b"x");
        let path = object(&digest);
        let mut parts = path.rsplit('/');
        let (file, fan) = (parts.next().unwrap(), parts.next().unwrap());
        assert_eq!((file.len(), object_of(fan, file)), (62, Some(digest)));
        for number in [1, 42, u64::MAX] {
            assert_eq!(entry_of(entry(number).rsplit('/').next().unwrap()), Some(number));
        }
        for odd in ["0", "00000000000000000000", "0000000000000000042x", "99999999999999999999", "+0000000000000000042"]
        {
            assert_eq!(entry_of(odd), None, "{odd}");
        }
        assert_eq!(object_of("3F", file), None);
        assert_eq!(object_of("3", file), None);
        assert!(is_staged(&staged("log/1", 7)));
    }
}
