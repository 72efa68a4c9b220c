//! Every kind of score: what it says, of which labels, what is shown of it, and that none is taken for another.

use std::fs;

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, Random, at, f32_array, i64_array, line, names, npz, numbers_array};

const DIMENSION: usize = 8;
const ROWS: usize = 300;
const SCORES: [&str; 5] = ["exact", "hfselect", "ridge", "hscore", "transrate"];

/// Classes that the first of eight dimensions tells apart, more or less: those below each of these ends. The other dimensions are
/// longer: a covariance that is like I is shrunk until nothing of the H-score is left.
fn target(ends: &[f32]) -> Vec<u8> {
    let mut random = Random::new(5);
    let x: Vec<f32> = (0..ROWS * DIMENSION).map(|at| (1 + at % DIMENSION) as f32 * random.normal()).collect();
    let noisy: Vec<f32> = x.chunks(DIMENSION).map(|row| row[0] + 0.5 * random.normal()).collect();
    let y: Vec<i64> = noisy.iter().map(|value| ends.iter().filter(|end| value > end).count() as i64).collect();
    npz(&[("x", f32_array(&x, DIMENSION)), ("y", i64_array(&y))])
}

/// One that changes nothing, and one that takes away what tells the classes apart.
fn pool() -> Hub {
    let hub = Hub::new();
    for (name, first) in [("changes-nothing", 1.0), ("hides", 0.0)] {
        let mut esm = EsmFolder::new(name, DIMENSION, 1);
        let diagonal = |at: usize| if at == 0 { first } else { 1.0 };
        let of = |at: usize| if at.is_multiple_of(DIMENSION + 1) { diagonal(at / (DIMENSION + 1)) } else { 0.0 };
        esm.weight = (0..DIMENSION * DIMENSION).map(of).collect();
        esm.bias = vec![0.0; DIMENSION];
        let source = hub.esm(&esm);
        hub.ok(["publish", &source, "--codec", "f32"]);
    }
    hub.write("t.npz", target(&[0.0]));
    hub.write("three.npz", target(&[-0.5, 0.5]));
    hub
}

fn score(ranking: &Value, name: &str) -> f64 {
    let results = ranking["results"].as_array().unwrap();
    results.iter().find(|esm| esm["name"] == name).unwrap()["score"].as_f64().unwrap()
}

fn ranked(hub: &Hub, options: &str) -> Value {
    hub.json(line(format!("rank t.npz {options}")))
}

#[test]
fn every_score_knows_what_tells_the_classes_apart() {
    let hub = pool();
    for name in SCORES {
        let file = if name == "transrate" { "three.npz" } else { "t.npz" };
        let ranking = hub.json(["rank", file, "--score", name]);
        assert_eq!(ranking["score"], name);
        assert_eq!(names(&ranking), ["changes-nothing", "hides"], "{name}");
        let baseline = ranking["baseline"]["score"].as_f64().unwrap();
        assert!((score(&ranking, "changes-nothing") - baseline).abs() < 1e-9 * baseline.abs(), "{ranking}");
        let hidden = score(&ranking, "hides");
        let alone = ranking["labels_alone"]["score"].as_f64().unwrap();
        match name {
            // Half of the rows, whatever is guessed.
            "ridge" => assert!((0.8..0.95).contains(&baseline) && (hidden - alone).abs() < 0.1, "{ranking}"),
            "hscore" => assert!((0.2..1.0).contains(&baseline) && hidden < 0.05 && alone == 0.0, "{ranking}"),
            "transrate" => assert!(baseline > hidden + 0.05 && alone == 0.0, "{ranking}"),
            _ => assert!(baseline > hidden && hidden < alone, "{ranking}"),
        }
    }
}

/// As its authors define it: about the mean of all rows, two classes of one size have the same second moments, however far apart
/// they lie.
#[test]
fn transrate_does_not_see_two_classes_of_one_size() {
    let hub = pool();
    let ranking = ranked(&hub, "--score transrate");
    let [found, hidden] = ["changes-nothing", "hides"].map(|name| score(&ranking, name));
    assert!((found - hidden).abs() < 0.02, "{ranking}");
}

#[test]
fn a_remembered_score_is_never_given_for_another_kind() {
    let hub = pool();
    let fresh: Vec<Value> = SCORES.map(|name| ranked(&hub, &format!("--score {name} --no-cache"))).to_vec();
    for round in 0..2 {
        for (name, fresh) in SCORES.iter().zip(&fresh) {
            let mut ranking = ranked(&hub, &format!("--score {name}"));
            assert_eq!(ranking["cached"], json!(2 * round), "{name}");
            ranking["cached"] = json!(0);
            // Intervals and tie groups among it, which are remembered by themselves.
            assert_eq!(ranking, *fresh, "{name}");
        }
    }
    let distinct: std::collections::BTreeSet<u64> =
        fresh.iter().map(|ranking| score(ranking, "hides").to_bits()).collect();
    // The two formulas agree where rows exceed dimensions.
    assert_eq!(distinct.len(), SCORES.len() - 1);
}

#[test]
fn two_runs_give_the_same_bytes_whatever_the_threads() {
    let hub = pool();
    for name in &SCORES[2..] {
        let run =
            |threads: &str| hub.ok(line(format!("rank t.npz --score {name} --json --no-cache --threads {threads}")));
        let first = run("1");
        assert!(["2", "5"].iter().all(|threads| run(threads) == first), "{name}");
    }
}

#[test]
fn intervals_are_those_of_the_score_or_there_are_none() {
    let hub = pool();
    for name in SCORES {
        let ranking = ranked(&hub, &format!("--score {name}"));
        let has = !["hscore", "transrate"].contains(&name);
        assert_eq!(ranking["compared"], if has { 2 } else { 0 }, "{name}");
        for esm in ranking["results"].as_array().unwrap() {
            assert_eq!(at(esm, ["interval", "gain_interval", "tie_group"]) == json!([null, null, null]), !has, "{esm}");
            // What changes nothing has no gain on any rows, if both are of one score.
            let is_zero = |end: usize| esm["gain_interval"][end].as_f64().unwrap().abs() < 1e-9;
            assert!(!has || esm["name"] != "changes-nothing" || (is_zero(0) && is_zero(1)), "{esm}");
        }
        let table = hub.ok(line(format!("rank t.npz --score {name}")));
        assert_eq!((table.contains('±'), table.contains("has no intervals")), (has, !has), "{table}");
        assert_eq!(hub.run(line(format!("rank t.npz --score {name} --no-cache"))).stderr, "", "{name}");
        let asked = line(format!("rank t.npz --score {name} --intervals 1"));
        if has {
            assert!(hub.ok(asked).contains('±'));
        } else {
            hub.refused_saying(2, asked, &["--intervals", "hint: ", "--score ridge"]);
        }
        hub.ok(line(format!("rank t.npz --score {name} --intervals 0")));
    }
    // A share of rows scatters as one: +-1.96 sqrt(p (1 - p) / N).
    let ranking = ranked(&hub, "--score ridge");
    let [low, high] = [0, 1].map(|end| ranking["results"][0]["interval"][end].as_f64().unwrap());
    let p = ranking["results"][0]["score"].as_f64().unwrap();
    let expected = 2.0 * 1.96 * (p * (1.0 - p) / ROWS as f64).sqrt();
    assert!(((high - low) / expected - 1.0).abs() < 0.1 && low < p && p < high, "{low} {p} {high}");
}

#[test]
fn scores_of_classes_refuse_numbers_and_name_those_that_take_them() {
    let hub = pool();
    let mut random = Random::new(6);
    let x: Vec<f32> = (0..60 * DIMENSION).map(|_| random.normal()).collect();
    let y: Vec<f32> = x.chunks(DIMENSION).map(|row| row[0] + 0.3 * random.normal()).collect();
    hub.write("numbers.npz", npz(&[("x", f32_array(&x, DIMENSION)), ("y", numbers_array(&y))]));
    hub.write("one.npz", npz(&[("x", f32_array(&x, DIMENSION)), ("y", numbers_array(&[0.25; 60]))]));
    for name in ["hscore", "transrate"] {
        for options in [format!("numbers.npz --score {name}"), format!("t.npz --task regression --score {name}")] {
            let said = ["classes", "hint: ", "exact, hfselect and ridge", "--score ridge", name];
            hub.refused_saying(17, line(format!("rank {options}")), &said);
        }
    }
    let ranking = hub.json(["rank", "numbers.npz", "--score", "ridge"]);
    assert_eq!(at(&ranking, ["target/task", "target/classes"]), json!(["regression", null]));
    let [found, hidden] = ["changes-nothing", "hides"].map(|name| score(&ranking, name));
    assert!((0.7..1.0).contains(&found) && hidden < 0.1, "{ranking}");
    assert!(hub.ok(["rank", "numbers.npz", "--score", "ridge"]).contains(" R2 "));
    hub.refused_saying(17, ["rank", "one.npz", "--task", "regression", "--score", "ridge"], &["the same number"]);
}

#[test]
fn tables_and_pictures_name_the_score_and_its_unit() {
    let hub = pool();
    for (name, column, unit) in [
        ("exact", "SCORE", "log evidence per row"),
        ("ridge", "ACCURACY", "accuracy on held-out rows"),
        ("hscore", "H-SCORE", "regularised H-score"),
        ("transrate", "TRANSRATE", "TransRate, in nats"),
    ] {
        let table = hub.ok(line(format!("rank t.npz --score {name} --report r.html --plot p.svg")));
        assert!(table.contains(&format!(" {column} ")), "{table}");
        for file in ["r.html", "p.svg"] {
            let text = fs::read_to_string(hub.path(file)).unwrap();
            assert!(text.contains(unit), "{name}, {file}");
            assert_eq!(text.contains("log evidence"), name == "exact", "{name}, {file}");
        }
        let page = fs::read_to_string(hub.path("r.html")).unwrap();
        assert_eq!(page.contains("by resampling rows"), !["hscore", "transrate"].contains(&name), "{name}");
    }
}

#[test]
fn a_lock_repeats_every_score() {
    let hub = pool();
    for name in SCORES {
        let file = format!("{name}.json");
        let before = ranked(&hub, &format!("--score {name} --lock {file}"));
        let locked = ranked(&hub, &format!("--locked {file}"));
        assert_eq!(locked["locked"]["identical"], true, "{name}");
        assert_eq!(at(&locked, ["score", "results", "baseline"]), at(&before, ["score", "results", "baseline"]));
    }
    // Another score under the same numbers is a conflict.
    let mut lock: Value = serde_json::from_slice(&fs::read(hub.path("ridge.json")).unwrap()).unwrap();
    lock["settings"]["score"] = json!("hscore");
    hub.write("edited.json", lock.to_string());
    hub.refused_saying(15, ["rank", "t.npz", "--locked", "edited.json"], &["not as locked"]);
    lock["settings"]["score"] = json!("best");
    hub.write("edited.json", lock.to_string());
    hub.refused_saying(1, ["rank", "t.npz", "--locked", "edited.json"], &["\"best\" is not a score"]);
}

/// On another processor, two predictions of one row may change places, and no more than that.
#[test]
fn an_accuracy_of_another_machine_may_differ_by_a_row() {
    let hub = pool();
    ranked(&hub, "--score ridge --lock l.json");
    let lock: Value = serde_json::from_slice(&fs::read(hub.path("l.json")).unwrap()).unwrap();
    let own: f64 = lock["baseline"].as_str().unwrap().parse().unwrap();
    for (machine, rows, code) in [("another", 1, 0), ("another", 2, 15), ("", 1, 15)] {
        let mut lock = lock.clone();
        if !machine.is_empty() {
            lock["machine"] = json!(machine);
        }
        lock["baseline"] = json!((own - f64::from(rows) / ROWS as f64).to_string());
        hub.write("l.json", lock.to_string());
        assert_eq!(hub.run(["rank", "t.npz", "--locked", "l.json"]).code, code, "{machine}, {rows} rows");
    }
}
