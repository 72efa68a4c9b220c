//! What really came out: recorded, compared with rankings, exported.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Hub, at, kendall_tau, line, names, pool, target};

/// A ranking of `t.npz` in `lock.json`, and the names of the ESMs, best first.
fn ranked() -> (Hub, Vec<String>) {
    let hub = pool();
    let ranking = hub.json(["rank", "t.npz", "--lock", "lock.json"]);
    let names = names(&ranking).iter().map(|name| (*name).to_owned()).collect();
    (hub, names)
}

fn record(hub: &Hub, line_: &str) -> Value {
    hub.json(line(format!("record {line_}")))
}

fn near(found: &Value, expected: f64) -> bool {
    found.as_f64().is_some_and(|found| (found - expected).abs() < 1e-12)
}

#[test]
fn rankings_are_judged_by_what_came_out() {
    let (hub, names) = ranked();
    // The best by score comes out third, the fourth best of all.
    let accuracies = [0.81, 0.78, 0.83, 0.9, 0.7];
    for (name, accuracy) in names.iter().zip(accuracies) {
        let done = record(&hub, &format!("lock.json {name} --metric accuracy={accuracy} --metric f1=0.5"));
        assert_eq!(at(&done, ["target", "base"]), json!(["t.npz", "acme/encoder"]));
        assert!(done["score"].is_f64());
    }
    record(&hub, "lock.json --no-transfer --metric accuracy=0.75");
    let document = hub.json(["outcomes", "--metric", "accuracy"]);
    assert_eq!(document["outcomes"], 6);
    let group = &document["groups"][0];
    let tried: Vec<&str> = group["esms"].as_array().unwrap().iter().map(|esm| esm["name"].as_str().unwrap()).collect();
    assert_eq!(tried, [3, 2, 0, 1, 4].map(|at| names[at].as_str()));
    assert!(near(&group["no_transfer"]["mean"], 0.75));
    let told = &group["rankings"][0];
    assert_eq!(at(told, ["score", "esms"]), json!(["exact", 5]));
    let tau = kendall_tau(&[5.0, 4.0, 3.0, 2.0, 1.0], &accuracies);
    assert!(near(&told["kendall_tau"], tau), "{told}, {tau}");
    assert!(near(&told["regret"]["1"], (0.9 - 0.81) / 0.9), "{told}");
    assert!(near(&told["regret"]["3"], (0.9 - 0.83) / 0.9), "{told}");
    assert_eq!(told["regret"]["5"], Value::Null);
    // Runs count by their mean, and one that was wrong is taken back.
    record(&hub, &format!("lock.json {} --metric accuracy=0.93", names[0]));
    let first = |document: Value| document["groups"][0]["esms"][0].clone();
    let now = first(hub.json(["outcomes", "--metric", "accuracy"]));
    assert_eq!(now["name"], names[3]);
    let runs = hub.json(["outcomes", "--metric", "accuracy"])["groups"][0]["esms"][1].clone();
    assert_eq!(at(&runs, ["name", "values"]), json!([names[0], [0.81, 0.93]]));
    assert!(near(&runs["mean"], (0.81 + 0.93) / 2.0));
    record(&hub, &format!("lock.json {} --withdraw accuracy", names[3]));
    let left = hub.json(["outcomes", "--metric", "accuracy"]);
    assert_eq!(at(&left, ["outcomes", "groups/0/esms/0/name"]), json!([6, names[0]]));
    let shown = hub.json(["show", &names[0]]);
    assert_eq!(at(&shown["outcomes"][0], ["target", "metric", "runs"]), json!(["t.npz", "accuracy", 2]));
    assert!(near(&shown["outcomes"][0]["mean"], (0.81 + 0.93) / 2.0));
    assert!(hub.ok(["show", &names[0]]).contains("accuracy 0.8700 on t.npz, 2 runs"));
    assert_eq!(hub.json(["show", &names[3]])["outcomes"].as_array().unwrap().len(), 1, "taken back");
    let text = hub.ok(["outcomes"]);
    for part in ["REGRET@3", "TAU", "(no transfer)", "accuracy", "f1", "mean over all"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let log = hub.json(["log"]);
    let last = log["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(at(&last, ["action", "target", "metric", "value"]), json!(["withdraw", "t.npz", "accuracy", null]));
    assert_eq!(hub.json(["verify"])["problems"], json!([]));
}

#[test]
fn an_error_is_better_the_lower_it_is() {
    let (hub, names) = ranked();
    for (name, error) in names.iter().zip([0.3, 0.2, 0.1]) {
        record(&hub, &format!("lock.json {name} --metric rmse={error} --lower-is-better"));
    }
    let document = hub.json(["outcomes"]);
    let told = &document["groups"][0]["rankings"][0];
    assert!(near(&told["kendall_tau"], -1.0), "{told}");
    assert!(near(&told["regret"]["1"], 2.0), "{told}");
    assert_eq!(document["groups"][0]["esms"][0]["name"], names[2]);
}

/// One of the two could not be compared with anything, and nobody would see why.
#[test]
fn a_metric_is_not_better_both_ways() {
    let (hub, names) = ranked();
    let record = |more: &str| line(format!("record lock.json {} --metric rmse=0.3 {more}", names[0]));
    hub.ok(record("--lower-is-better"));
    hub.refused_saying(2, record(""), &["rmse", "better the lower", "entry 2", "with `--lower-is-better`"]);
    hub.ok(line(format!("record lock.json {} --metric mae=0.3", names[1])));
    let refused = line("record lock.json --no-transfer --metric mae=0.2 --lower-is-better");
    hub.refused_saying(2, refused, &["better the higher", "without `--lower-is-better`", "--withdraw"]);
    // Another target's is its own affair.
    hub.ok(line(format!("record other {} --metric mae=0.3 --lower-is-better", names[1])));
    let back = hub.json(line(format!("record lock.json {} --withdraw mae", names[1])));
    assert_eq!(at(&back, ["withdrawn", "withdrawn_values"]), json!(["mae", 1]));
    hub.ok(line("record lock.json --no-transfer --metric mae=0.2 --lower-is-better"));
}

/// Nobody names a tag who has just read a ranking of names.
#[test]
fn a_name_means_the_tag_that_was_ranked() {
    let (hub, names) = ranked();
    let name = names[0].rsplit('/').next().unwrap();
    hub.ok(["publish", &hub.esm(&crate::support::EsmFolder::new(name, 8, 99)), "--name", &names[0]]);
    let done = record(&hub, &format!("lock.json {} --metric a=1", names[0]));
    assert_eq!(done["tag"], "v1", "v2 was not ranked");
    let newer = line(format!("record lock.json {}:v2 --metric a=1", names[0]));
    hub.refused_saying(17, newer, &["was not ranked", &format!("{}:v1", names[0])]);
    let swapped = line(format!("record {} lock.json --metric a=1", name));
    hub.refused_saying(2, swapped, &["lock.json is a ranking: it comes first"]);
    // Where both were ranked, it means what it always does: the newest.
    hub.ok(["rank", "t.npz", "--all-tags", "--lock", "all.json"]);
    assert_eq!(record(&hub, &format!("all.json {} --metric a=1", names[0]))["tag"], "v2");
    let output = hub.run(line(format!("record lock.json {} --metric A1=1 --metric aa=2", names[1])));
    assert!(output.stderr.contains("aa is a metric of its own: so far there is a"), "{output:#?}");
    let usage = hub.refused(2, ["record", "lock.json"]);
    assert!(usage.contains("record TARGET REF --metric") && !usage.contains("--registry"), "{usage}");
}

/// Its path would stand for a target beside the ranking's own.
#[test]
fn a_file_that_is_no_ranking_is_no_target() {
    let (hub, names) = ranked();
    hub.refused_saying(2, line(format!("record t.npz {} --metric a=1", names[0])), &["t.npz is no ranking", "hint: "]);
    // What its ranking recorded is taken back under its path all the same.
    hub.ok(line(format!("record lock.json {} --metric a=1", names[0])));
    hub.ok(line(format!("record lock.json {} --metric a=2", names[0])));
    let told = hub.ok(line(format!("record t.npz {} --withdraw a", names[0])));
    assert!(told.contains("2 values of a"), "{told}");
    hub.refused_saying(2, ["outcomes", "--csv", "t.npz"], &[".csv is expected"]);
}

#[test]
fn csv_has_every_run_with_its_numbers() {
    let (hub, names) = ranked();
    record(&hub, &format!("lock.json {} --metric accuracy=0.1", names[0]));
    record(&hub, &format!("lock.json {} --metric accuracy=0.30000000000000004", names[0]));
    hub.ok(["record", "odd, \"name\".txt", &names[1], "--metric", "accuracy=1e-3"]);
    hub.ok(["outcomes", "--csv", "out.csv"]);
    let mut reader = csv::Reader::from_path(hub.path("out.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|column| column == name).unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let column = |name: &str| rows.iter().map(|row| row[place(name)].to_owned()).collect::<Vec<_>>();
    assert_eq!(column("target"), ["odd, \"name\".txt", "t.npz", "t.npz"]);
    let values: Vec<f64> = column("value").iter().map(|value| value.parse().unwrap()).collect();
    assert_eq!(values, [1e-3, 0.1, 0.300_000_000_000_000_04]);
    assert_eq!(column("score_kind"), ["", "exact", "exact"]);
    assert_eq!(column("name"), [&names[1], &names[0], &names[0]].map(String::as_str));
}

#[test]
fn what_a_ranking_does_not_say_is_refused_and_a_name_alone_is_enough() {
    let (hub, names) = ranked();
    hub.refused_saying(13, line("record lock.json nothing --metric accuracy=0.8"), &["nothing"]);
    hub.refused_saying(2, line(format!("record missing.json {} --metric a=1", names[0])), &["missing.json"]);
    hub.write("other.json", "{\"schema\": \"esmhub.list/1\"}");
    hub.refused_saying(2, line(format!("record other.json {} --metric a=1", names[0])), &["no ranking"]);
    hub.write("broken.json", "{\"schema\": \"esmhub.rank/1\", \"results\": [{}]}");
    hub.refused_saying(2, line(format!("record broken.json {} --metric a=1", names[0])), &["lacks"]);
    for odd in ["accuracy", "accuracy=high", "accuracy=nan", "=1", "accuracy=inf"] {
        hub.refused(2, ["record", "t", &names[0], "--metric", odd]);
    }
    hub.refused(1, ["record", "t", &names[0], "--metric", "top 5=1"]);
    hub.refused(2, ["record", "t", &names[0]]);
    hub.refused(2, ["record", "t", "--metric", "a=1"]);
    hub.refused(2, ["record", "t", &names[0], "--no-transfer", "--metric", "a=1"]);
    hub.refused_saying(2, ["record", "t", "--no-transfer", "--metric", "a=1"], &["--base"]);
    // Published after the ranking.
    hub.ok(["publish", &hub.esm(&crate::support::EsmFolder::new("late", 8, 77))]);
    hub.refused_saying(17, ["record", "lock.json", "late", "--metric", "a=1"], &["was not ranked"]);
    hub.refused_saying(17, ["record", "t", "late", "--metric", "a=1", "--base", "acme/other"], &["acme/encoder"]);
    let dry = hub.json(["record", "t", "late", "--metric", "a=1", "--dry-run"]);
    assert_eq!(dry["entry"], Value::Null);
    assert_eq!(hub.json(["outcomes"])["outcomes"], 0);
    hub.refused_saying(13, ["outcomes", "t"], &["no outcome"]);
    hub.ok(["record", "t", "late", "--metric", "a=1"]);
    hub.ok(["record", "t", "--no-transfer", "--metric", "a=0.5", "--base", "acme/encoder"]);
    let group = hub.json(["outcomes", "t"])["groups"][0].clone();
    assert_eq!(at(&group, ["esms/0/name", "rankings", "no_transfer/mean"]), json!(["late", [], 0.5]));
}

/// In a log that is shared and kept for good, a mistyped lock would become a target of its own.
#[test]
fn a_mistyped_ranking_is_no_name_of_a_target() {
    let (hub, names) = ranked();
    hub.ok(["rank", "t.npz", "--lock", "trec.lock"]);
    hub.write("notes", "no ranking");
    hub.write("folder/x", "");
    let record = |target: &str| line(format!("record {target} {} --metric a=1", names[0]));
    for (target, hint) in [
        ("trec", "did you mean trec.lock?"),
        ("trec.lck", "did you mean trec.lock?"),
        ("./trec.loc", "did you mean ./trec.lock?"),
        ("lock.jsn", "did you mean lock.json?"),
        ("emotion.lock", "a name without / that does not end in .json, .lock or .lck"),
        ("emotion.LCK", "a name without /"),
        ("locks/emotion", "a name without /"),
    ] {
        hub.refused_saying(2, record(target), &[&format!("{target}: there is no such file"), "hint: ", hint]);
    }
    hub.write("other.lock", "{}");
    hub.refused_saying(2, record("other.lock"), &["other.lock is no ranking"]);
    // A name may be like that of a file that is no ranking; and rankings themselves name their targets by paths and addresses.
    hub.write("data/x.npz", target(60, 8, 3, 5));
    hub.ok(["rank", "data/x.npz", "--lock", "x.lock"]);
    hub.ok(record("x.lock"));
    fs::remove_file(hub.path("data/x.npz")).unwrap();
    hub.refused_saying(2, record("folder"), &["folder is no ranking"]);
    for target in ["note", "hf://datasets/acme/cr", "data/x.npz"] {
        let output = hub.run(record(target));
        assert_eq!(output.code, 0, "{output:#?}");
        assert!(output.stderr.contains(&format!("{target:?} is taken as the target's name")), "{output:#?}");
    }
    hub.ok(line(format!("record data/x.npz {} --withdraw a", names[0])));
}

#[test]
fn the_document_of_a_ranking_is_as_good_as_its_lock() {
    let (hub, names) = ranked();
    let document = hub.ok(["rank", "t.npz", "--json"]);
    hub.write("ranking.json", document);
    let by_lock = record(&hub, &format!("lock.json {} --metric a=1", names[2]));
    let by_document = record(&hub, &format!("ranking.json {} --metric a=2", names[2]));
    assert_eq!(at(&by_lock, ["score", "target"]), at(&by_document, ["score", "target"]));
    // Other data under the same name are another target.
    hub.write("t.npz", target(60, 8, 3, 2));
    hub.ok(["rank", "t.npz", "--lock", "other.json"]);
    record(&hub, &format!("other.json {} --metric a=3", names[2]));
    let groups = hub.json(["outcomes"])["groups"].as_array().unwrap().len();
    assert_eq!(groups, 2);
}
