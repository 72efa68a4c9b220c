//! Objects that a user keeps of registries in object stores, so that they come over the network once.
//!
//! A file has the name of the digest of what is in it, whichever registry it is of, and is verified on every read as one of a registry
//! is: what is damaged is fetched again. It is bounded, and what was used longest ago goes first. Losing it loses nothing.

use std::fs::{self, File, FileTimes};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use esmhub_store_format::{Digest, frame};

use crate::fetch::LIMIT;
use crate::schema;

/// The most bytes of files that are kept: some hundred thousand ESMs of 25 KB.
const MOST_BYTES: u64 = 8 << 30;
/// To which share of that they are brought down, so that not every object makes room for the next.
const BROUGHT_DOWN: (u64, u64) = (9, 10);
/// How exactly it is known when a file was used last: writing that down with each use would cost more than it tells.
const USED: Duration = Duration::from_secs(24 * 60 * 60);

/// The objects in a folder.
pub(crate) struct Kept {
    folder: PathBuf,
    most_bytes: u64,
    /// Bytes that were added since the files were last counted; none have been yet where it is the largest number.
    added: AtomicU64,
}

impl Kept {
    /// Those below a user's cache, in a folder that need not exist.
    pub(crate) fn below(cache: &Path) -> Self {
        Self { folder: schema::kept(cache), most_bytes: MOST_BYTES, added: AtomicU64::new(u64::MAX) }
    }

    /// An object's canonical bytes, verified, and the size of its frame; `None` where it is not there, whole and readable.
    pub(crate) fn get(&self, digest: &Digest) -> Option<(Vec<u8>, u64)> {
        let path = self.path(digest);
        let file = File::open(&path).ok()?;
        let found = file.metadata().ok().filter(|found| found.is_file() && found.len() <= LIMIT)?;
        let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default());
        (&file).take(LIMIT).read_to_end(&mut bytes).ok()?;
        match frame::decode_as(frame::Content::Object, &bytes, digest) {
            Ok(canonical) => {
                let is_old = |modified: SystemTime| modified.elapsed().is_ok_and(|age| age > USED);
                if found.modified().is_ok_and(is_old) {
                    // Where that cannot be written down, the file goes earlier than it might.
                    let _ = File::options()
                        .write(true)
                        .open(&path)
                        .and_then(|file| file.set_times(FileTimes::new().set_modified(SystemTime::now())));
                }
                Some((canonical, bytes.len() as u64))
            }
            Err(_) => {
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps an object's frame, which was verified. Where that is not possible, it is fetched again the next time.
    pub(crate) fn put(&self, digest: &Digest, frame: &[u8]) {
        if self.write(digest, frame).is_ok() {
            self.make_room(frame.len() as u64);
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(schema::object_in_fan(digest))
    }

    fn write(&self, digest: &Digest, frame: &[u8]) -> io::Result<()> {
        let path = self.path(digest);
        let parent = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let staged = PathBuf::from(schema::staged(&path.to_string_lossy(), u64::from_le_bytes(random)));
        let written = File::create_new(&staged).and_then(|mut file| file.write_all(frame));
        let named = written.and_then(|()| fs::rename(&staged, &path));
        if named.is_err() {
            let _ = fs::remove_file(&staged);
        }
        named
    }

    /// Counts the files where enough has come since they were counted, and removes those that were used longest ago.
    fn make_room(&self, bytes: u64) {
        let before = self.added.fetch_add(bytes, Ordering::Relaxed);
        // `u64::MAX` wraps round to the first file's bytes, which nobody has counted.
        if before != u64::MAX && before.saturating_add(bytes) < self.most_bytes / 100 {
            return;
        }
        self.added.store(0, Ordering::Relaxed);
        let mut files = Vec::new();
        for fan in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            for entry in fs::read_dir(fan.path()).into_iter().flatten().flatten() {
                let found = entry.metadata().ok().filter(fs::Metadata::is_file);
                let used = found.and_then(|found| Some((found.modified().ok()?, found.len())));
                files.extend(used.map(|(used, bytes)| (used, bytes, entry.path())));
            }
        }
        let mut all: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        if all <= self.most_bytes {
            return;
        }
        files.sort_unstable();
        let wanted = self.most_bytes / BROUGHT_DOWN.1 * BROUGHT_DOWN.0;
        for (_, bytes, path) in files {
            if all <= wanted {
                break;
            }
            if fs::remove_file(path).is_ok() {
                all -= bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use esmhub_store_format::{Codec, DenseMap, Object};

    use super::*;

    /// An object with its digest and its frame.
    fn object(seed: f32) -> (Digest, Vec<u8>, Vec<u8>) {
        let map = DenseMap::new(vec![seed; 64 * 64], vec![0.5; 64]).unwrap();
        let object = Object::encode(&map, Codec::F32).unwrap();
        let frame = frame::encode(frame::Content::Object, object.canonical()).unwrap();
        (object.digest(), object.canonical().to_vec(), frame)
    }

    #[test]
    fn what_is_kept_is_verified_and_what_is_damaged_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::below(folder.path());
        let (digest, canonical, frame) = object(1.0);
        assert!(kept.get(&digest).is_none());
        kept.put(&digest, &frame);
        assert_eq!(kept.get(&digest), Some((canonical, frame.len() as u64)));
        for at in [0, 20, frame.len() / 2, frame.len() - 1] {
            kept.put(&digest, &frame);
            let path = kept.path(&digest);
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert!(kept.get(&digest).is_none() && !path.exists(), "byte {at}");
        }
        // Another object under this name is none of it.
        fs::write(kept.path(&digest), object(2.0).2).unwrap();
        assert!(kept.get(&digest).is_none());
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let objects: Vec<_> = (1..=10_u8).map(|seed| object(f32::from(seed))).collect();
        let bytes: u64 = objects.iter().map(|(_, _, frame)| frame.len() as u64).sum();
        let kept = Kept { most_bytes: bytes - 1, ..Kept::below(folder.path()) };
        let days = |days: u64| SystemTime::now() - Duration::from_secs(days * 86_400);
        for (at, (digest, _, frame)) in objects.iter().enumerate().take(9) {
            kept.put(digest, frame);
            let file = File::options().write(true).open(kept.path(digest)).unwrap();
            file.set_times(FileTimes::new().set_modified(days(20 - at as u64))).unwrap();
        }
        // A use counts.
        kept.get(&objects[0].0).unwrap();
        kept.put(&objects[9].0, &objects[9].2);
        let left: Vec<bool> = objects.iter().map(|(digest, ..)| kept.get(digest).is_some()).collect();
        let gone = left.iter().filter(|left| !**left).count();
        assert!((1..=2).contains(&gone) && left[0] && left[9] && !left[1], "{left:?}");
    }
}
