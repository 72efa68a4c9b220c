//! Bad input gets a clear error with the right exit code, and changes nothing.
//!
//! [`Hub::refused`] compares the whole folder before and after, byte by byte: the registry, the sources, and whatever a
//! command might have left beside them.

use std::fs;

use crate::support::{EsmFolder, Hub, f32_array, fixture, i64_array, labels_array, npz, pairs, target};

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
    let (hub, source) = broken(&esm(), |folder| {
        fs::remove_file(folder.join("model.safetensors")).unwrap()
    });
    hub.refused_saying(
        1,
        ["publish", &source],
        &["esms/mr", "model.safetensors", "pytorch_model.bin"],
    );
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
    hub.refused_saying(
        17,
        ["publish", &source, "--base", "acme/other"],
        &["acme/encoder", "acme/other"],
    );
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
        let said = [
            "esms/mr",
            "model.safetensors",
            "row 2, column 5",
            &value.to_string(),
            "finite",
        ];
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
    hub.refused_saying(
        1,
        ["publish", &source],
        &["encoder.weight", "model.weight", "sequential.0.weight"],
    );
}

#[test]
fn truncated_safetensors_is_refused() {
    let whole = esm().safetensors();
    for length in [0, 1, 7, 8, 20, whole.len() / 2, whole.len() - 1] {
        let (hub, source) = broken(&esm(), |folder| {
            fs::write(folder.join("model.safetensors"), &whole[..length]).unwrap()
        });
        hub.refused_saying(
            1,
            ["publish", &source],
            &["esms/mr", "model.safetensors", "not a safetensors file"],
        );
    }
}

#[test]
fn header_that_claims_two_to_the_sixty_bytes_is_refused() {
    let mut file = esm().safetensors();
    file[..8].copy_from_slice(&(1u64 << 60).to_le_bytes());
    let (hub, source) = broken(&esm(), |folder| {
        fs::write(folder.join("model.safetensors"), &file).unwrap()
    });
    hub.refused_saying(
        1,
        ["publish", &source],
        &["model.safetensors", "not a safetensors file"],
    );
    // As a target and as pairs it meets another reader.
    hub.write("hostile.safetensors", &file);
    hub.refused_saying(
        1,
        ["rank", "hostile.safetensors"],
        &["hostile.safetensors", "1152921504606846976"],
    );
    hub.refused_saying(
        1,
        ["publish", "hostile.safetensors", "--base", "b"],
        &["1152921504606846976"],
    );
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
    let (hub, source) = broken(&esm(), |folder| {
        fs::write(folder.join("model.safetensors"), &file).unwrap()
    });
    hub.refused_saying(1, ["publish", &source], &["model.safetensors"]);
}

#[test]
fn damaged_pickle_is_refused() {
    let whole = fs::read(fixture("pickled/pytorch_model.bin")).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 4] ^= 0xff;
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
}

#[test]
fn names_that_lead_out_of_a_folder_are_refused() {
    for name in [
        "..",
        "../up",
        "/root",
        "a//b",
        "a/..",
        "con",
        "a b",
        "a:b",
        ".hidden",
        &"a".repeat(97),
    ] {
        let (hub, source) = broken(&esm(), |_| ());
        let message = hub.refused(2, ["publish", &source, "--name", name]);
        assert!(message.contains("--name"), "{name}: {message}");
        let (hub, source) = broken(&esm(), |folder| {
            fs::write(
                folder.join("config.json"),
                esm().set("task_id", name).config.to_string(),
            )
            .unwrap();
        });
        hub.refused_saying(
            2,
            ["publish", &source],
            &["esms/mr", "hint: give the ESM a name with --name"],
        );
    }
}

#[test]
fn truncated_bundle_is_refused() {
    let hub = Hub::with(&["mr"]);
    hub.ok(["export", "mr", "mr.esm"]);
    let whole = fs::read(hub.path("mr.esm")).unwrap();
    for length in [1, 64, whole.len() / 2, whole.len() - 1] {
        hub.write("cut.esm", &whole[..length]);
        hub.refused_saying(16, ["publish", "cut.esm", "--name", "other"], &["cut.esm", "again"]);
    }
    hub.write("cut.esm", "");
    hub.refused_saying(1, ["publish", "cut.esm"], &["cut.esm", "empty"]);
}

#[test]
fn pairs_that_do_not_match_are_refused() {
    let hub = Hub::with(&["sound"]);
    let x = f32_array(&[0.5; 40 * 4], 4);
    hub.write(
        "rows.npz",
        npz(&[("x", x.clone()), ("y", f32_array(&[0.5; 39 * 4], 4))]),
    );
    hub.refused_saying(
        17,
        ["publish", "rows.npz", "--base", "b"],
        &["rows.npz", "40 x 4", "39 x 4"],
    );
    hub.write(
        "dims.npz",
        npz(&[("x", x.clone()), ("y", f32_array(&[0.5; 40 * 5], 5))]),
    );
    hub.refused_saying(
        17,
        ["publish", "dims.npz", "--base", "b"],
        &["dims.npz", "40 x 4", "40 x 5"],
    );
    hub.write("labels.npz", target(40, 4, 2, 1));
    hub.refused_saying(
        1,
        ["publish", "labels.npz", "--base", "b"],
        &["labels.npz", "y", "(N, D)"],
    );
    hub.write("alone.npz", npz(&[("x", x.clone())]));
    hub.refused_saying(
        1,
        ["publish", "alone.npz", "--base", "b"],
        &["alone.npz", "\"y\"", "\"x\""],
    );
    let mut values = [0.5; 40 * 4];
    values[9] = f32::NAN;
    hub.write("nan.npz", npz(&[("x", x), ("y", f32_array(&values, 4))]));
    hub.refused_saying(
        1,
        ["publish", "nan.npz", "--base", "b"],
        &["nan.npz", "y[2, 1]", "finite"],
    );
    hub.write("sound.npz", pairs(40, 4, 1));
    hub.refused_saying(2, ["publish", "sound.npz"], &["sound.npz", "base model", "--base"]);
    hub.write("cut.npz", &pairs(40, 4, 1)[..500]);
    hub.refused_saying(1, ["publish", "cut.npz", "--base", "b"], &["cut.npz", ".npz"]);
}

#[test]
fn too_few_pairs_are_refused() {
    for rows in [1, 2, 5] {
        let hub = Hub::with(&["sound"]);
        hub.write("few.npz", pairs(rows, 4, 1));
        hub.refused_saying(
            1,
            ["publish", "few.npz", "--base", "b"],
            &["few.npz", &format!("{rows} ")],
        );
    }
}

#[test]
fn labels_of_one_class_are_refused() {
    let hub = Hub::with(&["sound"]);
    let x = f32_array(&[0.5; 10 * 8], 8);
    hub.write("one.npz", npz(&[("x", x.clone()), ("y", i64_array(&[3; 10]))]));
    hub.refused_saying(17, ["rank", "one.npz"], &["one.npz: ", "10", "\"3\"", "at least 2"]);
    hub.write("text.npz", npz(&[("x", x.clone()), ("y", labels_array(&["joy"; 10]))]));
    hub.refused_saying(17, ["rank", "text.npz"], &["\"joy\"", "at least 2"]);
    // -1 is no class but the absence of one.
    hub.write(
        "none.npz",
        npz(&[("x", x), ("y", i64_array(&[3, -1, 3, -1, 3, -1, 3, 3, 3, 3]))]),
    );
    hub.refused_saying(17, ["rank", "none.npz"], &["7", "at least 2", "3 rows are unlabelled"]);
}

#[test]
fn empty_files_are_refused() {
    let hub = Hub::with(&["sound"]);
    let table = ["--text", "text", "--label", "label", "--base", "acme/encoder"];
    for name in ["e.csv", "e.tsv", "e.jsonl", "e.parquet", "e.npz", "e.safetensors"] {
        hub.write(name, "");
        let columns = if name.ends_with("npz") || name.ends_with("safetensors") {
            &[][..]
        } else {
            &table[..]
        };
        hub.refused_saying(
            1,
            ["rank", name].into_iter().chain(columns.iter().copied()),
            &[name, "empty"],
        );
    }
    hub.write("header.csv", "text,label\n");
    hub.refused_saying(
        1,
        ["rank", "header.csv"].into_iter().chain(table),
        &["header.csv", "no rows"],
    );
    hub.refused_saying(1, ["publish", "e.npz", "--base", "b"], &["e.npz", "empty"]);
}

#[test]
fn missing_column_is_answered_with_those_that_exist() {
    let hub = Hub::with(&["sound"]);
    hub.write("t.csv", "sentence,labels\nhello,a\nworld,b\n");
    let columns = |text, label| {
        [
            "rank",
            "t.csv",
            "--text",
            text,
            "--label",
            label,
            "--base",
            "acme/encoder",
        ]
    };
    let exists = ["t.csv", "\"sentence\", \"labels\""];
    hub.refused_saying(
        2,
        columns("text", "labels"),
        &[&exists[..], &["column \"text\""]].concat(),
    );
    let said = [&exists[..], &["column \"label\"", "did you mean \"labels\"?"]].concat();
    hub.refused_saying(2, columns("sentence", "label"), &said);
}

#[test]
fn columns_that_are_not_named_are_asked_for() {
    let hub = Hub::with(&["sound"]);
    hub.write("t.csv", "text,label\nhello,a\nworld,b\n");
    hub.refused_saying(2, ["rank", "t.csv", "--base", "b"], &["t.csv", "--text"]);
    hub.refused_saying(
        2,
        ["rank", "t.csv", "--text", "text", "--base", "b"],
        &["t.csv", "--label"],
    );
    hub.write("t.npz", target(10, 8, 2, 1));
    hub.refused_saying(2, ["rank", "t.npz", "--text", "text"], &["--text", "embeddings"]);
}

#[test]
fn rows_of_unequal_length_are_refused() {
    let hub = Hub::with(&["sound"]);
    let rank = |file| {
        [
            "rank",
            file,
            "--text",
            "text",
            "--label",
            "label",
            "--base",
            "acme/encoder",
        ]
    };
    hub.write("long.csv", "text,label\nhello,a\nworld, and more,b\n");
    hub.refused_saying(1, rank("long.csv"), &["long.csv", "line 3", "3 fields, expected 2"]);
    hub.write("short.tsv", "text\tlabel\nhello\ta\nworld\n");
    hub.refused_saying(1, rank("short.tsv"), &["short.tsv", "line 3", "1 fields, expected 2"]);
    hub.write("short.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\"}\n");
    hub.refused_saying(1, rank("short.jsonl"), &["short.jsonl", "line 2", "\"label\""]);
    hub.write(
        "few.npz",
        npz(&[("x", f32_array(&[0.5; 10 * 8], 8)), ("y", i64_array(&[0, 1, 0]))]),
    );
    hub.refused_saying(17, ["rank", "few.npz"], &["few.npz", "10 rows", "3 labels"]);
}

#[test]
fn embeddings_that_are_not_numbers_are_refused() {
    let hub = Hub::with(&["sound"]);
    let mut values = [0.5; 10 * 8];
    values[3 * 8 + 2] = f32::INFINITY;
    hub.write(
        "inf.npz",
        npz(&[
            ("x", f32_array(&values, 8)),
            ("y", i64_array(&[0, 1, 0, 1, 0, 1, 0, 1, 0, 1])),
        ]),
    );
    hub.refused_saying(1, ["rank", "inf.npz"], &["inf.npz", "x[3, 2]", "finite"]);
}

#[test]
fn targets_that_are_none_are_refused() {
    let hub = Hub::with(&["sound"]);
    hub.write("t.xlsx", "PK");
    hub.refused_saying(2, ["rank", "t.xlsx"], &["t.xlsx", ".xlsx", ".csv"]);
    hub.refused_saying(1, ["rank", "absent.npz"], &["absent.npz"]);
    fs::create_dir(hub.path("folder.npz")).unwrap();
    hub.refused_saying(1, ["rank", "folder.npz"], &["folder.npz", "not a regular file"]);
}

#[test]
fn one_bad_source_refuses_the_whole_batch() {
    let (hub, bad) = broken(&esm(), |folder| {
        fs::write(folder.join("model.safetensors"), "short").unwrap()
    });
    let good = hub.esm(&EsmFolder::new("good", 8, 2));
    let other = hub.esm(&EsmFolder::new("other", 8, 3));
    hub.refused_saying(1, ["publish", &good, &bad, &other], &["esms/mr"]);
    hub.refused(13, ["resolve", "good"]);
}
