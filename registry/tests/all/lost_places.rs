//! What stands in the place of an entry that is lost, and what an index or a copy holds behind one, is taken for no more and no
//! less than it is.

use std::fs;

use esmhub_registry::{Catalog, Registry, RepairOptions, Repaired};
use esmhub_store_format::log::{Entry, Record};

use crate::support::*;

fn repair(registry: &Registry, from: &[Registry]) -> Repaired {
    registry.repair(&by(), &RepairOptions { from, ..RepairOptions::default() }).unwrap()
}

fn names(catalog: &Catalog) -> Vec<String> {
    catalog.esms().map(|esm| esm.name().to_string()).collect()
}

/// A pool of a, b, c and d in entries 1, 2, 3 and 5: entry 2 is declared lost in 4.
fn with_a_loss() -> Pool {
    with_a_loss_of().0
}

/// The same, and what entry 2 was.
fn with_a_loss_of() -> (Pool, Vec<u8>) {
    let pool = Pool::new();
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        pool.publish(name, seed);
    }
    let original = fs::read(pool.entry(2)).unwrap();
    overwrite(&pool.entry(2), b"rubbish");
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    assert_eq!(pool.open().repair(&by(), &options).unwrap().lost, [(2, 2)]);
    pool.publish("d", 4);
    (pool, original)
}

/// The same, after the declaration could not be read for a while, in which entry 2 turned up again: so entry 4, which declares 2 lost,
/// is lost itself, in 6, and whole.
fn with_a_lost_declaration() -> Pool {
    let (pool, original) = with_a_loss_of();
    let declaration = fs::read(pool.entry(4)).unwrap();
    overwrite(&pool.entry(2), &original);
    overwrite(&pool.entry(4), b"rubbish");
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    assert_eq!(pool.open().repair(&by(), &options).unwrap().lost, [(4, 4)]);
    overwrite(&pool.entry(4), &declaration);
    pool
}

fn copy_of(pool: &Pool) -> Pool {
    let copy = Pool::new();
    fs::remove_dir_all(copy.root()).unwrap();
    copy_folder(&pool.root(), &copy.root());
    copy
}

/// An entry 2 of a later version of the format, and one with a record that readers must know.
fn from_the_future(pool: &Pool) -> [Vec<u8>; 2] {
    let previous = Entry::from_frame(&fs::read(pool.entry(1)).unwrap()).unwrap().1;
    let record = Record { kind: 900, flags: 3, payload: b"what nobody knows yet".to_vec() };
    let entry =
        Entry { number: 2, previous, transaction: [7; 16], time: 5, writer: by().writer, records: vec![record] };
    let frame = entry.to_frame().unwrap().0;
    let mut newer = frame.clone();
    // The version of the frame, behind four bytes of magic; its header's check is made anew.
    newer[4] = 0xff;
    [reseal(newer), frame]
}

#[test]
fn what_cannot_be_read_yet_in_the_place_of_a_lost_entry_stops_nobody() {
    for at in 0..2 {
        let pool = with_a_loss();
        let in_its_place = from_the_future(&pool)[at].clone();
        assert_eq!(names(&pool.open_indexed().catalog().unwrap()), ["a", "c", "d"]);
        overwrite(&pool.entry(2), &in_its_place);
        for registry in [pool.open(), pool.open_indexed(), pool.open_indexed()] {
            let catalog = registry.catalog().unwrap();
            assert_eq!((names(&catalog), catalog.notice()), (["a", "c", "d"].map(String::from).to_vec(), None));
        }
        assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
        // Whoever makes an index now, makes it with what stands there.
        fs::remove_dir_all(pool.cache()).unwrap();
        for _ in 0..2 {
            let catalog = pool.open_indexed().catalog().unwrap();
            assert_eq!((names(&catalog), catalog.notice()), (["a", "c", "d"].map(String::from).to_vec(), None));
        }
        publish(&pool.open_indexed(), &[esm("e", 5)]).unwrap();
        // Without its declaration it stops everybody.
        overwrite(&pool.entry(4), b"rubbish");
        assert!(pool.open().catalog().is_err());
        assert!(pool.open().verify(&|_| ()).is_err());
    }
}

#[test]
fn a_damaged_declaration_hides_nothing_that_the_index_holds_behind_the_lost_entry() {
    let pool = with_a_loss();
    assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 5);
    let before: Vec<Vec<u8>> = (3..=5).map(|number| fs::read(pool.entry(number)).unwrap()).collect();
    for number in 3..=5 {
        overwrite(&pool.entry(number), b"rubbish");
    }
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    let repaired = pool.open_indexed().repair(&by(), &options).unwrap();
    assert_eq!((repaired.restored.len(), repaired.lost.len(), repaired.unresolved.len()), (3, 0, 0), "{repaired:?}");
    for number in 3..=5 {
        assert_eq!(fs::read(pool.entry(number)).unwrap(), before[number as usize - 3], "{number}");
    }
    assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
}

/// A log that is gone altogether comes back past entries of which nobody has anything.
#[test]
fn a_log_without_its_folder_comes_back_whole_from_the_index_or_a_copy() {
    for from_copy in [false, true] {
        let pool = with_a_loss();
        let copy = copy_of(&pool);
        assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 5);
        fs::remove_dir_all(pool.file("log")).unwrap();
        let copies = if from_copy { vec![copy.open()] } else { Vec::new() };
        let registry = if from_copy { pool.open() } else { pool.open_indexed() };
        let dry = RepairOptions { dry_run: true, from: &copies, ..RepairOptions::default() };
        let would = registry.repair(&by(), &dry).unwrap();
        assert!(!pool.file("log").exists());
        let repaired = repair(&registry, &copies);
        assert_eq!((&repaired, repaired.restored.len()), (&would, 4), "from a copy: {from_copy}");
        assert_eq!(names(&pool.open().catalog().unwrap()), ["a", "c", "d"]);
        assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
    }
}

/// What is behind a lost entry states a digest that nobody can check: only who has the entry before it, too, is believed.
#[test]
fn a_copy_that_went_its_own_way_before_a_loss_adds_nothing_behind_it() {
    let pool = with_a_loss();
    let copy = copy_of(&pool);
    for at in [&pool, &copy] {
        at.publish(if std::ptr::eq(at, &pool) { "theirs" } else { "ours" }, 9);
    }
    copy.publish("lost", 10);
    for (number, seed) in [(6, 11), (7, 12)] {
        // First what the registry has too, with another entry in its place; then what it does not have.
        overwrite(&copy.entry(number), b"rubbish");
        let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
        copy.open().repair(&by(), &options).unwrap();
        copy.publish("more", seed);
        let Repaired { restored, unresolved, untaken, .. } = repair(&pool.open(), &[copy.open()]);
        assert_eq!((restored.len(), unresolved.len(), untaken.len()), (0, 0, 1), "{number}");
        assert_eq!(untaken[0].1, 7, "that there is more is said");
    }
    assert_eq!(names(&pool.open().catalog().unwrap()), ["a", "c", "d", "theirs"]);
}

#[test]
fn an_index_whose_last_entry_is_lost_is_brought_up_to_date_again() {
    let pool = Pool::new();
    for (name, seed) in [("a", 1), ("b", 2)] {
        pool.publish(name, seed);
    }
    assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 2);
    overwrite(&pool.entry(2), b"rubbish");
    // A colleague without a copy.
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    pool.open().repair(&by(), &options).unwrap();
    pool.publish("c", 3);
    assert_eq!(names(&pool.open_indexed().catalog().unwrap()), ["a", "c"]);
    // That the index holds the new end: nobody else has.
    fs::remove_file(pool.entry(4)).unwrap();
    assert_eq!(repair(&pool.open_indexed(), &[]).restored.len(), 1);
    assert_eq!(names(&pool.open().catalog().unwrap()), ["a", "c"]);
}

#[test]
fn losses_that_an_index_knows_are_told_from_entries_that_it_lacks() {
    let pool = with_a_loss();
    assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 5);
    // The declaration itself, whose header is gone too: nothing but the index and the next entry say which one it was.
    overwrite(&pool.entry(4), b"rubbish");
    let repaired = repair(&pool.open_indexed(), &[]);
    assert_eq!((repaired.restored.len(), repaired.unresolved.len()), (1, 0));
    assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
}

/// Three faults: an entry is lost, then what declared it, and that comes back and is damaged for good. Somebody may have published
/// under the tag of the first one meanwhile.
#[test]
fn a_loss_that_only_a_lost_entry_declares_is_named_and_can_be_declared_again() {
    let pool = with_a_lost_declaration();
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    assert_eq!(names(&pool.open().catalog().unwrap()), ["a", "c", "d"]);
    let problems = pool.open().verify(&|_| ()).unwrap().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].place.ends_with('2') && problems[0].hint.as_ref().unwrap().contains("--accept-loss"));
    let dry = pool.open().repair(&by(), &RepairOptions { dry_run: true, ..options }).unwrap();
    assert_eq!((dry.lost, pool.open().repair(&by(), &options).unwrap().lost), (vec![(2, 2)], vec![(2, 2)]));
    assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
    overwrite(&pool.entry(4), b"rubbish");
    assert_eq!(names(&pool.open().catalog().unwrap()), ["a", "c", "d"]);
}

/// What is left of a registry and a backup of it may have nothing in common, and yet one goes on from the other.
#[test]
fn a_copy_that_has_only_what_follows_puts_it_back() {
    let pool = Pool::new();
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        pool.publish(name, seed);
    }
    let rest = copy_of(&pool);
    for number in [2, 3] {
        fs::remove_file(pool.entry(number)).unwrap();
    }
    fs::remove_file(rest.entry(1)).unwrap();
    assert_eq!(repair(&pool.open(), &[rest.open()]).restored.len(), 2);
    assert_eq!(names(&pool.open().catalog().unwrap()), ["a", "b", "c"]);
    // But for what does not follow, which is said.
    fs::remove_file(pool.entry(2)).unwrap();
    fs::remove_file(pool.entry(3)).unwrap();
    fs::remove_file(rest.entry(2)).unwrap();
    let repaired = repair(&pool.open(), &[rest.open()]);
    assert_eq!((repaired.restored.len(), repaired.untaken.len(), repaired.untaken[0].1), (0, 1, 3));
}

/// An index keeps what it found in the place of a lost entry, and that need not join to anything.
#[test]
fn what_an_index_found_in_a_lost_place_hides_nothing_behind_it() {
    let pool = with_a_loss();
    let fork = copy_of(&pool);
    (2..=5).for_each(|number| fs::remove_file(fork.entry(number)).unwrap());
    fork.publish("another", 20);
    overwrite(&pool.entry(2), &fs::read(fork.entry(2)).unwrap());
    assert_eq!(names(&pool.open_indexed().catalog().unwrap()), ["a", "c", "d"]);
    fs::remove_file(pool.entry(5)).unwrap();
    assert_eq!(repair(&pool.open_indexed(), &[]).restored.len(), 1);
}

/// A loss that only a lost entry declares is one for as long as that can be read; an index would remember it longer.
#[test]
fn readers_with_and_without_an_index_agree_about_a_loss_that_only_a_lost_entry_declares() {
    let pool = with_a_lost_declaration();
    assert_eq!(names(&pool.open_indexed().catalog().unwrap()), ["a", "c", "d"]);
    overwrite(&pool.entry(4), b"rubbish");
    for registry in [pool.open(), pool.open_indexed(), pool.open_indexed()] {
        assert_eq!(names(&registry.catalog().unwrap()), ["a", "b", "c", "d"]);
    }
}

/// A registry is set back to before a loss, which only its users' indices remember; the lost entry is whole there.
#[test]
fn an_older_backup_gets_the_loss_back_from_the_index_and_from_no_copy() {
    for from_copy in [false, true] {
        let (pool, original) = with_a_loss_of();
        let copy = copy_of(&pool);
        assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 5);
        overwrite(&pool.entry(2), &original);
        for number in [4, 5] {
            fs::remove_file(pool.entry(number)).unwrap();
        }
        let repaired = match from_copy {
            true => repair(&pool.open(), &[copy.open()]),
            false => repair(&pool.open_indexed(), &[]),
        };
        assert_eq!((repaired.restored.len(), repaired.untaken.len()), if from_copy { (0, 1) } else { (2, 0) });
        assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
        let expected: &[&str] = if from_copy { &["a", "b", "c"] } else { &["a", "c", "d"] };
        assert_eq!(names(&pool.open().catalog().unwrap()), expected);
        publish(&pool.open(), &[esm("later", 30)]).unwrap();
    }
}

/// The declaration is not taken, so that what holds the place would be damage.
#[test]
fn no_place_is_held_for_an_entry_that_nobody_declares_lost_here() {
    let (pool, original) = with_a_loss_of();
    overwrite(&pool.entry(5), b"rubbish");
    overwrite(&pool.entry(2), b"rubbish");
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    assert_eq!(pool.open().repair(&by(), &options).unwrap().lost, [(5, 5)]);
    let copy = copy_of(&pool);
    overwrite(&pool.entry(2), &original);
    for number in 4..=6 {
        fs::remove_file(pool.entry(number)).unwrap();
    }
    assert_eq!(repair(&pool.open(), &[copy.open()]).restored, []);
    assert!(!pool.entry(5).exists() && pool.open().verify(&|_| ()).unwrap().is_sound());
}

/// Behind an entry that is lost, nothing is stated that could be checked: not even whose the log is.
#[test]
fn a_log_that_is_gone_does_not_come_back_from_another_registry() {
    let (pool, other) = (Pool::new(), Pool::new());
    pool.publish("a", 1);
    for (name, seed) in [("b", 2), ("c", 3)] {
        other.publish(name, seed);
    }
    overwrite(&other.entry(1), b"rubbish");
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    other.open().repair(&by(), &options).unwrap();
    fs::remove_dir_all(pool.file("log")).unwrap();
    let repaired = repair(&pool.open(), &[other.open()]);
    assert_eq!((repaired.restored.len(), repaired.unresolved), (0, vec!["log".to_owned()]));
    assert!(!pool.file("log").exists());
}

/// Otherwise whoever stands before it takes it for the end of the log.
#[test]
fn the_place_of_a_lost_entry_is_held_again_by_a_plain_repair() {
    let pool = with_a_loss();
    fs::remove_file(pool.entry(2)).unwrap();
    assert_eq!(pool.open().verify(&|_| ()).unwrap().problems.len(), 1);
    let dry = pool.open().repair(&by(), &RepairOptions { dry_run: true, ..RepairOptions::default() }).unwrap();
    assert!(!pool.entry(2).exists());
    let repaired = repair(&pool.open(), &[]);
    assert_eq!((&dry, repaired.restored.len(), repaired.unresolved.len()), (&repaired, 1, 0));
    assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
    assert_eq!(names(&pool.open().catalog().unwrap()), ["a", "c", "d"]);
}
