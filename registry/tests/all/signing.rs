//! Signing: each ESM's record lies with its publish record, none is lost, and no signer can keep a writer busy for ever.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use esmhub_registry::{ErrorKind, GcOptions, Happening, NewEsm, PublishOptions, Publishing, Registry, RegistryError};
use esmhub_store_format::Digest;
use esmhub_store_format::log::{Action, Entry, Signed, Target};

use crate::support::{Pool, by, card, esm, name, object, publish, reference, snapshot};

type Made = Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>>;

fn sign(
    registry: &Registry,
    batch: &[NewEsm],
    sign: &(dyn Fn(&Target) -> Made + Sync),
) -> Result<Publishing, RegistryError> {
    registry.publish(batch, &by(), &PublishOptions { sign: Some(sign), ..PublishOptions::default() })
}

/// What a key would make: other bytes for every other target, and the same for the same.
fn seal(key: u8, target: &Target) -> Vec<u8> {
    let text = format!("{key} {}:{}@{}", target.name, target.tag, target.digest);
    Digest::of(text.as_bytes()).as_bytes().to_vec()
}

fn by_key(key: u8) -> impl Fn(&Target) -> Made + Sync {
    move |target| Ok(seal(key, target))
}

#[test]
fn a_batch_beyond_one_entry_keeps_each_signature_with_what_it_signs() {
    let pool = Pool::fleeting();
    let object = object(1);
    let padded = |number: u64| {
        let mut card = card(&object);
        card.extra.insert("padding".into(), "x".repeat(7000 + number as usize % 7));
        card.extra.insert("number".into(), number.to_string());
        NewEsm::new(name("padded"), None, card, object.clone()).unwrap()
    };
    let batch: Vec<NewEsm> = (0..2400).map(padded).collect();
    // As long as they can be, so that a border between entries is likely to fall between the two records.
    let long = |target: &Target| Ok([seal(1, target), vec![0; 992]].concat());
    let published = sign(&pool.open(), &batch, &long).unwrap();
    assert_eq!(published.entries, [1, 2]);
    assert!(published.esms.iter().all(|esm| esm.signed == Some(true)));
    for number in [1, 2] {
        let entry = Entry::from_frame(&fs::read(pool.entry(number)).unwrap()).unwrap().0;
        let actions: Vec<Action> = entry.actions().map(Result::unwrap).collect();
        for pair in actions.chunks(2) {
            let [Action::Publish(published), Action::Signed(signed)] = pair else { panic!("entry {number}: {pair:?}") };
            assert_eq!((&published.tag, published.digest()), (&signed.tag, signed.digest));
        }
    }
    let catalog = pool.open().catalog().unwrap();
    assert!(catalog.esms().all(|esm| esm.attestations().len() == 1 && esm.attestations()[0].entry == esm.entry()));
}

#[test]
fn a_signer_that_never_makes_the_same_twice_is_asked_once_for_each() {
    let pool = Pool::fleeting();
    let asked = Mutex::new(HashMap::new());
    let count = AtomicU8::new(0);
    let restless = |target: &Target| {
        *asked.lock().unwrap().entry(target.tag.to_string()).or_insert(0) += 1;
        Ok(vec![count.fetch_add(1, Ordering::Relaxed)])
    };
    let published = sign(&pool.open(), &[esm("a", 1), esm("a", 2), esm("a", 1)], &restless).unwrap();
    assert_eq!(published.esms.iter().map(|esm| esm.signed).collect::<Vec<_>>(), [Some(true), Some(true), Some(false)]);
    assert_eq!(*asked.lock().unwrap(), HashMap::from([("v1".to_owned(), 1), ("v2".to_owned(), 1)]));
    assert_eq!(published.entries, [1]);
    assert!(pool.open().verify(&|_| ()).unwrap().is_sound(), "what is there twice in the batch is signed once");
}

#[test]
fn a_signer_that_fails_leaves_nothing_behind() {
    let pool = Pool::fleeting();
    let registry = pool.open();
    publish(&registry, &[esm("a", 1)]).unwrap();
    let before = snapshot(&pool.root());
    let broken = |target: &Target| match target.tag.as_str() {
        "v2" => Err("the token was pulled out".into()),
        _ => Ok(vec![1]),
    };
    let error = sign(&registry, &[esm("a", 1), esm("b", 5), esm("a", 2)], &broken).unwrap_err();
    assert!(matches!(&error, RegistryError::Unsigned { tag, .. } if tag.as_str() == "v2"), "{error:?}");
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Other, "a:v2 cannot be signed"));
    for too_long in [0, 1025] {
        let error = sign(&registry, &[esm("c", 6)], &move |_: &Target| Ok(vec![1; too_long])).unwrap_err();
        assert!(matches!(error, RegistryError::Refused { .. }), "{error:?}");
    }
    // An object may be there by then, which nothing refers to; the log is as it was.
    assert_eq!(registry.catalog().unwrap().entries(), 1);
    assert!(before.keys().all(|file| snapshot(&pool.root()).contains_key(file)));
}

#[test]
fn signatures_survive_the_index_and_the_collector() {
    let pool = Pool::fleeting();
    let registry = pool.open_indexed();
    sign(&registry, &[esm("a", 1), esm("b", 2)], &by_key(1)).unwrap();
    let again = sign(&registry, &[esm("a", 1)], &by_key(2)).unwrap();
    assert_eq!((again.entries.as_slice(), again.esms[0].signed), ([2].as_slice(), Some(true)));
    let same = sign(&registry, &[esm("a", 1)], &by_key(1)).unwrap();
    assert_eq!((same.entries.len(), same.esms[0].signed), (0, Some(false)));
    for registry in [pool.open(), pool.open_indexed()] {
        let catalog = registry.catalog().unwrap();
        let a = catalog.resolve(&reference("a:v1")).unwrap();
        let target = Target { name: a.name().clone(), tag: a.tag().clone(), digest: a.digest() };
        let held: Vec<_> = a.attestations().iter().map(|one| (one.entry, one.signature.clone())).collect();
        assert_eq!(held, [(1, seal(1, &target)), (2, seal(2, &target))]);
        assert_eq!(a.statement(), format!("esmhub publish 1\na:v1\nblake3:{}\n", a.digest()));
        let signs = catalog.history().iter().filter(|event| matches!(event.what, Happening::Signed(_)));
        assert_eq!(signs.map(|event| event.entry).collect::<Vec<_>>(), [1, 1, 2]);
    }
    let collected = registry.collect_garbage(&by(), &GcOptions::default());
    assert!(collected.is_ok(), "{collected:?}");
    assert!(registry.verify(&|_| {}).unwrap().is_sound());
}

/// Records as some other program might write them: one of each that R45 gives no effect.
#[test]
fn signatures_that_fit_nothing_do_nothing_and_are_reported() {
    let pool = Pool::fleeting();
    let registry = pool.open();
    let digests = [("a:v1", 1), ("b:v1", 2), ("gone:v1", 3)].map(|(at, seed)| pool.publish(at, seed));
    registry.remove(&reference("gone:v1"), &by(), false).unwrap();
    let record = |at: &str, digest: Digest, signature: &[u8]| {
        let (name, tag) = at.split_once(':').unwrap();
        let (name, tag) = (name.parse().unwrap(), tag.parse().unwrap());
        Action::Signed(Signed { name, tag, digest, signature: signature.to_vec() }).to_record().unwrap()
    };
    let problems = |said: &str| {
        let problems = registry.verify(&|_| {}).unwrap().problems;
        assert!(problems.last().is_some_and(|problem| problem.detail.contains(said)), "{said}: {problems:?}");
        problems.len()
    };
    pool.append(vec![record("absent:v1", digests[0], b"1")]);
    assert_eq!(problems("absent:v1"), 1);
    pool.append(vec![record("a:v1", digests[1], b"1")]);
    assert_eq!(problems("does not stand for that"), 2);
    pool.append(vec![record("gone:v1", digests[2], b"1")]);
    assert_eq!(problems("gone:v1"), 3);
    pool.append(vec![record("a:v1", digests[0], b"1"), record("A:V1", digests[0], b"1")]);
    assert_eq!(problems("by the same signature"), 4);
    pool.append((0..40).map(|number| record("b:v1", digests[1], &[number, 0])).collect());
    assert_eq!(problems("32 signatures already"), 4 + 8);
    let catalog = registry.catalog().unwrap();
    let held = |at: &str| {
        let held = catalog.resolve(&reference(at)).unwrap().attestations();
        held.iter().map(|one| one.signature.clone()).collect::<Vec<_>>()
    };
    assert_eq!(held("a:v1"), [b"1"]);
    assert_eq!(held("b:v1"), (0..32).map(|number| vec![number, 0]).collect::<Vec<_>>());
    let full = sign(&registry, &[esm("b:v1", 2)], &by_key(1)).unwrap_err();
    assert!(matches!(full, RegistryError::Refused { .. }), "{full:?}");
}

#[test]
fn nobody_signs_what_was_removed() {
    let pool = Pool::fleeting();
    let registry = pool.open();
    sign(&registry, &[esm("a:v1", 1)], &by_key(1)).unwrap();
    registry.remove(&reference("a:v1"), &by(), false).unwrap();
    let error = sign(&registry, &[esm("a:v1", 1)], &by_key(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn writers_who_sign_at_once_lose_no_signature() {
    let pool = Arc::new(Pool::fleeting());
    let writers: Vec<_> = (0..6)
        .map(|key| {
            let pool = Arc::clone(&pool);
            std::thread::spawn(move || {
                sign(&pool.open(), &[esm("same", 1), esm("own", u64::from(key) + 10)], &by_key(key))
            })
        })
        .collect();
    let published: Vec<Publishing> = writers.into_iter().map(|writer| writer.join().unwrap().unwrap()).collect();
    assert!(published.iter().all(|publishing| publishing.esms[0].signed == Some(true)));
    let catalog = pool.open().catalog().unwrap();
    for esm in catalog.esms() {
        let target = Target { name: esm.name().clone(), tag: esm.tag().clone(), digest: esm.digest() };
        let expected = if esm.name().as_str() == "same" { 6 } else { 1 };
        let held: Vec<&Vec<u8>> = esm.attestations().iter().map(|one| &one.signature).collect();
        let made = (0..6).filter(|&key| held.contains(&&seal(key, &target))).count();
        assert_eq!((held.len(), made), (expected, expected), "{}", esm.reference());
    }
    assert!(pool.open().verify(&|_| {}).unwrap().is_sound());
}
