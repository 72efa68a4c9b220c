//! Publishing: all or nothing, nothing twice, and tags that never change their content.

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, Tree, at, line};

fn field<'a>(document: &'a Value, key: &str) -> Vec<&'a str> {
    document["published"].as_array().unwrap().iter().map(|esm| esm[key].as_str().unwrap()).collect()
}

#[test]
fn publishing_again_adds_no_byte() {
    let hub = Hub::new();
    let sources = [("mr", 1), ("trec", 2), ("cola", 3)].map(|(task, seed)| hub.esm(&EsmFolder::new(task, 8, seed)));
    let publish = || ["publish"].into_iter().chain(sources.iter().map(String::as_str));
    let first = hub.json(publish());
    let before = hub.pool();
    let second = hub.json(publish());
    assert_eq!(before.changes(&hub.pool()), Vec::<String>::new());
    assert_eq!(field(&first, "digest"), field(&second, "digest"));
    assert_eq!(field(&first, "status"), ["added"; 3]);
    assert_eq!(field(&second, "status"), ["unchanged"; 3]);
    assert_eq!(second["entries"], json!([]));
}

#[test]
fn batch_is_one_entry_of_the_log() {
    let hub = Hub::with(&["a", "b", "c", "d", "e"]);
    assert_eq!(hub.pool().files().iter().filter(|file| file.starts_with("log/")).count(), 1);
    let log = hub.json(["log"]);
    let events = log["events"].as_array().unwrap();
    assert_eq!(
        events.iter().map(|event| event["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["a", "b", "c", "d", "e"]
    );
    assert!(events.iter().all(|event| event["entry"] == 1), "{log}");
}

#[test]
fn same_content_has_the_same_digest_everywhere() {
    let digests = [Hub::new(), Hub::new()].map(|hub| {
        let source = hub.esm(&EsmFolder::new("mr", 8, 1));
        let published = hub.json(["publish", &source]);
        (field(&published, "digest")[0].to_owned(), field(&published, "weights")[0].to_owned())
    });
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn other_content_gets_the_next_free_tag() {
    let hub = Hub::new();
    for (seed, tag) in [(1, "v1"), (2, "v2"), (3, "v3"), (2, "v2"), (1, "v1")] {
        let source = hub.esm(&EsmFolder::new("mr", 8, seed));
        assert_eq!(field(&hub.json(["publish", &source]), "tag"), [tag], "seed {seed}");
    }
    // A tag of the user's own is no version, and leaves the numbers alone.
    let source = hub.esm(&EsmFolder::new("mr", 8, 4));
    assert_eq!(field(&hub.json(["publish", &source, "--tag", "v5"]), "tag"), ["v5"]);
    let source = hub.esm(&EsmFolder::new("mr", 8, 5));
    assert_eq!(field(&hub.json(["publish", &source]), "tag"), ["v4"]);
    let source = hub.esm(&EsmFolder::new("mr", 8, 6));
    assert_eq!(field(&hub.json(["publish", &source]), "tag"), ["v6"]);
}

#[test]
fn tag_that_holds_other_content_is_a_conflict() {
    let hub = Hub::with(&["mr"]);
    let held = hub.ok(["resolve", "mr:v1", "-q"]);
    let other = hub.esm(&EsmFolder::new("mr", 8, 99));
    hub.refused_saying(15, ["publish", &other, "--tag", "v1"], &["mr:v1", held.trim(), "hint: "]);
    assert_eq!(hub.ok(["resolve", "mr:v1", "-q"]), held);
}

#[test]
fn one_conflict_refuses_the_whole_batch() {
    let hub = Hub::with(&["mr"]);
    let new = hub.esm(&EsmFolder::new("new", 8, 98));
    let other = hub.esm(&EsmFolder::new("mr", 8, 99));
    hub.refused_saying(15, ["publish", &new, &other, "--tag", "v1"], &["mr:v1"]);
    hub.refused(13, ["resolve", "new"]);
}

#[test]
fn tags_that_meet_within_a_batch_are_a_conflict() {
    let hub = Hub::with(&["sound"]);
    EsmFolder::new("mr", 8, 1).write(&hub.path("one"));
    EsmFolder::new("mr", 8, 2).write(&hub.path("two"));
    hub.refused_saying(15, ["publish", "one", "two", "--tag", "v1"], &["mr:v1"]);
    let published = hub.json(["publish", "one", "two", "one"]);
    assert_eq!(field(&published, "tag"), ["v1", "v2", "v1"]);
}

#[test]
fn second_tag_for_the_same_content_stores_no_weights() {
    let hub = Hub::new();
    let source = hub.esm(&EsmFolder::new("mr", 8, 1));
    let first = hub.json(["publish", &source]);
    let second = hub.json(["publish", &source, "--tag", "best"]);
    let third = hub.json(["publish", &source, "--name", "acme/mr"]);
    assert_eq!(field(&second, "digest"), field(&first, "digest"));
    assert_eq!(field(&second, "status"), ["added-reference"]);
    assert_eq!(field(&third, "weights"), field(&first, "weights"));
    assert_eq!(hub.pool().files().iter().filter(|file| file.starts_with("objects/")).count(), 1);
    assert_eq!(hub.json(["show", "mr:best"])["other_tags"], json!(["v1"]));
}

#[test]
fn names_that_differ_in_case_are_one_name() {
    let hub = Hub::new();
    EsmFolder::new("CoLA", 8, 1).write(&hub.path("one"));
    EsmFolder::new("cola", 8, 2).write(&hub.path("two"));
    hub.ok(["publish", "one"]);
    let second = hub.json(["publish", "two"]);
    assert_eq!((field(&second, "name"), field(&second, "tag")), (vec!["CoLA"], vec!["v2"]));
    hub.refused(15, ["publish", "two", "--name", "COLA", "--tag", "V1"]);
    let resolved = hub.json(["resolve", "cOlA:V1"]);
    assert_eq!((resolved["name"].as_str(), resolved["tag"].as_str()), (Some("CoLA"), Some("v1")));
}

#[test]
fn subset_stands_behind_the_name_unless_it_is_the_default() {
    let hub = Hub::new();
    for (subset, name) in
        [(Some("emotion"), "tweet_eval/emotion"), (Some("default"), "tweet_eval"), (None, "tweet_eval")]
    {
        let esm = EsmFolder::new("tweet_eval", 8, 1).set("task_subset", json!(subset));
        let source = hub.esm(&esm);
        assert_eq!(field(&hub.json(["publish", &source]), "name"), [name]);
    }
}

#[test]
fn card_says_what_the_source_and_the_command_line_say() {
    let hub = Hub::new();
    let esm = EsmFolder::new("trec", 8, 1)
        .set("developers", "Ada")
        .set("language", "en")
        .set("text_column", "question,context");
    let source = hub.esm(&esm);
    let own = "--license Apache-2.0 --author Grace --author Alan --set team=nlp --set note=a=b";
    hub.ok(line(format!("publish {source} --name acme/trec --tag best {own}")));
    let shown = hub.json(["show", "acme/trec"]);
    let card = &shown["card"];
    assert_eq!(shown["tag"], "best");
    assert_eq!(card["license"], "Apache-2.0");
    assert_eq!(card["authors"], json!(["Ada", "Grace", "Alan"]));
    assert_eq!(at(card, ["extra/team", "extra/note"]), json!(["nlp", "a=b"]));
    assert_eq!(card["base"]["id"], "acme/encoder");
    assert_eq!(card["source"]["dataset"], "trec");
    assert_eq!(card["source"]["text_columns"], json!(["question", "context"]));
    assert_eq!(card["source"]["language"], "en");
    assert_eq!(at(card, ["source/rows", "source/seed"]), json!([1000, 42]));
    assert_eq!(at(card, ["fit/method", "fit/program"]), json!(["imported", "hfselect 0.2.1"]));
    assert_eq!(card["weights"]["dimension"], 8);
}

#[test]
fn dry_run_changes_nothing_and_says_the_same() {
    let hub = Hub::with(&["mr"]);
    let source = hub.esm(&EsmFolder::new("trec", 8, 9));
    let before = hub.tree();
    let said = hub.json(["publish", &source, "--dry-run"]);
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
    let done = hub.json(["publish", &source]);
    assert_eq!((field(&said, "digest"), field(&said, "tag")), (field(&done, "digest"), field(&done, "tag")));
    assert_eq!((&said["dry_run"], &done["dry_run"]), (&true.into(), &false.into()));
    let other = hub.esm(&EsmFolder::new("trec", 8, 10));
    hub.refused(15, ["publish", &other, "--tag", "v1", "--dry-run"]);
}

#[test]
fn every_codec_stores_what_it_says() {
    let hub = Hub::new();
    let source = hub.esm(&EsmFolder::new("mr", 64, 1));
    let matrix = 64 * 64;
    let sizes = [("f32", 4 * matrix), ("f16", 2 * matrix), ("int8", 4 * 64 + matrix), ("int4", 64 * (2 * 2 + 32))];
    let mut weights = Vec::new();
    for (codec, bytes) in sizes {
        let published = hub.json(["publish", &source, "--codec", codec, "--tag", codec]);
        let esm = &published["published"][0];
        assert_eq!(at(esm, ["codec", "size_bytes"]), json!([codec, (24 + bytes + 4 * 64)]));
        weights.push(esm["weights"].as_str().unwrap().to_owned());
        let error = hub.json(["show", &format!("mr:{codec}")])["card"]["weights"]["codec_error"].as_f64().unwrap();
        let bound = match codec {
            "f32" => 0.0,
            "f16" => 1e-3,
            "int8" => 2e-2,
            _ => 0.15,
        };
        assert!((error == 0.0) == (codec == "f32") && error <= bound, "{codec}: {error}");
    }
    weights.dedup();
    assert_eq!(weights.len(), 4);
    assert_eq!(field(&hub.json(["publish", &source]), "tag"), ["int8"], "auto is int8");
    hub.refused_saying(2, ["publish", &source, "--codec", "int2"], &["int2", "int4"]);
}

#[test]
fn a_file_of_a_folder_is_answered_with_the_folder() {
    let hub = Hub::with(&["mr"]);
    for file in ["model.safetensors", "config.json"] {
        hub.refused_saying(2, ["publish", &format!("esms/mr/{file}")], &[file, "hint: publish the folder: esms/mr\n"]);
    }
    // Pairs may lie beside it, under a name of their own.
    hub.write("esms/mr/pairs.npz", crate::support::pairs(60, 8, 1));
    hub.ok(["publish", "esms/mr/pairs.npz", "--base", "acme/encoder"]);
}

#[test]
fn one_name_for_several_sources_is_refused() {
    let hub = Hub::with(&["sound"]);
    let sources = ["a", "b"].map(|task| hub.esm(&EsmFolder::new(task, 8, 1)));
    hub.refused_saying(2, ["publish", &sources[0], &sources[1], "--name", "c"], &["--name"]);
}

#[test]
fn exported_esm_published_elsewhere_is_the_same() {
    let (from, to) = (Hub::with(&["mr", "trec", "cola"]), Hub::new());
    from.ok(["export", "*r*", "two.esm"]);
    let file = from.path("two.esm");
    let before = from.tree();
    assert_ne!(from.run(["export", "mr", "two.esm"]).code, 0, "a file that is there is never replaced");
    assert_eq!(before.changes(&from.tree()), Vec::<String>::new());
    let published = to.json(["publish".as_ref(), file.as_os_str()]);
    assert_eq!(field(&published, "name"), ["mr", "trec"]);
    for name in ["mr", "trec"] {
        assert_eq!(from.ok(["resolve", name]), to.ok(["resolve", name]));
        assert_eq!(Tree::of(from.object_of(name).parent().unwrap()), Tree::of(to.object_of(name).parent().unwrap()));
    }
}

#[test]
fn init_leaves_a_registry_as_it_is() {
    let hub = Hub::with(&["mr"]);
    let before = hub.pool();
    let again = hub.json(["init", "--grace", "1d"]);
    assert_eq!(at(&again, ["created", "grace_seconds"]), json!([false, (14 * 86_400)]));
    assert_eq!(before.changes(&hub.pool()), Vec::<String>::new());
    let dry = Hub::without_registry();
    let said = dry.json(["init", "--dry-run"]);
    assert_eq!(at(&said, ["created", "dry_run"]), json!([true, true]));
    assert!(!dry.path("pool").exists());
    for time in ["", "d", "14", "14w", "-1d", "99999999999999999999d"] {
        dry.refused(2, ["init", &format!("--grace={time}")]);
    }
}
