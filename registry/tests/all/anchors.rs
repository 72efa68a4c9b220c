//! Anchor sets: the log says which one is current, and none that it names is ever lost without a word.

use std::fs;

use esmhub_registry::{AnchorsChanged, ErrorKind, NewEsm, Problem, Registry};
use esmhub_store_format::Digest;
use esmhub_store_format::log::{Action, CurrentAnchors, Entry, Published, Record};

use crate::support::*;

const BASE: &str = "acme/encoder";

fn set(pool: &Pool, base: &str, seed: u64) -> AnchorsChanged {
    pool.open().set_anchors(base, Some(&anchors(seed)), &by(), false).unwrap()
}

fn withdraw(pool: &Pool, base: &str) -> AnchorsChanged {
    pool.open().set_anchors(base, None, &by(), false).unwrap()
}

fn digest(seed: u64) -> Digest {
    anchors(seed).digest().unwrap()
}

fn current(registry: &Registry, base: &str) -> Option<Digest> {
    registry.catalog().unwrap().anchors(base).unwrap().map(|current| current.digest())
}

fn problems(pool: &Pool) -> Vec<Problem> {
    pool.open().verify(&|_| ()).unwrap().problems
}

#[test]
fn the_current_set_is_the_last_in_the_log_whatever_the_case_of_the_id() {
    let pool = Pool::new();
    assert_eq!(current(&pool.open(), BASE), None);
    assert_eq!(set(&pool, "acme/encoder", 1).entry, Some(1));
    pool.publish("a", 1);
    assert_eq!(set(&pool, "Acme/ENCODER", 2).entry, Some(3));
    set(&pool, "acme/encoder-large", 3);
    set(&pool, "acme/Ärmel", 4);
    let catalog = pool.open().catalog().unwrap();
    for spelt in ["acme/encoder", "ACME/encoder"] {
        let found = catalog.anchors(spelt).unwrap().unwrap();
        assert_eq!((found.base(), found.digest(), found.entry()), ("Acme/ENCODER", digest(2), 3));
        assert_eq!((found.time(), found.writer()), (by().time, &by().writer));
    }
    assert!(catalog.anchors("acme/ärmel").unwrap().is_none(), "the case of ASCII letters alone does not matter");
    let all: Vec<_> = catalog.all_anchors().map(|found| (found.base(), found.digest())).collect();
    assert_eq!(
        all,
        [("Acme/ENCODER", digest(2)), ("acme/encoder-large", digest(3)), ("acme/Ärmel", digest(4))],
        "by id"
    );
    for seed in 1..=4 {
        assert_eq!(pool.open().fetch_anchors(&digest(seed)).unwrap(), anchors(seed), "earlier ones stay readable");
    }
    set(&pool, "acme/encoder", 1);
    assert_eq!(current(&pool.open(), BASE), Some(digest(1)), "a set can become current again");
    assert_eq!(problems(&pool), []);
}

#[test]
fn a_withdrawn_set_is_current_no_more_and_stays_readable() {
    let pool = Pool::new();
    set(&pool, BASE, 1);
    let withdrawn = withdraw(&pool, "ACME/Encoder");
    assert_eq!((withdrawn.entry, withdrawn.set, withdrawn.changed), (Some(2), None, true));
    assert_eq!(current(&pool.open(), BASE), None);
    assert_eq!(pool.open().catalog().unwrap().all_anchors().count(), 0);
    assert_eq!(pool.open().fetch_anchors(&digest(1)).unwrap(), anchors(1));
    assert_eq!(withdraw(&pool, BASE).entry, None);
    assert_eq!(withdraw(&pool, "never/set").entry, None);
    assert_eq!(set(&pool, BASE, 1).entry, Some(3), "what was withdrawn is not current");
    let catalog = pool.open().catalog().unwrap();
    let verbs: Vec<_> = catalog.history().iter().map(|event| event.what.verb()).collect();
    assert_eq!(verbs, ["set-anchors", "withdraw-anchors", "set-anchors"]);
    let report = pool.open().verify(&|_| ()).unwrap();
    assert_eq!((report.problems, report.unreferenced, report.objects), (vec![], vec![], 1));
}

#[test]
fn setting_the_current_set_again_changes_no_byte() {
    let pool = Pool::new();
    let first = set(&pool, BASE, 1);
    let on_disk = fs::metadata(pool.object(&digest(1))).unwrap().len();
    let canonical = anchors(1).to_canonical().unwrap().len() as u64;
    assert_eq!((first.set, first.stored_bytes, first.canonical_bytes), (Some(digest(1)), on_disk, canonical));
    assert!(first.changed && first.is_new);
    let before = snapshot(&pool.root());
    let again = set(&pool, "ACME/encoder", 1);
    assert_eq!((again.entry, again.changed, again.is_new, again.stored_bytes), (None, false, false, on_disk));
    assert_eq!(snapshot(&pool.root()), before);
    let other = set(&pool, "another/base", 1);
    assert_eq!((other.entry, other.is_new), (Some(2), false), "the same texts for another base are stored once");
}

#[test]
fn a_dry_run_or_a_refusal_writes_nothing() {
    let pool = Pool::new();
    set(&pool, BASE, 1);
    let registry = pool.open();
    let before = snapshot(&pool.root());
    let dry = registry.set_anchors(BASE, Some(&anchors(2)), &by(), true).unwrap();
    assert_eq!((dry.entry, dry.changed, dry.is_new), (None, true, true));
    assert!(registry.set_anchors(BASE, None, &by(), true).unwrap().changed);
    assert!(!registry.set_anchors(BASE, Some(&anchors(1)), &by(), true).unwrap().changed);
    let mut blank = anchors(3);
    blank.domains[0].texts.push(" \n".into());
    assert!(registry.set_anchors(BASE, Some(&blank), &by(), false).is_err());
    for odd in ["", "acme/\nencoder", &"x".repeat(20_000)] {
        assert!(registry.set_anchors(odd, Some(&anchors(3)), &by(), false).is_err(), "{odd:.20}");
    }
    assert_eq!(snapshot(&pool.root()), before);
}

#[test]
fn an_entry_that_cannot_be_read_leaves_no_current_set_to_trust() {
    let pool = Pool::new();
    set(&pool, BASE, 1);
    set(&pool, BASE, 2);
    let intact = fs::read(pool.entry(2)).unwrap();
    overwrite(&pool.entry(2), b"junk");
    let catalog = pool.open().catalog().unwrap();
    for base in [BASE, "never/set"] {
        assert_eq!(catalog.anchors(base).unwrap_err().kind(), ErrorKind::Integrity, "{base}");
    }
    let refused = pool.open().set_anchors(BASE, Some(&anchors(3)), &by(), false).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Integrity);
    assert!(!pool.object(&digest(3)).exists());
    overwrite(&pool.entry(2), &intact);
    assert_eq!(current(&pool.open(), BASE), Some(digest(2)));
}

#[test]
fn a_current_set_is_the_same_with_and_without_an_index() {
    let pool = Pool::new();
    for seed in [1, 2, 3] {
        set(&pool, BASE, seed);
        assert_eq!(current(&pool.open_indexed(), BASE), Some(digest(seed)));
        assert_eq!(current(&pool.open_indexed(), BASE), Some(digest(seed)));
    }
    withdraw(&pool, BASE);
    assert_eq!(current(&pool.open_indexed(), BASE), None);
}

#[test]
fn a_flipped_bit_of_a_set_is_damage_of_that_set_alone() {
    let pool = Pool::new();
    set(&pool, BASE, 1);
    set(&pool, BASE, 2);
    let path = pool.object(&digest(1));
    let intact = fs::read(&path).unwrap();
    for bit in sample_bits(intact.len(), 40) {
        let mut flipped = intact.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        overwrite(&path, &flipped);
        match pool.open().fetch_anchors(&digest(1)) {
            // A few bits of zstd's own header mean nothing; then the content must be what was written.
            Ok(found) => assert_eq!(found, anchors(1), "bit {bit}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Integrity, "bit {bit}: {error}");
                let refused = pool.open().set_anchors("other/base", Some(&anchors(1)), &by(), false).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::Integrity, "relied on a damaged set");
                let found = problems(&pool);
                assert_eq!(found.len(), 1, "bit {bit}");
                assert_eq!((found[0].what, &found[0].used_by[..]), ("object", &["anchors of acme/encoder".into()][..]));
            }
        }
        assert!(pool.open().fetch_anchors(&digest(2)).is_ok());
    }
    assert_eq!(pool.open().catalog().unwrap().entries(), 2);
}

#[test]
fn a_missing_current_set_is_found_and_put_back() {
    let pool = Pool::new();
    for (base, seed) in [(BASE, 1), (BASE, 2), ("ACME/encoder", 1), ("other/base", 1)] {
        set(&pool, base, seed);
    }
    fs::remove_file(pool.object(&digest(1))).unwrap();
    fs::remove_file(pool.object(&digest(2))).unwrap();
    let found: Vec<_> = problems(&pool).into_iter().map(|p| (p.detail, p.used_by)).collect();
    let users = ["anchors of ACME/encoder", "anchors of other/base"].map(str::to_owned).to_vec();
    assert_eq!(found, [("it is missing".to_owned(), users)], "superseded sets may be collected as garbage");
    assert_eq!(pool.open().fetch_anchors(&digest(1)).unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(set(&pool, BASE, 1).entry, None, "it is current already");
    assert_eq!(pool.open().fetch_anchors(&digest(1)).unwrap(), anchors(1));
    assert_eq!(problems(&pool), []);
}

#[test]
fn a_map_is_not_taken_for_a_set_nor_a_set_for_a_map() {
    let pool = Pool::new();
    pool.publish("a", 1);
    set(&pool, BASE, 1);
    let map = object(1).digest();
    let error = pool.open().fetch_anchors(&map).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(pool.open().read_object(&digest(1)).unwrap_err().kind(), ErrorKind::Integrity);

    let record = Action::Anchors(CurrentAnchors { base: "liar".into(), set: Some(map) });
    let mut lying = card(&object(1));
    lying.weights.digest = digest(1);
    let (name, tag, card) = (name("liar"), "v1".parse().unwrap(), lying.to_canonical().unwrap());
    let publish = Action::Publish(Published { name, tag, card });
    pool.append(vec![record.to_record().unwrap(), publish.to_record().unwrap()]);
    let found = problems(&pool);
    let whats: Vec<_> = found.iter().map(|problem| (problem.what, problem.place.as_str())).collect();
    assert_eq!(whats, [("card", "liar:v1"), ("record", "log/00000000000000000003")]);
    assert!(found[0].detail.contains("found an anchor set"), "{}", found[0]);
    assert!(found[1].detail.contains("expected an anchor set"), "{}", found[1]);
    let registry = pool.open();
    let catalog = registry.catalog().unwrap();
    let fetched = registry.fetch(catalog.resolve(&reference("liar")).unwrap());
    assert_eq!(fetched.unwrap_err().kind(), ErrorKind::Integrity);
}

#[test]
fn anchors_that_only_a_card_names_need_not_be_there_and_are_not_unreferenced() {
    let (pool, other) = (Pool::new(), Pool::new());
    let fitted = |seed| {
        let mut fitted = card(&object(seed));
        fitted.fit.anchors = Some(digest(seed));
        NewEsm::new(name(&format!("n{seed}")), None, fitted, object(seed)).unwrap()
    };
    publish(&pool.open(), &[fitted(1), fitted(2)]).unwrap();
    for seed in [2, 3] {
        set(&other, BASE, seed);
    }
    copy_folder(&other.file("objects"), &pool.file("objects"));
    let report = pool.open().verify(&|_| ()).unwrap();
    assert_eq!((report.problems, report.newer), (vec![], vec![""; 0].into_iter().map(String::from).collect()));
    assert_eq!((report.objects, report.unreferenced), (4, vec![digest(3)]));
    let stats = pool.open().stats(&pool.open().catalog().unwrap()).unwrap();
    let maps: u64 = [1, 2].map(|seed| object(seed).canonical().len() as u64).iter().sum();
    assert_eq!((stats.objects, stats.canonical_bytes), (4, maps), "files are counted, references' bytes are added up");
}

/// Readers that do not know the record still rank; writers would publish ESMs that cannot be compared.
#[test]
fn a_program_that_does_not_know_anchors_may_read_and_not_write() {
    let pool = Pool::new();
    set(&pool, BASE, 1);
    withdraw(&pool, BASE);
    for number in [1, 2] {
        let (entry, _) = Entry::from_frame(&fs::read(pool.entry(number)).unwrap()).unwrap();
        let kinds: Vec<_> = entry.records.iter().map(|record| (record.kind, record.flags)).collect();
        assert_eq!(kinds, [(5, Record::STOPS_WRITERS)]);
    }
}

#[test]
fn an_anchors_record_that_breaks_a_rule_is_damage() {
    let pool = Pool::new();
    set(&pool, BASE, 1);
    pool.append(vec![Record { kind: 5, flags: 2, payload: b"no anchors".to_vec() }]);
    let catalog = pool.open().catalog().unwrap();
    assert_eq!(catalog.damaged().len(), 1);
    assert_eq!(catalog.anchors(BASE).unwrap_err().kind(), ErrorKind::Integrity);
}

#[test]
fn an_offer_overrules_nobody() {
    let pool = Pool::new();
    let offer = |seed| pool.open().offer_anchors("ACME/encoder", &anchors(seed), &by(), false).unwrap();
    let first = offer(1);
    assert_eq!((first.set, first.changed, first.entry), (Some(digest(1)), true, Some(1)));
    assert_eq!((offer(2).set, offer(2).changed, offer(2).entry), (Some(digest(1)), false, None));
    withdraw(&pool, BASE);
    assert_eq!((offer(2).set, offer(2).changed), (None, false), "none is a choice, too");
    set(&pool, BASE, 3);
    assert_eq!(offer(2).set, Some(digest(3)));
    assert_eq!(current(&pool.open(), BASE), Some(digest(3)));
    assert_eq!(problems(&pool), []);
}

#[test]
fn an_offer_that_is_not_taken_leaves_no_object() {
    let pool = Pool::new();
    set(&pool, BASE, 1);
    pool.open().offer_anchors(BASE, &anchors(2), &by(), false).unwrap();
    assert_eq!(pool.open().verify(&|_| ()).unwrap().unreferenced, []);
}
