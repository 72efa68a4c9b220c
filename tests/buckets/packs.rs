//! Packs of log entries: what saves requests, and is believed no more than the entries are.

use std::fs;

use serde_json::json;

use super::{bucket, entries, scores};
use crate::support::{EsmFolder, Tree, at, damage, target};

/// Requests by kind: listings, the marker, entries and packs, objects.
fn counted(requests: &[String]) -> [usize; 4] {
    let of = |part: &str| requests.iter().filter(|one| one.starts_with(&format!("GET pool/{part}"))).count();
    let listings = requests.iter().filter(|one| *one == "GET pool").count();
    [listings, of("esmhub.toml"), of("log/") + of("packs/"), of("objects/")]
}

#[test]
fn second_visit_takes_three_requests_and_first_one_takes_packs() {
    let hub = bucket();
    let esm = hub.esm(&EsmFolder::new("mr", 8, 1));
    // Entries of many publishes, some of them under one card.
    for at in 0..75 {
        hub.ok(["publish", &esm, "--name", &format!("n{at}"), "--no-cache"]);
    }
    let packs = || Tree::of(&hub.path("pool/packs")).files().len();
    assert_eq!((entries(&hub), packs()), (75, 9 + 1));
    hub.write("t.npz", target(60, 8, 2, 1));
    hub.bucket().requests();
    // Threads that want the same object at one moment would each fetch it.
    let first = hub.json(["rank", "t.npz", "--cache-dir", "new", "--threads", "1"]);
    let requests = hub.bucket().requests();
    // The log and the packs are listed; a pack of 64, one of 8, and three entries; all ESMs have one object.
    assert_eq!((counted(&requests), requests.len()), ([2, 1, 5, 1], 9), "{requests:?}");
    let second = hub.json(["rank", "t.npz", "--cache-dir", "new"]);
    let requests = hub.bucket().requests();
    assert_eq!((counted(&requests), requests.len()), ([1, 1, 1, 0], 3), "{requests:?}");
    hub.write("t2.npz", target(60, 8, 2, 9));
    hub.ok(["rank", "t2.npz", "--cache-dir", "new"]);
    assert_eq!(hub.bucket().requests().len(), 3);
    assert_eq!(scores(&first), scores(&second));

    // A pack is believed no more than the entries are: damaged, of another registry, or with other entries in it.
    let whole = hub.json(["log"]);
    let pack = hub.path("pool/packs/00000000000000000001-64");
    let bytes = fs::read(&pack).unwrap();
    let other = fs::read(hub.path("pool/packs/00000000000000000065-8")).unwrap();
    let kept = bytes.clone();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    for content in [flipped, other, bytes[..bytes.len() - 1].to_vec(), Vec::new(), [bytes.clone(), bytes].concat()] {
        fs::write(&pack, content).unwrap();
        assert_eq!(hub.json(["log", "--no-cache"]), whole);
        let report = hub.json_with(16, ["verify"]);
        assert_eq!(
            at(&report, ["problems/0/what", "problems/0/place"]),
            json!(["pack", "packs/00000000000000000001-64"])
        );
        hub.json_with(16, ["verify", "--repair", "--dry-run"]);
        hub.ok(["verify", "--repair"]);
        assert_eq!(fs::read(&pack).unwrap(), kept);
    }
    // Nor is one of another history, as of a pool that was set back to a backup and went on otherwise.
    let other = bucket();
    for at in 0..9 {
        other.ok(["publish", &other.esm(&EsmFolder::new("mr", 8, 1)), "--name", &format!("m{at}")]);
    }
    fs::copy(other.path("pool/packs/00000000000000000001-8"), hub.path("pool/packs/00000000000000000001-8")).unwrap();
    fs::remove_file(&pack).unwrap();
    assert_eq!(hub.json(["log", "--no-cache"]), whole);
    hub.json_with(16, ["verify"]);
    hub.ok(["verify", "--repair"]);
    // What is not there is made by who tidies up.
    fs::remove_dir_all(hub.path("pool/packs")).unwrap();
    hub.ok(["gc"]);
    assert_eq!(packs(), 10);
    assert_eq!(hub.json(["verify"])["sound"], true);
}

/// Entries 1 to 8 and their pack, then 7 and 8 gone as where a backup was put back, and others in their places.
#[test]
fn pack_of_a_history_that_was_set_back_is_nobodys_log() {
    let hub = bucket();
    let publish = |name: &str, more: &[&str]| {
        let esm = hub.esm(&EsmFolder::new("mr", 8, 1));
        hub.run([&["publish", &esm, "--name", name, "--no-cache"][..], more].concat())
    };
    for at in 0..8 {
        assert_eq!(publish(&format!("old{at}"), &[]).code, 0);
    }
    assert!(hub.path("pool/packs/00000000000000000001-8").is_file());
    for number in [7, 8] {
        fs::remove_file(hub.entry(number)).unwrap();
    }
    assert_eq!((publish("new7", &[]).code, publish("new8", &[]).code), (0, 0));
    let listed = || hub.json(["list", "--no-cache"]);
    let has = |name: &str| listed()["esms"].as_array().unwrap().iter().any(|esm| esm["name"] == name);
    assert!(has("new7") && has("new8") && !has("old6") && !has("old7"), "{}", listed());
    hub.json_with(16, ["verify", "--no-cache"]);
    assert_eq!(publish("new9", &["--cache-dir", "fresh"]).code, 0);
    assert!(has("new8") && has("new9"));
    hub.ok(["verify", "--repair"]);
    assert_eq!(hub.json(["verify", "--no-cache"])["sound"], true);
    assert!(has("new7") && has("new9"));
}

/// What readers may take from a pack, writers must know to be in the log.
#[test]
fn writer_sees_what_of_the_log_cannot_be_read_though_a_pack_has_it() {
    let hub = bucket();
    let esm = hub.esm(&EsmFolder::new("mr", 8, 1));
    for at in 0..9 {
        hub.ok(["publish", &esm, "--name", &format!("n{at}")]);
    }
    damage(&hub.entry(3));
    assert_eq!(hub.json(["list", "--cache-dir", "fresh"])["esms"].as_array().unwrap().len(), 9);
    hub.refused(16, ["publish", &esm, "--name", "more", "--no-cache"]);
    hub.json_with(16, ["verify", "--no-cache"]);
    hub.ok(["verify", "--repair"]);
    hub.ok(["publish", &esm, "--name", "more", "--no-cache"]);
}
