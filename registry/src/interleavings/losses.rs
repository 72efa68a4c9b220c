//! Accepting a loss beside others, stopped and killed anywhere.

use std::time::Duration;

use object_store::memory::InMemory;

use super::Actor;
use crate::faults::{by, empty_store, publish, registry};
use crate::schema;
use crate::storage::Storage;

/// A registry of two references; the entry of the first one is rubbish.
fn wrecked() -> InMemory {
    let store = empty_store();
    let registry = registry(Box::new(store.clone()));
    publish(&registry, "first").unwrap();
    publish(&registry, "second").unwrap();
    let files = Storage::in_store(Box::new(store.clone()));
    files.remove(&schema::entry(1)).unwrap();
    files.create(&schema::entry(1), b"rubbish".to_vec()).unwrap();
    store
}

fn acceptor(store: &InMemory) -> Actor {
    Actor::new(store, |registry| registry.accept_loss(&by(), Duration::ZERO).map(|_| ()))
}

/// A publisher may be refused while the loss is not accepted yet; what it was told holds all the same.
#[test]
fn losses_that_are_accepted_while_others_publish_or_accept_them_leave_one_sound_log() {
    let accept = acceptor(&wrecked()).finish().1;
    for (other, publishes) in [(Actor::publisher as fn(&InMemory) -> Actor, true), (acceptor, false)] {
        for (i, j) in (0..=accept).flat_map(|i| (0..=accept).map(move |j| (i, j))) {
            for kill in [false, true] {
                let case = format!("{i}, {j}, killed: {kill}");
                let store = wrecked();
                let (first, second) = (acceptor(&store), other(&store));
                first.turnstile.grant(i);
                second.turnstile.grant(j);
                let accepted = if kill { first.kill() } else { first.finish().0 };
                let (acknowledged, _) = second.finish();
                assert!(kill || accepted, "{case}");
                assert!(acceptor(&store).finish().0, "{case}");
                let registry = registry(Box::new(store.clone()));
                let catalog = registry.catalog().unwrap();
                let is_there = |name: &str| catalog.resolve(&name.parse().unwrap()).is_ok();
                assert!(!is_there("first") && is_there("second"), "{case}");
                assert!(!publishes || acknowledged == is_there("again"), "{case}");
                assert_eq!(registry.verify(&|_| ()).unwrap().problems, [], "{case}");
                assert_eq!(catalog.lost().collect::<Vec<_>>(), [(1, 1)], "{case}");
            }
        }
    }
}

/// Otherwise whoever stands before the gap takes it for the end of the log, and does not see what follows it.
#[test]
fn no_declaration_stands_before_what_holds_the_place_of_the_missing_entry() {
    let files = |store: &InMemory| Storage::in_store(Box::new(store.clone()));
    let gap = || {
        let store = wrecked();
        files(&store).remove(&schema::entry(1)).unwrap();
        store
    };
    let is_there = |store: &InMemory, number| files(store).size(&schema::entry(number)).unwrap().is_some();
    let steps = acceptor(&gap()).finish().1;
    for step in 0..=steps {
        let store = gap();
        let accept = acceptor(&store);
        accept.turnstile.grant(step);
        accept.kill();
        assert!(is_there(&store, 1) || !is_there(&store, 3), "killed at {step}");
        assert!(acceptor(&store).finish().0, "killed at {step}");
        assert_eq!(registry(Box::new(store)).verify(&|_| ()).unwrap().problems, [], "killed at {step}");
    }
}
