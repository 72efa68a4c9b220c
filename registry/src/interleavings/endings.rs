//! Putting back the end of the log while somebody publishes, repairs or gives up, stopped and killed anywhere.

use std::time::Duration;

use object_store::memory::InMemory;

use super::Actor;
use crate::faults::{by, empty_store, publish, registry};
use crate::fence::Held;
use crate::storage::Storage;
use crate::{RepairOptions, log, schema};

/// What was published under these names, one log entry each.
const NAMES: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

fn files(store: &InMemory) -> Storage {
    Storage::in_store(Box::new(store.clone()))
}

/// Leaves the first entries of a log alone, and gives what was there before as a copy.
fn cut(store: InMemory) -> (InMemory, InMemory) {
    let copy = store.fork();
    let last = registry(Box::new(store.clone())).catalog().unwrap().entries();
    for number in 2..=last {
        files(&store).remove(&schema::entry(number)).unwrap();
    }
    (store, copy)
}

/// A registry that has lost what follows its first entry, and a copy of it that has all.
fn whole() -> (InMemory, InMemory) {
    let store = empty_store();
    let registry = registry(Box::new(store.clone()));
    for name in NAMES {
        publish(&registry, name).unwrap();
    }
    cut(store)
}

/// The same, where the copy has lost the entries of these numbers, says so, and went on.
fn after_loss(numbers: &[u64]) -> (InMemory, InMemory) {
    let store = empty_store();
    let registry = registry(Box::new(store.clone()));
    for name in NAMES.iter().take(4) {
        publish(&registry, name).unwrap();
    }
    for &number in numbers {
        files(&store).replace(&schema::entry(number), b"rubbish".to_vec()).unwrap();
    }
    registry.accept_loss(&by(), Duration::ZERO).unwrap();
    publish(&registry, "fifth").unwrap();
    cut(store)
}

/// A registry that has lost its end, and a copy of it.
type Make = fn() -> (InMemory, InMemory);

/// Every kind of end that there is to put back, and how many entries its log has.
fn ends() -> Vec<(&'static str, Make, u64)> {
    vec![
        ("whole", whole, 5),
        ("2 lost", || after_loss(&[2]), 6),
        ("3 lost", || after_loss(&[3]), 6),
        ("4 lost", || after_loss(&[4]), 6),
        ("2 and 3 lost", || after_loss(&[2, 3]), 6),
        ("3 and 4 lost", || after_loss(&[3, 4]), 6),
    ]
}

/// All pairs of two numbers up to these; unless `ESMHUB_TEST_ROUNDS` is set, a part of them, another one for each kind of end.
fn pairs(end: &str, first: usize, second: usize) -> impl Iterator<Item = (usize, usize)> {
    let every = if std::env::var_os("ESMHUB_TEST_ROUNDS").is_some() { 1 } else { 11 };
    let all = (0..=first).flat_map(move |i| (0..=second).map(move |j| (i, j)));
    all.enumerate().skip(end.len() % every).step_by(every).map(|(_, pair)| pair)
}

fn repairer(store: &InMemory, copy: InMemory) -> Actor {
    Actor::new(store, move |broken| {
        let from = [registry(Box::new(copy))];
        let options = RepairOptions { from: &from, ..RepairOptions::default() };
        broken.repair(&by(), &options).map(|_| ()).map_err(|stopped| *stopped.cause)
    })
}

fn acceptor(store: &InMemory) -> Actor {
    Actor::new(store, |registry| registry.accept_loss(&by(), Duration::ZERO).map(|_| ()))
}

/// Whether a name can be used.
fn is_there(store: &InMemory, name: &str) -> bool {
    registry(Box::new(store.clone())).catalog().unwrap().resolve(&name.parse().unwrap()).is_ok()
}

/// Lets the first one make `turns.0` requests, the second one `turns.1`; then the first one is killed, or ends as it wants to.
#[track_caller]
fn meet(first: Actor, second: &Actor, turns: (usize, usize), kill: bool, case: &str) {
    first.turnstile.grant(turns.0);
    second.turnstile.grant(turns.1);
    if kill {
        first.kill();
    } else {
        assert!(first.finish().0, "{case}");
    }
}

/// Nothing is damaged, what was acknowledged is there, and the next one can publish.
#[track_caller]
fn assert_sound(store: &InMemory, acknowledged: bool, case: &str) {
    let registry = registry(Box::new(store.clone()));
    assert_eq!(registry.verify(&|_| ()).unwrap().problems, [], "{case}");
    assert_eq!(acknowledged, is_there(store, "again"), "{case}");
    assert!(is_there(store, "first"), "{case}");
    publish(&registry, "later").unwrap();
}

/// Who knows an entry from an index goes on behind it, and must find all that follows, or a fence.
#[track_caller]
fn assert_no_step_leads_astray(store: &InMemory, last: u64, case: &str) {
    let files = files(store);
    // Behind the fence in the second place.
    let is_back = |number: &u64| matches!(log::read(&files, *number), Ok(Some(_)));
    for behind in (3..=last).filter(is_back).flat_map(|number| number + 1..=last) {
        let is_fenced = matches!(Held::read(&files, behind), Ok(Some(Held::Fence(_))));
        let is_there = files.size(&schema::entry(behind)).unwrap().is_some();
        assert!(is_there && !is_fenced, "{case}: entry {behind} is not back, but one before it is");
    }
}

/// Whoever is first has the number; a repair that replaced what it finds there would undo a publish that was acknowledged.
#[test]
fn what_somebody_publishes_while_the_end_of_the_log_comes_back_stays() {
    for (end, make, entries) in ends() {
        let (store, copy) = make();
        let repairs = repairer(&store, copy).finish().1;
        let publishes = Actor::publisher(&make().0).finish().1;
        let mut cases = [0; 2];
        for (i, j) in pairs(end, repairs, publishes) {
            let case = format!("{end}: {i}, {j}");
            let (store, copy) = make();
            let (repair, publisher) = (repairer(&store, copy), Actor::publisher(&store));
            repair.turnstile.grant(i);
            publisher.turnstile.grant(j);
            assert!(repair.finish().0, "{case}");
            // Until all is back, writers are refused.
            let acknowledged = publisher.finish().0;
            let is_back = is_there(&store, "fifth");
            let found = registry(Box::new(store.clone())).catalog().unwrap().entries();
            // An empty entry is in the place of each fence.
            let expected = if is_back { entries..=entries + u64::from(acknowledged) } else { 2..=5 };
            assert!(expected.contains(&found) && (acknowledged || is_back), "all of it or none: {case}: {found}");
            assert_sound(&store, acknowledged, &case);
            cases[usize::from(is_back)] += 1;
        }
        assert!(cases.iter().all(|&cases| cases > 0), "{end}: one of them is never first: {cases:?}");
    }
}

/// A log that is cut looks whole, and somebody would go on from there.
#[test]
fn a_log_whose_end_comes_back_is_whole_or_damaged_and_never_shorter_wherever_that_is_interrupted() {
    for (end, make, entries) in ends() {
        let (store, copy) = make();
        let repairs = repairer(&store, copy).finish().1;
        let mut damaged = 0;
        for step in 0..=repairs {
            let case = format!("{end}: killed at {step}");
            let (store, copy) = make();
            let repair = repairer(&store, copy.fork());
            repair.turnstile.grant(step);
            repair.kill();
            let broken = registry(Box::new(store.clone()));
            let catalog = broken.catalog().unwrap();
            let is_damaged = !catalog.damaged().is_empty();
            assert!(
                is_damaged || [1, entries].contains(&catalog.entries()),
                "{case}: it ends with {}",
                catalog.entries()
            );
            damaged += usize::from(is_damaged);
            assert_no_step_leads_astray(&store, entries, &case);
            assert!(repairer(&store, copy).finish().0, "{case}");
            assert_eq!(registry(Box::new(store.clone())).catalog().unwrap().entries(), entries, "{case}");
            assert_sound(&store, false, &case);
        }
        assert!(damaged > 2, "{end}");
    }
}

/// Who has listed the log before a repair began goes on reading when it was killed, and when another one has ended.
#[test]
fn who_began_to_publish_before_a_repair_that_was_killed_harms_nothing_and_is_not_harmed() {
    for (end, make, _) in ends() {
        let (store, copy) = make();
        let repairs = repairer(&store, copy).finish().1;
        let publishes = Actor::publisher(&make().0).finish().1;
        for (i, j) in pairs(end, repairs, publishes) {
            for publisher_first in [false, true] {
                let case = format!("{end}: {i}, {j}, {publisher_first}");
                let (store, copy) = make();
                let publisher = Actor::publisher(&store);
                publisher.turnstile.grant(j);
                let repair = repairer(&store, copy.fork());
                repair.turnstile.grant(i);
                repair.kill();
                let acknowledged = match publisher_first {
                    true => {
                        let (acknowledged, _) = publisher.finish();
                        assert!(repairer(&store, copy).finish().0, "{case}");
                        acknowledged
                    }
                    false => {
                        assert!(repairer(&store, copy).finish().0, "{case}");
                        publisher.finish().0
                    }
                };
                assert!(acknowledged || is_there(&store, "fifth"), "{case}");
                assert_sound(&store, acknowledged, &case);
            }
        }
    }
}

#[test]
fn two_repairs_of_the_end_of_a_log_that_meet_anywhere_put_it_back_once() {
    for (end, make, entries) in ends() {
        let (store, copy) = make();
        let repairs = repairer(&store, copy).finish().1;
        for (i, j) in pairs(end, repairs, repairs) {
            for kill in [false, true] {
                let case = format!("{end}: {i}, {j}, killed: {kill}");
                let (store, copy) = make();
                let [first, second] = [repairer(&store, copy.fork()), repairer(&store, copy.fork())];
                meet(first, &second, (i, j), kill, &case);
                assert!(second.finish().0, "{case}");
                let found = registry(Box::new(store.clone())).catalog().unwrap().entries();
                assert_eq!(found, entries, "{case}");
                assert_sound(&store, false, &case);
            }
        }
    }
}

/// Of two copies that went different ways, the log goes one of them.
#[test]
fn two_repairs_from_copies_that_went_different_ways_leave_one_of_them() {
    for (end, make, _) in ends() {
        // One entry more needs no fence, several do.
        for others in [&["other"][..], &["other", "and-another", "and-one-more"]] {
            let make = || {
                let (store, copy) = make();
                let other = store.fork();
                for name in others {
                    publish(&registry(Box::new(other.clone())), name).unwrap();
                }
                (store, copy, other)
            };
            let (store, copy, other) = make();
            let [one, two] = [copy, other].map(|copy| repairer(&store.fork(), copy).finish().1);
            let mut ways = [0; 2];
            for (i, j) in pairs(end, one, two) {
                for kill in [false, true] {
                    let case = format!("{end}: {others:?}: {i}, {j}, killed: {kill}");
                    let (store, copy, other) = make();
                    let [first, second] = [repairer(&store, copy.fork()), repairer(&store, other.fork())];
                    meet(first, &second, (i, j), kill, &case);
                    assert!(second.finish().0, "{case}");
                    assert!(repairer(&store, copy).finish().0, "{case}");
                    let way = ["fifth", others.last().unwrap()].map(|name| is_there(&store, name));
                    assert!(way[0] != way[1], "{case}: {way:?}");
                    assert_eq!(is_there(&store, "other"), way[1], "{case}");
                    assert_sound(&store, false, &case);
                    ways[usize::from(way[1])] += 1;
                }
            }
            assert!(ways.iter().all(|&cases| cases > 0), "{end}: {others:?}: {ways:?}");
        }
    }
}

/// Who gives up what is being put back at that moment may lose it, but never more, and the log stays sound.
#[test]
fn a_loss_that_is_accepted_while_the_end_comes_back_leaves_a_sound_log() {
    for (end, make, _) in ends() {
        let (store, copy) = make();
        let repairs = repairer(&store, copy).finish().1;
        let accepts = acceptor(&whole().1).finish().1 + 12;
        for (i, j) in pairs(end, repairs, accepts) {
            for kill in [false, true] {
                let case = format!("{end}: {i}, {j}, killed: {kill}");
                let (store, copy) = make();
                let repair = repairer(&store, copy.fork());
                repair.turnstile.grant(i);
                let accept = acceptor(&store);
                accept.turnstile.grant(j);
                if kill {
                    repair.kill();
                } else {
                    assert!(repair.finish().0, "{case}");
                }
                accept.finish();
                assert!(repairer(&store, copy).finish().0, "{case}");
                assert!(acceptor(&store).finish().0, "{case}");
                assert_sound(&store, false, &case);
            }
        }
    }
}

/// Whoever published in its place would be between two histories.
#[test]
fn the_place_of_an_entry_that_a_copy_lacks_is_held_until_another_copy_has_it() {
    for lacks in [vec![3], vec![4], vec![3, 4]] {
        let make = || {
            let (store, copy) = whole();
            let partial = copy.fork();
            for &number in &lacks {
                files(&partial).remove(&schema::entry(number)).unwrap();
            }
            (store, partial, copy)
        };
        let (store, partial, _) = make();
        let repairs = repairer(&store, partial).finish().1;
        let publishes = Actor::publisher(&make().0).finish().1;
        for (i, j) in pairs("", repairs, publishes) {
            for kill in [false, true] {
                let case = format!("{lacks:?}: {i}, {j}, killed: {kill}");
                let (store, partial, copy) = make();
                let (repair, publisher) = (repairer(&store, partial), Actor::publisher(&store));
                meet(repair, &publisher, (i, j), kill, &case);
                let acknowledged = publisher.finish().0;
                assert!(repairer(&store, copy).finish().0, "{case}");
                assert!(acknowledged || is_there(&store, "fifth"), "{case}");
                assert_sound(&store, acknowledged, &case);
            }
        }
    }
}
