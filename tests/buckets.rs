//! Registries in an object store: the same as in a directory, whatever the store and the network do.

mod packs;
mod settings;
mod trouble;

use std::fs;

use serde_json::{Value, json};

use crate::support::bucket::Kind;
use crate::support::{EsmFolder, Hub, Tree, at, damage, names, target};

/// An empty registry in a bucket.
fn bucket() -> Hub {
    let hub = Hub::in_bucket(Kind::Whole);
    hub.ok(["init"]);
    hub
}

/// Three ESMs and a target.
fn filled(hub: Hub) -> Hub {
    let sources = ["mr", "sst", "trec"].iter().zip(1..).map(|(name, seed)| hub.esm(&EsmFolder::new(name, 8, seed)));
    let sources: Vec<String> = sources.collect();
    hub.ok(["publish", "--codec", "f32"].into_iter().chain(sources.iter().map(String::as_str)));
    hub.write("t.npz", target(60, 8, 2, 1));
    hub
}

fn entries(hub: &Hub) -> usize {
    fs::read_dir(hub.path("pool/log")).map_or(0, Iterator::count)
}

fn scores(ranking: &Value) -> Vec<(String, String)> {
    let results = ranking["results"].as_array().unwrap().iter();
    results.map(|one| (one["digest"].to_string(), one["score"].to_string())).collect()
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for file in Tree::of(from).files() {
        fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

#[test]
fn bucket_holds_what_a_directory_would() {
    let on_disk = Hub::on_disk();
    on_disk.ok(["init"]);
    let (here, there) = (filled(on_disk), filled(bucket()));
    let objects = |hub: &Hub| Tree::of(&hub.path("pool/objects"));
    assert_eq!(objects(&here).changes(&objects(&there)), Vec::<String>::new());
    assert_eq!(entries(&here), entries(&there));
    let (one, other) = (here.json(["rank", "t.npz"]), there.json(["rank", "t.npz"]));
    assert_eq!(scores(&one), scores(&other));
    assert_eq!(names(&one).len(), 3);
    // What is in a bucket is a registry, wherever its files are carried.
    let copied = there.json(["rank", "t.npz", "--registry", there.path("pool").to_str().unwrap()]);
    assert_eq!(scores(&copied), scores(&other));
    there.ok(["yank", "mr:v1"]);
    there.ok(["remove", "sst:v1"]);
    assert_eq!(names(&there.json(["rank", "t.npz"])).len(), 1);
    there.ok(["gc", "--grace", "14d"]);
    let report = there.json(["verify"]);
    assert_eq!(at(&report, ["sound", "problems"]), json!([true, []]));
    assert_eq!(at(&report, ["trash/files"]), json!([1]));
    assert!(!Tree::of(&there.path("pool")).files().iter().any(|file| file.contains("probe")), "a probe is left");
}

#[test]
fn of_sixteen_who_race_for_one_tag_one_wins() {
    let hub = bucket();
    let sources: Vec<String> = (0..16).map(|seed| hub.esm(&EsmFolder::new(&format!("esm{seed}"), 8, seed))).collect();
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let one = |source: &str| {
            let mut command = hub.command();
            command
                .args(["publish", source, "--name", "wanted", "--tag", "v1"])
                .env("ESMHUB_CACHE", hub.path(format!("cache-{}", source.replace('/', "-"))));
            Hub::finish(&mut command).code
        };
        let racing: Vec<_> = sources.iter().map(|source| scope.spawn(move || one(source))).collect();
        racing.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| [0, 15].contains(code)), "{codes:?}");
    assert_eq!(entries(&hub), 1);
    assert_eq!(hub.json(["verify"])["sound"], true);
}

#[test]
fn nothing_is_lost_where_many_publish_at_once() {
    let hub = bucket();
    let sources: Vec<String> = (0..12).map(|seed| hub.esm(&EsmFolder::new(&format!("esm{seed}"), 8, seed))).collect();
    std::thread::scope(|scope| {
        for source in &sources {
            scope.spawn(|| hub.ok(["publish", source]));
        }
    });
    assert_eq!((entries(&hub), hub.json(["list"])["esms"].as_array().unwrap().len()), (12, 12));
    assert_eq!(hub.json(["verify"])["sound"], true);
}

#[test]
fn objects_come_over_the_network_once_and_are_checked_each_time() {
    let hub = filled(bucket());
    let objects = |hub: &Hub| hub.bucket().requests().iter().filter(|one| one.starts_with("GET pool/objects/")).count();
    objects(&hub);
    let first = hub.json(["rank", "t.npz"]);
    assert_eq!(objects(&hub), 3);
    hub.write("other.npz", target(60, 8, 2, 2));
    hub.ok(["rank", "other.npz"]);
    hub.ok(["pull", "mr"]);
    assert_eq!(objects(&hub), 0);
    // What is damaged in the cache is fetched again, and no answer changes.
    for file in Tree::of(&hub.path("cache/objects")).files() {
        damage(&hub.path("cache/objects").join(file));
    }
    hub.write("t2.npz", target(60, 8, 2, 1));
    assert_eq!(scores(&hub.json(["rank", "t2.npz"])), scores(&first));
    hub.ok(["pull", "mr", "sst", "trec", "--output", "all"]);
    assert_eq!(objects(&hub), 3);
    hub.ok(["pull", "mr", "--no-cache", "--output", "again"]);
    assert_eq!(objects(&hub), 1);
}
