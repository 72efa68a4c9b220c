//! What stands on stdout: one document, for people or for programs, and nothing else.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;

use crate::support::{EsmFolder, Hub, damage, digests, line, pairs, target};

fn pool() -> Hub {
    let hub = Hub::with(&["mr", "trec"]);
    hub.write("t.npz", target(40, 8, 2, 1));
    hub
}

/// Schema, wholeness and digests are checked by [`Hub::json`].
#[test]
fn every_command_has_its_schema() {
    let hub = pool();
    let commands: [&[&str]; 24] = [
        &["init"],
        &["publish", "esms/mr"],
        &["pull", "mr"],
        &["rank", "t.npz"],
        &["list"],
        &["show", "mr"],
        &["resolve", "mr"],
        &["diff", "mr", "trec"],
        &["log"],
        &["log", "mr:v1"],
        &["stats"],
        &["verify"],
        &["export", "mr", "mr.esm"],
        &["recompress", "mr"],
        &["anchors", "set", "--built-in", "--base", "acme/encoder"],
        &["anchors", "show"],
        &["anchors", "stats"],
        &["record", "t", "mr", "--metric", "accuracy=0.8"],
        &["outcomes"],
        &["yank", "mr:v1"],
        &["yank", "mr:v1", "--undo"],
        &["remove", "mr:v1"],
        &["sync", "pool", "other"],
        &["gc"],
    ];
    for arguments in commands {
        let document = hub.json(arguments);
        // ESMs from elsewhere were fitted on no anchors.
        let without = ["init", "stats", "verify", "gc"].contains(&arguments[0]) || arguments == ["anchors", "stats"];
        assert_eq!(digests(&document).is_empty(), without, "{document}");
    }
}

/// A field that nobody can look up might as well not be there.
#[test]
fn every_field_of_a_document_is_in_the_reference() {
    let reference = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scripts.md")).unwrap();
    let hub = pool();
    let commands = [
        "init",
        "publish esms/mr",
        "recompress mr --codec int4",
        "pull mr",
        "list",
        "show mr",
        "resolve mr",
        "diff mr trec",
        "log",
        "stats",
        "verify",
        "gc",
        "export mr mr.esm",
        "yank mr:v1",
        "record t mr:v1 --metric accuracy=0.8",
        "outcomes",
        "sync pool other",
    ];
    for arguments in commands {
        let command = arguments.split(' ').next().unwrap();
        let document = hub.json(line(arguments));
        let row = |command: &str| {
            reference
                .lines()
                .filter(|row| {
                    row.starts_with("| `") && row.split(" | ").next().unwrap().contains(&format!("`{command}`"))
                })
                .collect::<String>()
        };
        let rows = match command {
            "recompress" => row("recompress") + &row("publish"),
            command => row(command),
        };
        for (field, value) in document.as_object().unwrap() {
            // Lists name the fields of what they hold.
            let inner = value.as_array().and_then(|list| list.first()).and_then(Value::as_object);
            let inner = inner.into_iter().flat_map(|first| first.keys());
            for field in std::iter::once(field).chain(inner).filter(|field| *field != "schema") {
                assert!(rows.contains(&format!("`{field}`")), "{field} of {command} is not in docs/scripts.md: {rows}");
            }
        }
    }
    let ranking = hub.json(["rank", "t.npz"]);
    let (_, of_rank) = reference.split_once("\n`rank`:\n").unwrap();
    let parts = [&ranking, &ranking["target"], &ranking["base"], &ranking["results"][0]];
    for field in parts.iter().flat_map(|part| part.as_object().unwrap().keys()).filter(|field| *field != "schema") {
        assert!(of_rank.contains(&format!("`{field}`")), "{field} of a ranking is not in docs/scripts.md");
    }
}

#[test]
fn quiet_prints_digests_or_names_only() {
    let hub = pool();
    let digest = hub.json(["resolve", "mr"])["digest"].as_str().unwrap().to_owned();
    let one = |arguments: &[&str]| hub.ok(arguments.iter().chain(&["-q"]));
    let line = format!("{digest}\n");
    for arguments in
        [&["publish", "esms/mr", "--codec", "f32"][..], &["resolve", "mr"], &["show", "mr"], &["log", "mr:v1"]]
    {
        assert_eq!(one(arguments), line, "{arguments:?}");
    }
    assert_eq!(one(&["list"]), "mr:v1\ntrec:v1\n");
    assert_eq!(one(&["pull", "mr", "trec"]), "mr\ntrec\n");
    assert_eq!(one(&["stats"]), "acme/encoder\n");
    assert_eq!(one(&["verify"]), "");
    let mut ranked: Vec<String> = one(&["rank", "t.npz"]).lines().map(str::to_owned).collect();
    ranked.sort();
    assert_eq!(ranked, ["mr:v1", "trec:v1"]);
    assert_eq!(one(&["yank", "mr:v1"]), line);
}

/// In the order of the log, the tags of a name lie pages apart.
#[test]
fn a_list_has_the_tags_of_a_name_together_in_the_order_in_which_they_came() {
    let hub = Hub::with(&["trec", "mr"]);
    for (name, tag) in [("Mr", "v10"), ("cola", "v1"), ("MR", "final"), ("trec", "a")] {
        hub.ok(["publish", "esms/mr", "--codec", "f16", "--name", name, "--tag", tag]);
    }
    let listed = ["cola:v1", "mr:v1", "mr:v10", "mr:final", "trec:v1", "trec:a"];
    assert_eq!(hub.ok(["list", "-q"]).lines().collect::<Vec<_>>(), listed);
    let document = hub.json(["list"]);
    let names = document["esms"].as_array().unwrap().iter().map(|esm| format!("{}:{}", esm["name"], esm["tag"]));
    assert_eq!(names.map(|name| name.replace('"', "")).collect::<Vec<_>>(), listed);
    assert_eq!(hub.ok(["list", "m*", "-q"]), "mr:v1\nmr:v10\nmr:final\n");
}

/// Hundreds of numbers in a list are no easier to read than to decode.
#[test]
fn extensions_of_a_card_are_hex_digits() {
    let hub = pool();
    hub.write("task.npz", pairs(60, 8, 1));
    for anchors in ["one", "two"] {
        hub.write(&format!("{anchors}.npz"), pairs(40, 8, 2));
    }
    hub.ok(line("publish task.npz --base acme/encoder --anchor-pairs one.npz --anchor-pairs two.npz"));
    let shown = hub.json(["show", "task"]);
    let [extension] = &shown["card"]["extensions"].as_array().unwrap()[..] else { panic!("{shown}") };
    let hex = extension["bytes"].as_str().unwrap();
    assert_eq!(extension["id"], 1);
    assert!(hex.len() > 40 && hex.len().is_multiple_of(2), "{hex}");
    assert!(hex.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')), "{hex}");
    // It names its domains.
    assert!(hex.contains("6f6e65") && hex.contains("74776f"), "{hex}");
}

#[test]
fn verbose_says_what_was_made_of_each_source() {
    let hub = pool();
    hub.write("task.npz", pairs(60, 8, 1));
    let output = hub.run(line("publish task.npz esms/mr --base acme/encoder --no-anchors --no-cache --dry-run -v"));
    for said in ["task.npz: task, ridge on ", "esms/mr: mr, imported on 1000 pairs, dimension 8, int8, "] {
        assert!(output.stderr.contains(said), "{said}: {output:#?}");
    }
}

/// Whoever colours a JSON document, or mixes progress into it, breaks every script.
#[test]
fn json_has_no_colour_even_when_it_is_forced() {
    let hub = pool();
    damage(&hub.object_of("trec"));
    for arguments in [&["list"][..], &["rank", "t.npz"], &["verify"], &["show", "mr"]] {
        let mut command = hub.command();
        let command = command.args(arguments).arg("--json").env("ESMHUB_COLOR", "always").env("CLICOLOR_FORCE", "1");
        let output = command.output().unwrap();
        assert!(!output.stdout.contains(&0x1b), "{output:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    }
    let mut command = hub.command();
    let coloured = command.args(["show", "mr", "--color", "always"]).output().unwrap();
    assert!(coloured.stdout.contains(&0x1b), "always means always: {coloured:?}");
    let mut command = hub.command();
    let plain = command.args(["show", "mr"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!plain.stdout.contains(&0x1b));
}

#[test]
fn environment_stands_in_for_every_global_flag() {
    let hub = pool();
    let with = |variable: &str, value: &str, arguments: &[&str]| {
        let output = hub.command().env(variable, value).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(with("ESMHUB_JSON", "1", &["list"]), hub.ok(["list", "--json"]));
    assert_eq!(with("ESMHUB_JSON", "0", &["list"]), hub.ok(["list"]));
    assert_eq!(with("ESMHUB_QUIET", "1", &["list"]), hub.ok(["list", "-q"]));
    let fresh = hub.ok(["rank", "t.npz", "--json", "--no-cache"]);
    assert_eq!(with("ESMHUB_NO_CACHE", "1", &["rank", "t.npz", "--json"]), fresh);
    assert_eq!(with("ESMHUB_THREADS", "1", &["rank", "t.npz", "--json", "--no-cache"]), fresh);
    assert!(with("ESMHUB_REGISTRY", "other", &["init"]).contains("other"));
    assert!(hub.path("other/esmhub.toml").is_file());
}

/// The cache goes where it is told, and nowhere else.
#[test]
fn nothing_is_left_in_the_home_folder() {
    let hub = pool();
    hub.ok(["rank", "t.npz"]);
    assert!(hub.path("cache").is_dir());
    assert_eq!(std::fs::read_dir(hub.path("home")).unwrap().count(), 0);
}

#[test]
fn failures_leave_stdout_empty_with_json_too() {
    let hub = pool();
    for (code, arguments) in
        [(13, &["show", "absent", "--json"][..]), (1, &["rank", "absent.npz", "--json"]), (2, &["rank", "--json"])]
    {
        hub.refused(code, arguments);
    }
}

/// `esmhub … | head -1` ends early and quietly.
#[test]
fn reader_that_goes_away_is_no_error() {
    let hub = Hub::new();
    // More than a pipe holds, so that the command is still writing when its reader goes.
    let esm = EsmFolder::new("mr", 2, 1);
    let source = hub.esm(&esm);
    for number in 0..4 {
        let long: Vec<String> =
            (0..20).flat_map(|at| ["--set".to_owned(), format!("k{number}-{at}={}", "x".repeat(300))]).collect();
        hub.ok(["publish".to_owned(), source.clone()].into_iter().chain(long));
    }
    for arguments in [&["show", "mr"][..], &["show", "mr", "--json"], &["list"], &["log"]] {
        let mut child = hub.command().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let code = child.wait().unwrap().code();
        // Whatever wins the race, there is no panic and no complaint.
        assert!(code == Some(0) && said.is_empty(), "{arguments:?}: {code:?}, {said}");
    }
    let mut child = hub.command().args(["log", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0];
    BufReader::new(child.stdout.take().unwrap()).read_exact(&mut first).unwrap();
    assert_eq!((first, child.wait().unwrap().code()), ([b'{'], Some(0)));
}

/// Card texts come from strangers; a terminal must not obey them.
#[test]
fn names_that_look_like_others_are_shown_as_they_are() {
    let hub = Hub::new();
    let esm = EsmFolder::new("mr", 8, 1).set("developers", "ada\u{202e}evil");
    let source = hub.esm(&esm);
    hub.ok(["publish", &source]);
    let shown = hub.ok(["show", "mr"]);
    assert!(!shown.contains('\u{202e}') && shown.contains("\\u{202e}"), "{shown}");
    // The base model's name stands in most tables.
    let esm = EsmFolder::new("mr", 8, 2).set("base_model_name", "acme/\u{2067}enc\u{2060}oder");
    let source = hub.esm(&esm);
    hub.ok(["publish", &source]);
    hub.write("t.npz", target(40, 8, 2, 1));
    for arguments in [&["list"][..], &["stats"], &["stats", "-q"], &["anchors", "stats"], &["rank", "t.npz"]] {
        let shown = hub.ok(arguments);
        assert!(shown.contains("acme/\\u{2067}enc\\u{2060}oder"), "{arguments:?}: {shown}");
    }
}

#[test]
fn verbose_speaks_on_stderr_alone() {
    let hub = pool();
    let rank = ["rank", "t.npz", "--no-cache"];
    let (plain, verbose) = (hub.run(rank), hub.run(rank.iter().chain(&["-v"])));
    assert_eq!(plain.stdout, verbose.stdout);
    assert_eq!(plain.stderr, "");
    assert!(!verbose.stderr.is_empty());
    assert!(BufReader::new(verbose.stderr.as_bytes()).lines().count() >= 1);
}
