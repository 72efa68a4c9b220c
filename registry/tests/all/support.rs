//! What the tests share: small ESMs, a registry in a folder that goes away, and a generator of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use esmhub_registry::{NewEsm, PublishOptions, Publishing, Registry, RegistryError, Settings, Signature};
use esmhub_store_format::anchors::AnchorDomain;
use esmhub_store_format::card::{BaseModel, Weights};
use esmhub_store_format::log::{Entry, Record, Writer};
use esmhub_store_format::{AnchorSet, Card, Codec, DenseMap, Digest, Name, Object, Reference, Tag};
use tempfile::TempDir;

/// SplitMix64 (Steele, Lea, Flood 2014): the same sequence everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

pub(crate) struct Pool {
    pub(crate) folder: TempDir,
}

impl Pool {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    /// On a RAM disk where there is one, for tests that are about order and not about durability.
    pub(crate) fn fleeting() -> Self {
        Self::within(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn within(folder: TempDir) -> Self {
        let pool = Self { folder };
        let initialised = Registry::init(pool.root(), &Settings::default(), None).unwrap();
        assert!(initialised.created);
        pool
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("pool")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub(crate) fn file(&self, place: &str) -> PathBuf {
        self.root().join(place)
    }

    pub(crate) fn entry(&self, number: u64) -> PathBuf {
        self.file(&format!("log/{number:020}"))
    }

    pub(crate) fn object(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        self.file(&format!("objects/{}/{}", &hex[..2], &hex[2..]))
    }

    /// Without an index.
    pub(crate) fn open(&self) -> Registry {
        Registry::open(self.root(), None).unwrap()
    }

    pub(crate) fn open_indexed(&self) -> Registry {
        Registry::open(self.root(), Some(&self.cache())).unwrap()
    }

    /// The index of whoever has opened it with one.
    pub(crate) fn index(&self) -> PathBuf {
        fs::read_dir(self.cache()).unwrap().next().unwrap().unwrap().path().join("index")
    }

    /// Publishes one ESM, and gives its digest.
    pub(crate) fn publish(&self, reference: &str, seed: u64) -> Digest {
        publish(&self.open(), &[esm(reference, seed)]).unwrap().esms[0].card
    }

    /// Appends an entry with these records, as some other program might.
    pub(crate) fn append(&self, records: Vec<Record>) {
        let registry = self.open();
        let number = registry.catalog().unwrap().entries() + 1;
        let previous = match number {
            1 => registry.id().genesis(),
            _ => Entry::from_frame(&fs::read(self.entry(number - 1)).unwrap()).unwrap().1,
        };
        let entry = Entry { number, previous, transaction: [7; 16], time: 5, writer: by().writer, records };
        fs::write(self.entry(number), entry.to_frame().unwrap().0).unwrap();
    }
}

pub(crate) fn by() -> Signature {
    Signature {
        writer: Writer { user: "ada".into(), host: "engine".into(), program: "esmhub 0.1.0".into() },
        time: 1_700_000_000_000,
    }
}

pub(crate) fn publish(registry: &Registry, batch: &[NewEsm]) -> Result<Publishing, RegistryError> {
    registry.publish(batch, &by(), &PublishOptions::default())
}

/// An ESM whose content depends on the seed alone, under `name` or `name:tag`.
pub(crate) fn esm(reference: &str, seed: u64) -> NewEsm {
    let (name, tag) = match reference.split_once(':') {
        Some((name, tag)) => (name, Some(tag.parse::<Tag>().unwrap())),
        None => (reference, None),
    };
    let object = object(seed);
    NewEsm::new(name.parse().unwrap(), tag, card(&object), object).unwrap()
}

pub(crate) fn object(seed: u64) -> Object {
    let mut random = Random(seed);
    let dimension = 4;
    let mut values = |count: usize| -> Vec<f32> { (0..count).map(|_| random.below(1000) as f32 / 500.0).collect() };
    let map = DenseMap::new(values(dimension * dimension), values(dimension)).unwrap();
    Object::encode(&map, Codec::F32).unwrap()
}

pub(crate) fn card(object: &Object) -> Card {
    Card::imported(Weights::of(object, 0.0), BaseModel::named("acme/encoder"))
}

/// An anchor set whose texts depend on the seed alone.
pub(crate) fn anchors(seed: u64) -> AnchorSet {
    let domain = |label: &str| AnchorDomain {
        label: label.into(),
        texts: (0..3).map(|at| format!("text {at} of {label}, {seed}")).collect(),
    };
    AnchorSet { license: None, origin: Some("made up".into()), domains: vec![domain("news"), domain("reviews")] }
}

pub(crate) fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Every file and folder below one, with its bytes and the time of its last change.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let found = fs::symlink_metadata(&path).unwrap();
            let bytes = if found.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            if found.is_dir() {
                open.push(path.clone());
            }
            all.insert(path, (bytes, found.modified().unwrap()));
        }
    }
    all
}

/// Writes over a file that is there, whatever its mode.
pub(crate) fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A frame whose header was changed, with the check that makes it sound again.
pub(crate) fn reseal(mut frame: Vec<u8>) -> Vec<u8> {
    let check = Digest::of(&frame[..56]);
    frame[56..64].copy_from_slice(&check.as_bytes()[..8]);
    frame
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A pool of three ESMs, and a copy of it.
pub(crate) fn twins() -> (Pool, Pool) {
    let (pool, copy) = (Pool::new(), Pool::new());
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        pool.publish(name, seed);
    }
    fs::remove_dir_all(copy.root()).unwrap();
    copy_folder(&pool.root(), &copy.root());
    (pool, copy)
}

pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 4;
    overwrite(path, &bytes);
}

/// Some bits of a file, spread over it, the first and the last among them.
pub(crate) fn sample_bits(length: usize, count: usize) -> impl Iterator<Item = usize> {
    let bits = length * 8;
    (0..count).map(move |i| i * (bits - 1) / (count - 1))
}
