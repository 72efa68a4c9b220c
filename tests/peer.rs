//! The peer package loads what is pulled, and scores it alike.
//!
//! ESMHUB_TEST_PYTHON names a folder of a virtual environment in which `hf-dataset-selector` is installed; without it
//! this test is skipped.

use std::process::Command;

use serde_json::Value;

use crate::support::{EsmFolder, Hub, fixture, given, target};

#[test]
fn pulled_folder_loads_in_the_peer_and_scores_the_same() {
    let test = "pulled_folder_loads_in_the_peer_and_scores_the_same";
    let Some(environment) = given("ESMHUB_TEST_PYTHON", test) else {
        return;
    };
    let hub = Hub::with(&["mr", "trec", "cola"]);
    let mut legacy = EsmFolder::new("legacy", 8, 9).set("version", "0.1.0");
    legacy.tensors = ["sequential.0.weight", "sequential.0.bias"];
    let source = hub.esm(&legacy);
    hub.ok(["publish", &source, "--codec", "int8"]);
    hub.ok(["pull", "*", "--output", "pulled"]);
    hub.write("t.npz", target(200, 8, 3, 1));
    let ranking = hub.json(["rank", "t.npz", "--score", "hfselect"]);

    let script = fixture("peer_scores.py");
    let mut command = Command::new(environment.join("bin/python"));
    let command = command.current_dir(hub.path("home")).arg(script);
    let output = command.arg(hub.path("t.npz")).arg(hub.path("pulled")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let peer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(peer.as_object().unwrap().len(), 4);
    for esm in ranking["results"].as_array().unwrap() {
        let (name, score) = (esm["name"].as_str().unwrap(), esm["score"].as_f64().unwrap());
        let theirs = peer[name].as_f64().unwrap();
        assert!((score - theirs).abs() < 1e-6, "{name}: {score}, the peer says {theirs}");
    }
}
