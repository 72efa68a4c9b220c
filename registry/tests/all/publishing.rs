//! What publishing promises: tags are write-once, a batch is one transaction, and the same content again is nothing new.

use std::fs;

use esmhub_registry::{ErrorKind, NewEsm, Outcome, PublishOptions, Registry, Settings};
use esmhub_store_format::bundle::{self, Bundled};
use esmhub_store_format::log::Published;
use esmhub_store_format::{Card, Codec};

use crate::support::*;

#[test]
fn what_is_published_is_found_and_read() {
    let pool = Pool::new();
    let registry = pool.open();
    let published = publish(&registry, &[esm("acme/reviews", 1), esm("tickets:first", 2)]).unwrap();
    assert_eq!(published.entries, [1], "a batch is one transaction");
    let catalog = registry.catalog().unwrap();
    for (text, seed) in [("acme/reviews", 1), ("acme/reviews:v1", 1), ("tickets", 2), ("tickets:first", 2)] {
        let found = catalog.resolve(&reference(text)).unwrap();
        let fetched = registry.fetch(found).unwrap();
        assert_eq!(fetched.object, object(seed), "{text}");
        assert_eq!(fetched.card, card(&object(seed)));
        let on_disk = fs::metadata(pool.object(&fetched.object.digest())).unwrap().len();
        assert_eq!(fetched.stored_bytes, on_disk);
        assert_eq!((found.entry(), found.time(), found.writer()), (1, by().time, &by().writer));
    }
    assert_eq!(published.esms[0].outcome, Outcome::Added);
    assert_eq!(published.esms[1].tag.as_str(), "first");
}

#[test]
fn republishing_changes_no_byte_of_the_registry() {
    let pool = Pool::new();
    let batch = [esm("a", 1), esm("b", 2), esm("a", 3)];
    publish(&pool.open(), &batch).unwrap();
    let before = snapshot(&pool.root());
    let again = publish(&pool.open(), &batch).unwrap();
    assert_eq!(snapshot(&pool.root()), before);
    assert_eq!(again.entries, [0; 0]);
    let tags: Vec<_> = again.esms.iter().map(|esm| (esm.tag.as_str(), esm.outcome)).collect();
    assert_eq!(tags, [("v1", Outcome::Unchanged), ("v1", Outcome::Unchanged), ("v2", Outcome::Unchanged)]);
    let explicit = publish(&pool.open(), &[esm("a:v2", 3)]).unwrap();
    assert_eq!(explicit.esms[0].outcome, Outcome::Unchanged);
    assert_eq!(snapshot(&pool.root()), before);
}

#[test]
fn the_same_object_is_stored_once() {
    let pool = Pool::new();
    let registry = pool.open();
    let outcomes = |published: esmhub_registry::Publishing| -> Vec<Outcome> {
        published.esms.iter().map(|esm| esm.outcome).collect()
    };
    let batch = [esm("a", 1), esm("b", 1), esm("a", 1)];
    let first = outcomes(publish(&registry, &batch).unwrap());
    assert_eq!(first, [Outcome::Added, Outcome::AddedReference, Outcome::Unchanged]);
    let second = outcomes(publish(&registry, &[esm("c", 1), esm("a:stable", 1)]).unwrap());
    assert_eq!(second, [Outcome::AddedReference, Outcome::AddedReference]);
    let stats = registry.stats(&registry.catalog().unwrap()).unwrap();
    assert_eq!((stats.objects, stats.references, stats.names), (1, 4, 3));
}

#[test]
fn default_tags_are_the_first_free_ones() {
    let pool = Pool::new();
    let registry = pool.open();
    publish(&registry, &[esm("a:v2", 1)]).unwrap();
    let published = publish(&registry, &[esm("a", 2), esm("a", 3), esm("A", 2), esm("a", 1)]).unwrap();
    let tags: Vec<_> = published.esms.iter().map(|esm| esm.tag.as_str()).collect();
    assert_eq!(tags, ["v1", "v3", "v1", "v2"]);
    registry.remove(&reference("a:v1"), &by(), false).unwrap();
    let published = publish(&registry, &[esm("a", 2)]).unwrap();
    assert_eq!(published.esms[0].tag.as_str(), "v4", "a removed tag stays taken");
}

#[test]
fn names_that_differ_in_case_only_are_one_name_spelt_as_first() {
    let pool = Pool::new();
    let registry = pool.open();
    publish(&registry, &[esm("Acme/Reviews:First", 1)]).unwrap();
    let published = publish(&registry, &[esm("acme/reviews", 2), esm("ACME/REVIEWS:first", 1)]).unwrap();
    assert_eq!(published.esms[0].name.as_str(), "Acme/Reviews");
    assert_eq!(published.esms[1].outcome, Outcome::Unchanged);
    assert_eq!(published.esms[1].tag.as_str(), "First");
    let error = publish(&registry, &[esm("acme/REVIEWS:FIRST", 3)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn one_conflict_refuses_the_whole_batch_and_writes_nothing() {
    let pool = Pool::new();
    let registry = pool.open();
    publish(&registry, &[esm("a:v1", 1), esm("gone:v1", 2)]).unwrap();
    registry.remove(&reference("gone:v1"), &by(), false).unwrap();
    let before = snapshot(&pool.root());
    for batch in [
        vec![esm("new", 10), esm("a:v1", 11)],
        vec![esm("new:x", 10), esm("new:x", 11)],
        vec![esm("new", 10), esm("gone:v1", 2)],
    ] {
        let error = publish(&registry, &batch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.hint().is_some());
        assert_eq!(snapshot(&pool.root()), before);
    }
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let pool = Pool::new();
    let registry = pool.open();
    publish(&registry, &[esm("a", 1)]).unwrap();
    let before = snapshot(&pool.root());
    let batch = [esm("a", 1), esm("b", 1), esm("c", 2), esm("c", 2)];
    let options = PublishOptions { dry_run: true, ..PublishOptions::default() };
    let dry = registry.publish(&batch, &by(), &options).unwrap();
    assert_eq!(dry.entries, [0; 0]);
    assert_eq!(snapshot(&pool.root()), before);
    assert_eq!(dry.esms, publish(&registry, &batch).unwrap().esms);
    let conflict = registry.publish(&[esm("a:v1", 9)], &by(), &options).unwrap_err();
    assert_eq!(conflict.kind(), ErrorKind::Conflict);
}

#[test]
fn the_same_content_again_reports_a_yanked_tag_too() {
    let pool = Pool::new();
    let registry = pool.open();
    publish(&registry, &[esm("a", 1)]).unwrap();
    registry.yank(&reference("a:v1"), &by(), false).unwrap();
    let again = publish(&registry, &[esm("a", 1)]).unwrap();
    assert_eq!((again.esms[0].tag.as_str(), again.esms[0].yanked), ("v1", true));
    assert_eq!(again.entries, [0; 0]);
}

#[test]
fn a_card_of_another_object_is_refused() {
    let (mine, other) = (object(1), object(2));
    let refused = NewEsm::new(name("a"), None, card(&other), mine.clone()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Other);
    let mut lying: Card = card(&mine);
    lying.weights.codec = Codec::Int4.code();
    assert!(NewEsm::new(name("a"), None, lying, mine).is_err());
}

#[test]
fn a_frame_of_a_bundle_is_written_as_it_is_and_only_for_its_own_object() {
    let framed = |seed: u64| {
        let published = Published {
            name: name("a"),
            tag: "v1".parse().unwrap(),
            card: card(&object(seed)).to_canonical().unwrap(),
        };
        let mut file = Vec::new();
        bundle::append(&Bundled { published, object: object(seed) }, &mut file).unwrap();
        bundle::read_framed(&file).next().unwrap().unwrap().1
    };
    let pool = Pool::new();
    assert_eq!(esm("a", 1).with_frame(framed(2)).unwrap_err().kind(), ErrorKind::Other);
    let published = publish(&pool.open(), &[esm("a", 1).with_frame(framed(1)).unwrap()]).unwrap();
    assert_eq!(fs::read(pool.object(&object(1).digest())).unwrap(), framed(1).into_bytes());
    assert_eq!(published.esms[0].canonical_bytes, object(1).canonical().len() as u64);
    assert_eq!(pool.open().verify(&|_| ()).unwrap().problems, []);
}

#[test]
fn a_batch_beyond_one_entry_becomes_several_and_says_so() {
    let pool = Pool::new();
    let object = object(1);
    let padded = |number: u64| {
        let mut card = card(&object);
        card.extra.insert("padding".into(), "x".repeat(7800));
        card.extra.insert("number".into(), number.to_string());
        NewEsm::new(name("padded"), None, card, object.clone()).unwrap()
    };
    let batch: Vec<NewEsm> = (0..2300).map(padded).collect();
    let registry = pool.open();
    let published = publish(&registry, &batch).unwrap();
    assert_eq!(published.entries, [1, 2]);
    assert!(published.esms.iter().all(|esm| esm.outcome != Outcome::Unchanged));
    assert_eq!(published.esms[2299].tag.as_str(), "v2300");
    assert_eq!(registry.catalog().unwrap().esms().count(), 2300);
}

#[test]
fn init_leaves_a_registry_as_it_is() {
    let pool = Pool::new();
    pool.publish("a", 1);
    let before = snapshot(&pool.root());
    let settings = Settings { grace_seconds: 5, shared: true };
    let again = Registry::init(pool.root(), &settings, None).unwrap();
    assert!(!again.created);
    assert_eq!(again.registry.settings(), Settings::default());
    assert_eq!(snapshot(&pool.root()), before);
}

#[test]
fn an_interrupted_init_can_be_done_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("deep/pool/objects")).unwrap();
    let root = folder.path().join("deep/pool");
    let error = Registry::open(&root, None).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotARegistry);
    assert!(Registry::init(&root, &Settings::default(), None).unwrap().created);
    let nowhere = Registry::open(folder.path().join("nowhere"), None).err().unwrap();
    assert_eq!(nowhere.kind(), ErrorKind::NotARegistry);
    let file = Registry::open(root.join("esmhub.toml"), None).err().unwrap();
    assert_eq!(file.kind(), ErrorKind::NotARegistry);
}

#[test]
fn progress_counts_every_object_once() {
    let pool = Pool::new();
    let seen = std::sync::Mutex::new(Vec::new());
    let progress = |done: usize, all: usize| seen.lock().unwrap().push((done, all));
    let options = PublishOptions { progress: Some(&progress), threads: 3, ..PublishOptions::default() };
    let batch: Vec<NewEsm> = (0..9).map(|seed| esm("many", seed % 5)).collect();
    pool.open().publish(&batch, &by(), &options).unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort();
    assert_eq!(seen, [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
}
