//! The settings of a language model: config.json, modules.json, the pooling's config.json, or the index of the shards.

#![no_main]

use std::fs;
use std::sync::LazyLock;

use esmhub_fuzz::{model, role};
use esmhub_selection::encoder::ModelFiles;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static MODEL: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = model("bert");
    fs::create_dir(folder.path().join("1_Pooling")).expect("a folder on the RAM disk");
    fs::rename(folder.path().join("model.safetensors"), folder.path().join("weights")).expect("the weights");
    folder
});

const ROLES: [&str; 4] = ["config.json", "1_Pooling/config.json", "modules.json", "model.safetensors.index.json"];

fuzz_target!(|bytes: &[u8]| {
    let path = MODEL.path().join(role(bytes, &ROLES));
    let before = fs::read(&path).ok();
    fs::write(&path, bytes).expect("a file on the RAM disk");
    if let Ok(files) = ModelFiles::in_folder(MODEL.path()) {
        if let Ok((dimension, _)) = files.output() {
            assert!((1..=8192).contains(&dimension));
        }
    }
    match before {
        Some(before) => fs::write(&path, before).expect("a file on the RAM disk"),
        None => fs::remove_file(&path).expect("a file on the RAM disk"),
    }
});
