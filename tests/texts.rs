//! Texts: read from every kind of table alike, embedded as torch does, ranked and fitted.

use serde_json::{Value, json};
use std::fs;

use crate::support::{EsmFolder, Hub, at, csv, figure, given, line, parquet, target, tiny_base, tiny_model, words};

/// A pool of ESMs of dimension 32 for the base model `tiny`.
fn pool(names: &[&str]) -> Hub {
    let hub = Hub::new();
    let sources = names
        .iter()
        .zip(1..)
        .map(|(name, seed)| hub.esm(&EsmFolder::new(name, 32, seed).set("base_model_name", "tiny")));
    let sources: Vec<String> = sources.collect();
    hub.ok(["publish", "--codec", "f32"].into_iter().chain(sources.iter().map(String::as_str)));
    hub
}

fn rank(hub: &Hub, file: &str, base: &str) -> Value {
    hub.json(line(format!("rank {file} --text text --label label --base {base} --max-length 24")))
}

#[test]
fn all_kinds_of_tables_mean_the_same() {
    let hub = pool(&["a", "b", "c"]);
    let rows = words(60, 1);
    hub.write("t.csv", csv(&rows));
    hub.write("t.tsv", csv(&rows).replace(',', "\t"));
    let lines: String =
        rows.iter().map(|(text, label)| format!("{}\n", json!({"label": label, "text": text}))).collect();
    hub.write("t.jsonl", lines);
    hub.write("t.parquet", parquet(&rows, rows.len()));
    let [csv, others @ ..] = ["t.csv", "t.tsv", "t.jsonl", "t.parquet"].map(|file| {
        let mut ranking = rank(&hub, file, &tiny_base("bert-mean"));
        assert_eq!(ranking["target"]["source"].take(), file);
        ranking["cached"].take();
        ranking
    });
    assert_eq!(csv["target"]["rows"], 60);
    assert_eq!(csv["target"]["classes"], 2);
    assert_eq!(csv["base"]["pooling"], "mean");
    assert_eq!(csv["base"]["max_length"], 24);
    assert!(csv["base"]["digest"].is_string());
    for other in others {
        assert_eq!(csv, other);
    }
}

#[test]
fn every_family_of_models_embeds() {
    let hub = pool(&["a", "b"]);
    hub.write("t.csv", csv(&words(40, 2)));
    let poolings = [
        ("bert", "pooler"),
        ("bert-mean", "mean"),
        ("distilbert", "cls"),
        ("roberta", "cls"),
        ("xlm-roberta", "cls"),
        ("mpnet", "cls"),
        ("modernbert", "mean"),
        ("deberta-v3", "cls"),
        ("electra", "cls"),
        ("albert", "pooler"),
        ("bge", "cls"),
    ];
    for (model, pooling) in poolings {
        let ranking = rank(&hub, "t.csv", &tiny_base(model));
        assert_eq!(at(&ranking, ["base/pooling", "ranked"]), json!([pooling, 2]), "{model}");
        assert_eq!(ranking["base"]["dimension"], 32);
    }
}

/// A copy of a model's folder, whose files say that it pools by the mean.
fn pooled_by_mean(hub: &Hub, model: &str) -> String {
    let folder = hub.path("by-mean");
    for (from, files) in [
        (model, ["config.json", "tokenizer.json", "model.safetensors"]),
        ("bert-mean", ["modules.json", "1_Pooling/config.json", ""]),
    ] {
        for file in files.into_iter().filter(|file| !file.is_empty()) {
            fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
            fs::copy(tiny_model(from).join(file), folder.join(file)).unwrap();
        }
    }
    format!("tiny={}", folder.display())
}

#[test]
fn pooling_that_is_asked_for_is_that_of_a_model_whose_files_say_so() {
    let hub = pool(&["a", "b", "c"]);
    hub.write("t.csv", csv(&words(60, 3)));
    let base = tiny_base("bert");
    let rank = |base: &str, more: &str| {
        hub.json(line(format!("rank t.csv --text text --label label --base {base} --max-length 24 {more}")))
    };
    let (own, asked, stated) =
        (rank(&base, ""), rank(&base, "--pooling mean --lock l.json"), rank(&pooled_by_mean(&hub, "bert"), ""));
    assert_eq!(at(&own, ["base/pooling"]), json!(["pooler"]));
    assert_eq!(at(&asked, ["base/pooling"]), json!(["mean"]));
    assert_eq!(asked["results"], stated["results"]);
    assert_eq!(asked["target"]["digest"], stated["target"]["digest"]);
    assert_ne!(own["target"]["digest"], asked["target"]["digest"]);
    // A ranking can be repeated without being told again.
    let again = hub.json(line(format!("rank t.csv --locked l.json --base {base}")));
    assert_eq!(at(&again, ["base/pooling", "results/0/score"]), json!(["mean", asked["results"][0]["score"]]));
    assert!(fs::read_to_string(hub.path("l.json")).unwrap().contains("\"pooling\": \"mean\""));
    // A model that has no such layer says so; embeddings are pooled already.
    let roberta = tiny_base("roberta");
    hub.refused_saying(
        1,
        line(format!("rank t.csv --text text --label label --base {roberta} --pooling pooler")),
        &["pooler"],
    );
    hub.write("t.npz", target(40, 32, 2, 1));
    hub.refused_saying(2, line(format!("rank t.npz --base {base} --pooling cls")), &["--pooling", "t.npz"]);
}

#[test]
fn esms_of_embeddings_that_were_pooled_otherwise_are_warned_of() {
    let hub = Hub::new();
    hub.write("t.csv", csv(&words(60, 4)));
    let (base, tuned) = (tiny_base("bert"), tiny_model("bert").display().to_string());
    hub.ok(line(format!(
        "publish --base {base} --tuned {tuned} --data t.csv --text text --max-length 24 --no-anchors --name own"
    )));
    let rank = |more: &str| {
        let arguments = format!("rank t.csv --text text --label label --base {base} --max-length 24 {more}");
        hub.run(line(arguments)).stderr
    };
    assert!(!rank("").contains("pooled otherwise"));
    let said = rank("--pooling mean");
    assert!(said.contains("1 by pooler") && said.contains("pooled by mean"), "{said}");
}

#[test]
fn other_texts_give_other_scores() {
    let hub = pool(&["a", "b"]);
    hub.write("t.csv", csv(&words(40, 2)));
    hub.write("u.csv", csv(&words(40, 3)));
    let (t, u) = (rank(&hub, "t.csv", &tiny_base("bert-mean")), rank(&hub, "u.csv", &tiny_base("bert-mean")));
    assert_ne!(t["target"]["digest"], u["target"]["digest"]);
    assert_ne!(t["baseline"], u["baseline"]);
}

#[test]
fn several_columns_are_joined_in_the_order_of_the_command_line() {
    let hub = pool(&["a"]);
    let rows = words(40, 4);
    let joined: String = rows.iter().map(|(text, label)| format!("{text} [SEP] the {label},{label}\n")).collect();
    hub.write("joined.csv", format!("text,label\n{joined}"));
    let apart: String = rows.iter().map(|(text, label)| format!("the {label},{label},{text}\n")).collect();
    hub.write("apart.csv", format!("second,label,first\n{apart}"));
    let base = tiny_base("bert-mean");
    let of = |text| hub.json(line(format!("rank apart.csv --text {text} --label label --base {base} --max-length 24")));
    let expected = rank(&hub, "joined.csv", &base);
    assert_eq!(of("first,second")["target"]["digest"], expected["target"]["digest"]);
    assert_ne!(of("second,first")["target"]["digest"], expected["target"]["digest"]);
}

#[test]
fn esms_without_a_digest_match_by_name_with_a_warning() {
    let hub = pool(&["a"]);
    hub.write("t.csv", csv(&words(40, 2)));
    let base = tiny_base("bert-mean");
    let output = hub.run(line(format!("rank t.csv --text text --label label --max-length 24 --base {base}")));
    assert_eq!(output.code, 0, "{output:#?}");
    let warning = "warning: 1 ESM matched by the base model's name alone, tiny: its card holds no digest of it";
    assert!(output.stderr.contains(warning), "{output:#?}");
    // As it advises; a newer tag takes the place of the one without.
    assert!(output.stderr.contains("Published again with --base ID=FOLDER, its card will get one"), "{output:#?}");
    hub.ok(["publish", "esms/a", "--base", &base]);
    let output = hub.run(line(format!("rank t.csv --text text --label label --max-length 24 --base {base}")));
    assert!(output.code == 0 && !output.stderr.contains("name alone"), "{output:#?}");
}

#[test]
fn bare_folder_names_no_base_model_for_others() {
    let hub = pool(&["a"]);
    let esm = hub.esm(&EsmFolder::new("b", 32, 9).set("base_model_name", "tiny"));
    let folder = tiny_model("bert-mean").display().to_string();
    // Published under a folder's name, an ESM would be one of another base model for everybody else.
    hub.refused_saying(
        2,
        ["publish", &esm, "--base", &folder],
        &["does not say under which id", &format!("--base ID={folder}")],
    );
    hub.ok(["publish", &esm, "--base", &tiny_base("bert-mean")]);
    hub.write("t.csv", csv(&words(40, 2)));
    let by_folder = format!("rank t.csv --text text --label label --max-length 24 --base {folder}");
    let output = hub.run(line(by_folder.clone()));
    assert_eq!(output.code, 0, "{output:#?}");
    assert!(output.stderr.contains("1 ESM left out: their cards hold no digest"), "{output:#?}");
    let ranking = hub.json(line(by_folder));
    assert_eq!((&ranking["base"]["id"], &ranking["ranked"]), (&"tiny".into(), &1.into()));
}

#[test]
fn mistyped_folder_is_not_taken_for_a_hub_id() {
    let hub = pool(&["a"]);
    hub.write("t.csv", csv(&words(40, 2)));
    for missing in ["/nowhere/model", "./model", "model/"] {
        let rank = format!("rank t.csv --text text --label label --base {missing}");
        hub.refused_saying(2, line(rank), &[&format!("{missing} is not a folder")]);
    }
}

#[test]
fn more_tokens_than_the_model_has_places_for_are_refused() {
    let hub = pool(&["a"]);
    hub.write("t.csv", csv(&words(40, 2)));
    let base = tiny_base("bert-mean");
    let rank = line(format!("rank t.csv --text text --label label --base {base} --max-length 100"));
    let message = hub.refused(1, rank);
    assert!(message.contains("100") && message.contains("40"), "{message}");
}

#[test]
fn model_that_is_nowhere_is_not_fetched_offline() {
    let hub = pool(&["a"]);
    hub.write("t.csv", csv(&words(40, 2)));
    let rank = |base| hub.refused(1, line(format!("rank t.csv --text text --label label --base {base}")));
    assert!(rank("acme/nowhere").contains("acme/nowhere"));
    fs::create_dir(hub.path("folder")).unwrap();
    assert!(rank("folder").contains("config.json"));
}

/// With the real model the texts must come out where torch's embeddings of them did.
#[test]
fn real_texts_score_as_their_embeddings_by_torch() {
    let test = "real_texts_score_as_their_embeddings_by_torch";
    let (Some(data), Some(model)) = (given("ESMHUB_TEST_DATA", test), given("ESMHUB_TEST_MODEL", test)) else {
        return;
    };
    let hub = Hub::new();
    let folders = fs::read_dir(data.join("esms")).unwrap().map(|entry| entry.unwrap().path().into_os_string());
    hub.ok(["publish".into(), "--codec".into(), "f32".into()].into_iter().chain(folders));
    let file = |name: &str| data.join("targets").join(name).display().to_string();
    let base = format!("sentence-transformers/all-MiniLM-L6-v2={}", model.display());
    let table = file("tweet_emotion.csv");
    let texts = format!("rank {table} --text text --label label --base {base} --max-length 48");
    let by_texts = hub.json(line(texts));
    let by_torch = hub.json(["rank", &file("tweet_emotion.npz")]);
    let score = |ranking: &Value, name: &Value| {
        let mut results = ranking["results"].as_array().unwrap().iter();
        results.find(|esm| esm["name"] == *name).unwrap()["score"].as_f64().unwrap()
    };
    let mut worst =
        (by_texts["baseline"]["score"].as_f64().unwrap() - by_torch["baseline"]["score"].as_f64().unwrap()).abs();
    for esm in by_torch["results"].as_array().unwrap() {
        worst = worst.max((esm["score"].as_f64().unwrap() - score(&by_texts, &esm["name"])).abs());
    }
    figure("largest difference of a score from torch's embeddings", worst);
    assert!(worst <= 2e-3, "{worst}");
    assert_eq!(by_texts["ranked"], 20);
    assert_eq!(by_texts["results"][0]["name"], by_torch["results"][0]["name"]);
}
