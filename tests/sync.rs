//! `esmhub sync`: between directories and buckets, whatever happens on the way.

use std::fs;

use serde_json::{Value, json};

use crate::support::bucket::{Kind, Trouble};
use crate::support::{EsmFolder, Hub, Tree, at, line, target};

/// A directory `pool` with three ESMs, beside a store.
fn beside(kind: Kind) -> Hub {
    let hub = Hub::in_bucket(kind);
    hub.ok(["init", "--registry", "team"]);
    for (name, seed) in [("mr", 1), ("sst", 2), ("trec", 3)] {
        let source = hub.esm(&EsmFolder::new(name, 8, seed));
        hub.ok(["publish", "--registry", "team", "--codec", "f32", &source]);
    }
    hub.write("t.npz", target(60, 8, 2, 1));
    fs::create_dir_all(hub.path("pool")).unwrap();
    hub
}

fn scores(hub: &Hub, registry: &str) -> Vec<(String, String)> {
    let ranking = hub.json(["rank", "--registry", registry, "t.npz"]);
    let results = ranking["results"].as_array().unwrap().iter();
    results.map(|one| (one["digest"].to_string(), one["score"].to_string())).collect()
}

fn published(document: &Value) -> usize {
    document["published"].as_array().unwrap().len()
}

#[test]
fn a_teams_directory_moves_to_a_bucket_and_stays_what_it_was() {
    let hub = beside(Kind::Whole);
    hub.ok(["yank", "--registry", "team", "sst:v1"]);
    let told = hub.json(["sync", "team", "s3://pool/p", "--dry-run"]);
    assert_eq!(at(&told, ["dry_run", "copy", "created", "entries"]), json!([true, true, true, 4]));
    assert_eq!(published(&told), 3);
    assert_eq!(Tree::of(&hub.path("pool")).files().len(), 0, "a dry run wrote");
    let done = hub.json(["sync", "team", "s3://pool/p"]);
    assert_eq!(at(&done, ["copy", "created", "entries", "objects", "conflicts"]), json!([true, true, 4, 3, []]));
    for part in ["objects", "log", "esmhub.toml"] {
        let (one, other) = (hub.path("team").join(part), hub.path("pool/p").join(part));
        match one.is_dir() {
            true => assert_eq!(Tree::of(&one).changes(&Tree::of(&other)), Vec::<String>::new()),
            false => assert_eq!(fs::read(one).unwrap(), fs::read(other).unwrap()),
        }
    }
    assert_eq!(scores(&hub, "team"), scores(&hub, "s3://pool/p"));
    assert_eq!(
        hub.ok(["sync", "team", "s3://pool/p"]),
        format!("s3://pool/p lacks nothing of {}\n", hub.path("team").display())
    );
    // And back, to where there was none.
    let done = hub.json(["sync", "s3://pool/p", "again"]);
    assert_eq!(at(&done, ["copy", "created", "entries"]), json!([true, true, 4]));
    assert_eq!(scores(&hub, "team"), scores(&hub, "again"));
    assert_eq!(hub.json(["verify", "--registry", "again"])["sound"], true);
}

#[test]
fn tags_in_conflict_are_listed_and_each_keeps_its_own() {
    let hub = beside(Kind::Whole);
    hub.ok(["init", "--registry", "s3://pool"]);
    let other = hub.esm(&EsmFolder::new("mr", 8, 9));
    hub.ok(["publish", "--registry", "s3://pool", "--codec", "f32", &other]);
    let own = hub.json(["resolve", "--registry", "s3://pool", "mr"])["digest"].clone();
    let output = hub.run(["sync", "team", "s3://pool", "--json"]);
    assert_eq!(output.code, 3, "{output:#?}");
    let done: Value = serde_json::from_str(&output.stdout).unwrap();
    let theirs = hub.json(["resolve", "--registry", "team", "mr"])["digest"].clone();
    assert_eq!(at(&done["conflicts"][0], ["name", "tag", "held", "offered"]), json!(["mr", "v1", own, theirs]));
    assert_eq!((published(&done), at(&done, ["copy", "created", "entries"])), (2, json!([false, false, 1])));
    let again = hub.run(["sync", "team", "s3://pool"]);
    assert_eq!(again.code, 3);
    for part in ["CONFLICT", "mr:v1", "lacks nothing"] {
        assert!(again.stdout.contains(part), "{again:#?}");
    }
    assert!(again.stderr.contains("hint: "), "{again:#?}");
    assert_eq!(hub.json(["resolve", "--registry", "s3://pool", "mr"])["digest"], own);
    // Who published first is who they were, and where from is said.
    let log = hub.json(["log", "--registry", "s3://pool"]);
    let copied = log["events"].as_array().unwrap().iter().find(|event| event["name"] == "sst").unwrap().clone();
    let there = hub.json(["log", "--registry", "team"]);
    let first = there["events"].as_array().unwrap().iter().find(|event| event["name"] == "sst").unwrap().clone();
    assert_eq!(at(&copied, ["time", "user", "host", "origin/entry"]), at(&first, ["time", "user", "host", "entry"]));
    assert!(hub.ok(["log", "--registry", "s3://pool"]).contains("COPIED FROM"));
    assert_eq!(hub.json(["verify", "--registry", "s3://pool"])["problems"], json!([]));
}

/// Fails at every request in turn, and is begun again.
#[test]
fn a_sync_that_breaks_off_anywhere_is_gone_on_with() {
    let of = |hub: &Hub| hub.bucket().requests().len();
    let whole = beside(Kind::Whole);
    whole.ok(["sync", "team", "s3://pool"]);
    let requests = of(&whole);
    for at in (0..requests).step_by(3) {
        let hub = beside(Kind::Whole);
        let left = std::sync::atomic::AtomicUsize::new(at);
        hub.bucket().fates(move |_, _| {
            use std::sync::atomic::Ordering::SeqCst;
            left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err().then_some(Trouble::Denied)
        });
        let broken = hub.run(["sync", "team", "s3://pool"]);
        assert!(broken.code != 0 && broken.code != 101, "{at}: {broken:#?}");
        hub.bucket().heals();
        hub.ok(["sync", "team", "s3://pool"]);
        assert_eq!(scores(&hub, "team"), scores(&hub, "s3://pool"), "{at}");
        assert_eq!(hub.json(["verify", "--registry", "s3://pool"])["sound"], true, "{at}");
        assert_eq!(Tree::of(&hub.path("team/log")).changes(&Tree::of(&hub.path("pool/log"))), Vec::<String>::new());
    }
}

#[test]
fn a_store_without_conditions_is_filled_by_one_writer_who_says_so() {
    let hub = beside(Kind::Careless);
    hub.refused_saying(1, ["sync", "team", "s3://pool"], &["conditional create", "--exclusive"]);
    assert_eq!(Tree::of(&hub.path("pool")).files().len(), 0);
    hub.ok(["sync", "team", "s3://pool", "--exclusive"]);
    assert_eq!(scores(&hub, "team"), scores(&hub, "s3://pool"));
    let more = hub.esm(&EsmFolder::new("cr", 8, 4));
    hub.ok(["publish", "--registry", "team", "--codec", "f32", &more]);
    assert_eq!(hub.json(["sync", "team", "s3://pool", "--exclusive"])["entries"], 1);
    assert_eq!(scores(&hub, "team"), scores(&hub, "s3://pool"));
    assert_eq!(hub.json(["verify", "--registry", "s3://pool"])["sound"], true);
    hub.refused_saying(1, ["yank", "--registry", "s3://pool", "mr:v1"], &["conditional create"]);
}

#[test]
fn what_cannot_be_synced_is_refused_before_anything_is_done() {
    let hub = beside(Kind::Whole);
    hub.refused_saying(2, ["sync", "team", "team"], &["the same registry"]);
    hub.refused_saying(2, ["sync", "team", "./team/../team"], &["the same registry"]);
    hub.refused_saying(2, ["sync", "team", "copy", "--exclusive"], &["--exclusive is for a bucket"]);
    hub.refused_saying(10, ["sync", "nowhere", "copy"], &["no registry there"]);
    hub.refused_saying(2, ["sync", "team"], &["<TO>"]);
    hub.refused_saying(2, ["sync", "team", "team/copy"], &["TO lies in FROM"]);
    hub.refused_saying(2, ["sync", "team", "t.npz"], &["is a file"]);
    assert!(!hub.path("copy").exists());
    hub.ok(line("sync team copy"));
    let new = hub.esm(&EsmFolder::new("cr", 8, 4));
    hub.ok(line("yank --registry team mr:v1"));
    hub.ok(line("yank --registry copy sst:v1"));
    hub.refused_saying(16, ["sync", "team", "copy"], &["both were written to", "hint: "]);
    hub.ok(["publish", "--registry", "copy", &new]);
    // The way out that is named: a registry that takes both.
    hub.ok(["init", "both"]);
    hub.ok(["sync", "team", "both"]);
    assert_eq!(published(&hub.json(["sync", "copy", "both"])), 1);
    assert_eq!(hub.json(["list", "--registry", "both", "--all"])["esms"].as_array().unwrap().len(), 4);
    // And a copy that is gone is made again in the same place.
    fs::remove_dir_all(hub.path("copy")).unwrap();
    hub.ok(line("sync team copy"));
    assert_eq!(scores(&hub, "team"), scores(&hub, "copy"));
}
