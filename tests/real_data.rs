//! The promises on real data: twenty ESMs of the peer package, five targets, and pairs to fit from.
//!
//! The data lies where ESMHUB_TEST_DATA says; without it these tests are skipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, Random, at, f32_array, figure, given, kendall_tau, npz, r2, read_npz};

const TARGETS: [&str; 5] = ["tweet_emotion", "trec", "cr", "cola", "wellformed"];
const MODEL: &str = "sentence-transformers/all-MiniLM-L6-v2";
const NO_TRANSFER: &str = "(no transfer)";

/// A registry with everything in a folder of the data, published in one command.
fn published(data: &Path, what: &str, options: &[&str]) -> (Hub, Value) {
    let hub = Hub::new();
    let mut sources: Vec<_> = fs::read_dir(data.join(what)).unwrap().map(|entry| entry.unwrap().path()).collect();
    sources.sort();
    assert_eq!(sources.len(), 20);
    let arguments = ["publish"].iter().chain(options).map(AsRef::as_ref);
    let document = hub.json(arguments.chain(sources.iter().map(|source| source.as_os_str())));
    assert_eq!(document["published"].as_array().unwrap().len(), 20);
    assert_eq!(document["entries"], json!([1]));
    (hub, document)
}

/// Scores by name, that of no transfer among them.
fn scores(ranking: &Value) -> BTreeMap<String, f64> {
    let results = ranking["results"].as_array().unwrap().iter();
    let scores = results.map(|esm| (esm["name"].as_str().unwrap().to_owned(), esm["score"].as_f64().unwrap()));
    scores.chain([(NO_TRANSFER.to_owned(), ranking["baseline"]["score"].as_f64().unwrap())]).collect()
}

fn rank(hub: &Hub, data: &Path, target: &str, options: &[&str]) -> Value {
    let file = data.join(format!("targets/{target}.npz"));
    hub.json(["rank".as_ref(), file.as_os_str()].into_iter().chain(options.iter().map(AsRef::as_ref)))
}

fn reference(data: &Path) -> Value {
    serde_json::from_slice(&fs::read(data.join("reference_scores.json")).unwrap()).unwrap()
}

fn reference_scores(reference: &Value, target: &str, rows: &str, formula: &str) -> BTreeMap<String, f64> {
    let by_name = reference[target][rows].as_object().unwrap().iter();
    by_name.map(|(name, scores)| (name.clone(), scores[formula].as_f64().unwrap())).collect()
}

fn tau(a: &BTreeMap<String, f64>, b: &BTreeMap<String, f64>) -> f64 {
    let names: Vec<&String> = b.keys().filter(|name| *name != NO_TRANSFER).collect();
    assert_eq!(names.len(), 20);
    let values = |scores: &BTreeMap<String, f64>| names.iter().map(|name| scores[*name]).collect::<Vec<_>>();
    kendall_tau(&values(a), &values(b))
}

#[test]
fn scores_are_those_of_the_references() {
    let Some(data) = given("ESMHUB_TEST_DATA", "scores_are_those_of_the_references") else {
        return;
    };
    let (hub, _) = published(&data, "esms", &["--codec", "f32"]);
    let reference = reference(&data);
    let mut worst = 0.0f64;
    for target in TARGETS {
        for formula in ["exact", "hfselect"] {
            for (rows, options) in [("1000", &[][..]), ("300", &["--rows", "300", "--sample", "first"][..])] {
                let options = [&["--score", formula], options].concat();
                let ranking = rank(&hub, &data, target, &options);
                let (ours, theirs) = (scores(&ranking), reference_scores(&reference, target, rows, formula));
                assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
                for (name, score) in &ours {
                    let off = (score - theirs[name]).abs();
                    worst = worst.max(off);
                    assert!(off <= 1e-6, "{target}, {formula}, {rows} rows, {name}: {score} is off by {off}");
                }
                assert_eq!(ranking["target"]["rows"].to_string(), rows);
                assert_eq!(ranking["target"]["task"] == "regression", target == "wellformed");
                let in_order: Vec<f64> =
                    ranking["results"].as_array().unwrap().iter().map(|esm| esm["score"].as_f64().unwrap()).collect();
                assert!(in_order.is_sorted_by(|a, b| a >= b), "{in_order:?}");
            }
        }
    }
    figure("largest difference from a reference score", worst);
}

/// Few rows are the very case that transfer is for.
#[test]
fn few_rows_choose_as_many_do() {
    let Some(data) = given("ESMHUB_TEST_DATA", "few_rows_choose_as_many_do") else {
        return;
    };
    let (hub, _) = published(&data, "esms", &["--codec", "f32"]);
    let reference = reference(&data);
    for target in TARGETS {
        let [many, few] =
            [&[][..], &["--rows", "300", "--sample", "first"]].map(|o| scores(&rank(&hub, &data, target, o)));
        let [peer_many, peer_few] = ["1000", "300"].map(|rows| reference_scores(&reference, target, rows, "hfselect"));
        let (ours, theirs) = (tau(&few, &many), tau(&peer_few, &peer_many));
        figure(&format!("Kendall tau between 300 and 1,000 rows, {target}: hfselect"), theirs);
        figure(&format!("Kendall tau between 300 and 1,000 rows, {target}: exact"), ours);
        assert!(ours >= 0.64, "{target}: {ours}");
    }
}

/// The f32 path must stay within its promise where it is used: on dense ESMs, with more rows than dimensions.
#[test]
fn single_precision_scores_within_a_millionth() {
    let Some(data) = given("ESMHUB_TEST_DATA", "single_precision_scores_within_a_millionth") else {
        return;
    };
    let (hub, _) = published(&data, "esms", &["--codec", "f32"]);
    let (mut worst, mut used) = (0.0f64, 0);
    for target in TARGETS {
        let [double, single] = [&[][..], &["--precision", "single"]].map(|o| scores(&rank(&hub, &data, target, o)));
        let off = double.iter().map(|(name, score)| (score - single[name]).abs()).fold(0.0, f64::max);
        // Where rounding would show, double precision is taken all the same.
        used += usize::from(off > 0.0);
        worst = worst.max(off);
    }
    assert!(used >= 2, "single precision was used for {used} targets");
    figure("targets for which single precision was used, of five", used as f64);
    figure("largest difference of a score in single precision", worst);
    assert!(worst <= 1e-6, "{worst}");
}

/// Quantised weights must choose as the weights do. Measured: mean and least tau are 1 and 1 for `f16`, 0.994 and 0.989
/// for `int8`, 0.979 and 0.958 for `int4`; one pair of neighbours that change places costs 0.011.
#[test]
fn small_codecs_keep_the_order_of_the_pool() {
    let Some(data) = given("ESMHUB_TEST_DATA", "small_codecs_keep_the_order_of_the_pool") else {
        return;
    };
    let reference = reference(&data);
    for (codec, mean_bound, least_bound) in [("f16", 0.99, 0.98), ("int8", 0.98, 0.96), ("int4", 0.95, 0.92)] {
        let (hub, _) = published(&data, "esms", &["--codec", codec]);
        let taus = TARGETS.map(|target| {
            let exact = reference_scores(&reference, target, "1000", "exact");
            tau(&scores(&rank(&hub, &data, target, &[])), &exact)
        });
        let mean = taus.iter().sum::<f64>() / taus.len() as f64;
        figure(&format!("mean Kendall tau of {codec} with the reference"), mean);
        assert!(mean >= mean_bound && taus.iter().all(|tau| *tau >= least_bound), "{codec}: {taus:?}");
    }
}

#[test]
fn pulled_weights_are_those_that_were_published() {
    let Some(data) = given("ESMHUB_TEST_DATA", "pulled_weights_are_those_that_were_published") else {
        return;
    };
    let (hub, _) = published(&data, "esms", &["--codec", "f32"]);
    hub.ok(["pull", "*", "--output", "pulled"]);
    for entry in fs::read_dir(data.join("esms")).unwrap() {
        let source = entry.unwrap().path();
        let pulled = hub.path("pulled").join(source.file_name().unwrap());
        assert_eq!(EsmFolder::bits_in(&pulled), EsmFolder::bits_in(&source), "{}", source.display());
    }
}

#[test]
fn fits_explain_rows_that_they_have_not_seen() {
    let Some(data) = given("ESMHUB_TEST_DATA", "fits_explain_rows_that_they_have_not_seen") else {
        return;
    };
    for (shape, penalty, least) in [("full", "auto", 0.78), ("auto", "standard", 0.76)] {
        let (_, document) = published(&data, "pairs", &["--base", MODEL, "--rank", shape, "--penalty", penalty]);
        let fits = document["published"].as_array().unwrap().iter();
        let stated: Vec<f64> = fits.map(|esm| esm["fit"]["held_out"]["r2"].as_f64().unwrap()).collect();
        let mean = stated.iter().sum::<f64>() / stated.len() as f64;
        figure(&format!("mean held-out R2 in the cards, --rank {shape} --penalty {penalty}"), mean);
        assert!(mean >= least, "{shape} {mean}: {stated:?}");
    }
}

/// Rows of a source task that were kept from the fit.
struct Task {
    name: String,
    /// Base embeddings.
    x: Vec<Vec<f64>>,
    /// Tuned embeddings.
    y: Vec<Vec<f64>>,
}

/// The same without taking the command's word for it: it gets 800 rows, and the map that it gives back is measured here
/// on the others.
#[test]
fn fits_explain_rows_that_were_kept_from_them() {
    let Some(data) = given("ESMHUB_TEST_DATA", "fits_explain_rows_that_were_kept_from_them") else {
        return;
    };
    let hub = Hub::new();
    let mut tasks: Vec<Task> = Vec::new();
    for entry in fs::read_dir(data.join("pairs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (x, y) = (read_npz(&path, "x"), read_npz(&path, "y"));
        let order = Random::new(5).permutation(x.shape[0]);
        let (training, kept) = order.split_at(x.shape[0] * 4 / 5);
        let part = |array: &crate::support::Array, rows: &[usize]| {
            let all: Vec<&[f64]> = array.rows().collect();
            rows.iter().map(|&row| all[row].to_vec()).collect::<Vec<_>>()
        };
        let written =
            |array| f32_array(&part(array, training).concat().iter().map(|v| *v as f32).collect::<Vec<_>>(), 384);
        hub.write(&format!("split/{name}.npz"), npz(&[("x", written(&x)), ("y", written(&y))]));
        tasks.push(Task { name, x: part(&x, kept), y: part(&y, kept) });
    }
    let sources: Vec<String> = tasks.iter().map(|task| format!("split/{}.npz", task.name)).collect();
    let dense = ["--rank", "full", "--penalty", "auto", "--codec", "f32"];
    let default = ["--rank", "auto", "--penalty", "standard", "--codec", "auto"];
    for (shape, options, least) in [("dense", dense, 0.78), ("default", default, 0.76)] {
        let publish = ["publish", "--base", MODEL, "--tag", shape];
        hub.ok(publish.into_iter().chain(options).chain(sources.iter().map(String::as_str)));
        let folder = format!("pulled-{shape}");
        hub.ok(["pull", "*", "--output", &folder]);
        let explained = tasks.iter().map(|Task { name, x, y }| {
            let map = EsmFolder::map_in(&hub.path(&folder).join(name));
            r2(y, &x.iter().map(|x| map(x)).collect::<Vec<_>>())
        });
        let explained: Vec<f64> = explained.collect();
        let mean = explained.iter().sum::<f64>() / explained.len() as f64;
        figure(&format!("mean R2 of {shape} maps fitted on 80 % of the pairs, on the other 20 %"), mean);
        assert_eq!(explained.len(), 20);
        assert!(mean >= least, "{shape} {mean}: {explained:?}");
    }
}

#[test]
fn pool_is_verified_and_counted() {
    let Some(data) = given("ESMHUB_TEST_DATA", "pool_is_verified_and_counted") else {
        return;
    };
    let (hub, _) = published(&data, "esms", &["--codec", "int8"]);
    let verified = hub.json(["verify"]);
    assert_eq!(at(&verified, ["sound", "objects", "references"]), json!([true, 20, 20]));
    let stats = hub.json(["stats", "--model-bytes", "90900000"]);
    let base = &stats["bases"][0];
    assert_eq!(at(base, ["base", "references", "model_bytes"]), json!([MODEL, 20, 90_900_000]));
    // 384 x 384 bytes, 384 scales, 384 biases, a header: 90.9 MB are 604 times as much.
    assert_eq!(base["bytes_per_object"], 384 * 384 + 4 * 384 + 4 * 384 + 24);
    assert_eq!(base["reduction"].as_f64().unwrap().round(), 604.0);
}
