//! Writers that are killed: nothing half-done is visible, and nothing acknowledged is lost.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use esmhub_registry::{Event, Happening, Outcome, Registry};

use crate::support::*;

/// Where a child process is to publish until it is killed.
const CHILD: &str = "ESMHUB_TEST_CRASH_CHILD";

#[test]
fn a_writer_killed_between_objects_and_log_leaves_nothing_visible() {
    let (pool, done) = (Pool::new(), Pool::new());
    publish(&done.open(), &[esm("a", 1), esm("b", 2)]).unwrap();
    copy_folder(&done.file("objects"), &pool.file("objects"));
    let staged = pool.file("log/00000000000000000001.0123456789abcdef.new");
    fs::write(&staged, b"half an en").unwrap();
    let registry = pool.open();
    assert_eq!(registry.catalog().unwrap().esms().count(), 0);
    let report = registry.verify(&|_| ()).unwrap();
    assert!(report.is_sound());
    assert_eq!((report.unreferenced.len(), report.staged.len()), (2, 1));
    let again = publish(&registry, &[esm("a", 1)]).unwrap();
    assert_eq!(again.esms[0].outcome, Outcome::AddedReference);
    assert!(staged.exists(), "another writer may still be at it");
}

#[test]
fn a_set_whose_entry_was_never_written_is_not_current() {
    let (pool, done) = (Pool::new(), Pool::new());
    done.open().set_anchors("acme/encoder", Some(&anchors(1)), &by(), false).unwrap();
    copy_folder(&done.file("objects"), &pool.file("objects"));
    let registry = pool.open();
    assert!(registry.catalog().unwrap().anchors("acme/encoder").unwrap().is_none());
    let report = registry.verify(&|_| ()).unwrap();
    assert_eq!((report.problems, report.unreferenced), (vec![], vec![anchors(1).digest().unwrap()]));
    let again = registry.set_anchors("acme/encoder", Some(&anchors(1)), &by(), false).unwrap();
    assert_eq!((again.entry, again.is_new), (Some(1), false));
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let pool = Pool::new();
    let mut random = Random(7);
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crashes::child_that_publishes_until_it_is_killed", "--nocapture"])
            .env(CHILD, pool.root())
            .env("ESMHUB_TEST_ROUND", round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let wanted = random.below(12);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut taken = 0;
        while taken < wanted {
            let line = lines.next().unwrap().unwrap();
            if let Some(published) = line.strip_prefix("acknowledged ") {
                acknowledged.push(published.to_owned());
                taken += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let rest = lines.map_while(Result::ok);
        acknowledged.extend(rest.filter_map(|line| line.strip_prefix("acknowledged ").map(str::to_owned)));
        let registry = pool.open();
        let catalog = registry.catalog().unwrap();
        for done in &acknowledged {
            match done.strip_prefix("anchors ") {
                Some(seed) => {
                    let set = anchors(seed.parse().unwrap());
                    assert_eq!(registry.fetch_anchors(&set.digest().unwrap()).unwrap(), set);
                }
                None => drop(registry.fetch(catalog.resolve(&reference(done)).unwrap()).unwrap()),
            }
        }
        if let Some(last) = acknowledged.iter().rev().find_map(|done| done.strip_prefix("anchors ")) {
            let last = Some(anchors(last.parse().unwrap()).digest().unwrap());
            let told = |event: &&Event| matches!(&event.what, Happening::Anchors(current) if current.set == last);
            let told = catalog.history().iter().find(told).unwrap();
            // Later ones may stand there of which nobody was told.
            assert!(catalog.anchors("acme/encoder").unwrap().unwrap().entry() >= told.entry, "round {round}");
        }
        let report = registry.verify(&|_| ()).unwrap();
        assert_eq!(report.problems, [], "round {round}");
    }
    assert!(acknowledged.len() > 40, "{}", acknowledged.len());
}

#[test]
fn child_that_publishes_until_it_is_killed() {
    let Ok(root) = std::env::var(CHILD) else { return };
    let round: u64 = std::env::var("ESMHUB_TEST_ROUND").unwrap().parse().unwrap();
    let registry = Registry::open(std::path::Path::new(&root), None).unwrap();
    for turn in 0..200 {
        let seed = round * 1000 + turn;
        registry.set_anchors("acme/encoder", Some(&anchors(seed)), &by(), false).unwrap();
        println!("\nacknowledged anchors {seed}");
        let published = publish(&registry, &[esm("crash", seed)]).unwrap();
        let published = &published.esms[0];
        println!("\nacknowledged {}:{}@{}", published.name, published.tag, published.card);
    }
}
