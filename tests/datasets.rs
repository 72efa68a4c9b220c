//! Data sets of the Hugging Face Hub by their ids.

use serde_json::{Value, json};

use crate::support::loopback::{Fault, Loopback, Repository};
use crate::support::{EsmFolder, Hub, Output, at, csv, line, parquet, parquet_with, tiny_base, tiny_model, words};

type Rows = Vec<(String, &'static str)>;

/// A pool of two ESMs of dimension 32.
fn pool() -> Hub {
    let hub = Hub::new();
    for seed in [1, 2] {
        let esm = EsmFolder::new(&format!("esm{seed}"), 32, seed).set("base_model_name", "tiny");
        let source = hub.esm(&esm);
        hub.ok(["publish", "--codec", "f32", &source]);
    }
    hub
}

fn rank_line(target: &str, more: &str) -> Vec<String> {
    let base = tiny_base("bert-mean");
    line(format!("rank {target} --text text --label label --base {base} --max-length 24 {more}"))
}

/// Runs a command with this server as the hub.
fn online(hub: &Hub, server: &Loopback, arguments: &[String]) -> Output {
    Hub::finish(hub.command().args(arguments).env("HF_ENDPOINT", server.endpoint()).env_remove("HF_HUB_OFFLINE"))
}

fn ranked(hub: &Hub, server: &Loopback, target: &str, more: &str) -> Value {
    let mut arguments = rank_line(target, more);
    arguments.push("--json".to_owned());
    let done = online(hub, server, &arguments);
    assert_eq!(done.code, 0, "{done:#?}");
    serde_json::from_str(&done.stdout).unwrap()
}

/// What a ranking says, without where the rows came from and what was remembered.
fn gist(ranking: &Value) -> Value {
    at(ranking, ["target/digest", "target/rows", "baseline", "results"])
}

fn of_file(hub: &Hub, rows: &Rows, more: &str) -> Value {
    hub.write("rows.csv", csv(rows));
    hub.json(rank_line("rows.csv", more))
}

const CARD: &str = "---
configs:
- config_name: mails
  default: true
  data_files:
  - split: train
    path: mails/train-*
  - split: test
    path: mails/test.csv
- config_name: notes
  data_files: notes.jsonl
---
# Letters
";

/// `acme/letters`: of the subset `mails` a split in two Parquet files and one in CSV, of `notes` one in JSON lines.
fn letters() -> ([Rows; 4], Loopback) {
    let rows = [words(40, 1), words(30, 2), words(50, 3), words(45, 4)];
    let lines: String =
        rows[3].iter().map(|(text, label)| format!("{}\n", json!({"text": text, "label": label}))).collect();
    let files = [
        ("README.md", CARD.as_bytes().to_vec()),
        ("mails/train-0.parquet", parquet(&rows[0], 16)),
        ("mails/train-1.parquet", parquet(&rows[1], 16)),
        ("mails/test.csv", csv(&rows[2]).into_bytes()),
        ("notes.jsonl", lines.into_bytes()),
    ];
    let repository = Repository::of_files(files.map(|(name, bytes)| (name.to_owned(), bytes)));
    (rows, Loopback::new([("datasets/acme/letters".to_owned(), repository)], 1000))
}

#[test]
fn a_split_is_ranked_as_its_rows_in_one_file_would_be() {
    let (hub, ([first, second, test, notes], server)) = (pool(), letters());
    let target = "hf://datasets/acme/letters";
    let both: Rows = first.into_iter().chain(second).collect();
    let train = ranked(&hub, &server, target, "");
    assert_eq!(gist(&train), gist(&of_file(&hub, &both, "")));
    let places = ["target/source", "target/subset", "target/split"];
    assert_eq!(at(&train, places), json!([target, "mails", "train"]));
    let commit = train["target"]["revision"].as_str().unwrap().to_owned();
    let requests = server.requests();
    assert!(requests.iter().any(|path| path.ends_with("train-1.parquet")), "{requests:?}");
    assert!(!requests.iter().any(|path| path.ends_with("test.csv") || path.ends_with("notes.jsonl")), "{requests:?}");
    // Where only some rows are drawn, they are the same rows.
    assert_eq!(gist(&ranked(&hub, &server, target, "--rows 20")), gist(&of_file(&hub, &both, "--rows 20")));
    let test_split = ranked(&hub, &server, target, "--split test");
    assert_eq!(gist(&test_split), gist(&of_file(&hub, &test, "")));
    let of_notes = ranked(&hub, &server, &format!("{target}@{commit}"), "--subset notes");
    assert_eq!(gist(&of_notes), gist(&of_file(&hub, &notes, "")));
    assert_eq!(at(&of_notes, ["target/subset", "target/split"]), json!(["notes", "train"]));
    drop(server);
    // From the cache, by branch and by commit.
    for target in [target.to_owned(), format!("{target}@{commit}")] {
        let offline = hub.json(rank_line(&target, ""));
        assert_eq!(gist(&offline), gist(&train));
        assert_eq!(offline["target"]["revision"], *commit);
    }
}

#[test]
fn a_part_of_a_split_in_the_cache_is_never_taken_for_all_of_it() {
    let (hub, (_, server)) = (pool(), letters());
    let target = "hf://datasets/acme/letters";
    // One shard comes, the other does not.
    server.fails("train-1.parquet", &vec![Fault::Status(404, ""); 40]);
    let refused = online(&hub, &server, &rank_line(target, ""));
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(refused.stderr.contains("train-1.parquet") && refused.stderr.contains("404"), "{refused:#?}");
    let commit = server.commit("datasets/acme/letters");
    drop(server);
    let missing = hub.refused(1, rank_line(&format!("{target}@{commit}"), ""));
    assert!(missing.contains("mails/train-1.parquet is missing"), "{missing}");
    hub.refused_saying(1, rank_line(target, ""), &["not in the cache"]);
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let (hub, (_, server)) = (pool(), letters());
    let target = "hf://datasets/acme/letters";
    for (more, code, said) in [
        ("--subset letters", 2, ["\"letters\"", "\"mails\", \"notes\""]),
        ("--split dev", 2, ["\"dev\"", "\"train\", \"test\""]),
        ("--subset notes --split test", 2, ["\"test\"", "\"train\""]),
    ] {
        let refused = online(&hub, &server, &rank_line(target, more));
        assert_eq!(refused.code, code, "{refused:#?}");
        assert!(said.iter().all(|text| refused.stderr.contains(text)), "{refused:#?}");
    }
    for (target, said) in [("hf://datasets/acme/nothing", "404"), ("hf://datasets/acme/letters@dev", "404")] {
        let refused = online(&hub, &server, &rank_line(target, ""));
        assert_eq!(refused.code, 1, "{refused:#?}");
        assert!(refused.stderr.contains(said) && refused.stderr.contains("check the id"), "{refused:#?}");
    }
    let refused =
        online(&hub, &server, &line(format!("rank {target} --text body --label label --base {}", tiny_base("bert"))));
    assert_eq!(refused.code, 2, "{refused:#?}");
    assert!(refused.stderr.contains("mails/train-0.parquet: column \"body\" does not exist"), "{refused:#?}");
    assert!(!refused.stderr.contains("snapshots"), "{refused:#?}");
    hub.write("t.csv", csv(&words(30, 1)));
    hub.refused_saying(2, rank_line("t.csv", "--split train"), &["--split", "t.csv is a file"]);
    hub.refused_saying(2, rank_line("hf://acme/letters", ""), &["hf://datasets/OWNER/NAME"]);
}

#[test]
fn what_the_repository_does_not_hold_as_tables_comes_as_the_hub_has_converted_it() {
    let hub = pool();
    let rows = [words(40, 5), words(30, 6)];
    let script = Repository::of_files([("letters.py".to_owned(), b"raise SystemExit".to_vec())]);
    let converted = Repository::of_files([
        ("mails/train/0000.parquet".to_owned(), parquet(&rows[0], 100)),
        ("notes/partial-train/0000.parquet".to_owned(), parquet(&rows[1], 100)),
    ]);
    let commit = converted.commit.clone();
    let branch = "datasets/acme/letters@refs/convert/parquet".to_owned();
    let server = Loopback::new([("datasets/acme/letters".to_owned(), script), (branch, converted)], 1000);
    let target = "hf://datasets/acme/letters";
    for target in [target.to_owned(), format!("{target}@refs/convert/parquet")] {
        let ranking = ranked(&hub, &server, &target, "--subset mails");
        assert_eq!(gist(&ranking), gist(&of_file(&hub, &rows[0], "")));
        assert_eq!(ranking["target"]["revision"], *commit);
    }
    let partial = online(&hub, &server, &rank_line(target, "--subset notes"));
    assert_eq!(partial.code, 0, "{partial:#?}");
    assert!(partial.stderr.contains("only the first part"), "{partial:#?}");
    // Nobody else's choice in the place of a revision that was named.
    let refused = online(&hub, &server, &rank_line(&format!("{target}@main"), "--subset mails"));
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(refused.stderr.contains("no file of it is a table"), "{refused:#?}");
    let several = online(&hub, &server, &rank_line(target, ""));
    assert_eq!(several.code, 2, "{several:#?}");
    assert!(several.stderr.contains("\"mails\", \"notes\"") && several.stderr.contains("--subset"), "{several:#?}");
    drop(server);
    assert_eq!(hub.json(rank_line(target, "--subset mails"))["target"]["revision"], *commit);
}

#[test]
fn what_passes_is_waited_for_and_a_private_data_set_takes_a_token() {
    let listing = "/api/datasets/acme/letters";
    for (path, faults) in [
        (listing, vec![Fault::Status(429, "Retry-After: 1\r\n"), Fault::Status(503, "")]),
        ("train-0.parquet", vec![Fault::Status(429, "Retry-After: 1\r\n"); 2]),
        ("train-1.parquet", vec![Fault::Status(500, ""), Fault::Cut(100)]),
        ("README.md", vec![Fault::Cut(0), Fault::Cut(20)]),
    ] {
        let (hub, ([first, second, ..], server)) = (pool(), letters());
        server.fails(path, &faults);
        let both: Rows = first.into_iter().chain(second).collect();
        let ranking = ranked(&hub, &server, "hf://datasets/acme/letters", "");
        assert_eq!(gist(&ranking), gist(&of_file(&hub, &both, "")), "{path}");
    }
    let (hub, (_, server)) = (pool(), letters());
    server.change("datasets/acme/letters", |repository| repository.private = true);
    let arguments = rank_line("hf://datasets/acme/letters", "");
    let refused = online(&hub, &server, &arguments);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(refused.stderr.contains("401") && refused.stderr.contains("HF_TOKEN"), "{refused:#?}");
    let mut command = hub.command();
    command.args(&arguments).env("HF_TOKEN", "hf_secret").env("HF_ENDPOINT", server.endpoint());
    let done = Hub::finish(command.env_remove("HF_HUB_OFFLINE"));
    assert_eq!(done.code, 0, "{done:#?}");
}

/// `acme/large`: 6 MB in Parquet, of which texts and labels are the least, and 9 MB in CSV.
fn large() -> (Rows, Loopback) {
    let rows = words(3000, 7);
    let long: Rows = rows.iter().map(|(text, label)| (format!("{text} {}", "x ".repeat(1500)), *label)).collect();
    let files = [
        ("images.parquet".to_owned(), parquet_with(&rows, 500, 2000)),
        ("long.csv".to_owned(), csv(&long).into_bytes()),
    ];
    let card = "---\nconfigs:\n- {config_name: images, data_files: images.parquet}\n- {config_name: long, data_files: long.csv}\n---\n";
    let repository = Repository::of_files(files.into_iter().chain([("README.md".to_owned(), card.into())]));
    (rows, Loopback::new([("datasets/acme/large".to_owned(), repository)], 1000))
}

#[test]
fn the_first_rows_of_a_large_file_come_without_the_rest_of_it() {
    let (hub, (rows, server)) = (pool(), large());
    let target = "hf://datasets/acme/large";
    let first: Rows = rows[..120].to_vec();
    let expected = of_file(&hub, &first, "");
    for (subset, most) in [("images", 500_000), ("long", 3_000_000)] {
        server.sent();
        let ranking = ranked(&hub, &server, target, &format!("--subset {subset} --rows 120 --sample first"));
        assert!(server.sent() < most, "{subset}: {} bytes", server.sent());
        match subset {
            "images" => assert_eq!(gist(&ranking), gist(&expected)),
            // The tokens behind the first 24 change nothing; the texts are others.
            _ => assert_eq!(ranking["target"]["rows"], 120),
        }
    }
    // More rows than the first row group has.
    let more: Rows = rows[..700].to_vec();
    let ranking = ranked(&hub, &server, target, "--subset images --rows 700 --sample first");
    assert_eq!(gist(&ranking), gist(&of_file(&hub, &more, "")));
    // What was fetched in part is not in the cache.
    hub.refused_saying(
        1,
        rank_line(target, "--subset images --rows 120 --sample first"),
        &["images.parquet is missing"],
    );
    // A server that knows no ranges gives all of it.
    server.fails("images.parquet", &vec![Fault::Whole; 3]);
    server.sent();
    let whole = ranked(&hub, &server, target, "--subset images --rows 120 --sample first");
    assert_eq!(gist(&whole), gist(&expected));
    assert!(server.sent() > 6_000_000);
    drop(server);
    assert_eq!(gist(&hub.json(rank_line(target, "--subset images --rows 120 --sample first"))), gist(&expected));
}

#[test]
fn a_range_that_breaks_off_or_is_refused_leaves_no_hole_in_what_is_read() {
    let (hub, (rows, server)) = (pool(), large());
    let expected = of_file(&hub, &rows[..120].to_vec(), "");
    for faults in [
        vec![Fault::Cut(100)],
        vec![Fault::Cut(usize::MAX), Fault::Cut(10)],
        vec![Fault::Status(503, ""), Fault::Status(429, "Retry-After: 1\r\n")],
        // Of the pages, and of the footer.
        vec![Fault::Cut(usize::MAX), Fault::Short(100)],
        vec![Fault::Short(30_000)],
    ] {
        server.fails("cdn/datasets/acme/large", &faults);
        let ranking =
            ranked(&hub, &server, "hf://datasets/acme/large", "--subset images --rows 120 --sample first --no-cache");
        assert_eq!(gist(&ranking), gist(&expected), "{faults:?}");
    }
}

#[test]
fn other_bytes_than_those_of_the_range_are_refused() {
    let (hub, (_, server)) = (pool(), large());
    server.fails("cdn/datasets/acme/large", &[Fault::Cut(usize::MAX), Fault::Elsewhere]);
    let refused =
        online(&hub, &server, &rank_line("hf://datasets/acme/large", "--subset images --rows 120 --sample first"));
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(refused.stderr.contains("images.parquet") && refused.stderr.contains("the range"), "{refused:#?}");
}

/// The beginning of a file can end within a label, and what is left of it looks like one.
#[test]
fn a_row_that_is_cut_is_not_taken_for_a_whole_one() {
    const BEGINNING: usize = 1 << 20;
    let hub = pool();
    let rows: Rows =
        words(3000, 8).into_iter().map(|(text, label)| (format!("{text} {}", "x ".repeat(1500)), label)).collect();
    let mut table = csv(&rows[..0]);
    let mut count = 0;
    for (text, label) in &rows {
        let whole = format!("{text},{label}\n");
        let straddles = table.len() < BEGINNING && table.len() + whole.len() + 4000 > BEGINNING;
        // The last one before the cut is as long as it takes for the cut to fall behind the first letters of its label.
        let filling = if straddles { BEGINNING - table.len() - text.len() - 3 } else { 0 };
        table.push_str(&format!("{text}{},{label}\n", "y".repeat(filling)));
        count += usize::from(table.len() <= BEGINNING || straddles);
    }
    assert!(!["river", "mill"].contains(&table[..BEGINNING].rsplit(',').next().unwrap()));
    let repository = Repository::of_files([("train.csv".to_owned(), table.into_bytes())]);
    let server = Loopback::new([("datasets/acme/cut".to_owned(), repository)], 10);
    let ranking = ranked(&hub, &server, "hf://datasets/acme/cut", &format!("--rows {count} --sample first"));
    assert_eq!(at(&ranking, ["target/rows", "target/classes"]), json!([count, 2]));
}

/// hfselect takes the mean of what is called `sentence-transformers/…`, whatever the files say: its ESMs are of those embeddings.
#[test]
fn esms_of_other_embeddings_of_the_same_model_are_warned_of() {
    let warns = |base: &str, model: &str| {
        let hub = Hub::new();
        let source = hub.esm(&EsmFolder::new("esm", 32, 1).set("base_model_name", base));
        hub.ok(["publish", "--codec", "f32", &source]);
        hub.write("rows.csv", csv(&words(40, 1)));
        let model = tiny_model(model).display().to_string();
        let done = hub.run(line(format!(
            "rank rows.csv --text text --label label --max-length 24 --base {base}={model} --report r.html"
        )));
        assert_eq!(done.code, 0, "{done:#?}");
        let said = done.stderr.contains("their scores mean little");
        assert_eq!(std::fs::read_to_string(hub.path("r.html")).unwrap().contains("their scores mean little"), said);
        said
    };
    assert!(warns("acme/e5", "bert-mean") && warns("sentence-transformers/tiny", "bert"));
    assert!(!warns("sentence-transformers/tiny", "bert-mean") && !warns("acme/bert", "bert"));
    assert!(!warns("acme/roberta", "roberta") && !warns("acme/distilbert", "distilbert"));
}

/// What was made of the target itself wins, and means nothing; ESMs of the hub have no sketch that would show it.
#[test]
fn an_esm_of_the_targets_own_data_set_is_warned_of_and_left_out_where_that_is_asked_for() {
    let (hub, (_, server)) = (pool(), letters());
    for (name, data, subset) in [
        ("own", "Acme/Letters", "default"),
        ("own-subset", "acme/letters", "mails"),
        ("other-subset", "acme/letters", "notes"),
        ("other-data", "acme/letters2", "mails"),
    ] {
        let esm = EsmFolder::new(data, 32, 5).set("base_model_name", "tiny").set("task_subset", subset);
        let source = hub.esm(&esm);
        hub.ok(["publish", "--codec", "f32", "--name", name, &source]);
    }
    let target = "hf://datasets/acme/letters";
    let ranking = ranked(&hub, &server, target, "");
    let same = |esms: &Value| -> Vec<String> {
        let esms = esms.as_array().unwrap().iter().filter(|esm| esm["same_data"] == true);
        esms.map(|esm| esm["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(same(&ranking["results"]), ["own", "own-subset"]);
    let warned = online(&hub, &server, &rank_line(target, "--report r.html"));
    let commit = &server.commit("datasets/acme/letters")[..12];
    assert!(warned.stdout.contains(&format!("mails/train at {commit}, 70 rows")), "{warned:#?}");
    assert!(warned.stderr.contains("own data set, acme/letters") && warned.stderr.contains(": own-subset:v1, own:v1;"));
    let page = std::fs::read_to_string(hub.path("r.html")).unwrap();
    assert_eq!(page.matches("data-same-data=\"true\"").count(), 2);
    assert!(page.contains("The target’s own data set."));
    let without = ranked(&hub, &server, target, "--max-overlap 5%");
    assert_eq!(same(&without["left_out"]), ["own", "own-subset"]);
    assert_eq!(without["left_out"][0]["overlap"], Value::Null);
    assert_eq!(without["ranked"], 4);
    assert_eq!(ranked(&hub, &server, target, "--max-overlap 100%")["ranked"], 6);
    // The same rows in a file come from nowhere.
    hub.write("rows.csv", csv(&words(40, 1)));
    assert_eq!(same(&hub.json(rank_line("rows.csv", ""))["results"]), Vec::<String>::new());
}

/// Of another split of the same data set, too: the sketch knows better than the name.
#[test]
fn a_sketch_says_more_than_the_name_of_the_data_set() {
    let (hub, (_, server)) = (Hub::new(), letters());
    let [base, tuned] = ["bert-mean", "roberta"].map(tiny_base);
    let arguments = line(format!(
        "publish --base {base} --tuned {tuned} --data hf://datasets/acme/letters --split test --text text --max-length 24 --no-anchors"
    ));
    assert_eq!(online(&hub, &server, &arguments).code, 0);
    let ranking = ranked(&hub, &server, "hf://datasets/acme/letters", "--split train --max-overlap 50%");
    assert_eq!(at(&ranking, ["results/0/same_data", "ranked"]), json!([false, 1]), "{ranking:#}");
    assert!(ranking["results"][0]["overlap"].is_number());
}

#[test]
fn an_esm_fitted_on_a_data_set_says_on_which_part_of_it() {
    let (hub, (_, server)) = (Hub::new(), letters());
    let [base, tuned] = ["bert", "bert-mean"].map(tiny_base);
    let arguments = line(format!(
        "publish --base {base} --tuned {tuned} --data hf://datasets/acme/letters --split test --text text --max-length 24 --no-anchors"
    ));
    let done = online(&hub, &server, &arguments);
    assert_eq!(done.code, 0, "{done:#?}");
    let card = hub.json(["show", "acme/letters/mails"])["card"].take();
    let places = ["source/dataset", "source/subset", "source/split", "source/revision", "source/rows"];
    let commit = server.commit("datasets/acme/letters");
    assert_eq!(at(&card, places), json!(["acme/letters", "mails", "test", commit, 50]));
    let shown = hub.ok(["show", "acme/letters/mails"]);
    assert!(shown.lines().any(|line| line.starts_with("source revision ") && line.ends_with(&commit)), "{shown}");
}
