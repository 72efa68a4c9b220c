//! Random operations, compared with a model that is nothing but a sorted map.

use std::collections::BTreeMap;
use std::time::SystemTime;

use esmhub_registry::{ErrorKind, GcOptions, NewEsm, Outcome, Registry, State};
use esmhub_store_format::Digest;

use crate::support::*;

const NAMES: [&str; 4] = ["a", "A", "b/c", "long-name_with.dots"];
const TAGS: [&str; 3] = ["v1", "V2", "stable"];
const BASES: [&str; 3] = ["acme/encoder", "ACME/encoder", "b"];
const CONTENTS: u64 = 4;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Is {
    Live,
    Yanked,
    Removed,
}

#[derive(Clone, Default)]
struct Model {
    /// By name and tag in lower case: content, state, and the order of publishing.
    refs: BTreeMap<(String, String), (u64, Is, usize)>,
    /// The current anchor sets' seeds, by base model in lower case.
    anchors: BTreeMap<String, u64>,
}

impl Model {
    fn of_name(&self, name: &str) -> Vec<(&str, u64, Is, usize)> {
        let all = self.refs.iter().filter(|((n, _), _)| n == name);
        let mut all: Vec<_> = all.map(|((_, tag), &(content, is, order))| (tag.as_str(), content, is, order)).collect();
        all.sort_by_key(|(.., order)| *order);
        all
    }

    /// The tag and whether something is new; `None` is a conflict.
    fn publish(&mut self, name: &str, tag: Option<&str>, content: u64) -> Option<(String, bool)> {
        let name = name.to_lowercase();
        let tag = match tag.map(str::to_lowercase) {
            Some(tag) => match self.refs.get(&(name.clone(), tag.clone())) {
                Some((_, Is::Removed, _)) => return None,
                Some((held, ..)) if *held == content => return Some((tag, false)),
                Some(_) => return None,
                None => tag,
            },
            None => {
                let of_name = self.of_name(&name);
                let same = |wanted| of_name.iter().find(|(_, c, is, _)| *c == content && *is == wanted);
                if let Some((tag, ..)) = same(Is::Live).or_else(|| same(Is::Yanked)) {
                    return Some(((*tag).to_owned(), false));
                }
                let taken = |tag: &String| self.refs.contains_key(&(name.clone(), tag.clone()));
                (1..).map(|n| format!("v{n}")).find(|tag| !taken(tag)).unwrap()
            }
        };
        let order = self.refs.len();
        self.refs.insert((name, tag.clone()), (content, Is::Live, order));
        Some((tag, true))
    }
}

struct World {
    pool: Pool,
    registry: Registry,
    model: Model,
    digests: Vec<Digest>,
}

impl World {
    fn new() -> Self {
        let pool = Pool::fleeting();
        Self {
            registry: pool.open(),
            pool,
            model: Model::default(),
            digests: (0..CONTENTS).map(|content| esm("x", content).card_digest()).collect(),
        }
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(16) {
            0..5 => self.publish(random),
            5..9 => self.change(random),
            9 => self.registry = self.pool.open(),
            10 => self.registry = self.pool.open_indexed(),
            11..13 => self.set_anchors(random),
            13..15 => self.collect_garbage(random),
            _ => self.break_index(random),
        }
    }

    fn publish(&mut self, random: &mut Random) {
        let mut model = self.model.clone();
        let mut batch: Vec<NewEsm> = Vec::new();
        let mut expected = Some(Vec::new());
        for _ in 0..=random.below(3) {
            let (name, content) = (*random.pick(&NAMES), random.next() % CONTENTS);
            let tag = if random.below(2) == 0 { None } else { Some(*random.pick(&TAGS)) };
            let text = tag.map_or(name.to_owned(), |tag| format!("{name}:{tag}"));
            batch.push(esm(&text, content));
            let one = model.publish(name, tag, content);
            expected = expected.zip(one).map(|(mut all, one)| {
                all.push(one);
                all
            });
        }
        let result = publish(&self.registry, &batch);
        match (expected, result) {
            (None, result) => assert_eq!(result.unwrap_err().kind(), ErrorKind::Conflict),
            (Some(expected), result) => {
                let published = result.unwrap();
                let found: Vec<(String, bool)> = published
                    .esms
                    .iter()
                    .map(|esm| (esm.tag.as_str().to_lowercase(), esm.outcome != Outcome::Unchanged))
                    .collect();
                assert_eq!(found, expected);
                let is_new = expected.iter().any(|(_, new)| *new);
                assert_eq!(published.entries.len(), usize::from(is_new));
                self.model = model;
            }
        }
    }

    fn change(&mut self, random: &mut Random) {
        let (name, tag) = (*random.pick(&NAMES), *random.pick(&TAGS));
        let key = (name.to_lowercase(), tag.to_lowercase());
        let exact = reference(&format!("{name}:{tag}"));
        let (wanted, result) = match random.below(5) {
            0 | 1 => (Is::Yanked, self.registry.yank(&exact, &by(), false)),
            2 | 3 => (Is::Live, self.registry.unyank(&exact, &by(), false)),
            _ => (Is::Removed, self.registry.remove(&exact, &by(), false)),
        };
        match self.model.refs.get_mut(&key) {
            None | Some((_, Is::Removed, _)) => assert_eq!(result.unwrap_err().kind(), ErrorKind::NotFound),
            Some((_, is, _)) => {
                assert_eq!(result.unwrap().entry.is_some(), *is != wanted);
                *is = wanted;
            }
        }
    }

    fn set_anchors(&mut self, random: &mut Random) {
        let (base, seed) = (*random.pick(&BASES), Some(random.next() % CONTENTS).filter(|seed| *seed > 0));
        let held = self.model.anchors.get(&base.to_lowercase()).copied();
        let changed = self.registry.set_anchors(base, seed.map(anchors).as_ref(), &by(), false).unwrap();
        assert_eq!(changed.entry.is_some(), held != seed);
        match seed {
            Some(seed) => drop(self.model.anchors.insert(base.to_lowercase(), seed)),
            None => drop(self.model.anchors.remove(&base.to_lowercase())),
        }
    }

    /// Changes nothing that anybody can see, whether what is in the trash is old enough or not.
    fn collect_garbage(&mut self, random: &mut Random) {
        if random.below(2) == 0 {
            for run in std::fs::read_dir(self.pool.file("trash")).into_iter().flatten() {
                let since = std::fs::File::open(run.unwrap().path().join("since")).unwrap();
                since.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            }
        }
        self.registry.collect_garbage(&by(), &GcOptions::default()).unwrap();
        assert_eq!(self.registry.verify(&|_| ()).unwrap().problems, []);
    }

    fn break_index(&mut self, random: &mut Random) {
        match random.below(2) {
            0 => drop(std::fs::remove_dir_all(self.pool.cache())),
            _ => {
                for folder in std::fs::read_dir(self.pool.cache()).into_iter().flatten() {
                    drop(std::fs::write(folder.unwrap().path().join("index/db"), b"junk"));
                }
            }
        }
    }

    fn compare(&self) {
        let catalog = self.registry.catalog().unwrap();
        let mut found: Vec<_> =
            catalog.esms().map(|esm| (esm.name().key(), esm.tag().key(), esm.digest(), esm.state())).collect();
        found.sort_by_key(|(name, tag, ..)| (name.clone(), tag.clone()));
        let expected: Vec<_> = self
            .model
            .refs
            .iter()
            .filter(|(_, (_, is, _))| *is != Is::Removed)
            .map(|((name, tag), (content, is, _))| {
                let state = if *is == Is::Live { State::Live } else { State::Yanked };
                (name.clone(), tag.clone(), self.digests[*content as usize], state)
            })
            .collect();
        assert_eq!(found, expected);
        for esm in catalog.esms() {
            assert!(self.registry.fetch(esm).is_ok(), "{}", esm.reference());
        }
        for set in catalog.all_anchors() {
            assert!(self.registry.fetch_anchors(&set.digest()).is_ok(), "{}", set.base());
        }
        let current: Vec<_> = catalog.all_anchors().map(|set| (set.base().to_lowercase(), set.digest())).collect();
        let expected = self.model.anchors.iter().map(|(base, seed)| (base.clone(), anchors(*seed).digest().unwrap()));
        assert_eq!(current, expected.collect::<Vec<_>>());
        for name in NAMES {
            let of_name = self.model.of_name(&name.to_lowercase());
            let newest = of_name.iter().rev().find(|(_, _, is, _)| *is == Is::Live);
            let resolved = catalog.resolve(&reference(name));
            match newest {
                Some((tag, content, ..)) => {
                    let esm = resolved.unwrap();
                    assert_eq!((esm.tag().key().as_str(), esm.digest()), (*tag, self.digests[*content as usize]));
                }
                None => assert_eq!(resolved.unwrap_err().kind(), ErrorKind::NotFound),
            }
        }
    }
}

#[test]
fn random_operations_do_what_a_sorted_map_does() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut world = World::new();
        for _ in 0..12 {
            world.step(&mut random);
        }
        world.compare();
        if seed % 20 == 0 {
            let report = world.registry.verify(&|_| ()).unwrap();
            assert!(report.is_sound(), "seed {seed}: {:?}", report.problems);
        }
    }
}
