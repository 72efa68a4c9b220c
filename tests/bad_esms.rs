//! Bad input gets a clear error with the right exit code, and changes nothing.
//!
//! [`Hub::refused`] compares the whole folder before and after, byte by byte: the registry, the sources, and whatever a
//! command might have left beside them.

use std::fs;

use crate::support::{EsmFolder, Hub, fixture};

/// An ESM's folder that is broken after it was written.
fn broken(esm: &EsmFolder, spoil: impl FnOnce(&std::path::Path)) -> (Hub, String) {
    let hub = Hub::with(&["sound"]);
    let source = hub.esm(esm);
    spoil(&hub.path(&source));
    (hub, source)
}

fn esm() -> EsmFolder {
    EsmFolder::new("mr", 8, 1)
}

#[test]
fn folder_without_weights_is_refused() {
    let (hub, source) = broken(&esm(), |folder| fs::remove_file(folder.join("model.safetensors")).unwrap());
    hub.refused_saying(1, ["publish", &source], &["esms/mr", "model.safetensors", "pytorch_model.bin"]);
}

#[test]
fn folder_without_config_is_refused() {
    let (hub, source) = broken(&esm(), |folder| fs::remove_file(folder.join("config.json")).unwrap());
    hub.refused_saying(1, ["publish", &source], &["esms/mr", "config.json", "hint: "]);
}

#[test]
fn empty_folder_is_refused() {
    let hub = Hub::with(&["sound"]);
    fs::create_dir(hub.path("nothing")).unwrap();
    hub.refused_saying(1, ["publish", "nothing"], &["nothing", "config.json"]);
}

#[test]
fn config_that_is_not_json_is_refused() {
    for text in ["", "{", "[1]", "\u{0}", "{\"task_id\": \"a\""] {
        let (hub, source) = broken(&esm(), |folder| fs::write(folder.join("config.json"), text).unwrap());
        hub.refused_saying(1, ["publish", &source], &["esms/mr", "config.json"]);
    }
}

#[test]
fn config_fields_of_another_kind_are_refused() {
    let cases = [
        ("esm_architecture", "\"mlp\"", "linear"),
        ("esm_embedding_dim", "-8", "not negative"),
        ("base_model_name", "7", "a text"),
        ("num_examples", "\"many\"", "a number"),
        ("text_column", "{}", "column"),
    ];
    for (field, value, expected) in cases {
        let esm = esm().set(field, serde_json::from_str::<serde_json::Value>(value).unwrap());
        let (hub, source) = broken(&esm, |_| ());
        hub.refused_saying(1, ["publish", &source], &["esms/mr", field, value, expected]);
    }
}

#[test]
fn control_characters_never_reach_a_card() {
    let (hub, source) = broken(&esm().set("developers", "ada\u{1b}[2Jlovelace"), |_| ());
    let message = hub.refused(1, ["publish", &source]);
    assert!(message.contains("control character"), "{message}");
}

#[test]
fn base_model_that_is_not_named_is_asked_for() {
    let (hub, source) = broken(&esm().set("base_model_name", serde_json::Value::Null), |_| ());
    hub.refused_saying(2, ["publish", &source], &["esms/mr", "base model", "--base"]);
    hub.ok(["publish", &source, "--base", "acme/encoder"]);
}

#[test]
fn base_model_other_than_stated_is_refused() {
    let (hub, source) = broken(&esm(), |_| ());
    hub.refused_saying(17, ["publish", &source, "--base", "acme/other"], &["acme/encoder", "acme/other"]);
}

#[test]
fn dimension_other_than_stated_is_refused() {
    let (hub, source) = broken(&esm().set("esm_embedding_dim", 9), |_| ());
    hub.refused_saying(17, ["publish", &source], &["esms/mr", "dimension 9", "have 8"]);
}

#[test]
fn weights_that_are_not_square_are_refused() {
    let mut esm = esm();
    esm.weight.truncate(7 * 8);
    let (hub, source) = broken(&esm, |_| ());
    hub.refused_saying(1, ["publish", &source], &["model.weight", "[7, 8]", "[8, 8]"]);
}

#[test]
fn bias_of_another_length_is_refused() {
    let mut esm = esm();
    esm.bias.push(0.0);
    let (hub, source) = broken(&esm, |_| ());
    hub.refused_saying(1, ["publish", &source], &["model.weight", "[8, 8]", "[9, 9]"]);
}

#[test]
fn weights_that_are_not_numbers_are_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut esm = esm();
        esm.weight[2 * 8 + 5] = value;
        let (hub, source) = broken(&esm, |_| ());
        let said = ["esms/mr", "model.safetensors", "row 2, column 5", &value.to_string(), "finite"];
        hub.refused_saying(1, ["publish", &source], &said);
    }
    let mut esm = esm();
    esm.bias[3] = f32::NAN;
    let (hub, source) = broken(&esm, |_| ());
    hub.refused_saying(1, ["publish", &source], &["bias", "value 3", "NaN"]);
}

#[test]
fn tensors_of_another_name_are_listed() {
    let mut esm = esm();
    esm.tensors = ["encoder.weight", "model.bias"];
    let (hub, source) = broken(&esm, |_| ());
    hub.refused_saying(1, ["publish", &source], &["encoder.weight", "model.weight", "sequential.0.weight"]);
}

#[test]
fn truncated_safetensors_is_refused() {
    let whole = esm().safetensors();
    for length in [0, 1, 7, 8, 20, whole.len() / 2, whole.len() - 1] {
        let (hub, source) =
            broken(&esm(), |folder| fs::write(folder.join("model.safetensors"), &whole[..length]).unwrap());
        hub.refused_saying(1, ["publish", &source], &["esms/mr", "model.safetensors", "not a safetensors file"]);
    }
}

#[test]
fn header_that_claims_two_to_the_sixty_bytes_is_refused() {
    let mut file = esm().safetensors();
    file[..8].copy_from_slice(&(1u64 << 60).to_le_bytes());
    let (hub, source) = broken(&esm(), |folder| fs::write(folder.join("model.safetensors"), &file).unwrap());
    hub.refused_saying(1, ["publish", &source], &["model.safetensors", "not a safetensors file"]);
    // As a target and as pairs it meets another reader.
    hub.write("hostile.safetensors", &file);
    hub.refused_saying(1, ["rank", "hostile.safetensors"], &["hostile.safetensors", "1152921504606846976"]);
    hub.refused_saying(1, ["publish", "hostile.safetensors", "--base", "b"], &["1152921504606846976"]);
}

#[test]
fn tensor_that_claims_two_to_the_sixty_values_is_refused() {
    let d = 1u64 << 30;
    let header = format!(
        r#"{{"model.bias":{{"dtype":"F32","shape":[{d}],"data_offsets":[0,{}]}},"model.weight":{{"dtype":"F32","shape":[{d},{d}],"data_offsets":[{},{}]}}}}"#,
        4 * d,
        4 * d,
        4 * d + 4 * d * d,
    );
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 64]].concat();
    let (hub, source) = broken(&esm(), |folder| fs::write(folder.join("model.safetensors"), &file).unwrap());
    hub.refused_saying(1, ["publish", &source], &["model.safetensors"]);
}

#[test]
fn damaged_pickle_is_refused() {
    let whole = fs::read(fixture("pickled/pytorch_model.bin")).unwrap();
    for bytes in [Vec::new(), b"not a zip".to_vec(), whole[..whole.len() / 2].to_vec()] {
        let (hub, source) = broken(&esm(), |folder| {
            fs::remove_file(folder.join("model.safetensors")).unwrap();
            fs::write(folder.join("pytorch_model.bin"), &bytes).unwrap();
        });
        hub.refused_saying(1, ["publish", &source], &["esms/mr", "pytorch_model.bin"]);
    }
}

#[test]
fn sources_that_are_none_are_refused() {
    let hub = Hub::with(&["sound"]);
    hub.write("notes.txt", "hello");
    hub.refused_saying(2, ["publish", "absent"], &["absent", "no such file or folder"]);
    hub.refused_saying(2, ["publish", "notes.txt"], &["notes.txt", "not a source", ".npz"]);
    hub.refused(2, ["publish"]);
    hub.esm(&EsmFolder::new("inside", 8, 1));
    for folder in ["esms", "esms/", "esms//"] {
        hub.refused_saying(1, ["publish", folder], &["\nhint: to publish the folders inside it, write esms/*/\n"]);
    }
}

#[test]
fn names_that_lead_out_of_a_folder_are_refused() {
    for name in ["..", "../up", "/root", "a//b", "a/..", "con", "a b", "a:b", ".hidden", &"a".repeat(97)] {
        let (hub, source) = broken(&esm(), |_| ());
        let message = hub.refused(2, ["publish", &source, "--name", name]);
        assert!(message.contains("--name"), "{name}: {message}");
        let (hub, source) = broken(&esm(), |folder| {
            fs::write(folder.join("config.json"), esm().set("task_id", name).config.to_string()).unwrap();
        });
        hub.refused_saying(2, ["publish", &source], &["esms/mr", "hint: give the ESM a name with --name"]);
    }
}

#[test]
fn one_bad_source_refuses_the_whole_batch() {
    let (hub, bad) = broken(&esm(), |folder| fs::write(folder.join("model.safetensors"), "short").unwrap());
    let good = hub.esm(&EsmFolder::new("good", 8, 2));
    let other = hub.esm(&EsmFolder::new("other", 8, 3));
    hub.refused_saying(1, ["publish", &good, &bad, &other], &["esms/mr"]);
    hub.refused(13, ["resolve", "good"]);
    // Where several are bad, nobody has to find them one run after the other.
    let absent = "esms/good/../other-bad";
    fs::create_dir(hub.path("esms/other-bad")).unwrap();
    let said = ["error: esms/mr", "2 of 4 sources", "besides the first: ", absent];
    hub.refused_saying(1, ["publish", &good, &bad, absent, &other], &said);
}

#[test]
#[cfg(unix)]
fn pipe_in_place_of_a_file_does_not_hang() {
    let hub = Hub::with(&["sound"]);
    let folder = hub.esm(&EsmFolder::new("piped", 4, 1));
    let config = hub.path(&folder).join("config.json");
    std::fs::remove_file(&config).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&config).status().unwrap().success());
    // The harness cannot take a picture of a folder with a pipe in it.
    let output = hub.run(["publish", &folder]);
    assert_eq!(output.code, 1, "{output:#?}");
    assert!(output.stderr.contains("config.json is not a plain file"), "{output:#?}");
}
