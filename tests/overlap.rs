//! The leakage guard: a source that holds the target's own texts is seen, named, and left out where that is asked for.

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, at, csv, line, pool, tiny_base, tiny_model, words};

/// So many texts that no other data set of another name has, of two classes.
fn texts(of: &str, rows: usize) -> Vec<(String, &'static str)> {
    let rows = words(rows, 3).into_iter().enumerate();
    rows.map(|(number, (text, label))| (format!("{text} {of} {number}"), label)).collect()
}

/// Publishes an ESM of the base model `tiny`, its source the texts of `NAME.csv`.
fn publish(hub: &Hub, name: &str, seed: u64, rows: &[(String, &str)]) -> Value {
    hub.write(&format!("{name}.csv"), csv(rows));
    let esm = hub.esm(&EsmFolder::new(name, 32, seed).set("base_model_name", "tiny"));
    hub.json(line(format!("publish {esm} --source-texts {name}.csv --text text")))
}

/// A pool of `whole`, which holds the target in `t.csv` among 20,000 texts, `half`, `foreign` and `unknown`, without a sketch.
fn leaking() -> Hub {
    let hub = Hub::new();
    let target = texts("target", 120);
    hub.write("t.csv", csv(&target));
    let shouted: Vec<_> =
        target.iter().map(|(text, label)| (format!("  {}!! ", text.to_uppercase()), *label)).collect();
    publish(&hub, "whole", 1, &[texts("whole", 19_880), shouted].concat());
    publish(&hub, "half", 2, &[&target[..60], &texts("half", 500)].concat());
    publish(&hub, "foreign", 3, &texts("foreign", 800));
    let unknown = hub.esm(&EsmFolder::new("unknown", 32, 4).set("base_model_name", "tiny"));
    hub.ok(["publish", &unknown]);
    hub
}

fn rank(rest: &str) -> Vec<String> {
    line(format!("rank t.csv --text text --label label --base {} --max-length 24 {rest}", tiny_base("bert-mean")))
}

/// The overlap of the ESM of this name.
fn overlap(ranking: &Value, name: &str) -> Option<f64> {
    let mut results = ranking["results"].as_array().unwrap().iter();
    results.find(|esm| esm["name"] == name).unwrap()["overlap"].as_f64()
}

#[test]
fn texts_of_the_target_inside_a_source_are_seen_whatever_its_size() {
    let hub = leaking();
    let ranking = hub.json(rank(""));
    assert_eq!(overlap(&ranking, "whole"), Some(1.0), "{ranking}");
    assert!((overlap(&ranking, "half").unwrap() - 0.5).abs() < 0.02, "{ranking}");
    assert!(overlap(&ranking, "foreign").unwrap() < 0.02, "{ranking}");
    assert_eq!(overlap(&ranking, "unknown"), None);
    for esm in ranking["results"].as_array().unwrap() {
        let compared = esm["overlap_compared"].as_u64();
        match esm["name"].as_str().unwrap() {
            // Of 20,000 texts 2,331 are listed.
            "whole" => assert!((4..30).contains(&compared.unwrap()), "{esm}"),
            "unknown" => assert_eq!(compared, None),
            _ => assert_eq!(compared, Some(120)),
        }
    }
    assert_eq!(at(&ranking, ["ranked", "left_out", "skipped"]), json!([4, [], []]));
    // A sketch is no part of the score.
    let output = hub.run(rank(""));
    assert_eq!(output.code, 0, "{output:#?}");
    let warning = output.stderr.lines().find(|line| line.contains("of the target's texts")).unwrap();
    assert!(warning.contains("2 ESMs") && warning.contains("whole:v1 (about 100 %"), "{warning}");
    assert!(warning.contains("half:v1 (about 50 %, 120 compared)") && !warning.contains("foreign"), "{warning}");
    assert!(output.stdout.contains("OVERLAP") && output.stdout.contains("100 %"), "{output:#?}");
}

#[test]
fn source_of_other_texts_is_not_warned_of() {
    let hub = Hub::new();
    hub.write("t.csv", csv(&texts("target", 120)));
    publish(&hub, "foreign", 3, &texts("foreign", 800));
    let output = hub.run(rank(""));
    assert_eq!(output.code, 0, "{output:#?}");
    assert!(!output.stderr.contains("of the target's texts"), "{output:#?}");
    assert!(!output.stdout.contains("OVERLAP"), "{output:#?}");
}

/// All texts of the target count, those of rows that are not sampled too; of `--sample first`, those that are read.
#[test]
fn rows_that_are_not_sampled_count() {
    let hub = leaking();
    let ranking = hub.json(rank("--rows 40"));
    assert_eq!(ranking["target"]["rows"], 40);
    assert!((overlap(&ranking, "half").unwrap() - 0.5).abs() < 0.02, "{ranking}");
    let first = hub.json(rank("--rows 40 --sample first"));
    assert_eq!(overlap(&first, "half"), Some(1.0));
}

#[test]
fn max_overlap_leaves_out_what_holds_more_and_nothing_else() {
    let hub = leaking();
    let all = hub.json(rank(""));
    let output = hub.run(rank("--max-overlap 5%"));
    assert_eq!(output.code, 0, "a choice is no failure: {output:#?}");
    assert!(output.stdout.contains("2 ESMs left out by --max-overlap"), "{output:#?}");
    assert!(output.stdout.contains("whole:v1") && output.stdout.contains("half:v1"), "{output:#?}");
    assert!(output.stderr.contains("1 ESM kept whose overlap with the target is not known"), "{output:#?}");
    assert!(!output.stdout.contains("overlap is not known"), "once is enough: {output:#?}");
    assert!(hub.ok(rank("")).contains("overlap is not known for 1 of 4 ESMs"));
    let ranking = hub.json(rank("--max-overlap 0.05"));
    assert_eq!(at(&ranking, ["ranked", "skipped", "left_out/0/name"]), json!([2, [], "whole"]));
    assert_eq!(at(&ranking, ["left_out/0/overlap", "left_out/1/name", "left_out/1/tag"]), json!([1.0, "half", "v1"]));
    assert_eq!(ranking["left_out"].as_array().unwrap().len(), 2);
    // The others have the scores that they had.
    for esm in ranking["results"].as_array().unwrap() {
        let mut before = all["results"].as_array().unwrap().iter();
        let before = before.find(|other| other["name"] == esm["name"]).unwrap();
        assert_eq!(at(esm, ["score", "digest", "overlap"]), at(before, ["score", "digest", "overlap"]));
    }
    assert_eq!(hub.json(rank("--max-overlap 60%"))["ranked"], 3);
    assert_eq!(hub.json(rank("--max-overlap 1"))["ranked"], 4);
    let filtered = rank("--max-overlap 5% --filter name~whole");
    hub.refused_saying(1, filtered, &["every ESM holds more than 5 %", "whole:v1", "hint: "]);
    for odd in ["5", "-1", "101%", "some"] {
        hub.refused_saying(2, rank(&format!("--max-overlap={odd}")), &["from 0% to 100%"]);
    }
}

#[test]
fn targets_without_texts_have_no_overlap() {
    let hub = pool();
    let ranking = hub.json(["rank", "t.npz"]);
    assert_eq!(at(&ranking, ["results/0/overlap", "results/0/overlap_compared", "left_out"]), json!([null, null, []]));
    hub.refused_saying(2, line("rank t.npz --max-overlap 5%"), &["--max-overlap", "texts", "hint: "]);
}

#[test]
fn esm_fitted_from_texts_knows_all_of_them() {
    let hub = Hub::new();
    let target = texts("target", 120);
    hub.write("t.csv", csv(&target));
    hub.write("task.csv", csv(&[&texts("task", 200)[..], &target, &target[..5]].concat()));
    let (base, tuned) = (tiny_base("bert-mean"), tiny_model("roberta").display().to_string());
    let fit = format!("publish --base {base} --tuned {tuned} --data task.csv --text text --max-length 24 --no-anchors");
    let published = hub.json(line(format!("{fit} --rows 50")));
    assert_eq!(at(&published, ["published/0/fit/rows", "published/0/sketch/texts"]), json!([50, 320]));
    assert_eq!(hub.json(["show", "task"])["sketch"], json!({"texts": 320, "hashes": 320}));
    assert_eq!(overlap(&hub.json(rank("")), "task"), Some(1.0));
    // Whoever does not want that has it left out.
    let published = hub.json(line(format!("{fit} --rows 50 --no-sketch")));
    assert_eq!(at(&published, ["published/0/tag", "published/0/sketch"]), json!(["v2", null]));
    assert_eq!(overlap(&hub.json(rank("")), "task"), None);
}

#[test]
fn sketch_stays_with_the_esm() {
    let hub = leaking();
    let shown = hub.json(["show", "half"]);
    assert_eq!(shown["sketch"], json!({"texts": 560, "hashes": 560}));
    assert!(hub.run(["show", "whole"]).stdout.contains("of 20000 texts, 2331 of them sampled"));
    assert_eq!(hub.json(["show", "unknown"])["sketch"], json!(null));
    // The same again is there already.
    let again = hub.json(line("publish esms/half --source-texts half.csv --text text"));
    assert_eq!(at(&again, ["published/0/status", "published/0/sketch/texts"]), json!(["unchanged", 560]));
    // Recompressed, and carried elsewhere.
    hub.ok(line("recompress whole"));
    let smaller = hub.json(["show", "whole"]);
    assert_eq!(at(&smaller, ["tag", "sketch"]), json!(["v2", {"texts": 20_000, "hashes": 2331}]));
    hub.ok(line("export whole whole.esm"));
    hub.ok(line("init other"));
    hub.ok(line("publish whole.esm --registry other"));
    let elsewhere = hub.json(line("show whole --registry other"));
    assert_eq!(at(&elsewhere, ["digest", "sketch"]), at(&smaller, ["digest", "sketch"]));
    assert_eq!(hub.json(["verify"])["sound"], true);
}

/// A card that says much has less room, and keeps some for what `recompress` writes there.
#[test]
fn full_card_gets_a_smaller_sketch() {
    let hub = Hub::new();
    hub.write("big.csv", csv(&texts("big", 4000)));
    let esm = hub.esm(&EsmFolder::new("big", 32, 1).set("base_model_name", "tiny"));
    let of = |notes: usize| {
        line(format!("publish {esm} --source-texts big.csv --text text --set notes={}", "x".repeat(notes)))
    };
    let hashes = |notes| hub.json(of(notes))["published"][0]["sketch"]["hashes"].as_u64().unwrap();
    assert_eq!(hashes(2000), 2331);
    assert!((1300..1800).contains(&hashes(4500)));
    hub.ok(line("recompress big"));
    hub.refused_saying(1, of(7800), &["no room", "hint: "]);
}

#[test]
fn flags_that_cannot_be_followed_are_refused() {
    let hub = leaking();
    hub.write("t.npz", b"");
    hub.write("dots.csv", "text\n...\n!\n");
    hub.ok(line("export half half.esm"));
    let refused = |code, arguments: &str, said: &[&str]| hub.refused_saying(code, line(arguments), said);
    refused(2, "publish esms/half esms/whole --source-texts half.csv --text text", &["--source-texts", "several"]);
    refused(2, "publish half.esm --source-texts half.csv --text text", &["half.esm", "--source-texts"]);
    refused(2, "publish esms/half --source-texts half.csv", &["--text"]);
    refused(2, "publish esms/half --text text", &["--source-texts"]);
    refused(2, "publish esms/half --no-sketch", &["--tuned"]);
    refused(2, "publish esms/half --source-texts half.csv --text body", &["body"]);
    refused(2, "publish esms/half --source-texts t.npz --text text", &["t.npz"]);
    refused(1, "publish esms/half --source-texts dots.csv --text text", &["nothing to sketch", "hint: "]);
    refused(1, "publish esms/half --source-texts absent.csv --text text", &["absent.csv"]);
    let fit = format!("publish --base {} --tuned {0} --data half.csv --text text", tiny_base("bert-mean"));
    refused(2, &format!("{fit} --source-texts half.csv"), &["--source-texts"]);
}
