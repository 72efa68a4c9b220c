//! Writers at the same time: nobody overwrites anybody, and nothing is lost.

use std::sync::Barrier;
use std::thread;

use esmhub_registry::{ErrorKind, Outcome, Registry, RegistryError, Settings};

use crate::support::*;

/// Runs the job in several threads that start together.
fn together<T: Send>(threads: usize, job: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(threads);
    let run = &|at| {
        barrier.wait();
        job(at)
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|at| scope.spawn(move || run(at))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_registry_and_its_catalog_can_be_shared_between_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Registry>();
    is_shared::<esmhub_registry::Catalog>();
    is_shared::<RegistryError>();
}

#[test]
fn of_writers_of_one_tag_exactly_one_wins() {
    for threads in [2, 2, 2, 8] {
        let pool = Pool::new();
        let results = together(threads, |at| publish(&pool.open(), &[esm("a:v1", at as u64)]));
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, threads - 1));
        let kinds = lost.into_iter().map(|result| result.unwrap_err().kind());
        assert!(kinds.into_iter().all(|kind| kind == ErrorKind::Conflict));
        let catalog = pool.open().catalog().unwrap();
        let winner = won.into_iter().next().unwrap().unwrap().esms[0].card;
        assert_eq!(catalog.resolve(&reference("a:v1")).unwrap().digest(), winner);
        assert_eq!(catalog.entries(), 1);
    }
}

#[test]
fn writers_of_different_names_all_get_through() {
    let pool = Pool::new();
    let (threads, each) = (8, 4);
    let results = together(threads, |at| {
        let registry = pool.open();
        let one = |turn| publish(&registry, &[esm(&format!("name-{at}"), (at * each + turn) as u64)]);
        (0..each).map(one).collect::<Result<Vec<_>, RegistryError>>().map(|_| ())
    });
    for result in results {
        result.unwrap();
    }
    let registry = pool.open();
    let catalog = registry.catalog().unwrap();
    assert_eq!(catalog.entries(), (threads * each) as u64);
    assert_eq!(catalog.esms().count(), threads * each);
    let report = registry.verify(&|_| ()).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(report.staged, [""; 0]);
}

#[test]
fn writers_of_the_same_content_agree_on_one_tag() {
    // Who puts the objects there and who the references differs from round to round.
    for _ in 0..12 {
        let pool = Pool::new();
        let results = together(8, |_| publish(&pool.open(), &[esm("a", 1), esm("b", 2)]).unwrap());
        let added = results.iter().filter(|result| result.esms[0].outcome != Outcome::Unchanged).count();
        assert_eq!(added, 1);
        assert!(results.iter().all(|result| result.esms[0].outcome != Outcome::Restored), "nothing was lost");
        assert!(results.iter().all(|result| result.esms[0].tag.as_str() == "v1"));
        assert_eq!(pool.open().catalog().unwrap().esms().count(), 2);
    }
}

#[test]
fn writers_without_a_tag_get_different_ones() {
    let pool = Pool::new();
    let mut tags: Vec<String> = together(8, |at| {
        let published = publish(&pool.open(), &[esm("a", at as u64)]).unwrap();
        published.esms[0].tag.to_string()
    });
    tags.sort();
    assert_eq!(tags, ["v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8"]);
}

#[test]
fn of_those_who_make_a_registry_exactly_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a/b/pool");
    let made = together(8, |_| {
        let made = Registry::init(&root, &Settings::default(), None).unwrap();
        (made.created, made.registry.id())
    });
    assert_eq!(made.iter().filter(|(created, _)| *created).count(), 1);
    assert!(made.iter().all(|(_, id)| *id == made[0].1));
}

#[test]
fn of_writers_of_anchors_the_last_in_the_log_wins_and_no_set_is_lost() {
    for threads in [2, 2, 8] {
        let pool = Pool::new();
        let bases = ["acme/encoder", "Acme/Encoder"];
        let set = |at: usize| {
            pool.open().set_anchors(bases[at % 2], Some(&anchors(at as u64)), &by(), false).unwrap().entry.unwrap()
        };
        let results = together(threads, |at| match at % 4 {
            3 => publish(&pool.open(), &[esm("a", at as u64)]).unwrap().entries[0],
            _ => set(at),
        });
        let mut entries = results.clone();
        entries.sort();
        assert_eq!(entries, (1..=threads as u64).collect::<Vec<_>>());
        let registry = pool.open();
        let catalog = registry.catalog().unwrap();
        let setters = (0..threads).filter(|at| at % 4 != 3);
        for at in setters.clone() {
            let digest = anchors(at as u64).digest().unwrap();
            assert_eq!(registry.fetch_anchors(&digest).unwrap(), anchors(at as u64));
        }
        let last = setters.max_by_key(|&at| results[at]).unwrap();
        let current = catalog.anchors("ACME/ENCODER").unwrap().unwrap();
        assert_eq!((current.digest(), current.entry()), (anchors(last as u64).digest().unwrap(), results[last]));
        assert_eq!(current.base(), bases[last % 2]);
        assert_eq!(registry.verify(&|_| ()).unwrap().problems, []);
    }
}

#[test]
fn writers_of_the_same_anchors_write_one_entry() {
    let pool = Pool::new();
    let set = |_| pool.open().set_anchors("acme/encoder", Some(&anchors(1)), &by(), false).unwrap();
    let entries: Vec<_> = together(8, set).into_iter().filter_map(|changed| changed.entry).collect();
    assert_eq!(entries, [1]);
    assert_eq!(pool.open().catalog().unwrap().entries(), 1);
}

#[test]
fn a_yank_and_a_removal_leave_one_history() {
    for _ in 0..4 {
        let pool = Pool::new();
        pool.publish("a", 1);
        let results = together(2, |at| match at {
            0 => pool.open().yank(&reference("a:v1"), &by(), false).map(|_| ()),
            _ => pool.open().remove(&reference("a:v1"), &by(), false).map(|_| ()),
        });
        assert!(results[1].is_ok());
        if let Err(error) = &results[0] {
            assert_eq!(error.kind(), ErrorKind::NotFound);
        }
        let report = pool.open().verify(&|_| ()).unwrap();
        assert_eq!(report.problems, [], "no record that breaks a rule was written");
    }
}
