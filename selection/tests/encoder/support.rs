//! What the tests share: the golden folders beside this file, and copies of them to break.

use std::fs;
use std::path::{Path, PathBuf};

use esmhub_selection::encoder::{Encoder, EncoderError};
use serde_json::Value;
use tempfile::TempDir;

/// All folders that `generate.py` writes.
pub(crate) const FOLDERS: [&str; 17] = [
    "albert",
    "bert",
    "bert-bin",
    "bert-f16",
    "bert-mean",
    "bert-shards",
    "bge",
    "deberta-p2c",
    "deberta-v2",
    "deberta-v3",
    "distilbert",
    "electra",
    "modernbert",
    "modernbert-4",
    "mpnet",
    "roberta",
    "xlm-roberta",
];

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/encoder").join(name)
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The texts of the golden embeddings and their maximum length.
pub(crate) fn texts() -> (Vec<String>, usize) {
    let value = json(&golden("texts.json"));
    let texts = value["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    (texts, value["max_length"].as_u64().unwrap() as usize)
}

/// Torch's embeddings of these texts.
pub(crate) fn expected(folder: &str) -> Vec<Vec<f32>> {
    let value = json(&golden(folder).join("expected.json"));
    let row = |row: &Value| row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
    value["embeddings"].as_array().unwrap().iter().map(row).collect()
}

/// A copy of a golden folder, to be changed.
pub(crate) fn copy_of(folder: &str) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_files(&golden(folder), copy.path());
    copy
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else {
            fs::write(&target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// Changes a JSON file.
pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = json(path);
    change(&mut value);
    fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
}

/// The error and all its causes in one line.
pub(crate) fn refusal(folder: &Path) -> String {
    let error: EncoderError = Encoder::in_folder(folder).err().expect("the model should have been refused");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The model is refused, and the refusal says all these words.
#[track_caller]
pub(crate) fn assert_refused(folder: &Path, words: &[&str]) {
    let text = refusal(folder);
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}
