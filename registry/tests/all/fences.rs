//! What holds a place in the log while its end comes back: as SPEC.md writes it, whoever left it there.

use std::fs;

use esmhub_registry::{ErrorKind, Registry, RepairOptions, Repaired};
use esmhub_store_format::Digest;
use esmhub_store_format::log::{Entry, Writer};

use crate::support::*;

fn repair(registry: &Registry, from: &[Registry]) -> Repaired {
    registry.repair(&by(), &RepairOptions { from, ..RepairOptions::default() }).unwrap()
}

fn problems(pool: &Pool) -> Vec<String> {
    let report = pool.open().verify(&|_| ()).unwrap();
    report.problems.iter().map(|problem| format!("{}: {}", problem.place, problem.detail)).collect()
}

fn digest_of(pool: &Pool, number: u64) -> Digest {
    Entry::from_frame(&fs::read(pool.entry(number)).unwrap()).unwrap().1
}

fn places(numbers: &[u64]) -> Vec<String> {
    numbers.iter().map(|number| format!("log/{number:020}")).collect()
}

fn fence(before: Digest, here: Digest) -> String {
    format!("A repair holds this place in the log.\nbefore: {before}\nhere: {here}\n")
}

/// A pool of three entries, of which the last two are gone, and a copy that has them.
fn cut() -> (Pool, Pool) {
    let (pool, copy) = twins();
    for number in [2, 3] {
        fs::remove_file(pool.entry(number)).unwrap();
    }
    (pool, copy)
}

/// The same of five entries, and two copies of it.
fn cut_of_five() -> (Pool, [Pool; 2]) {
    let (pool, first) = twins();
    for (name, seed) in [("d", 4), ("e", 5)] {
        pool.publish(name, seed);
    }
    let second = Pool::new();
    for copy in [&first, &second] {
        fs::remove_dir_all(copy.root()).unwrap();
        copy_folder(&pool.root(), &copy.root());
    }
    for number in 2..=5 {
        fs::remove_file(pool.entry(number)).unwrap();
    }
    (pool, [first, second])
}

/// As a repair leaves it that was stopped before it put back the first entry.
fn stopped() -> (Pool, Pool) {
    let (pool, copy) = cut();
    fs::write(pool.entry(3), fence(digest_of(&copy, 2), digest_of(&copy, 3))).unwrap();
    (pool, copy)
}

#[test]
fn a_repair_that_was_stopped_is_named_and_ended_by_the_next_one() {
    let (pool, copy) = stopped();
    assert_eq!(publish(&pool.open(), &[esm("d", 4)]).unwrap_err().kind(), ErrorKind::Integrity);
    let found = problems(&pool);
    assert!(found.iter().any(|problem| problem.contains("run again with the same copies")), "{found:?}");
    let before = snapshot(&pool.root());
    assert_eq!(repair(&pool.open(), &[]).unresolved, places(&[2, 3]), "without the copy");
    assert_eq!(snapshot(&pool.root()), before);
    let from = [copy.open()];
    let options = RepairOptions { dry_run: true, from: &from, ..RepairOptions::default() };
    let dry = pool.open().repair(&by(), &options).unwrap();
    assert_eq!(snapshot(&pool.root()), before);
    let repaired = repair(&pool.open(), &from);
    assert_eq!((&repaired, repaired.restored.len()), (&dry, 2));
    assert!(repaired.quarantined.is_empty() && repaired.unresolved.is_empty(), "{repaired:?}");
    assert_eq!(problems(&pool), Vec::<String>::new());
    assert_eq!(digest_of(&pool, 3), digest_of(&copy, 3));
}

/// Somebody published before the repair had its first entry there, and it was stopped before it could make way.
#[test]
fn the_fence_of_a_repair_that_came_too_late_becomes_an_empty_entry() {
    let (pool, copy) = cut();
    pool.publish("own", 7);
    fs::write(pool.entry(3), fence(digest_of(&copy, 2), digest_of(&copy, 3))).unwrap();
    let before = snapshot(&pool.root());
    let dry = pool.open().repair(&by(), &RepairOptions { dry_run: true, ..RepairOptions::default() }).unwrap();
    assert_eq!(snapshot(&pool.root()), before);
    assert_eq!(repair(&pool.open(), &[]), dry);
    assert_eq!(problems(&pool), Vec::<String>::new());
    let writer = Writer { user: String::new(), host: String::new(), program: String::new() };
    let previous = digest_of(&pool, 2);
    let expected = Entry { number: 3, previous, transaction: [0; 16], time: 0, writer, records: Vec::new() };
    assert_eq!(digest_of(&pool, 3), expected.to_frame().unwrap().1);
    pool.publish("later", 8);
    let untaken = repair(&pool.open(), &[copy.open()]).untaken;
    assert_eq!(untaken.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [2]);
}

/// The entry before it is the one that it names, so that the other one may be on its way.
#[test]
fn a_fence_behind_what_it_waits_for_stays_until_its_entry_comes() {
    let (pool, copy) = stopped();
    fs::copy(copy.entry(2), pool.entry(2)).unwrap();
    let before = snapshot(&pool.root());
    assert_eq!(repair(&pool.open(), &[]).unresolved, places(&[3]));
    assert_eq!(snapshot(&pool.root()), before);
    assert_eq!(repair(&pool.open(), &[copy.open()]).restored.len(), 1);
    assert_eq!(problems(&pool), Vec::<String>::new());
}

#[test]
fn what_a_repair_that_was_stopped_holds_can_be_given_up() {
    let (pool, _) = stopped();
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    assert_eq!(pool.open().repair(&by(), &options).unwrap().lost, [(2, 3)]);
    assert_eq!(problems(&pool), Vec::<String>::new());
    pool.publish("d", 4);
    assert_eq!(pool.open().catalog().unwrap().esms().count(), 2);
}

/// A fence is no proof of anything: whoever can write here can write one.
#[test]
fn a_fence_that_somebody_planted_replaces_no_entry_and_is_replaced_by_the_right_one() {
    let (pool, copy) = twins();
    for (number, text) in
        [(2, fence(Digest::of(b"x"), Digest::of(b"y"))), (2, fence(digest_of(&copy, 1), Digest::of(b"y")))]
    {
        overwrite(&pool.entry(number), text.as_bytes());
        assert_eq!(repair(&pool.open(), &[]).unresolved, places(&[number]));
        assert_eq!(repair(&pool.open(), &[copy.open()]).restored.len(), 1);
        assert_eq!(fs::read(pool.entry(number)).unwrap(), fs::read(copy.entry(number)).unwrap());
    }
    fs::write(pool.entry(1_000_000_000), fence(Digest::of(b"x"), Digest::of(b"y"))).unwrap();
    assert_eq!(repair(&pool.open(), &[copy.open()]).unresolved, places(&[4, 1_000_000_000]));
}

#[test]
fn copies_that_lack_different_entries_put_back_the_end_together() {
    let (pool, [first, second]) = cut_of_five();
    fs::remove_file(first.entry(3)).unwrap();
    fs::remove_file(second.entry(4)).unwrap();
    let from = [first.open(), second.open()];
    let options = RepairOptions { dry_run: true, from: &from, ..RepairOptions::default() };
    let dry = pool.open().repair(&by(), &options).unwrap();
    let repaired = repair(&pool.open(), &from);
    assert_eq!((&repaired, repaired.restored.len(), repaired.unresolved.len()), (&dry, 4, 0));
    assert_eq!(problems(&pool), Vec::<String>::new());
}

#[test]
fn what_a_copy_lacks_in_the_middle_is_named_and_comes_back_from_another_copy_later() {
    let (pool, [first, second]) = cut_of_five();
    fs::remove_file(first.entry(3)).unwrap();
    let repaired = repair(&pool.open(), &[first.open()]);
    assert_eq!((repaired.restored.len(), &repaired.unresolved), (3, &places(&[3])));
    let found = problems(&pool);
    assert!(found.len() == 1 && found[0].contains("did not have this entry"), "{found:?}");
    let repaired = repair(&pool.open(), &[second.open()]);
    assert_eq!((repaired.restored.len(), repaired.quarantined.len()), (1, 0));
    assert_eq!(problems(&pool), Vec::<String>::new());
}

/// Otherwise it goes unnoticed that a backup holds what the registry has not.
#[test]
fn a_copy_that_went_another_way_is_named_however_long_it_is() {
    for more in 0..3 {
        let (pool, copy) = cut();
        pool.publish("own", 7);
        for seed in 0..more {
            pool.publish(&format!("more{seed}"), 10 + seed);
        }
        let name = copy.root().canonicalize().unwrap().display().to_string();
        assert_eq!(repair(&pool.open(), &[copy.open()]).untaken, [(name, 2)], "{more}");
        fs::remove_file(copy.entry(2)).unwrap();
        fs::remove_file(copy.entry(3)).unwrap();
        assert_eq!(repair(&pool.open(), &[copy.open()]).untaken, [], "an older copy: {more}");
    }
}
