//! A registry under any sequence of operations, compared with a sorted map: two bytes are one operation.
//!
//! Publishes (also over what a killed writer left behind), yanks, their undoing, removals, fetches, other processes that
//! begin with or without an index, an index that is lost or damaged, collections of garbage, and log entries that are lost and
//! given up.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::SystemTime;

use esmhub_registry::{
    ErrorKind, GcOptions, NewEsm, Outcome, PublishOptions, Registry, RegistryError, RepairOptions, Settings, Signature,
};
use esmhub_store_format::card::{BaseModel, Weights};
use esmhub_store_format::log::Writer;
use esmhub_store_format::{Card, Codec, DenseMap, Name, Object, Tag};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const NAMES: [&str; 4] = ["a", "A", "b/c", "long-name_with.dots"];
const TAGS: [&str; 3] = ["v1", "V2", "stable"];

#[derive(Clone, Copy, PartialEq)]
enum Is {
    Live,
    Yanked,
    Removed,
}

/// By name and tag in lower case, in this order: content, and what became of it.
type Model = BTreeMap<(String, String), (u8, Is)>;

/// What a log entry does.
enum Change {
    Publish((String, String), u8),
    /// A reference that stood for this content.
    Turn((String, String), u8, Is),
    GiveUp,
}

struct World {
    folder: TempDir,
    registry: Registry,
    log: Vec<Change>,
    /// The numbers of the entries that are declared lost.
    lost: BTreeSet<u64>,
}

fuzz_target!(|bytes: &[u8]| {
    let folder = esmhub_fuzz::scratch();
    Registry::init(&folder.path().join("pool"), &Settings::default(), None).expect("an empty folder");
    let registry = Registry::open(&folder.path().join("pool"), None).expect("a registry");
    let mut world = World { folder, registry, log: Vec::new(), lost: BTreeSet::new() };
    for operation in bytes.as_chunks::<2>().0.iter().take(24) {
        world.step(*operation);
    }
    world.compare();
    assert!(world.registry.verify(&|_| ()).expect("a registry").is_sound());
});

impl World {
    fn step(&mut self, [operation, which]: [u8; 2]) {
        let (name, tag, content) = (NAMES[usize::from(which & 3)], TAGS[usize::from((which >> 2) % 3)], which >> 6);
        match operation % 11 {
            0..3 => self.publish(name, tag, content),
            3 => self.change(name, tag, Is::Yanked),
            4 => self.change(name, tag, Is::Live),
            5 => self.change(name, tag, Is::Removed),
            6 => self.crash(which),
            7 => self.collect_garbage(which),
            8 => self.lose_entry(which),
            _ => self.compare(),
        }
    }

    /// What the log comes to.
    fn model(&self) -> Model {
        let mut model = Model::new();
        for (number, change) in (1..).zip(&self.log).filter(|(number, _)| !self.lost.contains(number)) {
            match change {
                Change::Publish(key, content) => drop(model.entry(key.clone()).or_insert((*content, Is::Live))),
                Change::Turn(key, content, wanted) => {
                    if let Some((held, is)) = model.get_mut(key)
                        && held == content
                        && *is != Is::Removed
                    {
                        *is = *wanted;
                    }
                }
                Change::GiveUp => assert!(self.lost.iter().any(|lost| *lost < number)),
            }
        }
        model
    }

    fn publish(&mut self, name: &str, tag: &str, content: u8) {
        let esm = esm(name, tag, content);
        let published = self.registry.publish(&[esm], &by(), &PublishOptions::default());
        match self.model().get(&key(name, tag)) {
            None => {
                assert!(published.expect("a free tag").esms[0].outcome != Outcome::Unchanged);
                self.log.push(Change::Publish(key(name, tag), content));
            }
            Some((held, is)) if *held == content && *is != Is::Removed => {
                assert!(published.expect("the same content").esms[0].outcome == Outcome::Unchanged);
            }
            Some(_) => assert_eq!(kind(published), Some(ErrorKind::Conflict)),
        }
    }

    fn change(&mut self, name: &str, tag: &str, wanted: Is) {
        let reference = format!("{name}:{tag}").parse().expect("a reference");
        let changed = match wanted {
            Is::Yanked => self.registry.yank(&reference, &by(), false),
            Is::Live => self.registry.unyank(&reference, &by(), false),
            Is::Removed => self.registry.remove(&reference, &by(), false),
        };
        match self.model().get(&key(name, tag)) {
            None | Some((_, Is::Removed)) => assert_eq!(kind(changed), Some(ErrorKind::NotFound)),
            Some((content, is)) => {
                let is_new = changed.expect("a reference that is there").entry.is_some();
                assert_eq!(is_new, *is != wanted);
                if is_new {
                    self.log.push(Change::Turn(key(name, tag), *content, wanted));
                }
            }
        }
    }

    /// Changes nothing that anybody can see, whether what is in the trash is old enough or not.
    fn collect_garbage(&mut self, which: u8) {
        let runs = fs::read_dir(self.folder.path().join("pool/trash")).into_iter().flatten().flatten();
        for run in runs.filter(|_| which & 1 == 0) {
            let since = fs::File::open(run.path().join("since")).expect("what a collection wrote");
            since.set_modified(SystemTime::UNIX_EPOCH).expect("a file on the RAM disk");
        }
        self.registry.collect_garbage(&by(), &GcOptions::default()).expect("a sound registry");
    }

    /// An entry is overwritten or goes, and comes back from the index, or is given up by whoever has none.
    fn lose_entry(&mut self, which: u8) {
        let Some(number) = u64::from(which >> 1).checked_rem(self.log.len() as u64).map(|number| number + 1) else {
            return;
        };
        let path = self.folder.path().join(format!("pool/log/{number:020}"));
        fs::remove_file(&path).expect("an entry");
        // A missing last one would be the end of the log.
        if which & 1 == 0 || number == self.log.len() as u64 {
            fs::write(path, "rubbish").expect("a file on the RAM disk");
        }
        let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
        let repaired = self.registry.repair(&by(), &options).expect("a registry");
        if !repaired.lost.is_empty() {
            self.lost.extend(repaired.lost.iter().flat_map(|(first, last)| *first..=*last));
            self.log.push(Change::GiveUp);
        }
    }

    /// A writer is killed and leaves staged files behind; the next process begins, perhaps with a broken index.
    fn crash(&mut self, which: u8) {
        let (pool, cache) = (self.folder.path().join("pool"), self.folder.path().join("cache"));
        let next = self.log.len() + 1;
        for place in [format!("log/{next:020}"), "objects/00".to_owned(), "esmhub.toml".to_owned()] {
            let path = pool.join(format!("{place}.{which:016x}.new"));
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).expect("a folder on the RAM disk");
            }
            fs::write(path, &[which; 100][..usize::from(which) % 100]).expect("a file on the RAM disk");
        }
        match which % 4 {
            0 => drop(fs::remove_dir_all(&cache)),
            1 => fs::read_dir(&cache).into_iter().flatten().flatten().for_each(|registry| {
                let _ = fs::write(registry.path().join("index/db"), [which; 64]);
            }),
            _ => {}
        }
        // An index costs sled's opening and closing, a hundred times the rest.
        let cache = (which < 4).then_some(cache.as_path());
        self.registry = Registry::open(&pool, cache).expect("a registry");
    }

    fn compare(&self) {
        let catalog = self.registry.catalog().expect("a registry");
        assert_eq!(catalog.entries(), self.log.len() as u64);
        let mut found = Model::new();
        for held in catalog.esms() {
            let fetched = self.registry.fetch(held).expect("what was published");
            let is = if held.is_yanked() { Is::Yanked } else { Is::Live };
            let content = (0..4).find(|content| object(*content) == fetched.object).expect("one of the contents");
            found.insert((held.name().key(), held.tag().key()), (content, is));
        }
        let mut expected = self.model();
        expected.retain(|_, (_, is)| *is != Is::Removed);
        assert!(found == expected);
    }
}

fn kind<T>(result: Result<T, RegistryError>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn key(name: &str, tag: &str) -> (String, String) {
    (name.to_lowercase(), tag.to_lowercase())
}

fn by() -> Signature {
    Signature { writer: Writer { user: "ada".into(), host: "engine".into(), program: "fuzz".into() }, time: 5 }
}

fn object(content: u8) -> Object {
    let map = DenseMap::new(vec![f32::from(content); 4], vec![0.5; 2]).expect("finite values");
    Object::encode(&map, Codec::F32).expect("f32 takes every map")
}

fn esm(name: &str, tag: &str, content: u8) -> NewEsm {
    let object = object(content);
    let card = Card::imported(Weights::of(&object, 0.0), BaseModel::named("acme/encoder"));
    let name: Name = name.parse().expect("a name");
    NewEsm::new(name, Some(tag.parse::<Tag>().expect("a tag")), card, object).expect("a card of its object")
}
