//! Fitting: from pairs of embeddings, and from texts and two models.

use std::fs;

use serde_json::json;

use crate::support::{EsmFolder, Hub, at, csv, line, pairs, tiny_base, tiny_model, words};

#[test]
fn esm_is_fitted_from_texts_and_two_models() {
    let hub = Hub::new();
    hub.write("task.csv", csv(&words(120, 5)));
    let (base, tuned) = (tiny_base("bert-mean"), tiny_model("roberta").display().to_string());
    let models = format!("--base {base} --tuned {tuned} --data task.csv --text text --max-length 24");
    let first = hub.json(line(format!("publish {models}")));
    let card = &hub.json(["show", "task"])["card"];
    assert_eq!(at(card, ["base/id", "base/pooling", "base/max_length"]), json!(["tiny", "mean", 24]));
    assert!(card["base"]["weights"].is_string() && card["base"]["tokenizer"].is_string());
    let bytes = fs::metadata(tiny_model("bert-mean").join("model.safetensors")).unwrap().len();
    assert_eq!(card["base"]["bytes"], bytes);
    assert_eq!(at(card, ["source/dataset", "source/rows"]), json!(["task", 120]));
    assert_eq!(card["source"]["text_columns"], json!(["text"]));
    assert_eq!(at(card, ["fit/method", "weights/dimension"]), json!(["ridge", 32]));
    assert_eq!(at(card, ["fit/rows", "fit/held_out/rows"]), json!([120, 24]));
    let again = hub.json(line(format!("publish {models}")));
    assert_eq!(
        (&again["published"][0]["status"], &again["published"][0]["digest"]),
        (&"unchanged".into(), &first["published"][0]["digest"])
    );

    // Its base model is known by its weights: under another name it is still the same, other weights of its name are not.
    hub.write("t.csv", csv(&words(40, 6)));
    let renamed = format!("renamed={}", tiny_model("bert-mean").display());
    let columns = "--text text --label label --max-length 24";
    let ranking = hub.json(line(format!("rank t.csv {columns} --base {renamed}")));
    assert_eq!(ranking["ranked"], 1);
    let other = format!("tiny={}", tiny_model("distilbert").display());
    let output = hub.run(line(format!("rank t.csv {columns} --base {other}")));
    assert_eq!(output.code, 17, "{output:#?}");
}

/// Between a model and itself nothing changes: the map is the identity, and leaves nothing unexplained.
#[test]
fn model_tuned_on_nothing_gives_the_identity() {
    let hub = Hub::new();
    hub.write("task.csv", csv(&words(120, 5)));
    let (base, tuned) = (tiny_base("bert-mean"), tiny_model("bert-mean").display().to_string());
    let models = format!("--base {base} --tuned {tuned} --data task.csv --text text --max-length 24");
    let output = hub.run(line(format!("publish --codec f32 --json {models}")));
    assert!(output.stderr.contains("scaled identity"), "{output:#?}");
    let published: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert!(published["published"][0]["fit"]["held_out"]["r2"].as_f64().unwrap() > 0.999_999, "{published}");
    hub.ok(["pull", "task"]);
    let map = EsmFolder::map_in(&hub.path("task"));
    let x: Vec<f64> = (0..32).map(|at| f64::from(at).sin()).collect();
    let worst = map(&x).iter().zip(&x).map(|(y, x)| (y - x).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-5, "{worst}");
}

/// A tuned model that was saved without its pooling is embedded in another way than its base: the map then imitates that.
#[test]
fn a_tuned_model_that_pools_otherwise_is_warned_of_and_named() {
    let hub = Hub::new();
    hub.write("task.csv", csv(&words(120, 5)));
    for (tuned, pools) in [("bert", Some("pooler")), ("bert-mean", None)] {
        let tuned = format!("acme/tuned={}", tiny_model(tuned).display());
        let models = format!("--base {} --tuned {tuned} --data task.csv --text text", tiny_base("bert-mean"));
        let output = hub.run(line(format!("publish {models} --max-length 24 --no-anchors")));
        assert_eq!(output.code, 0, "{output:#?}");
        assert_eq!(output.stderr.contains("pools by mean, acme/tuned by"), pools.is_some(), "{output:#?}");
        let card = &hub.json(["show", "task"])["card"];
        assert_eq!(card["extra"]["tuned_model"], "acme/tuned");
        assert_eq!(card["extra"]["tuned_pooling"].as_str(), pools);
    }
}

/// As `cp` leaves it of a cache whose blobs stay behind.
#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_no_missing_file() {
    let hub = Hub::with(&["sound"]);
    hub.write("task.csv", csv(&words(120, 5)));
    let folder = hub.path("tuned");
    fs::create_dir_all(&folder).unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(tiny_model("bert").join(file), folder.join(file)).unwrap();
    }
    std::os::unix::fs::symlink("../../blobs/0123", folder.join("modules.json")).unwrap();
    let models = format!("--base {} --tuned tuned --data task.csv --text text", tiny_base("bert"));
    hub.refused_saying(1, line(format!("publish {models} --max-length 24")), &["modules.json"]);
}

#[test]
fn models_and_columns_that_are_not_there_are_refused() {
    let hub = Hub::with(&["sound"]);
    hub.write("task.csv", csv(&words(40, 5)));
    let base = tiny_base("bert-mean");
    let missing = format!("publish --base {base} --tuned absent/model --data task.csv --text text --max-length 24");
    hub.refused_saying(1, line(missing), &["absent/model"]);
    let tuned = tiny_model("bert").display().to_string();
    let without_text = format!("publish --base {base} --tuned {tuned} --data task.csv");
    let column = line(format!("{without_text} --text nope"));
    hub.refused_saying(2, column, &["task.csv", "\"nope\"", "\"text\", \"label\""]);
    hub.refused(2, line(without_text));
    hub.refused(2, ["publish", "--data", "task.csv"]);
}

#[test]
fn fits_do_not_depend_on_threads_or_on_how_often_they_run() {
    let hub = Hub::new();
    hub.write("task.npz", pairs(200, 16, 3));
    let publish = |threads| hub.json(["publish", "task.npz", "--base", "acme/encoder", "--threads", threads]);
    let first = publish("1");
    assert_eq!(at(&first, ["published/0/name", "published/0/tag"]), json!(["task", "v1"]));
    for threads in ["2", "3"] {
        assert_eq!(at(&publish(threads), ["published/0/status"]), json!(["unchanged"]), "{threads} threads");
    }
}

#[test]
fn fit_finds_the_map_that_made_the_pairs() {
    let hub = Hub::new();
    hub.write("task.npz", pairs(400, 8, 3));
    hub.ok(["publish", "task.npz", "--base", "acme/encoder", "--codec", "f32", "--rank", "full"]);
    let fit = &hub.json(["show", "task"])["card"]["fit"];
    assert_eq!(at(fit, ["method", "rows", "seed"]), json!(["ridge", 400, 42]));
    // The noise has 1 % of the variance of the smallest of the rows that made the pairs, or less.
    assert!(fit["held_out"]["r2"].as_f64().unwrap() > 0.97, "{fit}");
    assert!(fit["held_out"]["rows"].as_u64().unwrap() >= 40, "{fit}");
}
