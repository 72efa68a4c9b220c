//! Comparing two ESMs: what differs is shown, what does not is not, and distances are those of the weights.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{EsmFolder, Hub, damage};

fn differing(diff: &Value) -> BTreeSet<String> {
    let fields = diff["fields"].as_array().unwrap();
    fields
        .iter()
        .filter(|field| field["differs"] == true)
        .map(|field| field["field"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn only_what_differs_is_shown_unless_all_is_asked_for() {
    let hub = Hub::new();
    let esm = EsmFolder::new("mr", 8, 1);
    let first = hub.esm(&esm);
    hub.ok(["publish", &first, "--codec", "f32", "--license", "mit"]);
    hub.ok(["publish", &first, "--codec", "f32", "--license", "apache-2.0", "--set", "note=second"]);
    let diff = hub.json(["diff", "mr:v1", "mr:v2"]);
    assert_eq!(differing(&diff), ["extra.note", "license"].map(str::to_owned).into());
    assert_eq!(diff["fields"].as_array().unwrap().len(), 2);
    assert_eq!(diff["left"]["card"]["license"], "mit");
    assert_eq!(diff["right"]["tag"], "v2");
    assert_eq!(diff["maps"]["same_weights"], true);
    assert_eq!(diff["maps"]["matrix_distance"], 0.0);
    let all = hub.json(["diff", "mr:v1", "mr:v2", "--all"]);
    assert_eq!(differing(&all), differing(&diff));
    let base = all["fields"].as_array().unwrap().iter().find(|field| field["field"] == "base.id").unwrap();
    assert_eq!((&base["left"], &base["differs"]), (&Value::from("acme/encoder"), &Value::from(false)));
    let table = hub.ok(["diff", "mr:v1", "mr:v2"]);
    assert!(table.contains("license") && table.contains("the same object") && !table.contains("base.id"), "{table}");
    assert!(hub.ok(["diff", "mr:v1", "mr:v2", "--all"]).contains("base.id"));
    assert_eq!(hub.ok(["diff", "mr:v1", "mr:v2", "-q"]), "extra.note\nlicense\n");
    assert!(hub.ok(["diff", "mr:v1", "mr:v1"]).contains("the cards are the same"));
}

/// Computed here from the weights that were published, by the definition.
#[test]
fn distances_are_those_of_the_weights() {
    let hub = Hub::new();
    let esms = [EsmFolder::new("one", 8, 1), EsmFolder::new("two", 8, 2)];
    for esm in &esms {
        let source = hub.esm(esm);
        hub.ok(["publish", &source, "--codec", "f32"]);
    }
    let residual = |esm: &EsmFolder| -> Vec<f64> {
        let identity = |at: usize| if at.is_multiple_of(9) { 1.0 } else { 0.0 };
        esm.weight.iter().enumerate().map(|(at, w)| f64::from(*w) - identity(at)).collect()
    };
    let dot = |p: &[f64], q: &[f64]| p.iter().zip(q).map(|(p, q)| p * q).sum::<f64>();
    let apart = |p: &[f64], q: &[f64]| {
        let difference: Vec<f64> = p.iter().zip(q).map(|(p, q)| p - q).collect();
        (2.0 * dot(&difference, &difference) / (dot(p, p) + dot(q, q))).sqrt()
    };
    let (p, q) = (residual(&esms[0]), residual(&esms[1]));
    let bias = |esm: &EsmFolder| esm.bias.iter().map(|b| f64::from(*b)).collect::<Vec<_>>();
    let maps = hub.json(["diff", "one", "two"])["maps"].clone();
    for (field, expected) in [
        ("matrix_distance", apart(&p, &q)),
        ("bias_distance", apart(&bias(&esms[0]), &bias(&esms[1]))),
        ("cosine", dot(&p, &q) / (dot(&p, &p) * dot(&q, &q)).sqrt()),
        ("left_change", dot(&p, &p).sqrt()),
        ("right_change", dot(&q, &q).sqrt()),
    ] {
        let found = maps[field].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-12, "{field}: {found}, expected {expected}");
    }
}

/// What recompressing moved, the card says as well, relative to the map that it started from.
#[test]
fn recompressed_map_is_as_far_away_as_its_card_says() {
    let hub = Hub::new();
    let source = hub.esm(&EsmFolder::new("mr", 64, 1));
    hub.ok(["publish", &source, "--codec", "f32"]);
    hub.ok(["publish", &source, "--codec", "int4"]);
    let diff = hub.json(["diff", "mr:v1", "mr:v2"]);
    let stated = diff["right"]["card"]["weights"]["codec_error"].as_f64().unwrap();
    let maps = &diff["maps"];
    let [left, right] = ["left_change", "right_change"].map(|side| maps[side].as_f64().unwrap());
    let mean = ((left * left + right * right) / 2.0).sqrt();
    assert!((maps["matrix_distance"].as_f64().unwrap() * mean / left - stated).abs() < 1e-6 * stated, "{diff}");
    assert!(stated > 0.01 && differing(&diff).contains("weights.codec"), "{diff}");
}

#[test]
fn maps_of_different_dimensions_are_said_to_be_incomparable() {
    let hub = Hub::with(&["mr"]);
    let source = hub.esm(&EsmFolder::new("wide", 16, 3).set("base_model_name", "acme/other"));
    hub.ok(["publish", &source]);
    let diff = hub.json(["diff", "mr", "wide"]);
    assert_eq!(diff["maps"], Value::Null);
    assert!(differing(&diff).contains("weights.dimension") && differing(&diff).contains("base.id"), "{diff}");
    let table = hub.ok(["diff", "mr", "wide"]);
    assert!(table.contains("dimension 8, the other 16") && table.contains("different base models"), "{table}");
}

#[test]
fn damaged_weights_are_damage_and_unknown_names_are_not_found() {
    let hub = Hub::with(&["mr", "trec"]);
    hub.refused_saying(13, ["diff", "mr", "trek"], &["did you mean trec?"]);
    damage(&hub.object_of("trec"));
    hub.refused(16, ["diff", "mr", "trec"]);
}
