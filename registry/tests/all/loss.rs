//! Accepting a loss: what nobody has any more is gone for everybody alike, and stays gone.

use std::fs;
use std::time::Duration;

use esmhub_registry::{Catalog, ErrorKind, Registry, RepairOptions, Repaired, State};
use esmhub_store_format::Digest;
use esmhub_store_format::log::{Action, Entry, Loss, Target};

use crate::support::*;

fn accept(registry: &Registry) -> Repaired {
    registry.repair(&by(), &RepairOptions { accept_loss: true, ..RepairOptions::default() }).unwrap()
}

/// A pool of a, b, c in entries 1 to 3.
fn pool() -> Pool {
    let pool = Pool::new();
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        pool.publish(name, seed);
    }
    pool
}

/// Damage that no header survives.
fn wreck(pool: &Pool, number: u64) -> Vec<u8> {
    let before = fs::read(pool.entry(number)).unwrap();
    overwrite(&pool.entry(number), b"rubbish");
    before
}

/// What a catalog says, in an order of its own.
fn said(catalog: &Catalog) -> Vec<(String, State, u64)> {
    catalog.esms().map(|esm| (esm.reference().to_string(), esm.state(), esm.entry())).collect()
}

fn names(catalog: &Catalog) -> Vec<String> {
    catalog.esms().map(|esm| esm.reference().to_string()).collect()
}

fn loss(runs: &[(u64, u64)]) -> esmhub_store_format::log::Record {
    Action::Loss(Loss::new(runs.to_vec()).unwrap()).to_record().unwrap()
}

fn yank(reference: &str, digest: esmhub_store_format::Digest) -> esmhub_store_format::log::Record {
    let (name, tag) = reference.split_once(':').unwrap();
    Action::Yank(Target { name: name.parse().unwrap(), tag: tag.parse().unwrap(), digest }).to_record().unwrap()
}

#[test]
fn a_registry_with_a_lost_entry_can_be_written_to_again() {
    for number in 1..=3_u64 {
        for missing in [false, true] {
            let pool = pool();
            // A missing last entry is the end of the log: there is nothing to see.
            if missing && number == 3 {
                continue;
            }
            wreck(&pool, number);
            if missing {
                fs::remove_file(pool.entry(number)).unwrap();
            }
            assert!(publish(&pool.open(), &[esm("d", 4)]).is_err(), "{number}, missing: {missing}");
            let repaired = accept(&pool.open());
            assert_eq!((repaired.lost.as_slice(), repaired.unresolved.len()), (&[(number, number)][..], 0));
            publish(&pool.open(), &[esm("d", 4)]).unwrap();
            let kept: Vec<String> = ["a:v1", "b:v1", "c:v1", "d:v1"]
                .iter()
                .enumerate()
                .filter(|(at, _)| *at as u64 + 1 != number)
                .map(|(_, name)| (*name).to_owned())
                .collect();
            for registry in [pool.open(), pool.open_indexed(), pool.open_indexed()] {
                let catalog = registry.catalog().unwrap();
                assert_eq!((names(&catalog), catalog.notice()), (kept.clone(), None), "{number}, missing: {missing}");
                assert!(catalog.damaged().is_empty());
                assert!(catalog.resolve(&reference("d")).is_ok());
            }
            let report = pool.open().verify(&|_| ()).unwrap();
            assert!(report.is_sound(), "{:?}", report.problems);
            assert_eq!((report.lost.as_slice(), report.entries), (&[(number, number)][..], 5));
            assert_eq!(accept(&pool.open()), Repaired::default(), "there is nothing left to accept");
        }
    }
}

#[test]
fn a_copy_that_turns_up_later_changes_nothing() {
    let pool = pool();
    let original = wreck(&pool, 2);
    accept(&pool.open());
    overwrite(&pool.entry(2), &original);
    // Somebody may have published under the tag meanwhile.
    let taken = pool.publish("b:v1", 9);
    for registry in [pool.open(), pool.open_indexed(), pool.open_indexed()] {
        let catalog = registry.catalog().unwrap();
        assert_eq!((names(&catalog), catalog.notice()), (vec!["a:v1".into(), "c:v1".into(), "b:v1".into()], None));
        assert_eq!(catalog.resolve(&reference("b:v1")).unwrap().digest(), taken);
    }
    assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
}

#[test]
fn who_had_read_the_entry_before_it_was_lost_forgets_it_too() {
    let pool = pool();
    let digest = pool.open_indexed().catalog().unwrap().resolve(&reference("b")).unwrap().digest();
    pool.append(vec![yank("b:v1", digest)]);
    assert_eq!(said(&pool.open_indexed().catalog().unwrap()).len(), 3);
    wreck(&pool, 2);
    // A colleague without a copy.
    accept(&pool.open());
    let expected = said(&pool.open().catalog().unwrap());
    assert_eq!(expected.len(), 2);
    for round in 0..3 {
        let catalog = pool.open_indexed().catalog().unwrap();
        assert_eq!(said(&catalog), expected, "{round}");
        // It is said once, to who had read it.
        let said = catalog.notice().map(ToString::to_string).unwrap_or_default();
        assert_eq!((said.contains("publish b:v1 (ada)"), catalog.damaged().len()), (round == 0, 0), "{round}: {said}");
    }
    publish(&pool.open_indexed(), &[esm("b", 2)]).unwrap();
    assert_eq!(said(&pool.open_indexed().catalog().unwrap()), said(&pool.open().catalog().unwrap()));
}

#[test]
fn a_reader_that_stood_before_a_missing_entry_sees_what_follows_it() {
    let pool = Pool::new();
    pool.publish("a", 1);
    assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 1);
    pool.publish("b", 2);
    pool.publish("c", 3);
    fs::remove_file(pool.entry(2)).unwrap();
    accept(&pool.open());
    assert_eq!(names(&pool.open_indexed().catalog().unwrap()), ["a:v1", "c:v1"]);
    // Somebody deletes what holds its place.
    fs::remove_file(pool.entry(2)).unwrap();
    assert_eq!(pool.open().verify(&|_| ()).unwrap().problems.len(), 1);
    publish(&pool.open(), &[esm("d", 4)]).unwrap();
    accept(&pool.open());
    assert!(pool.entry(2).exists());
}

#[test]
fn a_gap_of_which_a_part_is_lost_already_is_lost_but_for_that() {
    let pool = pool();
    pool.publish("d", 4);
    pool.publish("e", 5);
    wreck(&pool, 3);
    assert_eq!(accept(&pool.open()).lost, [(3, 3)]);
    for number in 2..=4 {
        fs::remove_file(pool.entry(number)).unwrap();
    }
    assert_eq!(accept(&pool.open()).lost, [(2, 2), (4, 4)]);
    assert_eq!(names(&pool.open().catalog().unwrap()), ["a:v1", "e:v1"]);
}

#[test]
fn a_repair_leaves_what_is_lost_alone_and_restores_what_follows_it() {
    let (pool, other, copy) = (pool(), pool(), Pool::new());
    let original = fs::read(pool.entry(2)).unwrap();
    wreck(&pool, 2);
    assert_eq!(accept(&pool.open()).lost, [(2, 2)]);
    overwrite(&pool.entry(2), &fs::read(other.entry(2)).unwrap());
    fs::remove_dir_all(copy.root()).unwrap();
    copy_folder(&pool.root(), &copy.root());
    overwrite(&copy.entry(2), &original);
    wreck(&pool, 3);
    let from = [copy.open()];
    let repair = || pool.open().repair(&by(), &RepairOptions { from: &from, ..RepairOptions::default() }).unwrap();
    let repaired = repair();
    assert_eq!((repaired.restored.len(), repaired.unresolved.len()), (1, 0));
    assert_eq!(fs::read(pool.entry(3)).unwrap(), fs::read(copy.entry(3)).unwrap());
    wreck(&pool, 2);
    assert_eq!(repair(), Repaired::default());
}

#[test]
fn whoever_still_has_the_entry_restores_it_instead() {
    let pool = pool();
    pool.open_indexed().catalog().unwrap();
    wreck(&pool, 2);
    let repaired = accept(&pool.open_indexed());
    assert_eq!((repaired.restored.len(), repaired.lost.len()), (1, 0));
    assert_eq!(names(&pool.open().catalog().unwrap()).len(), 3);
}

/// Nothing says which entry it was, and a copy that follows the entry before it is better than none.
#[test]
fn what_a_copy_has_at_the_end_of_the_log_is_taken_rather_than_given_up() {
    for wrecked in [&[3][..], &[2, 3], &[1, 2, 3]] {
        let (pool, copy) = (pool(), Pool::new());
        fs::remove_dir_all(copy.root()).unwrap();
        copy_folder(&pool.root(), &copy.root());
        wrecked.iter().for_each(|number| drop(wreck(&pool, *number)));
        let from = [copy.open()];
        let options = RepairOptions { from: &from, ..RepairOptions::default() };
        assert_eq!(pool.open().repair(&by(), &options).unwrap().restored.len(), 0);
        let accepting = RepairOptions { accept_loss: true, ..options };
        let repaired = pool.open().repair(&by(), &accepting).unwrap();
        assert_eq!((repaired.restored.len(), repaired.lost.len(), repaired.unresolved.len()), (wrecked.len(), 0, 0));
        assert_eq!(names(&pool.open().catalog().unwrap()).len(), 3);
    }
}

#[test]
fn what_a_copy_has_that_went_its_own_way_is_no_reason_to_take_another_end() {
    let (pool, copy) = (pool(), Pool::new());
    fs::remove_dir_all(copy.root()).unwrap();
    copy_folder(&pool.root(), &copy.root());
    fs::remove_file(copy.entry(3)).unwrap();
    fs::remove_file(copy.entry(2)).unwrap();
    copy.publish("own", 7);
    copy.publish("way", 8);
    wreck(&pool, 3);
    let from = [copy.open()];
    let options = RepairOptions { from: &from, accept_loss: true, ..RepairOptions::default() };
    assert_eq!(pool.open().repair(&by(), &options).unwrap().lost, [(3, 3)]);
    assert_eq!(names(&pool.open().catalog().unwrap()), ["a:v1", "b:v1"]);
}

/// One that can be read may be the right one.
#[test]
fn an_entry_of_another_history_is_given_up_only_when_it_is_taken_out() {
    let (pool, other) = (pool(), pool());
    overwrite(&pool.entry(2), &fs::read(other.entry(2)).unwrap());
    assert_eq!(pool.open().catalog().unwrap().damaged().len(), 1);
    let before = snapshot(&pool.root());
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    assert_eq!(pool.open().repair(&by(), &options).unwrap_err().cause.kind(), ErrorKind::Integrity);
    assert_eq!(snapshot(&pool.root()), before);
    fs::remove_file(pool.entry(2)).unwrap();
    assert_eq!(accept(&pool.open()).lost, [(2, 2)]);
    assert_eq!(names(&pool.open().catalog().unwrap()), ["a:v1", "c:v1"]);
    assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
}

#[test]
fn what_depended_on_the_lost_entry_is_not_called_wrong_and_what_comes_later_is() {
    let pool = pool();
    let digest = pool.open().catalog().unwrap().resolve(&reference("b")).unwrap().digest();
    pool.append(vec![yank("b:v1", digest)]);
    wreck(&pool, 2);
    accept(&pool.open());
    assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
    pool.append(vec![yank("b:v1", digest)]);
    let problems = pool.open().verify(&|_| ()).unwrap().problems;
    assert_eq!(problems.iter().map(|problem| problem.what).collect::<Vec<_>>(), ["record"]);
}

#[test]
fn a_declaration_that_is_lost_itself_still_holds() {
    let pool = pool();
    let original = wreck(&pool, 2);
    accept(&pool.open());
    pool.publish("d", 4);
    let declaration = wreck(&pool, 4);
    assert_eq!(accept(&pool.open()).lost, [(2, 2), (4, 4)]);
    // Both turn up again.
    overwrite(&pool.entry(2), &original);
    overwrite(&pool.entry(4), &declaration);
    for registry in [pool.open(), pool.open_indexed(), pool.open_indexed()] {
        assert_eq!(names(&registry.catalog().unwrap()), ["a:v1", "c:v1", "d:v1"]);
    }
}

#[test]
fn a_declaration_that_another_one_declares_lost_still_holds() {
    let pool = pool();
    wreck(&pool, 2);
    accept(&pool.open());
    pool.append(vec![loss(&[(4, 4)])]);
    for registry in [pool.open(), pool.open_indexed(), pool.open_indexed()] {
        let catalog = registry.catalog().unwrap();
        assert_eq!((names(&catalog), catalog.damaged()), (vec!["a:v1".to_owned(), "c:v1".to_owned()], &[][..]));
        assert_eq!(catalog.lost().collect::<Vec<_>>(), [(2, 2), (4, 4)]);
    }
}

#[test]
fn a_declaration_reaches_neither_itself_nor_what_follows_it() {
    let pool = pool();
    pool.append(vec![loss(&[(4, 4)])]);
    pool.append(vec![loss(&[(1, 1), (6, 7)])]);
    pool.publish("d", 4);
    let catalog = pool.open().catalog().unwrap();
    assert_eq!(names(&catalog), ["b:v1", "c:v1", "d:v1"], "what it rightly says of entry 1 holds");
    assert_eq!(catalog.lost().collect::<Vec<_>>(), [(1, 1)]);
    let problems = pool.open().verify(&|_| ()).unwrap().problems;
    assert_eq!(problems.iter().map(|problem| problem.what).collect::<Vec<_>>(), ["record"], "of the one in entry 5");
}

#[test]
fn several_losses_of_several_writers_add_up() {
    let pool = Pool::new();
    for seed in 1..=9 {
        pool.publish(&format!("e{seed}"), seed);
    }
    // With the declarations in entries 10 and 11, what these said is lost must be said again.
    let steps = [(&[2, 3][..], &[(2, 3)][..]), (&[1, 5], &[(1, 1), (5, 5)]), (&[4, 10, 11], &[(1, 5), (10, 11)])];
    for (wrecked, lost) in steps {
        wrecked.iter().for_each(|number| drop(wreck(&pool, *number)));
        assert_eq!(accept(&pool.open()).lost, lost);
        assert_eq!(said(&pool.open_indexed().catalog().unwrap()), said(&pool.open().catalog().unwrap()));
    }
    let catalog = pool.open().catalog().unwrap();
    assert_eq!(names(&catalog), ["e6:v1", "e7:v1", "e8:v1", "e9:v1"]);
}

#[test]
fn more_losses_than_one_record_takes_are_several_declarations() {
    let pool = Pool::fleeting();
    for _ in 0..600 {
        pool.append(Vec::new());
    }
    pool.publish("kept", 1);
    for number in (2..=600).step_by(2) {
        wreck(&pool, number);
    }
    let lost = accept(&pool.open()).lost;
    assert_eq!((lost.len(), lost.first(), lost.last()), (300, Some(&(2, 2)), Some(&(600, 600))));
    let catalog = pool.open().catalog().unwrap();
    assert_eq!((catalog.entries(), catalog.damaged().len()), (603, 0));
}

#[test]
fn a_planted_number_does_not_make_a_registry_of_lost_entries() {
    for number in [1_000_000_000_000, u64::MAX] {
        let pool = pool();
        fs::write(pool.entry(number), b"planted").unwrap();
        let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
        let error = pool.open().repair(&by(), &options).unwrap_err();
        assert_eq!(error.cause.kind(), ErrorKind::Integrity);
        assert!(error.to_string().contains(&format!("{number:020}")), "{error}");
        fs::remove_file(pool.entry(number)).unwrap();
        assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
    }
}

/// Whoever planted a declaration of that many must not keep others declaring for ever.
#[test]
fn where_no_more_can_be_lost_that_is_said() {
    let pool = pool();
    let number = 4 + 65_536;
    let records = vec![loss(&[(4, number - 1)])];
    let previous = Digest::of(b"nobody knows");
    let entry = Entry { number, previous, transaction: [7; 16], time: 5, writer: by().writer, records };
    fs::write(pool.entry(number), entry.to_frame().unwrap().0).unwrap();
    assert_eq!(names(&pool.open().catalog().unwrap()).len(), 3);
    wreck(&pool, 2);
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    let error = pool.open().repair(&by(), &options).unwrap_err();
    assert!(error.to_string().contains("can lose 65536 entries"), "{error}");
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let pool = pool();
    pool.open_indexed().catalog().unwrap();
    pool.publish("d", 4);
    pool.publish("e", 5);
    wreck(&pool, 1);
    fs::remove_file(pool.entry(4)).unwrap();
    let before = snapshot(&pool.root());
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    let dry = pool.open_indexed().repair(&by(), &RepairOptions { dry_run: true, ..options }).unwrap();
    assert_eq!(snapshot(&pool.root()), before);
    let done = pool.open_indexed().repair(&by(), &options).unwrap();
    assert_eq!((dry.lost, dry.restored.len()), (done.lost.clone(), done.restored.len()));
    assert_eq!((done.lost.as_slice(), done.restored.len()), (&[(4, 4)][..], 1));
}

#[test]
fn what_is_not_found_may_have_been_lost_and_the_hint_says_so() {
    let pool = pool();
    let hint = |pool: &Pool| pool.open().catalog().unwrap().resolve(&reference("zzz")).unwrap_err().hint().unwrap();
    assert!(!hint(&pool).contains("lost"), "{}", hint(&pool));
    wreck(&pool, 2);
    accept(&pool.open());
    assert!(hint(&pool).contains("lost"), "{}", hint(&pool));
}

/// The index holds a declaration that nobody else can read any more.
#[test]
fn an_index_that_remembers_a_lost_declaration_says_what_everybody_says() {
    let pool = pool();
    let original = wreck(&pool, 2);
    accept(&pool.open());
    pool.publish("d", 4);
    // It ends behind the declaration: at its own end it would notice.
    assert_eq!(names(&pool.open_indexed().catalog().unwrap()), ["a:v1", "c:v1", "d:v1"]);
    // The declaration in entry 4 rots, and somebody puts entry 2 back before it is declared lost.
    wreck(&pool, 4);
    overwrite(&pool.entry(2), &original);
    assert_eq!(accept(&pool.open()).lost, [(4, 4)]);
    for registry in [pool.open(), pool.open_indexed(), pool.open_indexed()] {
        let catalog = registry.catalog().unwrap();
        assert_eq!(
            (names(&catalog), catalog.damaged()),
            (["a:v1", "b:v1", "c:v1", "d:v1"].map(str::to_owned).to_vec(), &[][..])
        );
        assert_eq!(catalog.notice(), None);
    }
    assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
}

/// A file that shows up late on a network file system, or a device that fails for a moment.
#[test]
fn an_entry_that_can_be_read_after_a_moment_is_not_given_up() {
    let pool = pool();
    let original = wreck(&pool, 2);
    wreck(&pool, 3);
    let repaired = std::thread::scope(|threads| {
        threads.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            let beside = pool.file("late");
            fs::write(&beside, &original).unwrap();
            fs::rename(&beside, pool.entry(2)).unwrap();
        });
        let options = RepairOptions { accept_loss: true, pause: Duration::from_secs(2), ..RepairOptions::default() };
        pool.open().repair(&by(), &options).unwrap()
    });
    assert_eq!(repaired.lost, [(3, 3)]);
    assert_eq!(names(&pool.open().catalog().unwrap()), ["a:v1", "b:v1"]);
}
