//! Flipped bits, in every kind of file: each is detected and named, or leaves what is read as it was; it costs what it hit
//! and nothing else; and nothing is ever wrong. The long run:
//!
//! ```text
//! ESMHUB_TEST_FLIPS=10000 cargo test -p esmhub --test faults flipped_bits -- --nocapture
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use esmhub_registry::{Catalog, ErrorKind, Esm, Registry};
use esmhub_store_format::Digest;

use crate::support::{Hub, Random, pairs, target};
use crate::world::{DIMENSION, decoded, esm, figure, number, reference};

/// ESMs of every codec and shape, an anchor set, several entries, a yank and a removal.
fn pool() -> Hub {
    let hub = Hub::new();
    for codec in ["f32", "f16", "int8", "int4"] {
        let folders = [esm(&hub, &format!("{codec}-a")), esm(&hub, &format!("{codec}-b"))];
        hub.ok(["publish", &folders[0], &folders[1], "--codec", codec]);
    }
    hub.write("fitted.npz", pairs(200, DIMENSION, 5));
    hub.ok(["publish", "fitted.npz", "--base", "acme/encoder"]);
    hub.write("news.txt", "what the mayor said\nrain is to be expected\nthe river has risen\n");
    hub.ok(["anchors", "set", "news.txt", "--base", "acme/encoder"]);
    hub.ok(["yank", "int8-b:v1"]);
    hub.ok(["remove", "f16-b:v1"]);
    hub.write("t.npz", target(60, DIMENSION, 3, 1));
    hub
}

/// What can be had of a registry: each reference with what was decoded, or that it is damaged.
type Had = Vec<(String, u64, Digest, Option<Digest>)>;

fn had(registry: &Registry, catalog: &Catalog) -> Had {
    let one = |esm: &Esm| {
        let object = match registry.fetch(esm) {
            Ok(fetched) => Some(decoded(&fetched.object)),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Integrity, "{}: {error}", reference(esm));
                None
            }
        };
        (reference(esm), esm.entry(), esm.digest(), object)
    };
    catalog.esms().map(one).collect()
}

#[derive(Default)]
struct Tally {
    tried: usize,
    detected: usize,
    harmless: usize,
}

impl Tally {
    fn report(&self, what: &str) {
        figure(&format!("flipped bits, {what}: tried"), self.tried);
        figure(&format!("flipped bits, {what}: detected and named"), self.detected);
        figure(&format!("flipped bits, {what}: harmless"), self.harmless);
        figure(&format!("flipped bits, {what}: wrong"), self.tried - self.detected - self.harmless);
        assert_eq!(self.tried, self.detected + self.harmless);
    }
}

fn files(root: &Path) -> Vec<PathBuf> {
    crate::disk::read(root).into_iter().filter_map(|(path, content)| content.map(|_| path)).collect()
}

/// Flips some bits of a file, one at a time, and puts it right again.
fn flip(path: &Path, count: usize, random: &mut Random, mut check: impl FnMut(usize)) {
    let intact = fs::read(path).unwrap();
    for _ in 0..count {
        let bit = random.below(intact.len() * 8);
        let mut flipped = intact.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(path, flipped).unwrap();
        check(bit);
    }
    fs::write(path, intact).unwrap();
}

#[test]
fn flipped_bit_in_the_registry_is_named_and_costs_what_it_hit() {
    let flips = number("ESMHUB_TEST_FLIPS", 400);
    let hub = pool();
    let root = hub.path("pool");
    let registry = Registry::open(&root, None).unwrap();
    let whole = registry.catalog().unwrap();
    let sound = had(&registry, &whole);
    assert_eq!(sound.len(), 8, "{sound:?}");
    let events = whole.history().len();
    let set = whole.anchors("acme/encoder").unwrap().unwrap().digest();
    let texts = registry.fetch_anchors(&set).unwrap();
    let places = files(&root);
    let (mut objects, mut entries, mut marker) = (Tally::default(), Tally::default(), Tally::default());
    let mut random = Random::new(3);
    for place in &places {
        let path = root.join(place);
        let place = place.to_str().unwrap();
        flip(&path, flips.div_ceil(places.len()), &mut random, |bit| {
            let at = format!("{place}, bit {bit}");
            let opened = Registry::open(&root, None);
            if place == "esmhub.toml" {
                let error = opened.err().unwrap_or_else(|| panic!("{at}: believed"));
                assert_eq!(error.kind(), ErrorKind::Integrity, "{at}: {error}");
                assert!(error.to_string().contains("esmhub.toml"), "{at}: {error}");
                marker.tried += 1;
                marker.detected += 1;
                return;
            }
            let registry = opened.unwrap();
            let catalog = registry.catalog().unwrap();
            let found = had(&registry, &catalog);
            let named: BTreeSet<String> =
                registry.verify(&|_| ()).unwrap().problems.into_iter().map(|problem| problem.place).collect();
            assert!(named.iter().all(|named| named == place), "{at}: {named:?} is named");
            let anchors = registry.fetch_anchors(&set);
            let tally = if place.starts_with("log/") { &mut entries } else { &mut objects };
            tally.tried += 1;
            if named.is_empty() {
                // What is read is what was written.
                assert_eq!(found, sound, "{at}: not named, and not the same");
                assert_eq!((catalog.history().len(), catalog.damaged().len()), (events, 0), "{at}");
                assert_eq!(anchors.unwrap(), texts, "{at}");
                tally.harmless += 1;
                return;
            }
            tally.detected += 1;
            if let Some(entry) = place.strip_prefix("log/") {
                let entry: u64 = entry.parse().unwrap();
                let damaged: Vec<u64> = catalog.damaged().iter().map(|damage| damage.entry).collect();
                assert_eq!(damaged, [entry], "{at}");
                // What the other entries published is all there; what this one removed is there again, and is no secret.
                let mut others = sound.iter().filter(|(_, from, ..)| *from != entry);
                assert!(others.all(|one| found.contains(one)), "{at}: it cost more than entry {entry}");
                assert_eq!(anchors.unwrap(), texts, "{at}");
                // A bare name depends on the order of all entries.
                let bare = catalog.resolve(&"f32-a".parse().unwrap());
                assert_eq!(bare.unwrap_err().kind(), ErrorKind::Integrity, "{at}");
                return;
            }
            // An object: those that need it cannot be had, and all others can. Nobody else's weights come in its place.
            for (now, then) in found.iter().zip(&sound) {
                let hit = object_place(&whole, &then.0) == place;
                assert_eq!(now.3, then.3.filter(|_| !hit), "{at}: {}", then.0);
            }
            assert_eq!(anchors.is_err(), place == object_path(&set), "{at}");
        });
    }
    objects.report("objects");
    entries.report("log entries");
    marker.report("marker");
    assert!(objects.detected > flips / 4 && entries.detected > flips / 4 && marker.detected > 0);
    assert_eq!(had(&registry, &registry.catalog().unwrap()), sound);
}

fn object_place(catalog: &Catalog, reference: &str) -> String {
    let esm = catalog.resolve(&reference.parse().unwrap()).unwrap();
    object_path(&esm.card().unwrap().weights.digest)
}

fn object_path(digest: &Digest) -> String {
    let hex = digest.to_string();
    format!("objects/{}/{}", &hex[..2], &hex[2..])
}

/// The command says the same as the library, and never ranks by damaged weights.
#[test]
fn flipped_bit_never_changes_a_ranking_or_what_is_pulled() {
    let hub = pool();
    let root = hub.path("pool");
    let ranked = |code: i32| {
        let ranking = hub.json_with(code, ["rank", "t.npz", "--no-cache"]);
        let one = |esm: &serde_json::Value| (esm["name"].clone(), esm["digest"].clone(), esm["score"].clone());
        ranking["results"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    let sound = ranked(0);
    assert_eq!(sound.len(), 7);
    let mut random = Random::new(4);
    for place in files(&root).iter().filter(|place| place.starts_with("objects")) {
        let place = place.to_str().unwrap();
        flip(&root.join(place), 2, &mut random, |bit| {
            let verified = hub.run(["verify", "--json"]);
            let named = verified.stdout.contains(place);
            assert_eq!(verified.code, if named { 16 } else { 0 }, "{place}, bit {bit}: {verified:#?}");
            let output = hub.run(["rank", "t.npz", "--no-cache", "--json"]);
            let found = ranked(output.code);
            assert!([0, 3].contains(&output.code), "{place}, bit {bit}: {output:#?}");
            assert_eq!(found.len() < sound.len(), output.code == 3, "{place}, bit {bit}: {output:#?}");
            assert!(found.iter().all(|esm| sound.contains(esm)), "{place}, bit {bit}: another score");
        });
    }
}

/// Index and memory of the user's cache: the same answer, always.
#[test]
fn flipped_bit_in_a_cache_changes_no_answer() {
    let flips = number("ESMHUB_TEST_FLIPS", 400).div_ceil(10).min(500);
    let hub = pool();
    let listed = hub.ok(["list", "--all", "--json", "--no-cache"]);
    let ranked = hub.ok(["rank", "t.npz", "--json", "--no-cache"]);
    let ranked_without_count = |text: &str| {
        let mut ranking: serde_json::Value = serde_json::from_str(text).unwrap();
        ranking.as_object_mut().unwrap().remove("cached");
        ranking
    };
    hub.ok(["rank", "t.npz"]);
    let kept = crate::disk::read(&hub.path("cache"));
    let places: Vec<_> =
        kept.iter().filter(|(_, content)| content.as_ref().is_some_and(|bytes| !bytes.is_empty())).collect();
    let mut random = Random::new(5);
    let mut tally = Tally::default();
    for turn in 0..flips {
        let (place, content) = places[turn % places.len()];
        let mut flipped = content.clone().unwrap();
        // A file of sled is mostly empty: what is written stands at its start.
        let used = flipped.iter().rposition(|&byte| byte != 0).map_or(flipped.len(), |last| last + 1);
        let bit = random.below(used * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::remove_dir_all(hub.path("cache")).unwrap();
        fs::create_dir(hub.path("cache")).unwrap();
        crate::disk::write(&hub.path("cache"), &kept);
        fs::write(hub.path("cache").join(place), flipped).unwrap();
        let at = format!("{}, bit {bit}", place.display());
        let list = hub.run(["list", "--all", "--json", "-v"]);
        assert_eq!((list.code, &list.stdout), (0, &listed), "{at}: {}", list.stderr);
        let rank = hub.run(["rank", "t.npz", "--json", "-v"]);
        assert_eq!(rank.code, 0, "{at}: {}", rank.stderr);
        assert_eq!(ranked_without_count(&rank.stdout), ranked_without_count(&ranked), "{at}");
        tally.tried += 1;
        // Damage of the one is said by the notice of its rebuilding; a flip in what is not used is none.
        let noticed =
            [list.stderr, rank.stderr].iter().any(|said| said.contains("index") || said.contains("remembered"));
        if noticed { tally.detected += 1 } else { tally.harmless += 1 }
    }
    tally.report("cache");
    assert!(tally.detected > 0);
}
