//! A registry that goes another way than a user has seen it go: that is said, and what the user's index holds is kept.

use std::fs;
use std::path::PathBuf;

use esmhub_registry::{ErrorKind, Registry, RepairOptions};

use crate::support::*;

/// A pool whose index holds entries 1 to 4, and which was then set back to entry 2.
fn set_back() -> Pool {
    let pool = Pool::new();
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        pool.publish(name, seed);
    }
    assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 4);
    for number in [3, 4] {
        fs::remove_file(pool.entry(number)).unwrap();
    }
    pool
}

fn names(registry: &Registry) -> Vec<String> {
    registry.catalog().unwrap().esms().map(|esm| esm.name().to_string()).collect()
}

/// Indices that were put aside.
fn aside(pool: &Pool) -> Vec<PathBuf> {
    let beside = fs::read_dir(pool.index().parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    beside.filter(|path| path.to_string_lossy().contains("aside")).collect()
}

#[test]
fn an_older_state_that_nobody_went_on_from_comes_back_from_the_index() {
    let pool = set_back();
    let refused = pool.open_indexed().catalog().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Integrity);
    assert!(refused.to_string().contains("entry 2 now"), "{refused}");
    assert!(refused.hint().unwrap().contains(pool.index().to_str().unwrap()));
    assert_eq!(pool.open_indexed().repair(&by(), &RepairOptions::default()).unwrap().restored.len(), 2);
    assert_eq!((names(&pool.open()), aside(&pool).len()), (["a", "b", "c", "d"].map(String::from).to_vec(), 0));
}

/// However far the others are by then: shorter, as long, and longer than what the index holds.
#[test]
fn an_older_state_that_others_went_on_from_is_said_and_costs_no_copy() {
    for theirs in 1..=3 {
        let pool = set_back();
        for at in 0..theirs {
            pool.publish(&format!("other{at}"), 10 + at);
        }
        let catalog = pool.open_indexed().catalog().unwrap();
        let kept = aside(&pool);
        assert_eq!((catalog.entries(), kept.len()), (2 + theirs, 1));
        let notice = catalog.notice().unwrap().to_string();
        for said in [
            "from log entry 3 on",
            "entries 3 to 4",
            "publish c:v1 (ada), publish d:v1 (ada);",
            kept[0].to_str().unwrap(),
        ] {
            assert!(notice.contains(said), "{theirs}: {notice}");
        }
        let again = pool.open_indexed().catalog().unwrap();
        assert_eq!((again.notice(), again.entries()), (None, 2 + theirs), "it is said once");
        // What was put aside is the index as it was.
        fs::remove_dir_all(pool.index()).unwrap();
        fs::rename(&kept[0], pool.index()).unwrap();
        for number in 3..3 + theirs {
            fs::remove_file(pool.entry(number)).unwrap();
        }
        pool.open_indexed().repair(&by(), &RepairOptions::default()).unwrap();
        assert_eq!(names(&pool.open()), ["a", "b", "c", "d"]);
    }
}

#[test]
fn what_is_published_again_is_not_said_to_be_gone() {
    let pool = set_back();
    pool.publish("other", 10);
    pool.publish("d", 4);
    let notice = pool.open_indexed().catalog().unwrap().notice().unwrap().to_string();
    assert!(notice.contains("c:v1") && !notice.contains("d:v1"), "{notice}");
}

/// Somebody who may write to the registry could set it back again and again.
#[test]
fn indices_that_are_put_aside_do_not_fill_a_disk() {
    let pool = Pool::fleeting();
    pool.publish("a", 1);
    let mut counts = Vec::new();
    for round in 0..10 {
        pool.publish("b", 100 + round);
        pool.open_indexed().catalog().unwrap();
        fs::remove_file(pool.entry(2)).unwrap();
        pool.publish("c", 200 + round);
        let catalog = pool.open_indexed().catalog().unwrap();
        assert_eq!((catalog.entries(), catalog.notice().is_some()), (2, true), "{round}");
        fs::remove_file(pool.entry(2)).unwrap();
        counts.push(aside(&pool).len());
        if counts.last() < Some(&8) {
            fs::remove_dir_all(pool.index()).unwrap();
        }
    }
    assert_eq!(counts.last(), Some(&8), "{counts:?}");
}

/// It is not only publishes that somebody was told of.
#[test]
fn what_was_hidden_and_shows_again_is_said_too() {
    let pool = Pool::new();
    pool.publish("a", 1);
    pool.open_indexed().yank(&reference("a:v1"), &by(), false).unwrap();
    fs::remove_file(pool.entry(2)).unwrap();
    pool.publish("other", 9);
    let notice = pool.open_indexed().catalog().unwrap().notice().unwrap().to_string();
    assert!(notice.contains("its entry 2 did is gone: yank a:v1 (ada);"), "{notice}");
}

/// The end of the index is not there to be compared, and the parting lies before it.
#[test]
fn a_parting_is_seen_where_the_entry_at_the_end_of_the_index_cannot_be_read() {
    for lost in [false, true] {
        let pool = set_back();
        for at in 0..2 {
            pool.publish(&format!("other{at}"), 10 + at);
        }
        overwrite(&pool.entry(4), b"rubbish");
        if lost {
            let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
            assert_eq!(pool.open().repair(&by(), &options).unwrap().lost, [(4, 4)]);
        }
        let catalog = pool.open_indexed().catalog().unwrap();
        let notice = catalog.notice().unwrap().to_string();
        assert!(notice.contains("from log entry 3 on") && aside(&pool).len() == 1, "lost: {lost}: {notice}");
    }
}

#[test]
fn another_registry_in_the_same_place_is_said_once() {
    let pool = Pool::new();
    pool.publish("a", 1);
    assert_eq!(pool.open_indexed().catalog().unwrap().notice(), None);
    let other = Pool::new();
    other.publish("foreign", 2);
    fs::remove_dir_all(pool.root()).unwrap();
    copy_folder(&other.root(), &pool.root());
    let notice = pool.open_indexed().catalog().unwrap().notice().unwrap().to_string();
    assert!(notice.contains("another registry stood in this place"), "{notice}");
    assert_eq!(pool.open_indexed().catalog().unwrap().notice(), None);
}
