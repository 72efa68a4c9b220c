//! Bad tables, arrays and bundles get a clear error with the right exit code, and change nothing.

use std::fs;

use crate::support::{Hub, f32_array, i64_array, labels_array, line, npz, pairs, target};

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
    hub.write("rows.npz", npz(&[("x", x.clone()), ("y", f32_array(&[0.5; 39 * 4], 4))]));
    hub.refused_saying(17, ["publish", "rows.npz", "--base", "b"], &["rows.npz", "40 x 4", "39 x 4"]);
    hub.write("dims.npz", npz(&[("x", x.clone()), ("y", f32_array(&[0.5; 40 * 5], 5))]));
    hub.refused_saying(17, ["publish", "dims.npz", "--base", "b"], &["dims.npz", "40 x 4", "40 x 5"]);
    hub.write("labels.npz", target(40, 4, 2, 1));
    hub.refused_saying(1, ["publish", "labels.npz", "--base", "b"], &["labels.npz", "y", "(N, D)"]);
    hub.write("alone.npz", npz(&[("x", x.clone())]));
    hub.refused_saying(1, ["publish", "alone.npz", "--base", "b"], &["alone.npz", "\"y\"", "\"x\""]);
    let mut values = [0.5; 40 * 4];
    values[9] = f32::NAN;
    hub.write("nan.npz", npz(&[("x", x), ("y", f32_array(&values, 4))]));
    hub.refused_saying(1, ["publish", "nan.npz", "--base", "b"], &["nan.npz", "y[2, 1]", "finite"]);
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
            &["few.npz", &format!("the number of pairs is {rows}, expected at least 20")],
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
    hub.write("none.npz", npz(&[("x", x), ("y", i64_array(&[3, -1, 3, -1, 3, -1, 3, 3, 3, 3]))]));
    hub.refused_saying(17, ["rank", "none.npz"], &["7", "at least 2", "3 rows are unlabelled"]);
}

#[test]
fn empty_files_are_refused() {
    let hub = Hub::with(&["sound"]);
    let table = ["--text", "text", "--label", "label", "--base", "acme/encoder"];
    for name in ["e.csv", "e.tsv", "e.jsonl", "e.parquet", "e.npz", "e.safetensors"] {
        hub.write(name, "");
        let columns = if name.ends_with("npz") || name.ends_with("safetensors") { &[][..] } else { &table[..] };
        hub.refused_saying(1, ["rank", name].into_iter().chain(columns.iter().copied()), &[name, "empty"]);
    }
    hub.write("header.csv", "text,label\n");
    hub.refused_saying(1, ["rank", "header.csv"].into_iter().chain(table), &["header.csv", "no rows"]);
    hub.refused_saying(1, ["publish", "e.npz", "--base", "b"], &["e.npz", "empty"]);
}

#[test]
fn missing_column_is_answered_with_those_that_exist() {
    let hub = Hub::with(&["sound"]);
    hub.write("t.csv", "sentence,labels\nhello,a\nworld,b\n");
    let columns = |text, label| line(format!("rank t.csv --text {text} --label {label} --base acme/encoder"));
    let exists = ["t.csv", "\"sentence\", \"labels\""];
    hub.refused_saying(2, columns("text", "labels"), &[&exists[..], &["column \"text\""]].concat());
    let said = [&exists[..], &["column \"label\"", "did you mean \"labels\"?"]].concat();
    hub.refused_saying(2, columns("sentence", "label"), &said);
}

#[test]
fn columns_that_are_not_named_are_asked_for() {
    let hub = Hub::with(&["sound"]);
    hub.write("t.csv", "text,label\nhello,a\nworld,b\n");
    hub.refused_saying(2, ["rank", "t.csv", "--base", "b"], &["t.csv", "--text"]);
    hub.refused_saying(2, ["rank", "t.csv", "--text", "text", "--base", "b"], &["t.csv", "--label"]);
    hub.write("t.npz", target(10, 8, 2, 1));
    hub.refused_saying(2, ["rank", "t.npz", "--text", "text"], &["--text", "embeddings"]);
}

#[test]
fn rows_of_unequal_length_are_refused() {
    let hub = Hub::with(&["sound"]);
    let rank = |file| line(format!("rank {file} --text text --label label --base acme/encoder"));
    hub.write("long.csv", "text,label\nhello,a\nworld, and more,b\n");
    hub.refused_saying(1, rank("long.csv"), &["long.csv", "line 3", "the number of fields is 3, expected 2"]);
    hub.write("short.tsv", "text\tlabel\nhello\ta\nworld\n");
    hub.refused_saying(1, rank("short.tsv"), &["short.tsv", "line 3", "the number of fields is 1, expected 2"]);
    hub.write("short.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\"}\n");
    hub.refused_saying(1, rank("short.jsonl"), &["short.jsonl", "line 2", "\"label\""]);
    hub.write("few.npz", npz(&[("x", f32_array(&[0.5; 10 * 8], 8)), ("y", i64_array(&[0, 1, 0]))]));
    hub.refused_saying(17, ["rank", "few.npz"], &["few.npz", "10 rows", "3 labels"]);
}

#[test]
fn embeddings_that_are_not_numbers_are_refused() {
    let hub = Hub::with(&["sound"]);
    let mut values = [0.5; 10 * 8];
    values[3 * 8 + 2] = f32::INFINITY;
    hub.write("inf.npz", npz(&[("x", f32_array(&values, 8)), ("y", i64_array(&[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]))]));
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
