//! The first thing that a newcomer runs: `esmhub demo`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, Tree, at, page_agrees};

/// No registry is named, no network is there, and nothing has been made before.
fn newcomer() -> Hub {
    Hub::without_registry()
}

#[test]
fn demo_does_the_main_job_twice() {
    let hub = newcomer();
    let said = hub.ok(["demo"]);
    for part in [
        "20 ESMs",
        "tweet_emotion",
        "(no transfer)",
        "esmhub-demo/winner",
        "esmhub-demo/ranking.html",
        "esmhub --registry esmhub-demo/pool list",
    ] {
        assert!(said.contains(part), "{part:?} is not said: {said}");
    }
    let before = Tree::of(&hub.path("esmhub-demo"));
    hub.ok(["demo"]);
    assert_eq!(before.changes(&Tree::of(&hub.path("esmhub-demo"))), Vec::<String>::new());
}

#[test]
fn demo_is_a_whole_document() {
    let hub = newcomer();
    let document = hub.json(["demo", "here"]);
    assert_eq!(document["publish"]["published"].as_array().unwrap().len(), 20);
    assert_eq!(at(&document, ["rank/ranked", "rank/skipped"]), json!([20, []]));
    assert_eq!(document["rank"]["target"]["classes"], 4);
    let winner = &document["rank"]["results"][0];
    assert_eq!((&document["pull"]["name"], &document["pull"]["digest"]), (&winner["name"], &winner["digest"]));
    let folder = document["pull"]["folder"].as_str().unwrap();
    assert_eq!(EsmFolder::bits_in(&hub.path(folder)).1.len(), 384);
    assert!(hub.path(folder).join("config.json").is_file());
    let page = fs::read_to_string(hub.path(document["report"].as_str().unwrap())).unwrap();
    page_agrees(&page, &document["rank"], 20);
    // What the page says to run makes the same page.
    let command = "esmhub --registry here/pool rank here/tweet_emotion.npz --report here/ranking.html";
    assert!(page.contains(command), "{page}");
    hub.ok(command.split(' ').skip(1));
    assert!(fs::read_to_string(hub.path("here/ranking.html")).unwrap() == page);
}

/// What it says to try next works as it stands, with the program named as it was called.
#[test]
fn what_the_demo_suggests_works() {
    let hub = newcomer();
    let said = hub.ok(["demo"]);
    let commands: Vec<Vec<&str>> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix(env!("CARGO_BIN_EXE_esmhub")))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert!(commands.len() >= 4, "{said}");
    for arguments in commands {
        let printed = hub.ok(&arguments);
        if arguments.contains(&"--json") {
            serde_json::from_str::<Value>(&printed).unwrap();
        }
    }
}

/// What a folder takes in blocks of 4 KiB, each directory one of them, as `du` counts on most file systems.
fn blocks(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let bytes = entries.map(|entry| match entry.metadata().unwrap() {
        metadata if metadata.is_dir() => blocks(&entry.path()),
        metadata => metadata.len().div_ceil(4096) * 4096,
    });
    4096 + bytes.sum::<u64>()
}

/// The README's factors: 20 fine-tuned models of 90.9 MB against everything that the pool takes on disk.
#[test]
fn pool_is_thousands_of_times_smaller_than_its_models() {
    let hub = newcomer();
    hub.ok(["demo"]);
    let models = 20.0 * 90_868_376.0;
    let factor = models / blocks(&hub.path("esmhub-demo/pool")) as f64;
    assert!(factor >= 2500.0, "{factor}");

    let demo = ["--registry", "esmhub-demo/pool"];
    hub.ok(demo.into_iter().chain(["recompress", "*", "--codec", "small"]));
    hub.ok(demo.into_iter().chain(["export", "*", "small.esm"]));
    hub.ok(["init", "small"]);
    hub.ok(["--registry", "small", "publish", "small.esm"]);
    let factor = models / blocks(&hub.path("small")) as f64;
    assert!(factor >= 3500.0, "{factor}");
}
