//! Putting back the end of the log while somebody publishes, stopped and killed anywhere.

use object_store::memory::InMemory;

use super::Actor;
use crate::faults::{by, empty_store, publish, registry};
use crate::storage::Storage;
use crate::{RepairOptions, schema};

/// A registry that has lost the last of two entries, and a copy of it that has both.
fn cut() -> (InMemory, InMemory) {
    let store = empty_store();
    let registry = registry(Box::new(store.clone()));
    publish(&registry, "first").unwrap();
    publish(&registry, "second").unwrap();
    let copy = store.fork();
    Storage::in_store(Box::new(store.clone())).remove(&schema::entry(2)).unwrap();
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
        for kill in [false, true] {
            let case = format!("{i}, {j}, killed: {kill}");
            let (store, copy) = cut();
            let (repair, publisher) = (repairer(&store, copy), Actor::publisher(&store));
            repair.turnstile.grant(i);
            publisher.turnstile.grant(j);
            let repaired = if kill { repair.kill() } else { repair.finish().0 };
            assert!(kill || repaired, "{case}");
            assert!(publisher.finish().0, "{case}");
            let registry = registry(Box::new(store));
            let catalog = registry.catalog().unwrap();
            assert!(catalog.resolve(&"again".parse().unwrap()).is_ok(), "{case}");
            assert_eq!(registry.verify(&|_| ()).unwrap().problems, [], "{case}");
            ends[usize::from(catalog.resolve(&"second".parse().unwrap()).is_ok())] += 1;
        }
    }
    assert!(ends.iter().all(|&cases| cases > 0), "one of them is never first: {ends:?}");
}
