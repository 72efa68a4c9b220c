//! Embeddings that were computed before, by all that decides them. Kept in the user's cache, and disposable.
//!
//! A file is believed only where its own digest says that it is whole; what is not is removed, and computed again. All files
//! together are bounded: those that were not used for longest go first.
//!
//! ```text
//! embeddings/3f/<62 hex digits>     named by the key
//!   8 bytes   "esmhub-E"
//!   4         version, 1                        little-endian, as all that follows
//!   4         dimension D
//!   8         rows N
//!   32        the key
//!   4 N D     the values, row by row, f32
//!   32        blake3 of all before
//! ```

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use esmhub_selection::Embeddings;
use esmhub_store_format::Digest;
use tempfile::NamedTempFile;

use crate::failure::{Failure, OTHER, Outcome};
use crate::source::read_at_most;

const MAGIC: &[u8; 8] = b"esmhub-E";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 56;
const DIGEST_BYTES: usize = 32;

/// What all files may take together: some 700 targets of 1,000 rows at dimension 384.
const LIMIT: u64 = 1 << 30;
/// The least that a file counts, so that there are never more than 16,384 to look through.
const LEAST: u64 = 64 << 10;
/// A file that takes more than this part of the whole is not kept: it would push out all the others.
const LARGEST_PART: u64 = 4;

/// The folder of all kept embeddings.
pub(crate) struct EmbeddingCache {
    folder: PathBuf,
    limit: u64,
}

impl EmbeddingCache {
    /// In the user's cache folder, which need not exist.
    pub(crate) fn within(cache: &Path) -> Self {
        Self { folder: cache.join("embeddings"), limit: LIMIT }
    }

    /// The embeddings of this key, if they are there.
    ///
    /// # Errors
    /// They are there, and cannot be used. Damaged ones are removed.
    pub(crate) fn get(&self, key: &Digest, rows: usize, dimension: usize) -> Outcome<Option<Embeddings>> {
        let place = self.place(key);
        let Some(length) = length(rows, dimension) else { return Ok(None) };
        let Some(bytes) = read_at_most(&place, length).or_else(|failure| Self::remove(&place, failure))? else {
            return Ok(None);
        };
        match values(&bytes, &header(key, rows, dimension)).and_then(|values| Embeddings::new(dimension, values)) {
            Some(embeddings) => {
                // Where the time cannot be set, it is only thrown away earlier.
                let _ = File::options().write(true).open(&place).and_then(|file| file.set_modified(SystemTime::now()));
                Ok(Some(embeddings))
            }
            None => Self::remove(&place, Failure::new(OTHER, format!("{} is damaged", place.display()))),
        }
    }

    /// Keeps the embeddings of a key.
    ///
    /// # Errors
    /// They cannot be written. Then nothing is left behind.
    pub(crate) fn put(&self, key: &Digest, embeddings: &Embeddings) -> Outcome<()> {
        let length = length(embeddings.rows(), embeddings.dimension());
        if length.is_none_or(|length| length > self.limit / LARGEST_PART) {
            return Ok(());
        }
        let place = self.place(key);
        write(&place, key, embeddings).map_err(|error| Failure::io(place.display(), error))?;
        self.evict().map_err(|error| Failure::io(self.folder.display(), error))
    }

    fn place(&self, key: &Digest) -> PathBuf {
        let name = key.to_string();
        let (fan, rest) = name.split_at(2);
        self.folder.join(fan).join(rest)
    }

    fn remove<T>(place: &Path, failure: Failure) -> Outcome<T> {
        // It may be gone already, or be a folder: it is written over, or stays unused.
        let _ = fs::remove_file(place);
        Err(failure)
    }

    /// Removes what was not used for longest, until the rest is within the limit.
    fn evict(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for fan in fs::read_dir(&self.folder)? {
            // Whoever evicts at the same time may have been faster.
            for entry in fs::read_dir(fan?.path()).into_iter().flatten().flatten() {
                if let Ok(metadata) = entry.metadata() {
                    files.push((metadata.modified()?, metadata.len().max(LEAST), entry.path()));
                }
            }
        }
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        if total > self.limit {
            files.sort();
        }
        for (_, bytes, path) in files {
            if total <= self.limit {
                break;
            }
            let _ = fs::remove_file(path);
            total -= bytes;
        }
        Ok(())
    }
}

/// The length of a file with this many values; `None` where there is no such file.
fn length(rows: usize, dimension: usize) -> Option<u64> {
    let values = rows.checked_mul(dimension)?.checked_mul(4)?;
    u64::try_from(values.checked_add(HEADER_BYTES + DIGEST_BYTES)?).ok()
}

fn header(key: &Digest, rows: usize, dimension: usize) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend(VERSION.to_le_bytes());
    header.extend((dimension as u32).to_le_bytes());
    header.extend((rows as u64).to_le_bytes());
    header.extend(key.as_bytes());
    header
}

/// The values of a whole file with this header.
fn values(bytes: &[u8], header: &[u8]) -> Option<Vec<f32>> {
    let (content, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_BYTES)?)?;
    let (values, rest) = content.strip_prefix(header)?.as_chunks();
    let whole = rest.is_empty() && Digest::of(content).as_bytes() == digest;
    whole.then(|| values.iter().map(|value| f32::from_le_bytes(*value)).collect())
}

/// Others may read the name meanwhile: it gets its content in one step.
fn write(place: &Path, key: &Digest, embeddings: &Embeddings) -> io::Result<()> {
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder)?;
    let staged = NamedTempFile::new_in(folder)?;
    let mut hasher = blake3::Hasher::new();
    let mut file = BufWriter::new(&staged);
    let mut write = |bytes: &[u8]| {
        hasher.update(bytes);
        file.write_all(bytes)
    };
    write(&header(key, embeddings.rows(), embeddings.dimension()))?;
    for row in embeddings {
        write(&row.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?;
    }
    file.write_all(hasher.finalize().as_bytes())?;
    file.flush()?;
    drop(file);
    staged.persist(place)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::time::Duration;

    use super::*;

    fn cache() -> (tempfile::TempDir, EmbeddingCache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = EmbeddingCache::within(&folder.path().join("cache"));
        (folder, cache)
    }

    fn embeddings(rows: usize, start: f32) -> Embeddings {
        Embeddings::new(3, (0..3 * rows).map(|at| start + at as f32).collect()).unwrap()
    }

    #[test]
    fn what_was_kept_comes_back_to_the_bit() {
        let (_folder, cache) = cache();
        let key = Digest::of(b"key");
        assert_eq!(cache.get(&key, 2, 3).unwrap(), None);
        let odd = Embeddings::new(3, vec![0.1, -0.0, f32::MIN_POSITIVE / 2.0, 1e38, -7.25, f32::EPSILON]).unwrap();
        cache.put(&key, &odd).unwrap();
        let found = cache.get(&key, 2, 3).unwrap().unwrap();
        let bits =
            |embeddings: &Embeddings| embeddings.values().iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found), bits(&odd));
        assert_eq!(cache.get(&Digest::of(b"other"), 2, 3).unwrap(), None);
        let beside = fs::read_dir(cache.place(&key).parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "nothing is left beside it");
    }

    #[test]
    fn every_damage_is_a_miss_and_is_cleared_away() {
        let (_folder, cache) = cache();
        let key = Digest::of(b"key");
        cache.put(&key, &embeddings(4, 0.5)).unwrap();
        let place = cache.place(&key);
        let sound = fs::read(&place).unwrap();
        let flipped = (0..sound.len()).map(|at| {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << (at % 8);
            bytes
        });
        let cut = [0, 1, 31, 32, HEADER_BYTES, sound.len() - 4, sound.len() - 1].map(|length| sound[..length].to_vec());
        let longer = [sound.clone(), vec![0; 4]].concat();
        for bytes in flipped.chain(cut).chain([longer]) {
            fs::write(&place, &bytes).unwrap();
            assert!(cache.get(&key, 4, 3).is_err());
            assert!(!place.exists());
            assert_eq!(cache.get(&key, 4, 3).unwrap(), None);
        }
        // Whole, and under another key's name.
        let other = Digest::of(b"other");
        fs::create_dir_all(cache.place(&other).parent().unwrap()).unwrap();
        fs::write(cache.place(&other), &sound).unwrap();
        assert!(cache.get(&other, 4, 3).is_err());
        // Whole, and of other texts than its key says.
        fs::write(&place, &sound).unwrap();
        assert!(cache.get(&key, 3, 4).is_err());
    }

    #[test]
    fn cache_is_bounded_and_the_longest_unused_go_first() {
        let (_folder, mut cache) = cache();
        cache.limit = 4 * LEAST;
        let keys: Vec<Digest> = (0u8..8).map(|number| Digest::of(&[number])).collect();
        let age = |key: &Digest, hours: u64| {
            let time = SystemTime::now() - Duration::from_secs(3600 * hours);
            File::options().write(true).open(cache.place(key)).unwrap().set_modified(time).unwrap();
        };
        for (key, hours) in keys.iter().zip([9, 8, 7, 6]) {
            cache.put(key, &embeddings(2, 1.0)).unwrap();
            age(key, hours);
        }
        assert!(cache.get(&keys[0], 2, 3).unwrap().is_some(), "and is used now");
        cache.put(&keys[4], &embeddings(2, 1.0)).unwrap();
        let there: Vec<bool> = keys.iter().map(|key| cache.place(key).exists()).collect();
        assert_eq!(there, [true, false, true, true, true, false, false, false]);
    }

    #[test]
    fn what_would_push_out_all_others_is_not_kept() {
        let (_folder, mut cache) = cache();
        cache.limit = 4 * LEAST;
        let (large, small) = (Digest::of(b"large"), Digest::of(b"small"));
        cache.put(&small, &embeddings(2, 1.0)).unwrap();
        cache.put(&large, &embeddings(LEAST as usize / 12, 1.0)).unwrap();
        assert_eq!(cache.get(&large, LEAST as usize / 12, 3).unwrap(), None);
        assert!(cache.get(&small, 2, 3).unwrap().is_some());
    }

    #[test]
    fn folder_that_cannot_be_written_is_an_error_and_leaves_nothing() {
        let (folder, cache) = cache();
        fs::write(folder.path().join("cache"), "in the way").unwrap();
        assert!(cache.put(&Digest::of(b"key"), &embeddings(2, 1.0)).is_err());
        assert!(cache.get(&Digest::of(b"key"), 2, 3).is_err());
        assert_eq!(fs::read(folder.path().join("cache")).unwrap(), b"in the way");
    }
}
