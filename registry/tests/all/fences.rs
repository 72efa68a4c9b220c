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
    assert!(found.len() == 1 && found[0].contains("had no copy of this entry"), "{found:?}");
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

/// What a repair leaves when it is stopped, step by step, as SPEC.md orders them: the numbers that are fenced, and those that are back.
fn states_of_a_stopped_repair(last: u64) -> Vec<(Vec<u64>, Vec<u64>)> {
    let mut states = vec![(vec![3], vec![])];
    states.extend((3..=last).map(|fenced| ((3..=fenced).collect(), vec![2])));
    states.extend((3..=last).rev().map(|back| ((3..back).collect(), [2].into_iter().chain(back..=last).collect())));
    states
}

/// Somebody whose index knows more of the log than can be read there goes on behind all of it, or not at all.
#[test]
fn an_index_does_not_lead_past_the_fence_of_a_repair_that_was_stopped() {
    let (whole, _) = twins();
    for (name, seed) in [("d", 4), ("e", 5), ("f", 6)] {
        whole.publish(name, seed);
    }
    let mut published = 0;
    for known in 1..=6 {
        for (fenced, back) in states_of_a_stopped_repair(6) {
            let case = format!("index up to {known}, fenced {fenced:?}, back {back:?}");
            let (pool, copy) = (Pool::new(), Pool::new());
            for at in [&pool, &copy] {
                fs::remove_dir_all(at.root()).unwrap();
                copy_folder(&whole.root(), &at.root());
            }
            for number in known + 1..=6 {
                fs::remove_file(pool.entry(number)).unwrap();
            }
            assert_eq!(pool.open_indexed().catalog().unwrap().entries(), known);
            for number in 2..=known {
                fs::remove_file(pool.entry(number)).unwrap();
            }
            for number in fenced {
                fs::write(pool.entry(number), fence(digest_of(&copy, number - 1), digest_of(&copy, number))).unwrap();
            }
            for number in back {
                fs::copy(copy.entry(number), pool.entry(number)).unwrap();
            }
            let acknowledged = publish(&pool.open_indexed(), &[esm("own", 9)]).is_ok();
            published += u64::from(acknowledged);
            let repaired = repair(&pool.open(), &[copy.open()]);
            assert!(repaired.untaken.is_empty() && repaired.unresolved.is_empty(), "{case}: {repaired:?}");
            assert_eq!(problems(&pool), Vec::<String>::new(), "{case}");
            let catalog = pool.open().catalog().unwrap();
            assert_eq!(catalog.entries(), 6 + u64::from(acknowledged), "{case}");
            assert_eq!(catalog.resolve(&reference("own")).is_ok(), acknowledged, "{case}");
        }
    }
    assert!(published > 0, "all were refused");
}

/// One source alone would end the log where the other goes on.
#[test]
fn the_longest_of_several_sources_counts_whatever_their_order() {
    for index_first in [false, true] {
        let (pool, [long, short]) = cut_of_five();
        fs::remove_file(long.entry(2)).unwrap();
        for number in [4, 5] {
            fs::remove_file(short.entry(number)).unwrap();
        }
        let from = if index_first { [short.open(), long.open()] } else { [long.open(), short.open()] };
        let repaired = repair(&pool.open(), &from);
        assert_eq!((repaired.restored.len(), repaired.untaken.len()), (4, 0), "{repaired:?}");
        assert_eq!(pool.open().catalog().unwrap().entries(), 5);
    }
}

/// Entry 3 is whole here; a copy that lost it goes on with a declaration of that, which another copy of the same lacks.
#[test]
fn no_copies_together_undo_what_can_be_read_here() {
    for together in [false, true] {
        let (pool, [with, without]) = cut_of_five();
        for (number, other) in [(2, &with), (3, &with)] {
            fs::copy(other.entry(number), pool.entry(number)).unwrap();
        }
        overwrite(&with.entry(3), b"rubbish");
        fs::remove_file(with.entry(5)).unwrap();
        let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
        assert_eq!(with.open().repair(&by(), &options).unwrap().lost, [(3, 3)]);
        with.publish("g", 7);
        fs::remove_dir_all(without.root()).unwrap();
        copy_folder(&with.root(), &without.root());
        fs::remove_file(without.entry(5)).unwrap();
        match together {
            true => drop(repair(&pool.open(), &[without.open(), with.open()])),
            false => {
                repair(&pool.open(), &[without.open()]);
                repair(&pool.open(), &[with.open()]);
            }
        }
        let catalog = pool.open().catalog().unwrap();
        assert!(catalog.resolve(&reference("c:v1")).is_ok(), "together: {together}");
        assert_eq!(catalog.lost().count(), 0);
    }
}

/// A backup that went on after another registry had lost its entry 3, beside the one that did not.
#[test]
fn no_copies_together_join_two_histories() {
    let (pool, [one, other]) = cut_of_five();
    for number in [2, 3] {
        fs::remove_file(one.entry(number)).unwrap();
    }
    let registry = one.root();
    fs::rename(one.entry(4), registry.join("4")).unwrap();
    fs::rename(one.entry(5), registry.join("5")).unwrap();
    one.publish("own", 9);
    fs::rename(registry.join("4"), one.entry(4)).unwrap();
    fs::rename(registry.join("5"), one.entry(5)).unwrap();
    for from in [[one.open(), other.open()], [other.open(), one.open()]] {
        repair(&pool.open(), &from);
        let damaged = problems(&pool);
        assert!(!damaged.iter().any(|problem| problem.contains("it follows")), "{damaged:?}");
        for number in 2..=5 {
            let _ = fs::remove_file(pool.entry(number));
        }
    }
}

#[test]
fn a_backup_that_was_made_during_a_repair_is_no_whole_one() {
    let (pool, copy) = stopped();
    fs::copy(copy.entry(2), pool.entry(2)).unwrap();
    let (target, _) = cut();
    fs::remove_dir_all(target.root()).unwrap();
    copy_folder(&copy.root(), &target.root());
    fs::remove_file(target.entry(3)).unwrap();
    let repaired = repair(&target.open(), &[pool.open()]);
    assert_eq!(repaired.untaken.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [3]);
}

/// It would have been declared lost, and nobody told before.
#[test]
fn a_dry_run_says_that_an_entry_would_be_lost_that_no_copy_has() {
    let (pool, [first, _]) = cut_of_five();
    fs::remove_file(first.entry(3)).unwrap();
    let from = [first.open()];
    let options = RepairOptions { accept_loss: true, from: &from, ..RepairOptions::default() };
    let dry = pool.open().repair(&by(), &RepairOptions { dry_run: true, ..options }).unwrap();
    let done = pool.open().repair(&by(), &options).unwrap();
    assert_eq!((&dry.lost, &dry.restored), (&done.lost, &done.restored));
    assert_eq!(done.lost, [(3, 3)]);
}

/// One file of some kilobytes, which names the same entries again and again.
#[test]
fn an_entry_that_declares_much_lost_costs_no_more_than_the_log_has() {
    let (pool, copy) = cut();
    let record = |_| {
        let loss = esmhub_store_format::log::Loss::new(vec![(1_000, 60_000)]).unwrap();
        esmhub_store_format::log::Action::Loss(loss).to_record().unwrap()
    };
    fs::remove_file(copy.entry(3)).unwrap();
    copy.append((0..30_000).map(record).collect());
    let from = [copy.open()];
    assert_eq!(repair(&pool.open(), &from).restored.len(), 2);
}

/// Of its own history it has what comes two entries later, and would lead the log there.
#[test]
fn a_copy_that_went_another_way_says_nothing_of_what_the_right_one_lacks() {
    let (pool, [right, fork]) = cut_of_five();
    for number in [3, 4, 5] {
        fs::remove_file(fork.entry(number)).unwrap();
    }
    for (name, seed) in [("x", 11), ("y", 12), ("z", 13)] {
        fork.publish(name, seed);
    }
    fs::remove_file(fork.entry(3)).unwrap();
    fs::remove_file(right.entry(4)).unwrap();
    let repaired = repair(&pool.open(), &[fork.open(), right.open()]);
    assert_eq!(repaired.unresolved, places(&[4]));
    assert_eq!(digest_of(&pool, 5), digest_of(&right, 5));
}

/// Its declaration would undo what can be read here, and is not taken; so nothing here says that its other loss is one.
#[test]
fn no_place_is_held_for_a_loss_that_nobody_here_declares() {
    let (pool, [copy, _]) = cut_of_five();
    for number in [2, 3] {
        fs::copy(copy.entry(number), pool.entry(number)).unwrap();
    }
    for number in [2, 4] {
        overwrite(&copy.entry(number), b"rubbish");
    }
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    assert_eq!(copy.open().repair(&by(), &options).unwrap().lost, [(2, 2), (4, 4)]);
    let repaired = repair(&pool.open(), &[copy.open()]);
    assert_eq!((repaired.restored.len(), repaired.untaken.len()), (0, 1), "{repaired:?}");
    assert_eq!(problems(&pool), Vec::<String>::new());
    assert_eq!(pool.open().catalog().unwrap().entries(), 3);
}

/// The next entry states it, but it belongs to another history than the one before.
#[test]
fn an_entry_that_joins_on_one_side_alone_is_not_put_back() {
    let (pool, [other, _]) = cut_of_five();
    pool.publish("own", 9);
    fs::write(pool.entry(3), b"rubbish").unwrap();
    fs::copy(other.entry(4), pool.entry(4)).unwrap();
    let before = fs::read(pool.entry(3)).unwrap();
    let repaired = repair(&pool.open(), &[other.open()]);
    assert_eq!(repaired.unresolved, places(&[3]));
    assert_eq!(fs::read(pool.entry(3)).unwrap(), before);
}

/// Whoever made the fence may be about to put its entry there.
#[test]
fn giving_up_puts_nothing_else_in_the_place_of_a_fence() {
    let (pool, copy) = stopped();
    fs::copy(copy.entry(2), pool.entry(2)).unwrap();
    fs::remove_file(copy.entry(3)).unwrap();
    copy.publish("own", 9);
    let from = [copy.open()];
    let options = RepairOptions { accept_loss: true, from: &from, ..RepairOptions::default() };
    let repaired = pool.open().repair(&by(), &options).unwrap();
    assert_eq!((repaired.restored.len(), repaired.lost.as_slice()), (0, &[(3, 3)][..]), "{repaired:?}");
    assert_eq!(problems(&pool), Vec::<String>::new());
}

/// Nobody has seen them in the log yet, and they must be there before it is called whole.
#[test]
fn a_dry_run_names_the_objects_that_entries_behind_the_end_will_need() {
    let (pool, copy) = cut();
    let [_, b, _] = [1, 2, 3].map(|seed| object(seed).digest());
    for at in [&pool, &copy] {
        fs::remove_file(at.object(&b)).unwrap();
    }
    let from = [copy.open()];
    let options = RepairOptions { dry_run: true, from: &from, ..RepairOptions::default() };
    let dry = pool.open().repair(&by(), &options).unwrap();
    assert_eq!((&dry.unresolved, dry.unresolved.len()), (&repair(&pool.open(), &from).unresolved, 1));
}

/// It has what is behind the entry that it lacks, and must be able to end what it began, wherever it was stopped.
#[test]
fn a_repair_from_a_copy_that_lacks_an_entry_is_ended_by_the_same_copy() {
    for fenced in 3..=5 {
        let (pool, [copy, whole]) = cut_of_five();
        fs::copy(copy.entry(2), pool.entry(2)).unwrap();
        for number in 3..=fenced {
            fs::write(pool.entry(number), fence(digest_of(&whole, number - 1), digest_of(&whole, number))).unwrap();
        }
        fs::remove_file(copy.entry(3)).unwrap();
        let repaired = repair(&pool.open(), &[copy.open()]);
        assert_eq!((repaired.restored.len(), &repaired.unresolved), (2, &places(&[3])), "{fenced}");
        assert_eq!(repair(&pool.open(), &[whole.open()]).restored.len(), 1);
        assert_eq!(problems(&pool), Vec::<String>::new());
    }
}

/// The fence of the one stands; the other comes first, or is this user's own index.
#[test]
fn a_fence_decides_which_of_several_histories_comes_back() {
    for back in [vec![], vec![2]] {
        for order in [false, true] {
            let (pool, [right, fork]) = cut_of_five();
            for number in 2..=5 {
                fs::remove_file(fork.entry(number)).unwrap();
            }
            for (name, seed) in [("x", 11), ("y", 12), ("z", 13)] {
                fork.publish(name, seed);
            }
            for number in &back {
                fs::copy(right.entry(*number), pool.entry(*number)).unwrap();
            }
            fs::write(pool.entry(3), fence(digest_of(&right, 2), digest_of(&right, 3))).unwrap();
            assert_eq!(repair(&pool.open(), &[fork.open()]).restored, [], "{back:?}");
            let from = if order { [right.open(), fork.open()] } else { [fork.open(), right.open()] };
            let repaired = repair(&pool.open(), &from);
            assert_eq!(
                (repaired.restored.len(), repaired.untaken.len()),
                (4 - back.len(), 1),
                "{back:?}: {repaired:?}"
            );
            assert_eq!(problems(&pool), Vec::<String>::new());
            assert_eq!(digest_of(&pool, 5), digest_of(&right, 5));
        }
    }
}

/// One copy has entry 3, the other lost it and says so later: what the first one gives is not to be undone by the second.
#[test]
fn copies_give_the_same_together_as_one_after_the_other() {
    let mut ends = Vec::new();
    for together in [false, true] {
        let (pool, [first, second]) = cut_of_five();
        overwrite(&second.entry(3), b"rubbish");
        let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
        assert_eq!(second.open().repair(&by(), &options).unwrap().lost, [(3, 3)]);
        match together {
            true => drop(repair(&pool.open(), &[first.open(), second.open()])),
            false => {
                repair(&pool.open(), &[first.open()]);
                repair(&pool.open(), &[second.open()]);
            }
        }
        assert_eq!(problems(&pool), Vec::<String>::new());
        assert!(pool.open().catalog().unwrap().resolve(&reference("c")).is_ok(), "together: {together}");
        ends.push(pool.open().catalog().unwrap().entries());
    }
    assert_eq!(ends, [5, 5]);
}

/// The older one knew the damaged entry by what states it, the newer one declares it lost.
#[test]
fn a_copy_from_before_a_declaration_and_one_from_after_it_end_each_others_repairs() {
    for fenced in 3..=5 {
        let (pool, [old, new]) = cut_of_five();
        let digest = |number: u64| digest_of(&new, number);
        let (two, fences) =
            (new.entry(2), (3..=fenced).map(|at| fence(digest(at - 1), digest(at))).collect::<Vec<_>>());
        fs::copy(two, pool.entry(2)).unwrap();
        for (number, text) in (3..).zip(fences) {
            fs::write(pool.entry(number), text).unwrap();
        }
        fs::remove_file(old.entry(4)).unwrap();
        overwrite(&new.entry(4), b"rubbish");
        let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
        assert_eq!(new.open().repair(&by(), &options).unwrap().lost, [(4, 4)]);
        let repaired = repair(&pool.open(), &[new.open()]);
        assert!(repaired.untaken.is_empty() && repaired.unresolved.is_empty(), "{fenced}: {repaired:?}");
        assert_eq!(problems(&pool), Vec::<String>::new(), "{fenced}");
        assert_eq!(pool.open().catalog().unwrap().esms().count(), 4);
    }
}

/// Two fences of two histories; what comes two entries behind them belongs to one of them alone.
#[test]
fn a_copy_does_not_go_on_behind_the_fence_of_another_history() {
    let (pool, [right, fork]) = cut_of_five();
    for number in 3..=5 {
        fs::remove_file(fork.entry(number)).unwrap();
    }
    for (name, seed) in [("x", 11), ("y", 12)] {
        fork.publish(name, seed);
    }
    fs::copy(right.entry(2), pool.entry(2)).unwrap();
    fs::write(pool.entry(3), fence(digest_of(&right, 2), digest_of(&fork, 3))).unwrap();
    let before = snapshot(&pool.root());
    assert_eq!(repair(&pool.open(), &[right.open()]).restored, []);
    assert_eq!(snapshot(&pool.root()), before);
    // Two entries, and the objects that they need.
    assert_eq!(repair(&pool.open(), &[fork.open()]).restored.len(), 4);
    assert_eq!(problems(&pool), Vec::<String>::new());
}
