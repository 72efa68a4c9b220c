//! A file system on which no lock works, as some network mounts are: nothing is lost, and an index that several commands
//! write to at once never gives a wrong catalog. Only the index takes locks, so it is the index that suffers. The long run:
//!
//! ```text
//! ESMHUB_TEST_ROUNDS=40 cargo test -p esmhub --test faults no_locks -- --nocapture
//! ```

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

use crate::shim::Shim;
use crate::support::Hub;
use crate::support::hub::Output;
use crate::world::{Held, esm, figure, number};

const PUBLISHERS: usize = 4;
const LISTERS: usize = 3;

fn references(output: &Output) -> BTreeSet<String> {
    let listed: Value = serde_json::from_str(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let esms = listed["esms"].as_array().unwrap().iter();
    esms.map(|esm| format!("{}:{}", text(&esm["name"]), text(&esm["tag"]))).collect()
}

#[test]
fn nothing_is_lost_and_no_catalog_is_wrong_without_locks() {
    let Some(shim) = Shim::built("nothing_is_lost_and_no_catalog_is_wrong_without_locks") else { return };
    let rounds = number("ESMHUB_TEST_ROUNDS", 4);
    let hub = Hub::new();
    hub.write("locked", "");
    assert_ne!(shim.unlocks(&hub.path("locked")), Some(false), "locks lock as ever");
    let folders: Vec<Vec<String>> =
        (0..PUBLISHERS).map(|at| (0..rounds).map(|round| esm(&hub, &format!("n{at}-{round}"))).collect()).collect();
    let known = Mutex::new(BTreeSet::new());
    let lists = Mutex::new(0);
    let run = |arguments: &[&str]| Hub::finish(shim.without_locks(hub.command()).args(arguments).arg("--json"));
    thread::scope(|scope| {
        for folders in &folders {
            let (run, known) = (&run, &known);
            scope.spawn(move || {
                for folder in folders {
                    let output = run(&["publish", folder]);
                    assert_eq!(output.code, 0, "{output:#?}");
                    let name = folder.rsplit('/').next().unwrap();
                    known.lock().unwrap().insert(format!("{name}:v1"));
                }
            });
        }
        for _ in 0..LISTERS {
            scope.spawn(|| {
                for _ in 0..rounds {
                    let before = known.lock().unwrap().clone();
                    let output = run(&["list"]);
                    assert_eq!(output.code, 0, "{output:#?}");
                    let listed = references(&output);
                    let lost: Vec<_> = before.difference(&listed).collect();
                    assert!(lost.is_empty(), "acknowledged, and not listed: {lost:?}");
                    assert!(listed.iter().all(|reference| reference.starts_with('n')), "{listed:?}");
                    *lists.lock().unwrap() += 1;
                }
            });
        }
    });
    let held = Held::in_folder(&hub.path("pool"));
    let known = known.into_inner().unwrap();
    assert_eq!(held.references(), known.iter().map(String::as_str).collect::<Vec<_>>());
    // Whatever became of the index: those who lock again, and those who do not, see the same.
    assert_eq!(references(&run(&["list"])), known);
    assert_eq!(references(&hub.run(["list", "--json"])), known);
    assert_eq!(known.len(), PUBLISHERS * rounds);
    figure("no locks, publishes", known.len());
    figure("no locks, lists", lists.into_inner().unwrap());
    figure("no locks, acknowledged and lost", 0);
}
