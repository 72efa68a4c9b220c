//! Anchor sets: which texts a base model has, that setting them is told, lasts, and is never done by halves.

use std::fs;

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, Tree, at, damage, digests, line};

const BASE: &str = "acme/encoder";

fn set(hub: &Hub, rest: &str) -> Value {
    hub.json(line(format!("anchors set --base {BASE} {rest}")))
}

/// Each domain's label with its texts, as `anchors show` has them.
fn shown(hub: &Hub) -> Vec<(String, Vec<String>)> {
    let document = hub.json(["anchors", "show"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let texts = |domain: &Value| domain["texts"].as_array().unwrap().iter().map(text).collect();
    let domains = document["domains"].as_array().unwrap().iter();
    domains.map(|domain| (text(&domain["label"]), texts(domain))).collect()
}

fn numbered(what: &str, count: usize) -> Vec<String> {
    (0..count).map(|at| format!("{what} {at}")).collect()
}

#[test]
fn every_kind_of_file_is_a_domain_of_its_own() {
    let hub = Hub::new();
    hub.write("news.txt", "one\n\n  \ntwo, with a comma\r\nthree\n\n");
    hub.write("reviews.csv", "text,label,title\n\"good, I say\",1,A\n ,0,\nbad,0,B\n");
    hub.write("forum.jsonl", "{\"text\": \"hi\", \"title\": \"a\"}\n{\"text\": \"there\", \"title\": \"b\"}\n");
    let said = set(&hub, "news.txt reviews.csv forum.jsonl --text text --license CC0-1.0 --origin mine");
    assert_eq!(at(&said, ["base", "domains", "texts", "entry", "unchanged"]), json!([BASE, 3, 7, 1, false]));
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        shown(&hub),
        [
            ("forum".to_owned(), strings(&["hi", "there"])),
            ("news".to_owned(), strings(&["one", "two, with a comma", "three"])),
            ("reviews".to_owned(), strings(&["good, I say", "bad"])),
        ]
    );
    let document = hub.json(["anchors", "show", "--base", "ACME/Encoder"]);
    assert_eq!(at(&document, ["license", "origin", "entry", "base"]), json!(["CC0-1.0", "mine", 1, BASE]));
    assert_eq!(document["digest"], said["digest"]);
    // Two columns are one text, in the order of the command line.
    set(&hub, "forum.jsonl --text title,text");
    assert_eq!(shown(&hub), [("forum".to_owned(), strings(&["a [SEP] hi", "b [SEP] there"]))]);
}

/// A mark that some editors put in front of a file is no part of its first text.
#[test]
fn byte_order_mark_is_no_text() {
    let hub = Hub::new();
    hub.write("news.txt", "\u{feff}one\ntwo\n");
    set(&hub, "news.txt");
    assert_eq!(shown(&hub)[0].1, ["one", "two"]);
}

#[test]
fn sample_is_decided_by_rows_and_seed() {
    let hub = Hub::new();
    let all = numbered("text", 50);
    hub.write("many.txt", all.join("\n"));
    let sample = |options: &str| {
        let said = set(&hub, &format!("many.txt {options}"));
        let [(_, texts)] = shown(&hub).try_into().unwrap();
        (said["digest"].clone(), texts)
    };
    let (first, texts) = sample("--rows 10 --seed 1");
    assert_eq!(texts.len(), 10);
    let mut different = texts.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 10, "{texts:?}");
    assert!(texts.iter().all(|text| all.contains(text)));
    assert_ne!(sample("--rows 10 --seed 2").0, first);
    assert_eq!(sample("--rows 10 --seed 1").0, first);
    assert_eq!(sample("").1, all, "50 texts are fewer than the limit");
    hub.write("many.txt", numbered("text", 400).join("\n"));
    assert_eq!(sample("").1.len(), 300);
}

#[test]
fn files_that_are_no_domains_are_refused() {
    let hub = Hub::with(&["sound"]);
    hub.write("a/news.txt", "one\ntwo\n");
    hub.write("b/news.txt", "three\nfour\n");
    hub.write("single.txt", "only one\n\n \n");
    hub.write("empty.txt", "");
    hub.write("latin.txt", b"caf\xe9\nbar\n");
    hub.write("t.csv", "text,label\na,1\nb,2\n");
    hub.write("rows.csv", "text\na\n\n \n");
    let refused = |code, rest: &str, said: &[&str]| {
        hub.refused_saying(code, line(format!("anchors set --base {BASE} {rest}")), said);
    };
    refused(1, "a/news.txt b/news.txt", &["news", "twice"]);
    refused(1, "a/news.txt single.txt", &["single.txt", "at least 2"]);
    refused(1, "empty.txt", &["empty.txt", "at least 2"]);
    refused(1, "rows.csv --text text", &["rows.csv", "at least 2"]);
    refused(1, "latin.txt", &["latin.txt", "UTF-8"]);
    refused(2, "t.csv", &["t.csv", "--text"]);
    refused(2, "t.csv --text nope", &["t.csv", "\"nope\"", "\"text\", \"label\""]);
    refused(2, "absent.txt", &["absent.txt"]);
    refused(2, "", &["<FILE>"]);
    refused(2, "a/news.txt --built-in", &["--built-in"]);
    refused(2, "--built-in --none", &["--none"]);
    refused(2, "--none --license MIT", &["--license"]);
    assert_eq!(hub.run(line("anchors set a/news.txt")).code, 2, "without a base model");
    assert_eq!(hub.json(["anchors", "stats"])["bases"][0]["current"], json!(null));
}

#[test]
fn set_that_ships_is_the_same_everywhere() {
    let hubs = [Hub::new(), Hub::new()];
    let [one, two] = hubs.each_ref().map(|hub| set(hub, "--built-in"));
    assert_eq!(one["digest"], two["digest"]);
    let domains = shown(&hubs[0]);
    let texts: usize = domains.iter().map(|(_, texts)| texts.len()).sum();
    assert_eq!(at(&one, ["domains", "texts"]), json!([domains.len(), texts]));
    assert!(domains.len() >= 8 && (1500..=3000).contains(&texts), "{texts} texts of {} domains", domains.len());
    let document = hubs[0].json(["anchors", "show"]);
    assert!(document["license"].is_string() && document["origin"].is_string());
}

#[test]
fn setting_the_same_again_adds_no_byte() {
    let hub = Hub::new();
    hub.write("news.txt", "one\ntwo\n");
    let first = set(&hub, "news.txt");
    let before = hub.pool();
    for base in [BASE, "Acme/ENCODER"] {
        let again = hub.json(["anchors", "set", "news.txt", "--base", base]);
        assert_eq!(at(&again, ["unchanged", "entry"]), json!([true, null]), "{base}");
        assert_eq!(again["digest"], first["digest"]);
    }
    assert_eq!(before.changes(&hub.pool()), Vec::<String>::new());
    assert!(hub.ok(line(format!("anchors set news.txt --base {BASE}"))).contains("already"));
}

#[test]
fn withdrawing_what_is_not_there_changes_nothing_and_says_so() {
    let hub = Hub::new();
    let before = hub.pool();
    let said = set(&hub, "--none");
    assert_eq!(at(&said, ["digest", "entry", "unchanged", "texts"]), json!([null, null, true, 0]));
    assert_eq!(before.changes(&hub.pool()), Vec::<String>::new());
    hub.write("news.txt", "one\ntwo\n");
    set(&hub, "news.txt");
    let said = set(&hub, "--none");
    assert_eq!(at(&said, ["digest", "entry", "unchanged"]), json!([null, 2, false]));
    hub.refused_saying(13, ["anchors", "show"], &["no anchors", "hint: "]);
    assert_eq!(set(&hub, "--none")["unchanged"], true);
    // What was withdrawn can come back, with the object that is still there.
    assert_eq!(at(&set(&hub, "news.txt"), ["entry", "unchanged"]), json!([3, false]));
    assert_eq!(hub.json(["verify"])["sound"], true);
}

#[test]
fn dry_run_writes_nothing_and_says_the_same() {
    let hub = Hub::new();
    hub.write("news.txt", "one\ntwo\n");
    let before = hub.tree();
    let said = set(&hub, "news.txt --dry-run");
    assert_eq!(at(&said, ["dry_run", "unchanged", "entry"]), json!([true, false, null]));
    assert!(hub.ok(line(format!("anchors set news.txt --base {BASE} --dry-run"))).contains("would"));
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
    assert_eq!(set(&hub, "news.txt")["digest"], said["digest"]);
    let before = hub.tree();
    assert_eq!(at(&set(&hub, "--none --dry-run"), ["unchanged", "entry"]), json!([false, null]));
    let table = hub.ok(line(format!("anchors set --none --base {BASE} --dry-run")));
    assert!(table.contains("would"), "{table}");
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
}

#[test]
fn bases_have_sets_of_their_own() {
    let hub = Hub::new();
    hub.write("news.txt", "one\ntwo\n");
    hub.write("forum.txt", "three\nfour\n");
    hub.refused_saying(13, ["anchors", "show"], &["no anchors", "hint: ", "--built-in"]);
    hub.ok(["anchors", "set", "news.txt", "--base", "acme/one"]);
    hub.ok(["anchors", "set", "forum.txt", "--base", "acme/two"]);
    hub.refused_saying(2, ["anchors", "show"], &["acme/one, acme/two", "--base"]);
    hub.refused_saying(13, ["anchors", "show", "--base", "acme/absent"], &["acme/absent", "hint: "]);
    for (base, label) in [("acme/one", "news"), ("ACME/two", "forum")] {
        let document = hub.json(["anchors", "show", "--base", base]);
        assert_eq!(document["domains"][0]["label"], label);
    }
    let stats = hub.json(["anchors", "stats"]);
    assert_eq!(at(&stats, ["bases/0/base", "bases/1/base"]), json!(["acme/one", "acme/two"]));
    assert_eq!(hub.json(["anchors", "stats", "--base", "acme/TWO"])["bases"].as_array().unwrap().len(), 1);
    hub.refused_saying(13, ["anchors", "stats", "--base", "acme/absent"], &["acme/absent"]);
}

#[test]
fn bare_folder_names_no_base_model() {
    let hub = Hub::new();
    fs::create_dir(hub.path("model")).unwrap();
    hub.refused_saying(2, line("anchors set --built-in --base model"), &["--base ID=model"]);
}

#[test]
fn log_says_who_set_what_for_which_base_model() {
    let hub = Hub::new();
    hub.write("news.txt", "one\ntwo\n");
    let said = set(&hub, "news.txt");
    set(&hub, "--none");
    let log = hub.json(["log"]);
    assert_eq!(at(&log, ["events/0/action", "events/0/base", "events/0/name"]), json!(["set-anchors", BASE, null]));
    assert_eq!(log["events"][0]["digest"], said["digest"]);
    assert_eq!(at(&log, ["events/1/action", "events/1/digest"]), json!(["withdraw-anchors", null]));
    let table = hub.ok(["log"]);
    assert!(table.contains("set-anchors") && table.contains(BASE), "{table}");
    let quiet = hub.ok(["anchors", "set", "news.txt", "--base", BASE, "-q"]);
    assert_eq!(quiet.trim(), said["digest"]);
    assert_eq!(hub.ok(["anchors", "show", "-q"]), quiet);
    assert_eq!(hub.ok(["anchors", "stats", "-q"]), quiet);
}

#[test]
fn damaged_set_is_found_and_named() {
    let hub = Hub::new();
    hub.write("news.txt", "one\ntwo\n");
    let said = set(&hub, "news.txt");
    let verified = hub.json(["verify"]);
    assert_eq!(at(&verified, ["sound", "objects", "unreferenced"]), json!([true, 1, []]));
    let digest = said["digest"].as_str().unwrap();
    damage(&hub.path(format!("pool/objects/{}/{}", &digest[..2], &digest[2..])));
    hub.refused(16, ["anchors", "show"]);
    let verified = hub.json_with(16, ["verify"]);
    assert_eq!(at(&verified, ["sound", "problems/0/used_by"]), json!([false, [format!("anchors of {BASE}")]]));
    // What only names the set needs none of its bytes.
    assert_eq!(hub.json(["anchors", "stats"])["bases"][0]["current"], said["digest"]);
}

/// A set is no ESM, and no other command takes it for one.
#[test]
fn anchor_set_is_nobodys_esm() {
    let hub = Hub::with(&["mr"]);
    hub.write("news.txt", "one\ntwo\n");
    let said = set(&hub, "news.txt");
    let digest = said["digest"].as_str().unwrap();
    hub.refused(13, ["pull", &format!("@{digest}")]);
    assert_eq!(hub.json(["list"])["esms"].as_array().unwrap().len(), 1);
    assert_eq!(digests(&hub.json(["anchors", "show"])), [digest]);
    let stats = hub.json(["anchors", "stats"]);
    assert_eq!(
        at(&stats, ["bases/0/fitted_on/0/anchors", "bases/0/fitted_on/0/esms", "bases/0/fitted_on/0/imported"]),
        json!([null, 1, 1])
    );
    // Made elsewhere: no reproach.
    let source = hub.esm(&EsmFolder::new("trec", 8, 2));
    let output = hub.run(["publish", &source]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{output:#?}");
}

#[cfg(unix)]
#[test]
fn registry_that_cannot_be_written_still_shows_its_anchors() {
    use std::os::unix::fs::PermissionsExt;
    let hub = Hub::new();
    hub.write("news.txt", "one\ntwo\n");
    set(&hub, "news.txt");
    let folders = ["pool", "pool/log", "pool/objects", "pool/tmp"].map(|name| hub.path(name));
    let mode = |bits: u32| {
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            fs::set_permissions(folder, fs::Permissions::from_mode(bits)).unwrap();
        }
    };
    mode(0o555);
    hub.ok(["anchors", "show"]);
    hub.ok(["anchors", "stats"]);
    assert_eq!(set(&hub, "news.txt --dry-run")["unchanged"], true);
    // The superuser may write all the same.
    if fs::write(hub.path("pool/probe"), "").is_err() {
        hub.refused(1, line(format!("anchors set --built-in --base {BASE}")));
    }
    mode(0o755);
    assert!(!Tree::of(&hub.path("pool")).files().is_empty());
}

#[test]
fn order_of_files_makes_no_other_set() {
    let hub = Hub::new();
    hub.write("b.txt", "one text\nanother text\n");
    hub.write("a.txt", "a third text\na fourth text\n");
    let first = hub.json(line("anchors set a.txt b.txt --base acme/encoder"));
    let second = hub.json(line("anchors set b.txt a.txt --base acme/encoder"));
    assert_eq!((&second["digest"], &second["unchanged"]), (&first["digest"], &json!(true)));
}

/// Texts that are all the same have no spread, and would stop every later fit.
#[test]
fn domain_of_one_text_many_times_is_refused() {
    let hub = Hub::new();
    hub.write("same.txt", "the same text\n".repeat(40));
    hub.refused_saying(1, line("anchors set same.txt --base acme/encoder"), &["same.txt", "1"]);
}

/// A mistyped base model would be noticed by nobody: its anchors are used by no fit.
#[test]
fn base_model_that_no_esm_has_is_remarked() {
    let hub = Hub::with(&["made"]);
    hub.write("a.txt", "one text\nanother text\n");
    let base = hub.json(["show", "made"])["card"]["base"]["id"].as_str().unwrap().to_owned();
    assert_eq!(hub.run(["anchors", "set", "a.txt", "--base", &base]).stderr, "");
    let output = hub.run(["anchors", "set", "a.txt", "--base", "acme/mistyped"]);
    assert!(output.code == 0 && output.stderr.contains("acme/mistyped"), "{output:#?}");
}
