//! What the maps are for: choosing as the really fine-tuned models would.
//!
//! Twenty source tasks, five targets, each left out of the anchors in turn; the truth is LogME on what the fine-tuned models
//! make of the target's rows. The data lies where ESMHUB_TEST_DATA says; without it these tests are skipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Hub, f32_array, figure, given, kendall_tau, npz, read_npz};

const TARGETS: [&str; 5] = ["tweet_emotion", "trec", "cr", "cola", "wellformed"];
const MODEL: &str = "sentence-transformers/all-MiniLM-L6-v2";
const ROWS: usize = 600;

type Scores = BTreeMap<String, f64>;

fn truth(data: &Path) -> BTreeMap<String, Scores> {
    serde_json::from_slice(&fs::read(data.join("full_logme_600.json")).unwrap()).unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().display().to_string());
    let mut paths: Vec<String> = paths.collect();
    paths.sort();
    assert_eq!(paths.len(), 20);
    paths
}

/// `anchors/<task>/<target>.npz` in the hub's folder, for all targets but one.
fn write_anchors(hub: &Hub, data: &Path, left_out: &str) {
    for target in TARGETS.into_iter().filter(|target| *target != left_out) {
        let first = |array: crate::support::Array| -> Vec<f32> {
            array.rows().take(ROWS).flatten().map(|value| *value as f32).collect()
        };
        let x = f32_array(&first(read_npz(&data.join(format!("targets/{target}.npz")), "x")), 384);
        for pairs in files(&data.join("pairs")) {
            let task = Path::new(&pairs).file_stem().unwrap().to_str().unwrap().to_owned();
            let y = f32_array(&first(read_npz(&data.join(format!("anchors/{task}.npz")), target)), 384);
            hub.write(&format!("anchors/{task}/{target}.npz"), npz(&[("x", x.clone()), ("y", y)]));
        }
    }
}

fn rank(hub: &Hub, data: &Path, target: &str) -> Scores {
    let file = data.join(format!("targets/{target}.npz")).display().to_string();
    let ranking: Value = hub.json(["rank", &file, "--rows", &ROWS.to_string(), "--sample", "first"]);
    let results = ranking["results"].as_array().unwrap().iter();
    results.map(|esm| (esm["name"].as_str().unwrap().to_owned(), esm["score"].as_f64().unwrap())).collect()
}

fn first_five(scores: &Scores) -> Vec<&String> {
    let mut names: Vec<&String> = scores.keys().collect();
    names.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    names.truncate(5);
    names
}

/// Kendall's tau with the truth, and the share of its first five that are found.
fn agreement(scores: &Scores, truth: &Scores) -> (f64, f64) {
    assert_eq!(scores.len(), 20);
    let values = |scores: &Scores| truth.keys().map(|name| scores[name]).collect::<Vec<_>>();
    let tau = kendall_tau(&values(scores), &values(truth));
    let best = first_five(truth);
    let found = first_five(scores).into_iter().filter(|name| best.contains(name)).count();
    (tau, found as f64 / 5.0)
}

fn means(agreements: &[(f64, f64)]) -> (f64, f64) {
    let number = agreements.len() as f64;
    (agreements.iter().map(|a| a.0).sum::<f64>() / number, agreements.iter().map(|a| a.1).sum::<f64>() / number)
}

/// The bytes of the weights' object on disk x 8 / D^2, of the largest ESM.
fn most_bits(hub: &Hub, published: &Value) -> f64 {
    let stored = published["published"].as_array().unwrap().iter().map(|esm| {
        let digest = esm["weights"].as_str().unwrap();
        let path = hub.path("pool/objects").join(&digest[..2]).join(&digest[2..]);
        fs::metadata(path).unwrap().len()
    });
    8.0 * stored.max().unwrap() as f64 / (384.0 * 384.0)
}

#[test]
fn small_maps_on_anchors_choose_as_fine_tuned_models_do() {
    let Some(data) = given("ESMHUB_TEST_DATA", "small_maps_on_anchors_choose_as_fine_tuned_models_do") else {
        return;
    };
    let truth = truth(&data);
    for (codec, least_tau, least_overlap, bits) in [("auto", 0.68, 0.74, 1.6), ("small", 0.66, 0.72, 0.85)] {
        let agreements = TARGETS.map(|target| {
            let hub = Hub::new();
            write_anchors(&hub, &data, target);
            let options = ["publish", "--base", MODEL, "--codec", codec, "--anchor-pairs", "anchors"];
            let sources = files(&data.join("pairs"));
            let published = hub.json(options.into_iter().chain(sources.iter().map(String::as_str)));
            let found = most_bits(&hub, &published);
            assert!(found <= bits, "{codec}: {found} bits per dense weight");
            agreement(&rank(&hub, &data, target), &truth[target])
        });
        let (tau, overlap) = means(&agreements);
        figure(&format!("Kendall tau with the truth, --codec {codec}"), tau);
        figure(&format!("share of the truth's first five, --codec {codec}"), overlap);
        // A share of a fifth is not exact in binary.
        assert!(tau >= least_tau && overlap >= least_overlap - 1e-9, "{codec}: {tau}, {overlap}: {agreements:?}");
    }
}

/// What the maps above are compared with, and what distilling is worth.
#[test]
fn distilled_maps_choose_better_than_those_they_were_made_from() {
    let Some(data) = given("ESMHUB_TEST_DATA", "distilled_maps_choose_better_than_those_they_were_made_from") else {
        return;
    };
    let truth = truth(&data);
    let of = |distil: bool| {
        means(&TARGETS.map(|target| {
            let hub = Hub::new();
            // The base embeddings of other texts than the target's.
            let others = TARGETS.iter().filter(|other| **other != target).flat_map(|other| {
                let x = read_npz(&data.join(format!("targets/{other}.npz")), "x");
                x.rows().take(ROWS).flatten().map(|value| *value as f32).collect::<Vec<f32>>()
            });
            hub.write("x.npz", npz(&[("x", f32_array(&others.collect::<Vec<_>>(), 384))]));
            let option = if distil { "--distill=x.npz" } else { "--codec=f32" };
            let sources = files(&data.join("esms"));
            hub.ok(["publish", "--base", MODEL, option].into_iter().chain(sources.iter().map(String::as_str)));
            agreement(&rank(&hub, &data, target), &truth[target])
        }))
    };
    let ((plain, plain_overlap), (distilled, _)) = (of(false), of(true));
    figure("Kendall tau with the truth, the peer's ESMs", plain);
    figure("share of the truth's first five, the peer's ESMs", plain_overlap);
    figure("Kendall tau with the truth, the peer's ESMs distilled", distilled);
    assert!((plain - 0.379).abs() < 0.01 && (plain_overlap - 0.56).abs() < 0.01, "{plain}, {plain_overlap}");
    assert!(distilled > plain + 0.05, "{distilled} against {plain}");
}
