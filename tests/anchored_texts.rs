//! ESMs fitted from texts and two models: on which anchors, when those become the pool's, and what they are worth.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use esmhub_selection::encoder::Encoder;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use crate::support::{
    EsmFolder, Hub, Tree, at, csv, damage, figure, given, line, overwrite, r2, tiny_base, tiny_model, words,
};

/// `publish` of `task.csv` from the tiny models.
fn publish(rest: &str) -> Vec<String> {
    let (base, tuned) = (tiny_base("bert-mean"), tiny_model("roberta").display().to_string());
    let models = format!("--base {base} --tuned {tuned} --data task.csv --text text --max-length 24");
    line(format!("publish {models} {rest}"))
}

/// A pool without anchors, and `task.csv`.
fn hub() -> Hub {
    let hub = Hub::new();
    hub.write("task.csv", csv(&words(60, 5)));
    hub
}

/// The same, and a small set of anchors of two domains.
fn hub_with_anchors() -> (Hub, Value) {
    let hub = hub();
    for (label, seed) in [("one", 7), ("two", 8)] {
        let texts: Vec<String> = words(30, seed).into_iter().map(|(text, _)| text).collect();
        hub.write(&format!("{label}.txt"), texts.join("\n"));
    }
    let set = hub.json(line("anchors set one.txt two.txt --base tiny"));
    (hub, set)
}

fn fit(document: &Value) -> &Value {
    &document["published"][0]["fit"]
}

/// The files in which embeddings are kept: one for each model and each list of texts.
fn kept(hub: &Hub) -> Vec<PathBuf> {
    let root = hub.path("cache/embeddings");
    let tree = if root.is_dir() { Tree::of(&root) } else { return Vec::new() };
    tree.files().into_iter().map(|file| root.join(file)).collect()
}

#[test]
fn first_esm_makes_the_set_that_ships_the_pools() {
    let hub = hub();
    let output = hub.run(publish(""));
    assert_eq!(output.code, 0, "{output:#?}");
    assert!(output.stderr.contains("anchors from now on"), "{output:#?}");
    let card = &hub.json(["show", "task"])["card"];
    let current = hub.json(["anchors", "show", "--base", "tiny"]);
    assert_eq!(card["fit"]["anchors"], current["digest"]);
    let elsewhere = Hub::new().json(line("anchors set --built-in --base tiny"));
    assert_eq!(current["digest"], elsewhere["digest"]);
    let log = hub.json(["log"]);
    let actions: Vec<&str> =
        log["events"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["publish", "set-anchors"]);
    assert_eq!(hub.json(["verify"])["sound"], true);

    // From then on nothing changes, and nothing has to be said.
    let before = hub.pool();
    let again = hub.run(publish(""));
    assert_eq!(again.code, 0, "{again:#?}");
    assert!(!again.stderr.contains("anchors"), "{again:#?}");
    assert_eq!(before.changes(&hub.pool()), Vec::<String>::new());
}

/// Whatever fails after the embedding: the pool has neither the ESM nor anchors.
#[test]
fn publish_that_fails_leaves_no_anchors_behind() {
    let hub = hub();
    let other = hub.esm(&EsmFolder::new("task", 32, 1).set("base_model_name", "tiny"));
    hub.ok(["publish", &other, "--tag", "v1"]);
    hub.refused_saying(15, publish("--tag v1"), &["task:v1"]);
    hub.refused(13, ["anchors", "show"]);
    let before = hub.tree();
    let said = hub.run(publish("--dry-run"));
    assert_eq!(said.code, 0, "{said:#?}");
    assert!(said.stderr.contains("would be its anchors"), "{said:#?}");
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
}

#[test]
fn wish_that_cannot_be_is_refused_before_anything_is_embedded() {
    let hub = hub();
    hub.refused_saying(2, publish("--rank 4 --fidelity 0.9"), &["--fidelity", "--rank"]);
    hub.refused_saying(2, publish("--anchor-pairs one.npz"), &["--anchor-pairs"]);
    hub.refused_saying(2, publish("--distill"), &["--distill"]);
    assert_eq!(kept(&hub), Vec::<PathBuf>::new());
}

#[test]
fn card_names_anchors_and_what_the_map_is_worth_on_each_domain() {
    let (hub, set) = hub_with_anchors();
    let published = hub.json(publish(""));
    let esm = &published["published"][0];
    assert_eq!(fit(&published)["anchors"], set["digest"]);
    assert_eq!(at(esm, ["fidelity/anchor_rows", "fidelity/domains/0/label"]), json!([60, null]));
    assert_eq!(at(esm, ["fidelity/domains/1/label", "fidelity/domains/2/label"]), json!(["one", "two"]));
    assert_eq!(at(esm, ["fidelity/domains/0/rows", "fidelity/domains/1/rows"]), json!([48, 30]));
    let of = |at: usize| esm["fidelity"]["domains"][at]["r2"].as_f64().unwrap();
    let across = (of(1) + of(2)) / 2.0;
    assert!((esm["across"].as_f64().unwrap() - across).abs() < 1e-12, "{esm}");
    let shown = hub.json(["show", "task"]);
    assert_eq!((&shown["fidelity"], &shown["across"]), (&esm["fidelity"], &esm["across"]));
    let listed = &hub.json(["list"])["esms"][0];
    assert_eq!((&listed["anchors"], &listed["across"]), (&set["digest"], &esm["across"]));
    let table = hub.ok(["show", "task"]);
    assert!(table.contains(set["digest"].as_str().unwrap()) && table.contains("60 texts"), "{table}");
    assert!(table.contains(&format!("one {:.2}", of(1))), "{table}");

    let stats = hub.json(["anchors", "stats"]);
    assert_eq!(at(&stats, ["bases/0/fitted_on/0/current", "bases/0/fitted_on/0/esms"]), json!([true, 1]));
    assert_eq!(stats["bases"][0]["fitted_on"][0]["anchors"], set["digest"]);
    assert_eq!(at(&stats, ["bases/0/domains/0/label", "bases/0/domains/0/esms"]), json!(["one", 1]));
    assert_eq!(stats["bases"][0]["domains"][0]["mean_r2"], of(1));
}

#[test]
fn other_anchors_give_another_map_and_none_give_a_third() {
    let (hub, set) = hub_with_anchors();
    let mut digests = vec![];
    let mut publish_and_take = |rest: &str, expected: &Value| {
        let output = hub.run(publish(&format!("{rest} --json")));
        assert_eq!(output.code, 0, "{output:#?}");
        let published: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(&fit(&published)["anchors"], expected);
        digests.push(published["published"][0]["weights"].as_str().unwrap().to_owned());
        output.stderr
    };
    assert!(!publish_and_take("", &set["digest"]).contains("anchors"));
    // Scores do not compare then, which `rank` says; who asks for it need not be told.
    assert!(!publish_and_take("--no-anchors", &Value::Null).contains("anchors"));
    let other = hub.json(line("anchors set two.txt --base tiny"));
    publish_and_take("", &other["digest"]);
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 3);
    let stats = hub.json(["anchors", "stats"]);
    assert_eq!(at(&stats, ["bases/0/current", "bases/0/fitted_on/0/current"]), json!([other["digest"], true]));
    let alone = hub.json(["show", "task:v2"]);
    assert_eq!(at(&alone, ["fidelity", "across", "card/fit/anchors"]), json!([null, null, null]));
}

#[test]
fn no_anchors_leaves_the_pool_without() {
    let hub = hub();
    let published = hub.json(publish("--no-anchors"));
    assert_eq!(at(&published, ["published/0/fit/anchors", "published/0/across"]), json!([null, null]));
    hub.refused(13, ["anchors", "show"]);
    assert_eq!(kept(&hub).len(), 2, "no anchors were embedded");
}

/// Who withdraws the anchors wants none, and not those that ship instead.
#[test]
fn withdrawn_anchors_do_not_come_back_by_themselves() {
    let (hub, _) = hub_with_anchors();
    hub.ok(line("anchors set --none --base TINY"));
    let output = hub.run(publish(""));
    assert!(output.code == 0 && output.stderr.contains("withdrawn"), "{output:#?}");
    hub.refused(13, ["anchors", "show"]);
    assert_eq!(hub.json(["show", "task"])["card"]["fit"]["anchors"], Value::Null);
}

#[test]
fn damaged_cache_of_embeddings_is_replaced_and_never_believed() {
    let (hub, _) = hub_with_anchors();
    // A dry run touches nothing but the cache.
    let before = hub.tree();
    let dry = hub.json(publish("--dry-run"));
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
    let files = kept(&hub);
    assert_eq!(files.len(), 4);
    let contents = || kept(&hub).iter().map(|file| fs::read(file).unwrap()).collect::<Vec<_>>();
    let sound = contents();
    let digest = |document: &Value| document["published"][0]["digest"].clone();

    let said = hub.run(publish("--dry-run -v")).stderr;
    assert_eq!(said.matches(" from the cache").count(), 4, "{said}");
    assert_eq!(digest(&hub.json(publish(""))), digest(&dry));
    type Spoil = fn(&Path, &[u8]);
    let damages: [Spoil; 4] = [
        |file, _| damage(file),
        |file, sound| overwrite(file, &sound[..sound.len() - 4]),
        |file, _| overwrite(file, b""),
        |file, sound| overwrite(file, &[sound, &[0; 4]].concat()),
    ];
    for (number, spoil) in damages.iter().enumerate() {
        files.iter().zip(&sound).for_each(|(file, sound)| spoil(file, sound));
        let again = hub.json(publish(""));
        assert_eq!((digest(&again), &again["published"][0]["status"]), (digest(&dry), &json!("unchanged")), "{number}");
        assert_eq!(contents(), sound, "damage {number}");
    }
    // Where nothing can be kept, the fit is the same.
    fs::remove_dir_all(hub.path("cache/embeddings")).unwrap();
    fs::write(hub.path("cache/embeddings"), "in the way").unwrap();
    assert_eq!(digest(&hub.json(publish(""))), digest(&dry));
}

#[test]
fn cache_is_of_one_set_one_model_and_one_length() {
    let (hub, _) = hub_with_anchors();
    // The base model and the tuned one, the task's texts and the anchors.
    let count = || kept(&hub).len();
    hub.ok(publish(""));
    assert_eq!(count(), 4);
    hub.ok(publish("--rank 2"));
    assert_eq!(count(), 4);
    let (base, tuned) = (tiny_base("bert-mean"), tiny_model("roberta").display().to_string());
    hub.ok(line(format!("publish --base {base} --tuned {tuned} --data task.csv --text text --max-length 12")));
    assert_eq!(count(), 8);
    hub.ok(line("anchors set one.txt --base tiny"));
    hub.ok(publish(""));
    assert_eq!(count(), 10);
    let other = tiny_base("distilbert");
    hub.ok(line(format!("publish --base {other} --tuned {tuned} --data task.csv --text text --max-length 24")));
    assert_eq!(count(), 12);
}

/// Weights and tokenizer do not decide embeddings alone: with other settings, others come out of them.
#[test]
fn cache_is_of_one_configuration() {
    let (hub, _) = hub_with_anchors();
    hub.ok(publish(""));
    let changed = hub.path("changed");
    fs::create_dir_all(changed.join("1_Pooling")).unwrap();
    let model = tiny_model("bert-mean");
    for entry in fs::read_dir(&model).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), changed.join(entry.file_name())).unwrap();
    }
    let pooling = "1_Pooling/config.json";
    if model.join(pooling).is_file() {
        fs::copy(model.join(pooling), changed.join(pooling)).unwrap();
    }
    let config = fs::read_to_string(changed.join("config.json")).unwrap();
    let other = config.replace("\"gelu\"", "\"relu\"");
    assert_ne!(config, other);
    fs::write(changed.join("config.json"), other).unwrap();
    let tuned = tiny_model("roberta").display().to_string();
    let rest = "--data task.csv --text text --max-length 24 --name other";
    let arguments = line(format!("publish --base tiny={} --tuned {tuned} {rest}", changed.display()));
    hub.ok(arguments);
    assert_eq!(kept(&hub).len(), 6);
}

#[test]
fn damaged_anchors_stop_the_fit_and_publish_nothing() {
    let (hub, set) = hub_with_anchors();
    let digest = set["digest"].as_str().unwrap();
    damage(&hub.path(format!("pool/objects/{}/{}", &digest[..2], &digest[2..])));
    hub.refused(16, publish(""));
    assert_eq!(hub.json(["list"])["esms"], json!([]));
    // Whoever does not need them is not stopped by them.
    hub.ok(publish("--no-anchors"));
}

/// A copy of a BERT model whose upper half has learned something: part of its neurons answer more strongly, part to
/// each other's words. What that does to embeddings is no linear map, and depends on the texts.
fn tuned_by_hand(base: &Path, folder: &Path) {
    for file in Tree::of(base).files() {
        fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        fs::copy(base.join(file), folder.join(file)).unwrap();
    }
    let file = fs::read(base.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let mut values: HashMap<String, Vec<u8>> =
        tensors.iter().map(|(name, tensor)| (name.to_owned(), tensor.data().to_vec())).collect();
    for layer in [4, 5] {
        let name = values.keys().find(|name| name.ends_with(&format!("layer.{layer}.intermediate.dense.weight")));
        let name = name.unwrap().clone();
        let columns = tensors.tensor(&name).unwrap().shape()[1];
        for (at, row) in values.get_mut(&name).unwrap().chunks_exact_mut(4 * columns).enumerate() {
            let by = [2.2, 1.0, -0.4, 1.0][at % 4];
            for value in row.as_chunks_mut().0 {
                *value = (f32::from_le_bytes(*value) * by).to_le_bytes();
            }
        }
    }
    let views = tensors
        .iter()
        .map(|(name, tensor)| (name, TensorView::new(tensor.dtype(), tensor.shape().to_vec(), &values[name]).unwrap()));
    overwrite(&folder.join("model.safetensors"), &safetensors::serialize(views, None).unwrap());
}

/// With the real model: a map that has seen the anchors that ship with esmhub predicts texts of another task, tweets, clearly
/// better than one that has seen its source alone, reviews.
#[test]
fn anchors_teach_what_the_source_does_not_show() {
    let test = "anchors_teach_what_the_source_does_not_show";
    let (Some(data), Some(model)) = (given("ESMHUB_TEST_DATA", test), given("ESMHUB_TEST_MODEL", test)) else {
        return;
    };
    let hub = Hub::new();
    let tuned = hub.path("tuned");
    tuned_by_hand(&model, &tuned);
    let target = |name: &str| data.join("targets").join(format!("{name}.csv")).display().to_string();
    let base = format!("minilm={}", model.display());
    let source = format!("--data {} --text text --rows 200 --max-length 32", target("cr"));
    let publish = |rest: &str| {
        let published =
            hub.json(line(format!("publish --base {base} --tuned {} {source} --codec f16 {rest}", tuned.display())));
        published["published"][0].clone()
    };
    let with = publish("--name with");
    let without = publish("--name without --no-anchors");
    let current = hub.json(["anchors", "show"])["digest"].clone();
    assert_eq!((&with["fit"]["anchors"], &without["fit"]["anchors"]), (&current, &Value::Null));

    let emotion = fs::read_to_string(target("tweet_emotion")).unwrap();
    let mut reader = csv::Reader::from_reader(emotion.as_bytes());
    let texts: Vec<String> = reader.records().take(200).map(|row| row.unwrap()[0].to_owned()).collect();
    let embed = |folder: &Path| {
        let embeddings = Encoder::in_folder(folder).unwrap().embed(&texts, 32, &|_, _| {}).unwrap();
        embeddings.iter().map(|row| row.iter().map(|&v| f64::from(v)).collect()).collect::<Vec<Vec<f64>>>()
    };
    let (x, y) = (embed(&model), embed(&tuned));
    let unchanged = r2(&y, &x);
    let measured = ["with", "without"].map(|name| {
        hub.ok(["pull", name]);
        let map = EsmFolder::map_in(&hub.path(name));
        let predicted: Vec<Vec<f64>> = x.iter().map(|x| map(x)).collect();
        r2(&y, &predicted)
    });
    let [with, without] = measured;
    figure("R2 on texts of another domain, base embeddings as they are", unchanged);
    figure("R2 on texts of another domain, fitted without anchors", without);
    figure("R2 on texts of another domain, fitted with the anchors that ship with esmhub", with);
    assert!(with > without + 0.15, "{with} with anchors, {without} without");
    assert!(with > unchanged + 0.1, "{with} with the map, {unchanged} without any");
}
