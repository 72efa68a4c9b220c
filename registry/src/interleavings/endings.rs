//! Putting back the end of the log while somebody publishes, stopped and killed anywhere.

use object_store::memory::InMemory;

use super::Actor;
use crate::faults::{by, empty_store, publish, registry};
use crate::storage::Storage;
use crate::{RepairOptions, schema};

/// A registry that has lost what follows its first entry, and a copy of it that has all four.
fn cut() -> (InMemory, InMemory) {
    let store = empty_store();
    let registry = registry(Box::new(store.clone()));
    for name in ["first", "second", "third", "fourth"] {
        publish(&registry, name).unwrap();
    }
    let copy = store.fork();
    for number in 2..=4 {
        Storage::in_store(Box::new(store.clone())).remove(&schema::entry(number)).unwrap();
    }
    (store, copy)
}

fn repairer(store: &InMemory, copy: InMemory) -> Actor {
    Actor::new(store, move |broken| {
        let from = [registry(Box::new(copy))];
        let options = RepairOptions { from: &from, ..RepairOptions::default() };
        broken.repair(&by(), &options).map(|_| ()).map_err(|stopped| *stopped.cause)
    })
}

/// Whoever is first has the number; a repair that replaced what it finds there would undo a publish that was acknowledged.
#[test]
fn what_somebody_publishes_while_the_end_of_the_log_comes_back_stays() {
    let (store, copy) = cut();
    let repairs = repairer(&store, copy).finish().1;
    let publishes = Actor::publisher(&cut().0).finish().1;
    let mut ends = [0; 2];
    for (i, j) in (0..=repairs).flat_map(|i| (0..=publishes).map(move |j| (i, j))) {
        let case = format!("{i}, {j}");
        let (store, copy) = cut();
        let (repair, publisher) = (repairer(&store, copy), Actor::publisher(&store));
        repair.turnstile.grant(i);
        publisher.turnstile.grant(j);
        assert!(repair.finish().0, "{case}");
        // While there is a gap, writers are refused.
        let acknowledged = publisher.finish().0;
        let registry = registry(Box::new(store));
        assert_eq!(registry.verify(&|_| ()).unwrap().problems, [], "{case}");
        let catalog = registry.catalog().unwrap();
        let is_there = |name: &str| catalog.resolve(&name.parse().unwrap()).is_ok();
        assert_eq!(acknowledged, is_there("again"), "{case}");
        assert_eq!(is_there("second"), is_there("fourth"), "all of it or none: {case}");
        assert!(acknowledged || is_there("second"), "{case}");
        ends[usize::from(is_there("second"))] += 1;
    }
    assert!(ends.iter().all(|&cases| cases > 0), "one of them is never first: {ends:?}");
}

/// A log that is cut looks whole, and somebody would go on from there.
#[test]
fn a_log_whose_end_comes_back_is_whole_or_damaged_and_never_shorter_wherever_that_is_interrupted() {
    let (store, copy) = cut();
    let repairs = repairer(&store, copy).finish().1;
    let mut gaps = 0;
    for step in 0..=repairs {
        let (store, copy) = cut();
        let repair = repairer(&store, copy.fork());
        repair.turnstile.grant(step);
        repair.kill();
        let broken = registry(Box::new(store.clone()));
        let catalog = broken.catalog().unwrap();
        assert!([1, 4].contains(&catalog.entries()), "{step}: it ends with entry {}", catalog.entries());
        gaps += usize::from(!catalog.damaged().is_empty());
        assert!(repairer(&store, copy).finish().0, "{step}");
        let registry = registry(Box::new(store));
        assert_eq!(registry.verify(&|_| ()).unwrap().problems, [], "{step}");
        assert_eq!(registry.catalog().unwrap().entries(), 4, "{step}");
    }
    assert!(gaps > 0);
}
