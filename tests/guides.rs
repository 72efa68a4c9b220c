//! The guides in `docs/`, followed as they stand there: every block of commands, in order, in a world of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::bucket::Kind;
use crate::support::loopback::{Loopback, Repository};
use crate::support::{
    EsmFolder, Hub, Output, Tuning, at, csv, damage, has, parquet, target, tiny_base, tiny_model, words,
};

/// Those that are followed here; `hfselect.md` is followed where the hub is tested.
const FOLLOWED: [&str; 7] = ["buckets.md", "cost.md", "publish.md", "ranking.md", "scripts.md", "shells.md", "team.md"];
/// As wide as the tiny models.
const D: usize = 32;

fn docs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// A guide's blocks of one kind.
fn blocks(guide: &str, kind: &str) -> Vec<String> {
    let text = fs::read_to_string(docs().join(guide)).unwrap();
    text.split(&format!("```{kind}\n")).skip(1).map(|block| block.split_once("```").unwrap().0.to_owned()).collect()
}

/// Runs commands as their reader would, to the first that fails, which is then the last one on stderr.
fn follow(hub: &Hub, server: Option<&Loopback>, script: &str) -> Output {
    // As the command itself, but that the tiny models know 40 positions alone.
    let wrapper = format!(
        "#!/bin/sh\ncase \" $* \" in *' --text '*) set -- \"$@\" --max-length 32 ;; esac\nexec {} \"$@\"\n",
        env!("CARGO_BIN_EXE_esmhub")
    );
    hub.write("bin/esmhub", wrapper);
    fs::set_permissions(hub.path("bin/esmhub"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", hub.path("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.current_dir(hub.path("")).env_clear().env("PATH", path).env("HOME", hub.path("home"));
    command.env("ESMHUB_CACHE", hub.path("cache"));
    match server {
        Some(server) => command.env("HF_ENDPOINT", server.endpoint()),
        None => command.env("HF_HUB_OFFLINE", "1").env("HF_ENDPOINT", "http://127.0.0.1:9"),
    };
    let output = Hub::finish(command.args(["-e", "-x", "-c", script]));
    assert_eq!(output.code, 0, "{output:#?}");
    output
}

/// The files of a tiny model, for a hub to serve.
fn model(name: &str) -> Repository {
    let folder = tiny_model(name);
    let inside = |part: &str| fs::read_dir(folder.join(part)).into_iter().flatten().map(|entry| entry.unwrap().path());
    let files = inside("").chain(inside("1_Pooling")).filter(|path| path.is_file());
    let relative = |path: &Path| path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
    Repository::of_files(files.map(|path| (relative(&path), fs::read(&path).unwrap())))
}

/// A table whose texts stand in the column `body` and whose labels in `queue`.
fn tickets(rows: usize, seed: u64) -> String {
    csv(&words(rows, seed)).replacen("text,label", "body,queue", 1)
}

#[test]
fn every_guide_is_followed_and_the_readme_names_it() {
    let readme = fs::read_to_string(docs().join("../README.md")).unwrap();
    for entry in fs::read_dir(docs()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            assert!(FOLLOWED.contains(&&*name) || name == "hfselect.md", "docs/{name} is followed by no test");
            assert!(readme.contains(&format!("(docs/{name})")), "the README does not lead to docs/{name}");
        }
    }
}

/// A link that leads nowhere: to a file, or to a heading of one of the guides.
#[test]
fn every_link_of_a_guide_leads_somewhere() {
    let slug = |heading: &str| {
        let kept = heading.to_lowercase();
        kept.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c)).collect::<String>().replace(' ', "-")
    };
    for guide in FOLLOWED.iter().chain(&["hfselect.md"]) {
        let text = fs::read_to_string(docs().join(guide)).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target =
                fs::read_to_string(docs().join(file)).unwrap_or_else(|error| panic!("{guide}: {link}: {error}"));
            let mut headings = target.lines().filter_map(|line| line.split_once("# ")).map(|(_, text)| slug(text));
            assert!(heading.is_empty() || headings.any(|own| own == heading), "{guide}: {link}");
        }
    }
}

#[test]
fn a_pool_in_a_bucket_is_used_as_its_guide_says() {
    let hub = Hub::in_bucket(Kind::Whole);
    EsmFolder::new("imdb", D, 1).set("base_model_name", "tiny").write(&hub.path("trained/imdb"));
    hub.write("tickets.csv", tickets(80, 1).replacen("body", "subject", 1));
    let variables = hub.bucket().environment().map(|(name, value)| format!("export {name}={value}\n")).concat();
    let here = |block: &String| {
        block
            .replace("--text subject,body", "--text subject")
            .replace("--text body", "--text subject")
            .replace("--label queue", &format!("--label queue --base {}", tiny_base("bert-mean")))
            .replace("https://models.example.org/esms", &format!("{}/acme-nlp/esms", hub.bucket().endpoint()))
            .replace("/mnt/team/esms", "team")
    };
    hub.ok(["init", "team"]);
    hub.ok(["publish", "--registry", "team", "trained/imdb"]);
    let blocks: Vec<String> = blocks("buckets.md", "sh").iter().map(here).collect();
    let output = follow(&hub, None, &format!("{variables}{}", blocks.concat()));
    assert_eq!(output.stdout.matches("imdb:v1").count(), 5, "{output:#?}");
    assert!(hub.path("acme-nlp/esms/esmhub.toml").is_file());
    assert!(output.stdout.contains("s3://acme-nlp/team is a copy of"), "{output:#?}");
}

#[test]
fn a_team_shares_a_pool_as_its_guide_says() {
    let hub = Hub::without_registry();
    EsmFolder::new("imdb", 8, 1).write(&hub.path("trained/imdb"));
    EsmFolder::new("imdb", 8, 2).write(&hub.path("retrained/imdb"));
    let group = Command::new("id").arg("-g").output().unwrap().stdout;
    let here = |block: &String| {
        let block = block.replace("/mnt/team/esms", &hub.path("pool").display().to_string());
        block
            .replace("/backup/esms", "backup")
            .replace("chgrp ml", &format!("chgrp {}", String::from_utf8_lossy(&group).trim()))
    };
    let blocks: Vec<String> = blocks("team.md", "sh").iter().map(here).collect();
    let (repair, before) = blocks.split_last().unwrap();
    let output = follow(&hub, None, &before.concat());
    assert!(output.stdout.contains("everything is sound"), "{output:#?}");
    let mode = |path: &str| fs::metadata(hub.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("pool"), mode("pool/log") & 0o2070), (0o2770, 0o2070));
    let listed = hub.json(["list", "--all"]);
    let state = |esm: &Value| (esm["name"].clone(), esm["tag"].clone(), esm["yanked"].clone());
    let states: Vec<_> = listed["esms"].as_array().unwrap().iter().map(state).collect();
    let expected = [("v1", true), ("v2", false)].map(|(tag, yanked)| (json!("ada/imdb"), json!(tag), json!(yanked)));
    assert_eq!(states, expected);
    let shown = hub.json(["show", "ada/imdb:v1"]);
    assert_eq!(at(&shown, ["card/license", "card/fit/method"]), json!(["MIT", "imported"]));
    let profile = fs::read_to_string(hub.path("home/.profile")).unwrap();
    assert!(profile.starts_with("export ESMHUB_REGISTRY=/"), "{profile}");

    // What is damaged is named, and comes back from the copy.
    let copied = Command::new("cp").arg("-a").arg(hub.path("pool")).arg(hub.path("backup")).status().unwrap();
    assert!(copied.success());
    let repair = format!("export ESMHUB_REGISTRY=pool\n{repair}");
    follow(&hub, None, &repair);
    damage(&hub.object_of("ada/imdb:v2"));
    hub.refused_saying(16, ["pull", "ada/imdb"], &["damaged"]);
    // A dry run says 16 of it, which the script goes on after.
    let output = follow(&hub, None, &repair.replacen("backup  ", "backup || [ $? -eq 16 ]  ", 1));
    assert!(output.stdout.contains("could be restored") && output.stdout.contains("restored from"), "{output:#?}");
    hub.ok(["verify"]);
    hub.ok(["pull", "ada/imdb"]);
}

#[test]
fn fine_tuned_models_are_published_as_their_guide_says() {
    let hub = Hub::without_registry();
    for folder in ["my-finetuned", "tuned-on-letters"] {
        for (name, bytes) in model("bert").files {
            hub.write(&format!("{folder}/{name}"), bytes);
        }
    }
    hub.write("reviews.csv", tickets(80, 1));
    let tuning = Tuning::new(D, 4, 1);
    hub.write("pairs.npz", tuning.pairs(&tuning.domain(200, (0, D), 2)));
    let anchors = Path::new(env!("CARGO_MANIFEST_DIR")).join("anchors");
    for entry in fs::read_dir(anchors).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let (domain, rows) = (path.file_stem().unwrap().to_str().unwrap(), fs::read_to_string(&path).unwrap());
            let x = tuning.domain(rows.lines().count(), (0, D), rows.len() as u64);
            hub.write(&format!("embedded/pairs/{domain}.npz"), tuning.pairs(&x));
        }
    }
    let letters = Repository::of_files([
        ("mails/train.parquet".to_owned(), parquet(&words(60, 3), 60)),
        ("README.md".to_owned(), b"---\nconfigs:\n- {config_name: mails, data_files: mails/*}\n---".to_vec()),
    ]);
    let commit = letters.commit.clone();
    // Both are random: what tells them apart is as good as a tuning.
    let server = Loopback::new(
        [("google-bert/bert-base-uncased".into(), model("roberta")), ("datasets/acme/letters".into(), letters)],
        10,
    );
    let output = follow(&hub, Some(&server), &blocks("publish.md", "sh").concat());
    for said in ["held out", "other domains", "would publish 1 ESM", "sketch "] {
        assert!(output.stdout.contains(said), "{said:?}: {output:#?}");
    }
    assert!(!output.stderr.contains("compare badly"), "{output:#?}");
    let listed = hub.json(["list"]);
    let listed: Vec<&str> =
        listed["esms"].as_array().unwrap().iter().map(|esm| esm["name"].as_str().unwrap()).collect();
    assert_eq!(listed, ["acme/letters", "acme/pairs", "acme/reviews"]);
    let source = hub.json(["show", "acme/letters"])["card"]["source"].take();
    assert_eq!(
        at(&source, ["dataset", "revision", "subset", "split"]),
        json!(["acme/letters", commit, "mails", "train"])
    );
    let of_pool = hub.json(["anchors", "show", "--base", "acme/encoder"]);
    let pairs = hub.json(["show", "acme/pairs"]);
    assert_eq!(pairs["card"]["fit"]["anchors"], of_pool["digest"]);
    assert!(pairs["card"]["fit"]["held_out"]["r2"].as_f64().unwrap() > 0.9, "{pairs}");
    assert!(pairs["sketch"]["texts"].is_u64(), "{pairs}");
}

#[test]
fn rankings_are_read_as_their_guide_says() {
    if !has("jq", "rankings_are_read_as_their_guide_says") {
        return;
    }
    let hub = Hub::without_registry();
    let output = follow(&hub, None, &blocks("ranking.md", "sh").concat());
    // The guide's own table: each name at its rank, with its letter and its numbers.
    let words_of = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let printed: Vec<Vec<String>> = output.stdout.lines().map(words_of).collect();
    let near =
        |a: &str, b: &str| match (a.trim_matches(['±', '*']).parse::<f64>(), b.trim_matches(['±', '*']).parse::<f64>())
        {
            (Ok(a), Ok(b)) => (a - b).abs() < 2e-4,
            _ => a == b,
        };
    let [table] = &blocks("ranking.md", "text")[..] else { panic!("one table is expected") };
    for line in table.lines().map(words_of) {
        let same = |other: &Vec<String>| other.len() == line.len() && other.iter().zip(&line).all(|(a, b)| near(a, b));
        assert!(printed.iter().any(same), "{line:?} is not what it prints: {output:#?}");
    }
    for said in ["90 rows are too few for intervals", "bit for bit", "\"frequencies\": -0."] {
        assert!(output.stdout.contains(said), "{said:?}: {output:#?}");
    }
    let locked = output.stdout.rsplit("esmhub-demo/tweet_emotion.npz  ").next().unwrap();
    assert!(locked.contains("sst2:v1"), "what was yanked is missing from a locked ranking: {locked}");
    for (file, begin) in [("ranking.html", "<!DOCTYPE html>"), ("ranking.svg", "<?xml ")] {
        assert!(fs::read_to_string(hub.path(file)).unwrap().starts_with(begin), "{file}");
    }
}

#[test]
fn scripts_work_as_their_guide_says() {
    if !has("jq", "scripts_work_as_their_guide_says") {
        return;
    }
    let long = |text: &str| text.split(' ').count() > 8;
    // One that brings out what tells long texts from short ones; and one that keeps nothing but a constant, which stands in for
    // an intercept: over labels that are a matter of chance it gains, and by their frequencies alone.
    let [helps, constant] = [("helps", 1.0), ("constant", 0.001)].map(|(name, kept)| {
        let mut esm = EsmFolder::new(name, D, 1);
        let diagonal = |at: usize| if at >= 24 { kept } else { 0.1 * kept };
        esm.weight = (0..D * D).map(|place| if place % (D + 1) == 0 { diagonal(place / D) } else { 0.0 }).collect();
        esm.bias = vec![1.0; D];
        esm
    });
    let server = Loopback::new([("acme/encoder".into(), model("bert-mean"))], 10);
    let script = format!("export ESMHUB_REGISTRY=pool\n{}", blocks("scripts.md", "sh").concat());
    let world = |esm: &EsmFolder, label: &dyn Fn(usize, &str) -> bool| {
        let hub = Hub::new();
        let source = hub.esm(esm);
        hub.ok(["publish", &source, "--codec", "f32"]);
        let rows = words(300, 1).into_iter().enumerate();
        let lines = rows.map(|(row, (text, _))| format!("{text},{}\n", label(row, &text)));
        hub.write("target.npz", target(120, D, 2, 1));
        hub.write("tickets.csv", ["body,queue\n".to_owned()].into_iter().chain(lines).collect::<String>());
        follow(&hub, Some(&server), &script);
        hub
    };
    assert!(!world(&constant, &|row, _| row % 5 == 0).path("winner").exists());
    let hub = world(&helps, &|_, text| long(text));
    assert_eq!(EsmFolder::bits_in(&hub.path("winner")), helps.bits());
    damage(&hub.object_of("helps"));
    let nightly = blocks("scripts.md", "sh");
    let nightly = nightly.iter().find(|block| block.contains("exit 16")).unwrap().replace("exit 16", "echo named");
    let output = follow(&hub, None, &format!("export ESMHUB_REGISTRY=pool\n{nightly}"));
    assert!(output.stdout.contains("named") && output.stderr.contains("docs/team.md"), "{output:#?}");
}

#[test]
fn manual_pages_are_made_as_their_guide_says() {
    let hub = Hub::without_registry();
    let [script] = &blocks("shells.md", "sh")[..] else { panic!("one block is expected") };
    let readable = has("man", "the first line of docs/shells.md");
    let lines: String =
        script.lines().filter(|line| readable || !line.contains("| man ")).map(|line| format!("{line}\n")).collect();
    follow(&hub, None, &lines);
    assert!(hub.path("home/.local/share/man/man1/esmhub-rank.1").is_file());
}
