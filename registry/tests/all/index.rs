//! The index: whatever becomes of it, the catalog is the same.

use std::fs;
use std::thread;

use esmhub_registry::{Catalog, ErrorKind, Registry, RepairOptions, State};

use crate::support::*;

fn filled() -> Pool {
    let pool = Pool::new();
    for seed in 1..=4 {
        pool.publish("a", seed);
    }
    pool.open().yank(&reference("a:v4"), &by(), false).unwrap();
    pool
}

fn said(catalog: &Catalog) -> Vec<String> {
    catalog.esms().map(|esm| format!("{esm:?}")).collect()
}

fn same_as_log(pool: &Pool, catalog: &Catalog) {
    assert_eq!(said(catalog), said(&pool.open().catalog().unwrap()));
}

#[test]
fn the_catalog_is_the_same_with_and_without_an_index() {
    let pool = filled();
    for _ in 0..3 {
        let catalog = pool.open_indexed().catalog().unwrap();
        assert_eq!(catalog.notice(), None);
        same_as_log(&pool, &catalog);
        pool.publish("a", 100 + catalog.entries());
    }
    // That the index is really used: entries that it has are not read again.
    pool.open_indexed().catalog().unwrap();
    let intact = fs::read(pool.entry(2)).unwrap();
    overwrite(&pool.entry(2), b"damaged behind the index");
    let catalog = pool.open_indexed().catalog().unwrap();
    assert_eq!((catalog.damaged().len(), catalog.esms().count()), (0, 7));
    overwrite(&pool.entry(2), &intact);
    same_as_log(&pool, &catalog);
}

#[test]
fn a_damaged_index_is_made_anew() {
    let pool = filled();
    for file in ["db", "conf"] {
        for bytes in [&b""[..], b"garbage", &[0xff; 4000]] {
            pool.open_indexed().catalog().unwrap();
            fs::write(pool.index().join(file), bytes).unwrap();
            same_as_log(&pool, &pool.open_indexed().catalog().unwrap());
            let healed = pool.open_indexed().catalog().unwrap();
            assert_eq!(healed.notice(), None, "{file}");
            same_as_log(&pool, &healed);
        }
    }
}

#[test]
fn flipped_bits_in_the_index_change_nothing() {
    let pool = filled();
    pool.open_indexed().catalog().unwrap();
    let path = pool.index().join("db");
    let intact = fs::read(&path).unwrap();
    let used = intact.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    for bit in sample_bits(used, 40) {
        let mut flipped = intact.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::create_dir_all(pool.index()).unwrap();
        fs::write(&path, flipped).unwrap();
        same_as_log(&pool, &pool.open_indexed().catalog().unwrap());
    }
}

#[test]
fn garbage_in_the_place_of_the_index_is_cleared_away() {
    let pool = filled();
    pool.open_indexed().catalog().unwrap();
    let folder = pool.index();
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, b"a file where a folder was").unwrap();
    let catalog = pool.open_indexed().catalog().unwrap();
    assert!(catalog.notice().unwrap().to_string().contains("made anew"), "{:?}", catalog.notice());
    same_as_log(&pool, &catalog);
    assert!(folder.is_dir());
    fs::remove_dir_all(pool.cache()).unwrap();
    same_as_log(&pool, &pool.open_indexed().catalog().unwrap());
}

#[test]
fn a_cache_that_cannot_be_written_is_a_notice() {
    let pool = filled();
    fs::write(pool.cache(), b"a file where the cache should be").unwrap();
    let catalog = pool.open_indexed().catalog().unwrap();
    assert!(catalog.notice().is_some());
    same_as_log(&pool, &catalog);
    assert!(publish(&pool.open_indexed(), &[esm("b", 50)]).unwrap().notice.is_some());
}

#[test]
fn an_index_that_another_holds_open_is_a_notice() {
    let pool = filled();
    pool.open_indexed().catalog().unwrap();
    let held = sled::open(pool.index()).unwrap();
    pool.publish("b", 20);
    let catalog = pool.open_indexed().catalog().unwrap();
    assert!(catalog.notice().unwrap().to_string().contains("another command is using it"));
    same_as_log(&pool, &catalog);
    drop(held);
    let later = pool.open_indexed().catalog().unwrap();
    assert_eq!(later.notice(), None);
    same_as_log(&pool, &later);
}

#[test]
fn commands_at_the_same_time_share_an_index() {
    let pool = filled();
    thread::scope(|scope| {
        for at in 0..8 {
            let pool = &pool;
            scope.spawn(move || {
                let registry = pool.open_indexed();
                publish(&registry, &[esm(&format!("n{at}"), 30 + at)]).unwrap();
                registry.catalog().unwrap();
            });
        }
    });
    let catalog = pool.open_indexed().catalog().unwrap();
    assert_eq!(catalog.esms().count(), 12);
    same_as_log(&pool, &catalog);
}

#[test]
fn a_copy_of_a_registry_does_not_inherit_the_index() {
    let pool = filled();
    pool.open_indexed().catalog().unwrap();
    let copy = pool.folder.path().join("copy");
    copy_folder(&pool.root(), &copy);
    pool.publish("a", 60);
    pool.open_indexed().catalog().unwrap();
    let copied = Registry::open(&copy, Some(&pool.cache())).unwrap();
    publish(&copied, &[esm("other", 61)]).unwrap();
    let catalog = copied.catalog().unwrap();
    assert_eq!(catalog.notice(), None);
    assert_eq!(catalog.tags(&name("other")).count(), 1);
    same_as_log(&pool, &pool.open_indexed().catalog().unwrap());
    assert_eq!(fs::read_dir(pool.cache()).unwrap().count(), 2);
}

#[test]
fn an_index_is_not_made_from_a_damaged_log() {
    let pool = filled();
    fs::remove_file(pool.entry(3)).unwrap();
    for _ in 0..2 {
        let catalog = pool.open_indexed().catalog().unwrap();
        assert_eq!(catalog.damaged().len(), 1, "an index up to the gap would make it look like the end");
    }
}

/// Otherwise who has an index takes the gap for the end of the log, and sees less than others do.
#[test]
fn an_entry_that_is_missing_behind_the_index_is_a_gap_and_not_the_end() {
    let pool = Pool::new();
    pool.publish("a", 1);
    assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 1);
    for (name, seed) in [("b", 2), ("c", 3)] {
        pool.publish(name, seed);
    }
    fs::remove_file(pool.entry(2)).unwrap();
    for registry in [pool.open(), pool.open_indexed()] {
        let catalog = registry.catalog().unwrap();
        assert_eq!((catalog.damaged().len(), catalog.entries()), (1, 3));
        assert_eq!(catalog.resolve(&reference("c")).unwrap_err().kind(), ErrorKind::Integrity);
        assert!(catalog.resolve(&reference("c:v1")).is_ok());
    }
}

#[test]
fn where_the_index_ends_with_an_entry_that_is_missing_the_rest_can_be_read() {
    let pool = Pool::new();
    for (name, seed) in [("a", 1), ("b", 2)] {
        pool.publish(name, seed);
    }
    assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 2);
    pool.publish("c", 3);
    fs::remove_file(pool.entry(2)).unwrap();
    let catalog = pool.open_indexed().catalog().unwrap();
    assert_eq!((catalog.damaged().len(), catalog.entries()), (1, 3));
    assert!(catalog.resolve(&reference("c:v1")).is_ok());
    // The index still has it.
    assert_eq!(pool.open_indexed().repair(&by(), &RepairOptions::default()).unwrap().restored.len(), 1);
    assert_eq!(pool.open_indexed().catalog().unwrap().damaged().len(), 0);
}

/// A backup that is older than a publish can lack it; then its publisher is the one who still has it.
#[test]
fn what_somebody_was_told_is_published_is_in_their_index_at_once() {
    let pool = filled();
    let registry = pool.open_indexed();
    publish(&registry, &[esm("b", 7)]).unwrap();
    registry.yank(&reference("b:v1"), &by(), false).unwrap();
    for number in [6, 7] {
        fs::remove_file(pool.entry(number)).unwrap();
    }
    assert_eq!(registry.catalog().unwrap_err().kind(), ErrorKind::Integrity, "the log is shorter than it was");
    registry.repair(&by(), &RepairOptions::default()).unwrap();
    let catalog = pool.open().catalog().unwrap();
    assert_eq!((catalog.entries(), catalog.damaged().len()), (7, 0));
    assert!(matches!(catalog.resolve(&reference("b:v1")).unwrap().state(), State::Yanked));
}
