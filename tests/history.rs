//! What happened, and what may still happen: log, list, stats, yank and remove.

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, at, target};

fn list(hub: &Hub, options: &[&str]) -> Vec<String> {
    let listed = hub.ok(["list", "-q"].iter().chain(options));
    listed.lines().map(str::to_owned).collect()
}

fn events(hub: &Hub, options: &[&str]) -> Vec<(u64, String, String)> {
    let log = hub.json(["log"].iter().chain(options));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = log["events"].as_array().unwrap().iter();
    let one = |event: &Value| {
        let reference = format!("{}:{}", text(&event["name"]), text(&event["tag"]));
        (event["entry"].as_u64().unwrap(), text(&event["action"]), reference)
    };
    events.map(one).collect()
}

fn event(entry: u64, action: &str, reference: &str) -> (u64, String, String) {
    (entry, action.to_owned(), reference.to_owned())
}

/// `mr` with the tags v1 and v2, in entries 1 and 2.
fn two_tags() -> Hub {
    let hub = Hub::with(&["mr"]);
    let source = hub.esm(&EsmFolder::new("mr", 8, 2));
    hub.ok(["publish", &source]);
    hub.write("t.npz", target(40, 8, 2, 1));
    hub
}

#[test]
fn yanked_esm_is_hidden_but_can_be_had() {
    let hub = two_tags();
    let digest = hub.ok(["resolve", "mr:v2", "-q"]);
    let yanked = hub.json(["yank", "mr:v2"]);
    assert_eq!(at(&yanked, ["tag", "entry"]), json!(["v2", 3]));
    assert_eq!(hub.json(["resolve", "mr"])["tag"], "v1");
    assert_eq!(list(&hub, &[]), ["mr:v1"]);
    assert_eq!(list(&hub, &["--all"]), ["mr:v1", "mr:v2"]);
    assert_eq!(hub.ok(["rank", "t.npz", "-q", "--all-tags"]), "mr:v1\n");
    assert_eq!(hub.json(["show", "mr:v2"])["yanked"], true);
    hub.ok(["pull", "mr:v2"]);
    hub.ok(["pull", &format!("@{}", &digest[..12]), "--output", "by-digest"]);

    hub.ok(["yank", "mr:v1"]);
    hub.refused_saying(13, ["resolve", "mr"], &["mr", "yanked", "name:tag"]);
    hub.refused_saying(13, ["rank", "t.npz"], &["is yanked", "list --all"]);

    hub.ok(["yank", "mr:v2", "--undo"]);
    assert_eq!(hub.json(["resolve", "mr"])["tag"], "v2");
    let all = [event(1, "publish", "mr:v1"), event(2, "publish", "mr:v2"), event(3, "yank", "mr:v2")];
    let all = all.into_iter().chain([event(4, "yank", "mr:v1"), event(5, "unyank", "mr:v2")]);
    assert_eq!(events(&hub, &[]), all.collect::<Vec<_>>());
    let own = [event(1, "publish", "mr:v1"), event(4, "yank", "mr:v1")];
    assert_eq!(events(&hub, &["mr:v1"]), own);
}

#[test]
fn yanking_twice_writes_nothing() {
    let hub = two_tags();
    hub.ok(["yank", "mr:v1"]);
    let before = hub.pool();
    assert_eq!(hub.json(["yank", "mr:v1"])["entry"], Value::Null);
    assert_eq!(hub.json(["yank", "mr:v2", "--undo"])["entry"], Value::Null);
    assert_eq!(before.changes(&hub.pool()), Vec::<String>::new());
}

#[test]
fn yank_survives_publishing_the_same_again() {
    let hub = two_tags();
    hub.ok(["yank", "mr:v2"]);
    let source = hub.esm(&EsmFolder::new("mr", 8, 2));
    let again = hub.json(["publish", &source]);
    let esm = &again["published"][0];
    assert_eq!(at(esm, ["tag", "status", "yanked"]), json!(["v2", "unchanged", true]));
    assert_eq!(hub.json(["resolve", "mr"])["tag"], "v1");
}

#[test]
fn removed_tag_is_gone_and_stays_taken() {
    let hub = two_tags();
    let digest = hub.ok(["resolve", "mr:v2", "-q"]);
    hub.ok(["remove", "mr:v2"]);
    assert_eq!(hub.json(["resolve", "mr"])["tag"], "v1");
    assert_eq!(list(&hub, &["--all"]), ["mr:v1"]);
    hub.refused_saying(13, ["pull", "mr:v2"], &["mr:v2", "removed"]);
    hub.refused_saying(13, ["show", &format!("@{}", digest.trim())], &["removed"]);
    hub.refused(13, ["yank", "mr:v2", "--undo"]);
    hub.refused(13, ["remove", "mr:v2"]);
    // Neither other content nor the same gets the tag again.
    let same = hub.esm(&EsmFolder::new("mr", 8, 2));
    hub.refused_saying(15, ["publish", &same, "--tag", "v2"], &["mr:v2", "removed"]);
    assert_eq!(hub.json(["publish", &same])["published"][0]["tag"], "v3");
    assert_eq!(events(&hub, &["mr:v2"]).last().unwrap().1, "remove");
    hub.ok(["verify"]);
}

#[test]
fn dry_runs_change_nothing() {
    let hub = two_tags();
    let before = hub.tree();
    for arguments in [["yank", "mr:v1"], ["remove", "mr:v1"]] {
        let said = hub.json(arguments.into_iter().chain(["--dry-run"]));
        assert_eq!(at(&said, ["entry", "dry_run"]), json!([null, true]));
    }
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
    hub.refused(13, ["yank", "mr:v9", "--dry-run"]);
}

#[test]
fn list_shows_what_fits_the_pattern() {
    let hub = Hub::with(&["acme/Reviews", "acme/movies", "mr", "msrp"]);
    assert_eq!(list(&hub, &[]), ["acme/movies:v1", "acme/Reviews:v1", "mr:v1", "msrp:v1"]);
    assert_eq!(list(&hub, &["ACME/*"]), ["acme/movies:v1", "acme/Reviews:v1"]);
    assert_eq!(list(&hub, &["m?"]), ["mr:v1"]);
    assert_eq!(list(&hub, &["nothing*"]), Vec::<String>::new());
    let listed = hub.json(["list", "mr"]);
    let esm = &listed["esms"][0];
    assert_eq!(at(esm, ["name", "codec", "dimension"]), json!(["mr", "f32", 8]));
    assert_eq!(at(esm, ["base", "rows", "r2"]), json!(["acme/encoder", 1000, null]));
    assert_eq!((&listed["damaged"], &esm["problem"]), (&json!([]), &Value::Null));
}

#[test]
fn pattern_that_fits_nothing_is_told_from_an_empty_registry() {
    let hub = two_tags();
    assert_eq!(hub.ok(["list", "zzz*"]), "no ESM's name matches \"zzz*\"\n");
    assert_eq!(hub.json(["list", "zzz*"])["esms"], json!([]));
    assert_eq!(Hub::new().ok(["list"]), "no ESMs\n");
    hub.ok(["yank", "mr:v1"]);
    hub.ok(["yank", "mr:v2"]);
    assert_eq!(hub.ok(["list", "m*"]), "no ESM's name matches \"m*\" but 2 yanked: --all lists them\n");
    assert_eq!(hub.ok(["list"]), "no ESMs but 2 yanked: --all lists them\n");
}

/// `list` and `publish` must not give two sizes for one ESM, and `list` not ask the file system for each of thousands.
#[test]
fn size_is_the_same_everywhere_and_needs_no_file() {
    let hub = Hub::new();
    let source = hub.esm(&EsmFolder::new("mr", 40, 1));
    let published = hub.ok(["publish", &source, "--codec", "f32"]);
    let again = hub.json(["publish", &source, "--codec", "f32"]);
    let size = &again["published"][0]["size_bytes"];
    assert_ne!(size, &again["published"][0]["stored_bytes"], "zstd packs it");
    std::fs::remove_file(hub.object_of("mr")).unwrap();
    assert_eq!(&hub.json(["list"])["esms"][0]["size_bytes"], size);
    let shown = |table: &str, at: usize| {
        let row = table.lines().find(|line| line.contains("mr:v1")).unwrap();
        row.split_whitespace().skip(at).take(2).collect::<Vec<_>>().join(" ")
    };
    let (published, listed) = (shown(&published, 3), shown(&hub.ok(["list"]), 4));
    assert!(published == listed && published.ends_with(" KB"), "{published}, {listed}");
}

#[test]
fn stats_count_every_byte_once() {
    let hub = two_tags();
    let source = hub.esm(&EsmFolder::new("twin", 8, 2));
    hub.ok(["publish", &source, "--codec", "int8"]);
    hub.ok(["publish", &source, "--codec", "int8", "--name", "acme/twin"]);
    hub.ok(["yank", "mr:v1"]);
    hub.ok(["remove", "twin:v1"]);
    let stats = hub.json(["stats"]);
    let bytes = |folder: &str| -> u64 {
        let files = hub
            .pool()
            .files()
            .iter()
            .filter(|file| file.starts_with(folder))
            .map(|file| hub.path("pool").join(file))
            .collect::<Vec<_>>();
        files.iter().map(|file| std::fs::metadata(file).unwrap().len()).sum()
    };
    assert_eq!(at(&stats, ["references", "names"]), json!([3, 2]));
    assert_eq!(at(&stats, ["yanked", "removed"]), json!([1, 1]));
    assert_eq!(at(&stats, ["objects", "stored_bytes"]), json!([2, bytes("objects")]));
    assert_eq!(at(&stats, ["log_entries", "log_bytes"]), json!([6, bytes("log")]));
    let base = &stats["bases"][0];
    assert_eq!(at(base, ["base", "references", "objects"]), json!(["acme/encoder", 3, 2]));
    assert_eq!(
        (&base["model_bytes"], &base["reduction"], &stats["reduction"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let given = hub.json(["stats", "--model-bytes", "1000000"]);
    let of_objects = 1e6 / given["bases"][0]["bytes_per_object"].as_f64().unwrap();
    assert_eq!(given["bases"][0]["reduction"].as_f64().unwrap(), of_objects);
    assert!(given["reduction"].as_f64().unwrap() > 0.0);
}

#[test]
fn log_says_who_and_when() {
    let hub = Hub::with(&["mr"]);
    let log = hub.json(["log"]);
    let event = &log["events"][0];
    assert!(event["program"].as_str().unwrap().starts_with("esmhub "), "{log}");
    assert!(!event["user"].as_str().unwrap().is_empty() && !event["host"].as_str().unwrap().is_empty(), "{log}");
    // After this test was written, and in milliseconds.
    assert!(event["time"].as_u64().unwrap() > 1_700_000_000_000, "{log}");
    assert_eq!(event["digest"], hub.json(["resolve", "mr"])["digest"]);
    assert_eq!(Hub::new().json(["log"])["events"], json!([]));
}

/// Nothing but the log decides: without an index, or with another user's, the answers are the same.
#[test]
fn losing_the_index_loses_nothing() {
    let hub = two_tags();
    hub.ok(["yank", "mr:v2"]);
    let before = (hub.ok(["list", "--all", "--json"]), hub.ok(["log", "--json"]));
    std::fs::remove_dir_all(hub.path("cache")).unwrap();
    assert_eq!((hub.ok(["list", "--all", "--json"]), hub.ok(["log", "--json"])), before);
    std::fs::remove_dir_all(hub.path("cache")).unwrap();
    hub.write("cache", "a file in its place");
    assert_eq!((hub.ok(["list", "--all", "--json"]), hub.ok(["log", "--json"])), before);
}
