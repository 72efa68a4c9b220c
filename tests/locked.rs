//! Locked rankings: what is repeated is the same ranking, and what is not says why.

use std::fs;

use serde_json::{Value, json};

use crate::support::keys::{has_ssh_keygen, new_key};
use crate::support::{EsmFolder, Hub, at, csv, damage, line, names, pool, target, tiny_base, words};

fn read(hub: &Hub, file: &str) -> Value {
    serde_json::from_slice(&fs::read(hub.path(file)).unwrap()).unwrap()
}

/// Changes a lock in one place.
fn edit(hub: &Hub, file: &str, place: &str, value: Value) {
    let mut lock = read(hub, file);
    *lock.pointer_mut(place).unwrap() = value;
    hub.write(file, lock.to_string());
}

fn scores(ranking: &Value) -> Vec<(String, u64)> {
    let results = ranking["results"].as_array().unwrap();
    results.iter().map(|esm| (esm["name"].to_string(), esm["score"].as_f64().unwrap().to_bits())).collect()
}

#[test]
fn newer_tags_and_yanks_do_not_change_a_locked_ranking() {
    let hub = pool();
    let before = hub.json(["rank", "t.npz", "--rows", "50", "--seed", "7", "--lock", "l.json"]);
    assert_eq!(before["lock"], "l.json");
    for (task, seed) in [("mr", 30), ("new", 31)] {
        let source = hub.esm(&EsmFolder::new(task, 8, seed));
        hub.ok(["publish", &source]);
    }
    hub.ok(["yank", "trec:v1"]);
    let free = hub.json(["rank", "t.npz", "--rows", "50", "--seed", "7"]);
    assert_ne!(names(&free), names(&before));
    let locked = hub.json(["rank", "t.npz", "--locked", "l.json"]);
    for field in ["target", "base", "score", "baseline", "labels_alone", "results", "ranked"] {
        assert_eq!(locked[field], before[field], "{field}");
    }
    assert_eq!(at(&locked, ["locked/file", "locked/esms", "locked/identical"]), json!(["l.json", 5, true]));
    assert_eq!(locked["locked"]["largest_difference"], 0.0);
    assert!(hub.ok(["rank", "t.npz", "--locked", "l.json"]).contains("bit for bit"));
    // How much is shown is no part of it.
    assert_eq!(hub.json(["rank", "t.npz", "--locked", "l.json", "--top", "2"])["results"].as_array().unwrap().len(), 2);
}

#[test]
fn lock_states_everything_that_decides() {
    let hub = pool();
    let options = "--rows 50 --seed 7 --sample random --task classification --score hfselect --precision single";
    let ranking = hub.json(line(format!("rank t.npz {options} --lock l.json")));
    let lock = read(&hub, "l.json");
    assert_eq!(
        at(&lock, ["schema", "version", "target/digest"]),
        json!(["esmhub.rank-lock", 1, ranking["target"]["digest"]])
    );
    let expected = json!({
        "text": [], "label": null, "rows": 50, "sample": "random", "seed": 7, "max_length": 128,
        "task": "classification", "score": "hfselect", "precision": "single",
    });
    assert_eq!(lock["settings"], expected);
    assert_eq!(lock["base"], json!({"id": "acme/encoder", "digest": null, "dimension": 8}));
    let esms: Vec<(String, f64)> = ranking["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|esm| {
            let part = |key: &str| esm[key].as_str().unwrap();
            (format!("{}:{}@{}", part("name"), part("tag"), part("digest")), esm["score"].as_f64().unwrap())
        })
        .collect();
    let locked: Vec<(String, f64)> = lock["esms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|esm| (esm["esm"].as_str().unwrap().to_owned(), esm["score"].as_str().unwrap().parse().unwrap()))
        .collect();
    assert_eq!(locked, esms, "the texts mean the same bits");
    assert_eq!(scores(&hub.json(["rank", "t.npz", "--locked", "l.json"])), scores(&ranking));
}

/// A score that was remembered would reproduce itself, and damage would stay unseen.
#[test]
fn scores_are_computed_again_whatever_the_cache_holds() {
    let hub = pool();
    hub.ok(["rank", "t.npz", "--lock", "l.json"]);
    assert_eq!(hub.json(["rank", "t.npz", "--locked", "l.json"])["cached"], 0);
    damage(&hub.object_of("trec"));
    hub.refused_saying(16, ["rank", "t.npz", "--locked", "l.json"], &["trec", "verify"]);
}

#[test]
fn each_change_has_its_code_and_is_named() {
    let hub = pool();
    hub.write("u.npz", target(60, 8, 3, 2));
    hub.ok(["rank", "t.npz", "--lock", "l.json"]);
    let refused = |code, said: &[&str]| hub.refused_saying(code, ["rank", "t.npz", "--locked", "l.json"], said);
    hub.refused_saying(15, ["rank", "u.npz", "--locked", "l.json"], &["u.npz is not the locked target"]);
    hub.refused_saying(
        17,
        ["rank", "t.npz", "--locked", "l.json", "--base", "acme/other"],
        &["acme/encoder", "acme/other"],
    );
    let lock = fs::read(hub.path("l.json")).unwrap();
    // One last bit.
    let score: f64 = read(&hub, "l.json")["esms"][1]["score"].as_str().unwrap().parse().unwrap();
    let moved = f64::from_bits(score.to_bits() + 1);
    edit(&hub, "l.json", "/esms/1/score", format!("{moved:?}").into());
    if read(&hub, "l.json")["machine"].is_string() {
        refused(15, &["1 of 7 scores", "the same bits", &format!("{moved:?}")]);
    }
    // Elsewhere it is what rounding may do.
    edit(&hub, "l.json", "/machine", "another".into());
    let found = hub.json(["rank", "t.npz", "--locked", "l.json"]);
    assert_eq!(found["locked"]["identical"], false);
    assert!(found["locked"]["largest_difference"].as_f64().unwrap() > 0.0);
    edit(&hub, "l.json", "/esms/1/score", format!("{:?}", score + 1e-6).into());
    refused(15, &["1 of 7 scores", "within 2e-9"]);
    hub.write("l.json", &lock);
    edit(&hub, "l.json", "/baseline", "-0.5".into());
    refused(15, &["no transfer"]);
    hub.write("l.json", &lock);
    hub.ok(["remove", "trec:v1"]);
    refused(13, &["1 of the lock's 5 ESMs", "trec:v1@"]);
}

#[test]
fn flags_that_a_lock_decides_are_refused_beside_it() {
    let hub = pool();
    hub.ok(["rank", "t.npz", "--lock", "l.json"]);
    for flag in [
        "--rows 50",
        "--seed 1",
        "--sample first",
        "--task auto",
        "--max-length 9",
        "--pooling cls",
        "--score exact",
        "--precision double",
        "--filter name~m",
        "--all-tags",
        "--max-overlap 5%",
        "--text a",
        "--label b",
        "--lock m.json",
    ] {
        let message = hub.refused(2, line(format!("rank t.npz --locked l.json {flag}")));
        // Who adds a column has been told by a table that columns must be named.
        let hint = "\nhint: the lock holds all that decides the ranking, columns and settings";
        assert_eq!(message.contains(hint), !flag.starts_with("--lock"), "{message}");
    }
    assert!(!hub.refused(2, line("list --quiet --json")).contains("hint: the lock"));
}

#[test]
fn files_that_are_no_locks_are_refused() {
    let hub = pool();
    hub.ok(["rank", "t.npz", "--lock", "l.json"]);
    let lock = fs::read_to_string(hub.path("l.json")).unwrap();
    let whole = read(&hub, "l.json");
    let edited = |place: &str, value: Value| {
        let mut lock = whole.clone();
        *lock.pointer_mut(place).unwrap() = value;
        lock.to_string()
    };
    let first = whole["esms"][0].clone();
    let mut unknown = whole.clone();
    unknown["more"] = 1.into();
    let digest = "0".repeat(64);
    for (code, text) in [
        (1, String::new()),
        (1, "[".repeat(1 << 20)),
        (1, format!("{{\"schema\": {}", "{\"a\":".repeat(100_000))),
        (1, lock[..lock.len() / 2].to_owned()),
        (1, edited("/schema", "esmhub.rank".into())),
        (12, edited("/version", 2.into())),
        (1, edited("/version", (-1).into())),
        (1, edited("/esms", json!([]))),
        (1, edited("/esms", json!([first, first]))),
        (1, edited("/esms/0/esm", "mr:v1".into())),
        (1, edited("/esms/0/esm", format!("@{digest}").into())),
        (1, edited("/esms/0/esm", format!("../mr:v1@{digest}").into())),
        (1, edited("/esms/0/score", "nan".into())),
        (1, edited("/esms/0/score", (-0.5).into())),
        (1, edited("/settings/rows", 1.into())),
        (1, edited("/settings/rows", json!(1e30))),
        (1, edited("/settings/sample", "all".into())),
        (1, edited("/target/digest", "00".into())),
        (1, unknown.to_string()),
        // A later version may have fields that this one does not know.
        (12, json!({"schema": "esmhub.rank-lock", "version": 9, "shape": "unknown"}).to_string()),
    ] {
        hub.write("bad.json", &text);
        let message = hub.refused(code, ["rank", "t.npz", "--locked", "bad.json"]);
        assert!(message.contains("bad.json"), "{message}");
    }
    hub.write("bad.json", format!("{lock}{}", " ".repeat(33 << 20)));
    hub.refused_saying(1, ["rank", "t.npz", "--locked", "bad.json"], &["too many"]);
    hub.refused(1, ["rank", "t.npz", "--locked", "absent.json"]);
    hub.refused(1, ["rank", "t.npz", "--locked", "pool"]);
}

#[test]
fn lock_replaces_a_lock_and_nothing_else() {
    let hub = pool();
    hub.write("table.csv", "text,label\na,b\n");
    hub.refused_saying(1, ["rank", "t.npz", "--lock", "table.csv"], &["no lock"]);
    hub.refused(1, ["rank", "t.npz", "--lock", "esms"]);
    hub.refused(1, ["rank", "t.npz", "--lock", "no/such/folder.json"]);
    hub.ok(["rank", "t.npz", "--lock", "l.json"]);
    let first = read(&hub, "l.json");
    hub.ok(["rank", "t.npz", "--rows", "40", "--lock", "l.json"]);
    assert_ne!(read(&hub, "l.json")["target"], first["target"]);
    let left: Vec<_> = fs::read_dir(hub.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".esmhub-")), "{left:?}");
}

/// What nobody vouches for stays out, whatever a lock says.
#[test]
fn required_signatures_hold_for_a_lock_too() {
    let hub = pool();
    hub.ok(["rank", "t.npz", "--lock", "l.json"]);
    if !has_ssh_keygen("required_signatures_hold_for_a_lock_too") {
        return;
    }
    let public = new_key(&hub, "ada");
    hub.write("keys", format!("ada@engine {public}\n"));
    let locked = line("rank t.npz --locked l.json --require-signature --trusted-keys keys");
    hub.refused_saying(16, &locked, &["expected a signature"]);
    for name in ["acme/reviews", "mr", "trec", "cola", "acme/movies"] {
        hub.ok(["publish", &format!("esms/{name}"), "--codec", "f32", "--sign", "ada"]);
    }
    let ranking = hub.json(&locked);
    assert_eq!(at(&ranking, ["locked/identical", "trusted_keys/keys"]), json!([true, 1]));
}

/// Another processor embeds the same texts with other last bits: then the texts say that it is the same target.
#[test]
fn texts_are_the_target_where_embeddings_differ_in_their_last_bits() {
    let hub = Hub::new();
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        let source = hub.esm(&EsmFolder::new(name, 32, seed).set("base_model_name", "tiny"));
        hub.ok(["publish", &source, "--codec", "f32"]);
    }
    let mut rows = words(60, 1);
    hub.write("t.csv", csv(&rows));
    let base = tiny_base("bert-mean");
    let before = hub.json(line(format!(
        "rank t.csv --text text --label label --base {base} --max-length 24 --rows 50 --lock l.json"
    )));
    let locked = line(format!("rank t.csv --locked l.json --base {base}"));
    assert_eq!(scores(&hub.json(&locked)), scores(&before));
    assert_eq!(read(&hub, "l.json")["base"]["digest"], before["base"]["digest"]);
    // Another model of the same name and dimension.
    let other = line(format!("rank t.csv --locked l.json --base {}", tiny_base("roberta")));
    hub.refused_saying(17, other, &["not the locked one"]);
    edit(&hub, "l.json", "/target/digest", "0".repeat(64).into());
    let score: f64 = read(&hub, "l.json")["esms"][0]["score"].as_str().unwrap().parse().unwrap();
    edit(&hub, "l.json", "/esms/0/score", format!("{:?}", score + 1e-5).into());
    let found = hub.json(&locked);
    assert_eq!(at(&found, ["locked/identical", "locked/tolerance"]), json!([false, 1e-4]));
    rows.iter_mut().for_each(|(text, _)| text.push_str(" again"));
    hub.write("t.csv", csv(&rows));
    hub.refused_saying(15, &locked, &["t.csv is not the locked target"]);
}
